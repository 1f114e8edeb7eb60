"""What *Idea*, *Try* and *Predict* say."""

LINKS = (
    "[pix2pix, Isola et al. 2017](https://arxiv.org/abs/1611.07004) · "
    "[BicycleGAN, Zhu et al. 2017](https://arxiv.org/abs/1711.11586) · "
    "[CycleGAN, Zhu et al. 2017](https://arxiv.org/abs/1703.10593) · "
    "[FUNIT, Liu et al. 2019](https://arxiv.org/abs/1905.01723) · "
    "[SDEdit, Meng et al. 2022](https://arxiv.org/abs/2108.01073)"
)
EQUATION = (
    r"""
$$G^*=\arg\min_G\max_D\;\mathbb E\big[\log D(x,y)\big]+\mathbb E\big[\log\big(1-D(x,G(x))\big)\big]"""
    r"\allowbreak+\lambda\,\mathbb E\big[\lVert y-G(x)\rVert_1\big]$$"
    "\n"
)

IDEA_EN = (
    r"""
Give a network a picture $x$ and ask for another one, $y$. With **pairs** it is simple: copy the answer (L1) and
convince a judge $D$ of patches that it is real. That is pix2pix:
"""
    + EQUATION
    + r"""
But pairs are rare, and one answer is seldom the only one. **BicycleGAN** gives many answers; **CycleGAN** needs no
pairs, because the way there and back must end where it began; **FUNIT** meets a new style in a few examples; and
**diffusion** does it without any translator.

"""
    + LINKS
)
IDEA_PT = (
    r"""
Dê uma imagem $x$ a uma rede e peça outra, $y$. Com **pares** é simples: copiar a resposta (L1) e convencer um juiz de
patches, $D$, de que ela é real. Isso é o pix2pix:
"""
    + EQUATION
    + r"""
Só que pares são raros, e quase nunca há uma única resposta certa. O **BicycleGAN** dá várias; o **CycleGAN** dispensa
os pares, porque ir e voltar tem de terminar onde começou; o **FUNIT** conhece um estilo novo por poucos exemplos; e a
**difusão** faz tudo isso sem tradutor algum.

"""
    + LINKS
)


def _drawing(alt: str, rows: tuple[tuple[str, str], ...]) -> str:
    """Four ways of learning, one below the other: what is known of x and y in training."""
    marks = []
    for i, (name, said) in enumerate(rows):
        y = 18 + 56 * i
        marks.append(f'<text x="8" y="{y + 12}" class="gl-strong" fill="var(--gl-ink)">{name}</text>')
        marks.append(f'<text x="8" y="{y + 30}" fill="var(--gl-soft)">{said}</text>')
        for n in range(3):
            left, right = 262 + 14 * n, 392 + 14 * n
            at = y + 8 * n
            marks.append(f'<rect x="{left}" y="{at}" width="22" height="22" rx="3" fill="var(--gl-c5)"/>')
            color = "c1" if i != 2 or n == 0 else "grid"
            marks.append(f'<rect x="{right}" y="{at}" width="22" height="22" rx="3" fill="var(--gl-{color})"/>')
            if i == 0:
                marks.append(f'<path d="M{left + 24} {at + 11} H{right - 3}" stroke="var(--gl-soft)"/>')
        if i == 1:
            marks.append(
                f'<path d="M318 {y + 10} h62 m-6 -5 l6 5 l-6 5 M380 {y + 28} h-62 m6 -5 l-6 5 l6 5" fill="none" '
                'stroke="var(--gl-accent)" stroke-width="1.8"/>'
            )
        if i == 2:
            marks.append(
                f'<path d="M318 {y + 19} h62 m-6 -5 l6 5 l-6 5" fill="none" stroke="var(--gl-accent)" '
                'stroke-width="1.8" stroke-dasharray="4 3"/>'
            )
        if i == 3:
            marks.append(
                f'<path d="M318 {y + 19} q8 -12 16 0 t16 0 t16 0 h14 m-6 -5 l6 5 l-6 5" fill="none" '
                'stroke="var(--gl-accent)" stroke-width="1.8"/>'
            )
    return f'<svg class="gl-plot tr-ways" viewBox="0 0 460 232" role="img" aria-label="{alt}">{"".join(marks)}</svg>'


TEXT: dict[str, dict[str, str]] = {
    "en": {
        "idea": IDEA_EN,
        "drawing": _drawing(
            "Four ways: with pairs, each x is tied to its y; without pairs, two heaps and arrows both ways; from a few "
            "examples, a single y is known; by diffusion, x becomes noisy and is denoised into y.",
            (
                ("pix2pix, BicycleGAN", "pairs: each x has its y"),
                ("CycleGAN", "two heaps, no pairs: there and back"),
                ("FUNIT", "a few y, met after training"),
                ("SDEdit", "noise x, then denoise it"),
            ),
        ),
        "task.outline": "Outline → picture",
        "task.facade": "Label map → house front",
        "easel.p": "Pen",
        "easel.e": "Eraser",
        "easel.b": "Box",
        "easel.s": "Brush",
        "easel.undo": "Undo",
        "easel.clear": "Clear",
        "easel.drawn.outline": "Draw here, with mouse or finger",
        "easel.drawn.facade": "Choose a label, then drag boxes",
        "easel.painted.outline": "Painted by pix2pix",
        "easel.painted.facade": "Built by pix2pix",
        "alt.canvas.outline": "Your outline. The arrow keys move the pen, the space bar puts it down and lifts it.",
        "alt.canvas.facade": "Your label map. The arrow keys move, the space bar begins a box and ends it.",
        "alt.picture.outline": "What pix2pix makes of your outline.",
        "alt.picture.facade": "What pix2pix makes of your label map.",
        "caption.outline": "Painted in {ms:.0f} ms; true size {size} × {size} pixels, enlarged smoothly",
        "caption.facade": "Built in {ms:.0f} ms; true size {size} × {size} pixels, enlarged smoothly",
        "world.outline": "Trained here on about 2,000 OpenMoji drawings and their outlines, and on 4,300 emoji of six "
        "other styles, outlined by a rule. Its world is small: flat colours, black lines, one object in the middle.",
        "world.facade": "Trained here on 500 house fronts of the CMP Facade Database. It knows nothing but walls, "
        "windows "
        "and doors of old European cities.",
        "empty.outline": "The paper is empty: there is nothing to paint yet. Draw something, or start from an example.",
        "empty.facade": "One label everywhere: put walls, windows and a door on it, or start from an example.",
        "label.background": "background",
        "label.facade": "wall",
        "label.window": "window",
        "label.door": "door",
        "label.cornice": "cornice",
        "label.sill": "sill",
        "label.balcony": "balcony",
        "label.blind": "blind",
        "label.decoration": "decoration",
        "label.moulding": "moulding",
        "label.pillar": "pillar",
        "label.shop": "shop",
        "example.apple": "apple",
        "example.cat": "cat",
        "example.house": "house",
        "example.car": "car",
        "example.fish": "fish",
        "example.mushroom": "mushroom",
        "example.flower": "flower",
        "example.heart": "heart",
        "example.star": "star",
        "example.cup": "cup",
        "example.block": "apartment house",
        "example.shop": "house with a shop",
    },
    "pt": {
        "idea": IDEA_PT,
        "drawing": _drawing(
            "Quatro caminhos: com pares, cada x está ligado ao seu y; sem pares, dois montes e setas nos dois "
            "sentidos; "
            "com poucos exemplos, só se conhece um y; na difusão, x recebe ruído e é limpo até virar y.",
            (
                ("pix2pix, BicycleGAN", "pares: cada x tem o seu y"),
                ("CycleGAN", "dois montes, sem pares: ida e volta"),
                ("FUNIT", "poucos y, vistos só depois do treino"),
                ("SDEdit", "põe ruído em x e depois o tira"),
            ),
        ),
        "task.outline": "Contorno → imagem",
        "task.facade": "Mapa de rótulos → fachada",
        "easel.p": "Caneta",
        "easel.e": "Borracha",
        "easel.b": "Caixa",
        "easel.s": "Pincel",
        "easel.undo": "Desfazer",
        "easel.clear": "Limpar",
        "easel.drawn.outline": "Desenhe aqui, com o mouse ou o dedo",
        "easel.drawn.facade": "Escolha um rótulo e arraste caixas",
        "easel.painted.outline": "Pintado pelo pix2pix",
        "easel.painted.facade": "Construído pelo pix2pix",
        "alt.canvas.outline": "Seu contorno. As setas movem a caneta; a barra de espaço a abaixa e a levanta.",
        "alt.canvas.facade": "Seu mapa de rótulos. As setas movem; a barra de espaço começa e termina uma caixa.",
        "alt.picture.outline": "O que o pix2pix faz do seu contorno.",
        "alt.picture.facade": "O que o pix2pix faz do seu mapa de rótulos.",
        "caption.outline": "Pintado em {ms:.0f} ms; tamanho real de {size} × {size} pixels, ampliado com suavização",
        "caption.facade": "Construído em {ms:.0f} ms; tamanho real de {size} × {size} pixels, ampliado com suavização",
        "world.outline": "Treinado aqui com cerca de 2.000 desenhos do OpenMoji e seus contornos e com 4.300 emojis de "
        "outros seis estilos, contornados por uma regra. O mundo dele é pequeno: cores chapadas, linhas pretas, um "
        "objeto no centro.",
        "world.facade": "Treinado aqui com 500 fachadas da CMP Facade Database. Só conhece paredes, janelas e portas "
        "de "
        "cidades europeias antigas.",
        "empty.outline": "O papel está em branco: ainda não há o que pintar. Desenhe algo ou comece de um exemplo.",
        "empty.facade": "Um só rótulo em toda parte: ponha parede, janelas e uma porta, ou comece de um exemplo.",
        "label.background": "fundo",
        "label.facade": "parede",
        "label.window": "janela",
        "label.door": "porta",
        "label.cornice": "cornija",
        "label.sill": "peitoril",
        "label.balcony": "sacada",
        "label.blind": "persiana",
        "label.decoration": "ornamento",
        "label.moulding": "moldura",
        "label.pillar": "pilar",
        "label.shop": "loja",
        "example.apple": "maçã",
        "example.cat": "gato",
        "example.house": "casa",
        "example.car": "carro",
        "example.fish": "peixe",
        "example.mushroom": "cogumelo",
        "example.flower": "flor",
        "example.heart": "coração",
        "example.star": "estrela",
        "example.cup": "xícara",
        "example.block": "prédio de apartamentos",
        "example.shop": "prédio com loja",
    },
}
