"""What the viewpoint tab says: its idea and drawing; everything else lies in `_english` and `_portuguese`."""

from demos.nerf import _english, _portuguese

LINKS = (
    "[NeRF, Mildenhall et al. 2020](https://arxiv.org/abs/2003.08934) · "
    "[Fourier features, Tancik et al. 2020](https://arxiv.org/abs/2006.10739) · "
    "[SNeRG (baking), Hedman et al. 2021](https://arxiv.org/abs/2103.14645) · "
    "[Plenoxels, Fridovich-Keil et al. 2022](https://arxiv.org/abs/2112.05131) · "
    "[Instant-NGP, Müller et al. 2022](https://arxiv.org/abs/2201.05989)"
)

IDEA_EN = (
    r"""
From photographs whose cameras are known, a **neural radiance field** learns the scene itself: for each point
$\mathbf x$ and viewing direction $\mathbf d$, a density $\sigma$ and a colour $\mathbf c$. A pixel is what its ray
$\mathbf r(t)=\mathbf o+t\,\mathbf d$ collects on the way:

$$C(\mathbf r)=\int_{t_n}^{t_f}\! T(t)\,\sigma(\mathbf r(t))\,\mathbf c(\mathbf r(t),\mathbf d)\,dt,\allowbreak\qquad T(t)=\exp\Big(\!-\!\int_{t_n}^{t}\!\sigma(\mathbf r(s))\,ds\Big)$$

On the computer it is a sum over samples, and every factor of it has a derivative, so pictures alone teach the field:

$$\hat C(\mathbf r)=\sum_i w_i\,\mathbf c_i,\allowbreak\qquad w_i=T_i\,(1-e^{-\sigma_i\delta_i}),\allowbreak\qquad T_i=\exp\Big(\!-\!\sum_{j<i}\sigma_j\delta_j\Big)$$

"""
    + LINKS
)

IDEA_PT = (
    r"""
A partir de fotografias com câmeras conhecidas, um **campo de radiância neural** aprende a própria cena: para cada ponto
$\mathbf x$ e direção de visão $\mathbf d$, uma densidade $\sigma$ e uma cor $\mathbf c$. Um pixel é o que o seu raio
$\mathbf r(t)=\mathbf o+t\,\mathbf d$ recolhe pelo caminho:

$$C(\mathbf r)=\int_{t_n}^{t_f}\! T(t)\,\sigma(\mathbf r(t))\,\mathbf c(\mathbf r(t),\mathbf d)\,dt,\allowbreak\qquad T(t)=\exp\Big(\!-\!\int_{t_n}^{t}\!\sigma(\mathbf r(s))\,ds\Big)$$

No computador, ela vira uma soma sobre amostras, e todos os fatores são deriváveis: por isso, bastam as imagens para
ensinar o campo:

$$\hat C(\mathbf r)=\sum_i w_i\,\mathbf c_i,\allowbreak\qquad w_i=T_i\,(1-e^{-\sigma_i\delta_i}),\allowbreak\qquad T_i=\exp\Big(\!-\!\sum_{j<i}\sigma_j\delta_j\Big)$$

"""
    + LINKS
)


def _drawing(alt: str, camera: str, ray: str, density: str, passed: str, weight: str, pixel: str) -> str:
    """One ray as inline SVG: camera, samples through the scene, and below them density, transmittance and weights."""
    xs = [118 + 21 * i for i in range(15)]
    bell = [0, 0, 0, 0, 0.02, 0.12, 0.55, 1, 0.75, 0.4, 0.3, 0.35, 0.3, 0.1, 0]
    left, weights, through = 1.0, [], []
    for sigma in bell:
        through.append(left)
        weights.append(left * sigma * 0.8)
        left *= 1 - sigma * 0.8
    dots = "".join(f'<circle cx="{x}" cy="{70 - (x - 118) * 0.05:.1f}" r="3.2" fill="var(--gl-ink)"/>' for x in xs)

    def rows(base: int, tall: int, values: list[float], color: str) -> str:
        return "".join(
            f'<rect x="{x - 8}" y="{base - tall * v:.1f}" width="16" height="{tall * v:.1f}" fill="var(--gl-{color})"/>'
            for x, v in zip(xs, values, strict=True)
            if v > 0.004
        )

    base = "".join(f'<path d="M108 {y} H 424" stroke="var(--gl-grid)"/>' for y in (150, 196, 242))
    label = '<text x="{}" y="{}" text-anchor="{}" fill="var(--gl-{})">{}</text>'
    words = (
        (38, 104, "middle", "soft", camera),
        (150, 58, "middle", "soft", ray),
        (100, 146, "end", "ink", density),
        (100, 192, "end", "ink", passed),
        (100, 238, "end", "ink", weight),
        (456, 242, "middle", "ink", pixel),
    )
    return (
        f'<svg class="gl-plot nf-drawing" viewBox="0 0 490 256" role="img" aria-label="{alt}">'
        '<ellipse cx="306" cy="62" rx="66" ry="46" fill="var(--gl-c1)" fill-opacity="0.25" stroke="var(--gl-c1)"/>'
        '<ellipse cx="340" cy="70" rx="26" ry="34" fill="var(--gl-c5)" fill-opacity="0.3" stroke="var(--gl-c5)"/>'
        '<path d="M30 76 L 72 52 V 100 Z" fill="none" stroke="var(--gl-ink)" stroke-width="1.6" '
        'stroke-linejoin="round"/><path d="M30 76 L 428 54" stroke="var(--gl-accent)" stroke-width="2"/>'
        f"{dots}{base}{rows(150, 34, bell, 'soft')}{rows(196, 34, through, 'known')}{rows(242, 34, weights, 'c1')}"
        '<path d="M428 225 H 438" stroke="var(--gl-soft)"/><rect x="442" y="206" width="28" height="22" '
        'rx="3" fill="var(--gl-c1)"/>' + "".join(label.format(*w) for w in words) + "</svg>"
    )


TEXT = {
    "en": {
        "tab": "Viewpoint",
        "idea": IDEA_EN,
        "drawing": _drawing(
            "A camera's ray through two objects; below, at each sample, the density, the transmittance, which falls where "
            "the ray meets something, and the weight, which is highest at the first surface.",
            "camera",
            "ray and samples",
            "density σ",
            "passes: T",
            "weight w",
            "pixel",
        ),
        **_english.TEXT,
    },
    "pt": {
        "tab": "Ponto de vista",
        "idea": IDEA_PT,
        "drawing": _drawing(
            "O raio de uma câmera atravessa dois objetos; embaixo, em cada amostra, a densidade, a transmitância, que cai onde "
            "o raio encontra algo, e o peso, que é maior na primeira superfície.",
            "câmera",
            "raio e amostras",
            "densidade σ",
            "passa: T",
            "peso w",
            "pixel",
        ),
        **_portuguese.TEXT,
    },
}
