"""What the prompt-to-image tab says, in English and Portuguese."""

from html import escape

IDEA_EN = r"""
A picture is **small in the latent space of an autoencoder**: 64 × 64 × 3 numbers become 8 × 8 × 12. Diffusion adds noise
to that latent until nothing is left, and a network learns the way back. At each step it looks at the **tokens of your
text** through cross-attention, and what comes out is decoded into a picture. This is Stable Diffusion, in miniature:

$$z_t=\alpha_t\,\mathcal E(x)+\sigma_t\,\varepsilon,\allowbreak\qquad \min_\theta\ \mathbb E\,\big\lVert v-v_\theta(z_t,t,\tau(y))\big\rVert^2,\allowbreak\qquad v=\alpha_t\,\varepsilon-\sigma_t\,\mathcal E(x)$$

[Latent diffusion, Rombach et al. 2022](https://arxiv.org/abs/2112.10752) · [Imagen, 2022](https://arxiv.org/abs/2205.11487) · [DALL-E 2, 2022](https://arxiv.org/abs/2204.06125)
"""

IDEA_PT = r"""
Uma imagem fica **pequena no espaço latente de um autoencoder**: 64 × 64 × 3 números viram 8 × 8 × 12. A difusão soma ruído
a esse latente até não sobrar nada, e uma rede aprende o caminho de volta. A cada passo ela olha os **tokens do seu texto**
por atenção cruzada, e o que resulta é decodificado em uma imagem. É o Stable Diffusion, em miniatura:

$$z_t=\alpha_t\,\mathcal E(x)+\sigma_t\,\varepsilon,\allowbreak\qquad \min_\theta\ \mathbb E\,\big\lVert v-v_\theta(z_t,t,\tau(y))\big\rVert^2,\allowbreak\qquad v=\alpha_t\,\varepsilon-\sigma_t\,\mathcal E(x)$$

[Difusão latente, Rombach et al. 2022](https://arxiv.org/abs/2112.10752) · [Imagen, 2022](https://arxiv.org/abs/2205.11487) · [DALL-E 2, 2022](https://arxiv.org/abs/2204.06125)
"""


def _box(x: int, y: int, width: int, label: str, accent: bool = False) -> str:
    color = "accent" if accent else "soft"
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="34" rx="7" fill="none" stroke="var(--gl-{color})" '
        f'stroke-width="{2 if accent else 1.2}"/><text x="{x + width / 2}" y="{y + 22}" text-anchor="middle" '
        f'fill="var(--gl-ink)">{escape(label)}</text>'
    )


def _arrow(path: str) -> str:
    return f'<path d="{path}" class="ti-wire" marker-end="url(#ti-tip)"/>'


def _drawing(
    alt: str, prompt: str, encoder: str, tokens: str, noise: str, denoiser: str, decoder: str, end: str
) -> str:
    """The way from a prompt and noise to the picture."""
    marks = [
        '<defs><marker id="ti-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="var(--gl-soft)"/></marker></defs>',
        f'<text x="8" y="32" class="gl-strong" fill="var(--gl-accent)">{escape(prompt)}</text>',
        _arrow("M92 28H118"),
        _box(122, 10, 128, encoder),
        _arrow("M186 46V100"),
        f'<text x="194" y="78" fill="var(--gl-soft)">{escape(tokens)}</text>',
        f'<text x="8" y="126" fill="var(--gl-ink)">{escape(noise)}</text>',
        _arrow("M60 122H118"),
        _box(122, 105, 128, denoiser, True),
        _arrow("M236 140C236 176 136 176 136 144"),
        '<text x="186" y="186" text-anchor="middle" fill="var(--gl-soft)">× 20</text>',
        _arrow("M252 122H290"),
        _box(294, 105, 104, decoder),
        _arrow("M346 104V76"),
        f'<text x="346" y="66" text-anchor="middle" fill="var(--gl-ink)">{escape(end)}</text>',
    ]
    return f'<svg class="gl-plot" viewBox="0 0 406 194" role="img" aria-label="{escape(alt)}">{"".join(marks)}</svg>'


def _chips(label: str, examples: str) -> str:
    """Prompts to click."""
    chips = (f'<button type="button" class="ti-chip">{escape(prompt)}</button>' for prompt in examples.split("|"))
    return f"<p>{escape(label)} {' '.join(chips)}</p>"


EN = {
    "tab": "Prompt to image",
    "idea": IDEA_EN,
    "drawing": _drawing(
        "The text goes through an encoder into tokens; noise goes twenty times through the denoiser, which looks at the "
        "tokens, and then through the decoder into the picture.",
        "“black cat”",
        "text encoder",
        "tokens",
        "noise",
        "denoiser",
        "decoder",
        "picture",
    ),
    "prompt": "Prompt",
    "prompt_hint": "a thing, in English or Portuguese",
    "examples": "black cat|red apple|blue car|christmas tree|cat with heart eyes|rocket|green frog",
    "try_these": "Try:",
    "style": "Drawing style",
    "style.any": "Any",
    "live": "Live: the picture follows the typing",
    "draw": "Draw",
    "more": "More",
    "negative": "Negative prompt",
    "steps": "Steps",
    "guidance": "Guidance",
    "scheduler": "Scheduler",
    "scheduler.ddim": "DDIM",
    "scheduler.euler": "Euler",
    "scheduler.dpm++": "DPM-Solver++",
    "scheduler.heun": "Heun",
    "scheduler.lcm": "LCM",
    "scheduler.euler-a": "Euler, ancestral",
    "count": "Pictures",
    "model": "Model for Draw",
    "model.emoji-diffusion": "Miniature, trained here",
    "model.emoji-fewstep": "Miniature, few steps",
    "model.stable-diffusion-1-5": "Stable Diffusion 1.5",
    "model.sd-turbo": "SD-Turbo",
    "model.sdxl-turbo": "SDXL-Turbo",
    "published": "Published models",
    "unavailable": "Not on this machine:",
    "download": "Download",
    "downloading": "{file}: {here:.0f} of {total:.0f} MB",
    "downloaded": "{model} is here: choose it above.",
    "picture_alt": "Generated picture for the prompt: {prompt}",
    "picture_alt_empty": "Generated picture without a prompt",
    "caption": "{size} × {size} pixels, enlarged · {model} · {steps}, {scheduler} · seed {seed}",
    "steps_one": "1 step",
    "steps_many": "{n} steps",
    "forming": "forming, {i} of {n}",
    "empty": "Empty prompt: any picture from its world, without guidance by text.",
    "far": "This is far from its world of emoji. The nearest things it knows:",
    "tab_steps": "Steps",
    "tab_latent": "Latent",
    "tab_words": "Words",
    "tab_guidance": "Guidance",
    "tab_text": "Text",
    "tab_compare": "Compare",
    "tab_architectures": "Architectures",
    "tab_gallery": "What it knows",
    "tab_limits": "Limits",
    "step": "Step",
    "play": "Play the steps",
    "strip": "Every step, from noise to picture",
    "row_noisy": "xₜ",
    "row_x0": "x̂₀",
    "steps_noisy": "xₜ: what the step leaves",
    "steps_x0": "x̂₀: where the network thinks it ends",
    "step_says": "Step {i} of {n}: t = {t:.0f}, noise σ = {sigma:.2f}",
    "frame_alt": "{what}, step {i} of {n}",
    "schedule_x": "t: noise at the right, picture at the left",
    "schedule_alt": "Curves of alpha and sigma over time, with the steps of this run and the chosen one marked.",
    "schedule_legend": "Share of the picture α (blue) and of noise σ (orange); dots: this run’s steps",
    "latent_state": "xₜ, channel by channel",
    "latent_x0": "x̂₀, channel by channel",
    "latent_says": "The network never sees pixels: it works on {c} maps of {h} × {w} numbers, {times} times fewer than the picture has. Blue is negative, orange positive.",
    "words_hub": "Word maps are shown for the miniature, whose attention the page can read.",
    "words_empty": "Without a prompt there is no token to look at.",
    "word_phrase": "the whole phrase",
    "word_alt": "Predicted picture below the map of “{word}”",
    "heat_alt": "Where the picture looks at “{word}”",
    "layer": "Layer",
    "layer_all": "mean of all",
    "words_says": "Each map runs from its weakest square (clear) to its strongest; below it, the word’s share of the attention and the range over the squares. The network has only {side} × {side} picture tokens, and the whole phrase reaches each of them by another way too: do not expect outlines.",
    "words_one": "A single word gets all the attention, everywhere: write two or more and they compete.",
    "guidance_empty": "x̂₀ without your text",
    "guidance_text": "x̂₀ with your text",
    "guidance_difference": "their difference (grey: none)",
    "guidance_guided": "guided x̂₀",
    "guidance_says": "Guidance walks from the first prediction through the second and beyond: without + w · (with − without). Here w = {w:g} ({model}).",
    "token": "Token",
    "nearest": "Nearest subject {i}",
    "tokens_says": "One vector of 512 numbers for the phrase and one for each word, from a sentence encoder of 16 languages. In brackets: cosine with the name.",
    "save_strip": "Strip as PNG",
    "save_gif": "Steps as GIF",
    "save_png": "Picture, 64 × 64",
    "measure_intro": "{params} parameters, {images} training pictures seen. Papers and this page measure different things on different data; they stand side by side for scale.",
    "measure_what": "What",
    "measure_paper": "Paper",
    "measure_here": "Measured here",
    "row_params": "parameters of the generator",
    "row_data": "training pictures with captions",
    "row_psnr": "autoencoder, unseen pictures (PSNR)",
    "row_loss": "denoiser’s error, seen / unseen pairs / unseen subjects",
    "row_fid": "Fréchet distance (COCO, zero-shot / our held-out pictures)",
    "row_language": "denoiser’s error on unseen pairs, English / Portuguese",
    "measure_button": "Measure on this machine now",
    "measure_head": "Sampler",
    "measure_seconds": "seconds a picture",
    "measure_calls": "denoiser calls",
    "none": "–",
    "question": "Same prompt, same seed. Guidance goes from 1 to 20. What happens to the picture?",
    "guess.better": "It follows the text better and better",
    "guess.burnt": "First it follows better, then colours and shapes overshoot",
    "guess.same": "Nearly nothing: the seed decides",
    "answer": "Computed just now for “{prompt}”, seed {seed}, 8 steps: the pictures’ contrast (standard deviation of pixels) goes from **{low:.2f}** at guidance 1 to **{high:.2f}** at 20. Guidance extrapolates past what the network predicts with your text; a little makes the subject clearer, too much leaves the range of real pictures.",
    "answer_label": "guidance {w:g}",
}

PT = {
    "tab": "Do texto à imagem",
    "idea": IDEA_PT,
    "drawing": _drawing(
        "O texto passa por um codificador e vira tokens; o ruído passa vinte vezes pela rede que o remove olhando os tokens, e "
        "depois pelo decodificador, que dá a imagem.",
        "“gato preto”",
        "codificador",
        "tokens",
        "ruído",
        "rede",
        "decodificador",
        "imagem",
    ),
    "prompt": "Prompt",
    "prompt_hint": "uma coisa, em português ou inglês",
    "examples": "gato preto|maçã vermelha|carro azul|árvore de natal|gato com olhos de coração|foguete|sapo verde",
    "try_these": "Experimente:",
    "style": "Estilo de desenho",
    "style.any": "Qualquer um",
    "live": "Ao vivo: a imagem acompanha a digitação",
    "draw": "Desenhar",
    "more": "Mais",
    "negative": "Prompt negativo",
    "steps": "Passos",
    "guidance": "Orientação (guidance)",
    "scheduler": "Agendador (scheduler)",
    "scheduler.ddim": "DDIM",
    "scheduler.euler": "Euler",
    "scheduler.dpm++": "DPM-Solver++",
    "scheduler.heun": "Heun",
    "scheduler.lcm": "LCM",
    "scheduler.euler-a": "Euler ancestral",
    "count": "Imagens",
    "model": "Modelo do botão Desenhar",
    "model.emoji-diffusion": "Miniatura, treinada aqui",
    "model.emoji-fewstep": "Miniatura, poucos passos",
    "model.stable-diffusion-1-5": "Stable Diffusion 1.5",
    "model.sd-turbo": "SD-Turbo",
    "model.sdxl-turbo": "SDXL-Turbo",
    "published": "Modelos publicados",
    "unavailable": "Não estão nesta máquina:",
    "download": "Baixar",
    "downloading": "{file}: {here:.0f} de {total:.0f} MB",
    "downloaded": "{model} já está aqui: escolha-o acima.",
    "picture_alt": "Imagem gerada para o prompt: {prompt}",
    "picture_alt_empty": "Imagem gerada sem prompt",
    "caption": "{size} × {size} pixels, ampliada · {model} · {steps}, {scheduler} · semente {seed}",
    "steps_one": "1 passo",
    "steps_many": "{n} passos",
    "forming": "em formação, {i} de {n}",
    "empty": "Prompt vazio: uma imagem qualquer do mundo dele, sem orientação por texto.",
    "far": "Isto está longe do mundo de emojis que ele conhece. O que há de mais próximo:",
    "tab_steps": "Passos",
    "tab_latent": "Latente",
    "tab_words": "Palavras",
    "tab_guidance": "Orientação",
    "tab_text": "Texto",
    "tab_compare": "Comparar",
    "tab_architectures": "Arquiteturas",
    "tab_gallery": "O que ele conhece",
    "tab_limits": "Limites",
    "step": "Passo",
    "play": "Tocar os passos",
    "strip": "Todos os passos, do ruído à imagem",
    "row_noisy": "xₜ",
    "row_x0": "x̂₀",
    "steps_noisy": "xₜ: o que o passo deixa",
    "steps_x0": "x̂₀: aonde a rede acha que vai chegar",
    "step_says": "Passo {i} de {n}: t = {t:.0f}, ruído σ = {sigma:.2f}",
    "frame_alt": "{what}, passo {i} de {n}",
    "schedule_x": "t: ruído à direita, imagem à esquerda",
    "schedule_alt": "Curvas de alfa e sigma ao longo do tempo, com os passos desta execução e o escolhido marcados.",
    "schedule_legend": "Parte da imagem α (azul) e do ruído σ (laranja); pontos: os passos desta execução",
    "latent_state": "xₜ, canal por canal",
    "latent_x0": "x̂₀, canal por canal",
    "latent_says": "A rede nunca vê pixels: trabalha com {c} mapas de {h} × {w} números, {times} vezes menos do que há na imagem. Azul é negativo, laranja é positivo.",
    "words_hub": "Os mapas de palavras existem para a miniatura, cuja atenção a página consegue ler.",
    "words_empty": "Sem prompt não há token para olhar.",
    "word_phrase": "a frase inteira",
    "word_alt": "Imagem prevista sob o mapa de “{word}”",
    "heat_alt": "Onde a imagem olha para “{word}”",
    "layer": "Camada",
    "layer_all": "média de todas",
    "words_says": "Cada mapa vai do seu quadrado mais fraco (transparente) ao mais forte; abaixo, a parte da palavra na atenção e a faixa entre os quadrados. A rede tem só {side} × {side} tokens de imagem, e a frase inteira também chega a cada um deles por outro caminho: não espere contornos.",
    "words_one": "Uma palavra sozinha recebe toda a atenção, em todo lugar: escreva duas ou mais, e elas competem.",
    "guidance_empty": "x̂₀ sem o seu texto",
    "guidance_text": "x̂₀ com o seu texto",
    "guidance_difference": "a diferença (cinza: nenhuma)",
    "guidance_guided": "x̂₀ orientado",
    "guidance_says": "A orientação anda da primeira previsão até a segunda e além dela: sem + w · (com − sem). Aqui, w = {w:g} ({model}).",
    "token": "Token",
    "nearest": "Conhecido mais próximo {i}",
    "tokens_says": "Um vetor de 512 números para a frase e um para cada palavra, de um codificador de frases de 16 idiomas. Entre parênteses: o cosseno com o nome.",
    "save_strip": "Tira em PNG",
    "save_gif": "Passos em GIF",
    "save_png": "Imagem, 64 × 64",
    "measure_intro": "{params} parâmetros, {images} imagens vistas no treino. Os artigos e esta página medem coisas diferentes em dados diferentes; estão lado a lado para dar a escala.",
    "measure_what": "O quê",
    "measure_paper": "Artigo",
    "measure_here": "Medido aqui",
    "row_params": "parâmetros do gerador",
    "row_data": "imagens de treino com legenda",
    "row_psnr": "autoencoder, imagens não vistas (PSNR)",
    "row_loss": "erro da rede, vistas / pares não vistos / temas não vistos",
    "row_fid": "distância de Fréchet (COCO, zero-shot / nossas imagens reservadas)",
    "row_language": "erro da rede em pares não vistos, inglês / português",
    "measure_button": "Medir agora nesta máquina",
    "measure_head": "Amostrador",
    "measure_seconds": "segundos por imagem",
    "measure_calls": "chamadas da rede",
    "none": "–",
    "question": "Mesmo prompt, mesma semente. A orientação (guidance) vai de 1 a 20. O que acontece com a imagem?",
    "guess.better": "Segue o texto cada vez melhor",
    "guess.burnt": "Primeiro segue melhor; depois cores e formas passam do ponto",
    "guess.same": "Quase nada: quem decide é a semente",
    "answer": "Calculado agora para “{prompt}”, semente {seed}, 8 passos: o contraste das imagens (desvio padrão dos pixels) vai de **{low:.2f}** com orientação 1 a **{high:.2f}** com 20. A orientação extrapola para além do que a rede prevê com o seu texto: um pouco deixa o tema mais claro; demais sai da faixa das imagens reais.",
    "answer_label": "orientação {w:g}",
}

_STYLES = {
    "twemoji": ("Twemoji", "Twemoji"),
    "openmoji": ("OpenMoji", "OpenMoji"),
    "openmoji-line": ("OpenMoji, line", "OpenMoji, traço"),
    "fluent-3d": ("Fluent, 3D", "Fluent, 3D"),
    "fluent-flat": ("Fluent, flat", "Fluent, chapado"),
    "noto": ("Noto", "Noto"),
    "noto-v1": ("Noto, first version", "Noto, primeira versão"),
    "emojione": ("EmojiOne", "EmojiOne"),
}
TEXT = {
    lang: table
    | {"chips": _chips(table["try_these"], table["examples"])}
    | {f"style.{style}": names[i] for style, names in _STYLES.items()}
    for i, (lang, table) in enumerate((("en", EN), ("pt", PT)))
}
