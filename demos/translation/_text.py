"""What the image-to-image tab says: its idea here, each part's words beside the part."""

from demos.translation import (
    _cycle_text,
    _diffuse_text,
    _failures_text,
    _few_text,
    _losses_text,
    _measure_text,
    _try_text,
    _vary_text,
)

PARTS = (
    _try_text,
    _vary_text,
    _cycle_text,
    _few_text,
    _diffuse_text,
    _losses_text,
    _failures_text,
    _measure_text,
)
TABS = {
    "en": {
        "tab": "Image to image",
        "tab_vary": "Many answers",
        "tab_cycle": "Without pairs",
        "tab_few": "From a few examples",
        "tab_diffuse": "Diffusion’s way",
        "tab_losses": "The losses",
        "tab_failures": "When it fails",
    },
    "pt": {
        "tab": "Imagem para imagem",
        "tab_vary": "Várias respostas",
        "tab_cycle": "Sem pares",
        "tab_few": "Com poucos exemplos",
        "tab_diffuse": "O jeito da difusão",
        "tab_losses": "As perdas",
        "tab_failures": "Quando dá errado",
    },
}
TEXT = {lang: tabs | {k: v for part in PARTS for k, v in part.TEXT[lang].items()} for lang, tabs in TABS.items()}
