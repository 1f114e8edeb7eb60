"""What the parts of this tab share: its texts, models, cards and pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from gradio.components import Component

from demos import _shell
from demos._i18n import fill
from demos._pictures import uri
from demos.translation._text import TEXT
from genmodels import registry, weights
from genmodels.errors import Refusal

if TYPE_CHECKING:
    from torch import Tensor

TOPIC = "translation"
NONE = "–"
Refresh = tuple[Callable[..., Any], Sequence[Component], Sequence[Component]]


def text(lang: str, key: str, **values: object) -> str:
    """A text of this topic in the visitor's language."""
    return fill(lang, TEXT[lang if lang in TEXT else "en"][key], **values)


def load(model: str) -> Any:
    """One of the topic's models, on the CPU. Raises Refusal where its weights are not here."""
    return registry.load(model, "cpu")


def card(id: str) -> dict[str, Any]:
    """What was measured of a model, {} where nothing was."""
    try:
        return weights.read_card(id)
    except Refusal:
        return {}


def seen(id: str) -> float:
    """Thousands of pictures that a model saw in training, by its card."""
    return card(id).get("trained", {}).get("images", 0) / 1000


def cell(lang: str, form: str, value: float | None) -> str:
    """A number for a table, a dash where there is none."""
    return NONE if value is None else fill(lang, form, float(value))


def apart(pictures: Tensor) -> float:
    """Mean difference of two of the pictures (N, 3, H, W), in percent of the range."""
    import torch

    pairs = [(a - b).abs().mean() for i, a in enumerate(pictures) for b in pictures[:i]]
    return 50 * float(torch.stack(pairs).mean())


def says(sentence: str, kind: str = "tr-says") -> str:
    """HTML of a paragraph."""
    return f'<p class="{kind}">{escape(sentence)}</p>'


def figure(lang: str, picture: Tensor, alt: str, caption: str = "", made: bool = False) -> str:
    """HTML of a picture (3, H, W) or (1, 3, H, W), its label below; made: whether a model made it."""
    mark = _shell.generated_label(lang) if made else ""
    below = f"<figcaption>{escape(caption)} {mark}</figcaption>" if caption or mark else ""
    return f'<figure class="tr-figure"><img alt="{escape(alt)}" src="{uri(picture)}">{below}</figure>'


def row(figures: Sequence[str]) -> str:
    """HTML of figures side by side, wrapping where there is no room."""
    return f'<div class="tr-row">{"".join(figures)}</div>'
