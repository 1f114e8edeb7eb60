"""What the masking tab says: its idea and drawing; everything else lies in `_english` and `_portuguese`."""

from demos.masking import _english, _portuguese

LINKS = (
    "[MAE, He et al. 2022](https://arxiv.org/abs/2111.06377) · "
    "[ConvNeXt V2 and FCMAE, Woo et al. 2023](https://arxiv.org/abs/2301.00808)"
)
EQUATION = r"""
$$\hat{\mathbf x}=D\big(E(\mathbf x_{\text{VISIBLE}}),\,\mathbf m\big),\allowbreak\qquad {\mathcal L=\frac{1}{|M|}\sum_{i\in M}\frac{1}{P}\,\big\lVert\mathbf x_i-\hat{\mathbf x}_i\big\rVert^2}$$
"""

IDEA_EN = (
    r"""
Hide most of a picture and let a network fill it in: nobody has to label anything, and to succeed it has to learn what
pictures are made of. A **masked autoencoder** cuts the picture into patches and shows its encoder $E$ only the visible
ones; a light decoder $D$ gets their codes and one learned mask token $\mathbf m$ for each hidden patch. The loss is the
mean squared error over the hidden patches $M$ alone, each of $P$ values:
"""
    + EQUATION.replace("VISIBLE", "visible")
    + r"""
Afterwards the decoder is thrown away: **the encoder is the result**, and a few labels on top of it go a long way.

"""
    + LINKS
)

IDEA_PT = (
    r"""
Esconda a maior parte de uma imagem e peça a uma rede que a complete: ninguém precisa rotular nada e, para acertar, ela
tem de aprender do que são feitas as imagens. Um **autocodificador mascarado** (MAE) divide a imagem em patches e mostra
ao codificador $E$ só os visíveis; um decodificador leve $D$ recebe os códigos deles e um token de máscara aprendido,
$\mathbf m$, no lugar de cada patch escondido. A perda é o erro quadrático médio apenas nos patches escondidos $M$, cada
um com $P$ valores:
"""
    + EQUATION.replace("VISIBLE", r"visíveis")
    + r"""
Depois o decodificador é descartado: **o que interessa é o codificador**, e com ele poucos rótulos rendem muito.

"""
    + LINKS
)
SEEN = (1, 6, 11, 12)  # visible patches of the drawing's 16
COLORS = ("c5", "c2", "c4", "c0")


def _grid(x: int, y: int, cell: int, full: bool) -> str:
    """A picture of 4 x 4 patches: the visible ones in colour; the hidden ones grey, or faintly coloured where rebuilt."""
    marks = []
    for i in range(16):
        color = COLORS[SEEN.index(i)] if i in SEEN else COLORS[(i * 7) % 4] if full else "soft"
        opacity = 0.9 if i in SEEN else 0.45 if full else 0.3
        marks.append(
            f'<rect x="{x + cell * (i % 4)}" y="{y + cell * (i // 4)}" width="{cell - 1}" height="{cell - 1}" '
            f'fill="var(--gl-{color})" fill-opacity="{opacity}"/>'
        )
    return "".join(marks)


def _tokens(x: int, y: int, with_masks: bool) -> str:
    """Visible tokens in a column; with mask tokens between them where the decoder gets them."""
    names = [1, 0, 6, 0, 11, 0, 12, 0] if with_masks else list(SEEN)
    step = 9 if with_masks else 18
    return "".join(
        f'<rect x="{x}" y="{y + step * i}" width="12" height="{step - 2}" rx="1.5" '
        + (f'fill="var(--gl-{COLORS[SEEN.index(n)]})"/>' if n else 'fill="none" stroke="var(--gl-soft)"/>')
        for i, n in enumerate(names)
    )


def _sparse(x: int, y: int, cell: int) -> str:
    """Features at visible places only, with the reach of a convolution around one of them."""
    marks = [
        f'<rect x="{x + cell * (i % 4)}" y="{y + cell * (i // 4)}" width="{cell - 1}" height="{cell - 1}" '
        + (f'fill="var(--gl-{COLORS[SEEN.index(i)]})"/>' if i in SEEN else 'fill="none" stroke="var(--gl-grid)"/>')
        for i in range(16)
    ]
    reach = f'<rect x="{x + cell - 1}" y="{y - 1}" width="{3 * cell}" height="{3 * cell}" fill="none" '
    return "".join(marks) + reach + 'stroke="var(--gl-accent)" stroke-width="1.6" stroke-dasharray="4 3"/>'


def _drawing(alt: str, encoder: str, sees: str, decoder: str, masks: str, sparse: str, holes: str, light: str) -> str:
    """MAE above, FCMAE below, as inline SVG."""

    def box(x: int, y: int, wide: int, tall: int, label: str) -> str:
        return (
            f'<rect x="{x}" y="{y}" width="{wide}" height="{tall}" rx="5" fill="var(--gl-card)" '
            f'stroke="var(--gl-ink)" stroke-width="1.4"/><text x="{x + wide / 2}" y="{y + tall / 2 + 4}" '
            f'text-anchor="middle" fill="var(--gl-ink)">{label}</text>'
        )

    def arrow(x: int, y: int) -> str:
        return f'<path d="M{x} {y} h14 m-4 -4 l4 4 l-4 4" fill="none" stroke="var(--gl-soft)" stroke-width="1.4"/>'

    def note(x: int, y: int, said: str) -> str:
        return f'<text x="{x}" y="{y}" text-anchor="middle" fill="var(--gl-soft)">{said}</text>'

    def title(y: int, said: str) -> str:
        return f'<text x="8" y="{y}" class="gl-strong" fill="var(--gl-ink)">{said}</text>'

    mae = (
        title(14, "MAE")
        + _grid(8, 24, 18, False) + arrow(86, 60) + _tokens(108, 26, False) + arrow(126, 60)
        + box(146, 22, 108, 76, encoder) + arrow(260, 60) + _tokens(280, 25, True) + arrow(298, 60)
        + box(318, 40, 88, 40, decoder) + arrow(410, 60) + _grid(430, 24, 18, True)
        + note(176, 116, sees) + note(352, 116, masks)
    )  # fmt: skip
    conv = (
        title(144, "FCMAE")
        + _grid(8, 154, 18, False) + arrow(86, 190) + box(108, 152, 100, 76, sparse) + arrow(214, 190)
        + _sparse(234, 154, 18) + arrow(312, 190) + box(330, 170, 76, 40, light) + arrow(410, 190)
        + _grid(430, 154, 18, True) + note(250, 246, holes)
    )  # fmt: skip
    return f'<svg class="gl-plot mk-drawing" viewBox="0 0 510 254" role="img" aria-label="{alt}">{mae}{conv}</svg>'


TEXT = {
    "en": {
        "tab": "Masking",
        "idea": IDEA_EN,
        "drawing": _drawing(
            "Above, MAE: of a picture of 16 patches 4 are visible; only those go through a large encoder; their codes and "
            "mask tokens go through a small decoder, which draws the whole picture. Below, FCMAE: convolutions that are "
            "computed at visible places only, and a light decoder.",
            "encoder",
            "sees visible patches only",
            "decoder",
            "codes and mask tokens",
            "sparse conv.",
            "hidden places stay empty: nothing leaks through the convolution",
            "decoder",
        ),
        **_english.TEXT,
    },
    "pt": {
        "tab": "Mascaramento",
        "idea": IDEA_PT,
        "drawing": _drawing(
            "Em cima, o MAE: de uma imagem de 16 patches, 4 estão visíveis; só eles passam por um codificador grande; os "
            "códigos deles e tokens de máscara passam por um decodificador pequeno, que desenha a imagem inteira. Embaixo, "
            "o FCMAE: convoluções calculadas só nas posições visíveis e um decodificador leve.",
            "codificador",
            "só vê os patches visíveis",
            "decodificador",
            "códigos e tokens de máscara",
            "conv. esparsa",
            "o que está escondido fica vazio: nada vaza pela convolução",
            "decod. leve",
        ),
        **_portuguese.TEXT,
    },
}
