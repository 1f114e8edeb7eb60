"""What the parts of this tab share: its texts, models, cards, numbers and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from demos import _i18n
from demos._i18n import fill
from demos._pictures import uri
from demos.masking._text import TEXT
from genmodels import registry, weights
from genmodels.errors import Refusal

if TYPE_CHECKING:
    from torch import Tensor

TOPIC = "masking"
NONE = "–"


def text(lang: str, key: str, **values: object) -> str:
    """A text of this topic in the visitor's language."""
    return fill(lang, TEXT[lang if lang in TEXT else "en"][key], **values)


def cards(*verbs: str) -> list[registry.ModelCard]:
    """The topic's models that can do all of that, whether or not this machine has them."""
    return [card for card in registry.cards(TOPIC) if card.can >= set(verbs)]


def ships(card: registry.ModelCard) -> bool:
    """Whether the model is part of this repository."""
    return isinstance(card.weights, weights.Embedded)


def here(found: Sequence[registry.ModelCard]) -> list[str]:
    """Ids of those that can run on this machine now."""
    return [card.id for card in found if registry.unavailable(card) is None]


def name(lang: str, model: str) -> str:
    """What the page calls a model or a baseline."""
    key = f"model.{model}"
    return text(lang, key) if key in TEXT["en"] else model


def short(lang: str, model: str) -> str:
    """A model's name where there is little room."""
    key = f"short.{model}"
    return text(lang, key) if key in TEXT["en"] else name(lang, model)


def load(model: object, *verbs: str) -> Any:
    """A model that can do that. Raises Refusal for any other, and for one that cannot run here."""
    known = {card.id: card for card in cards(*verbs)}
    if not isinstance(model, str) or model not in known:
        raise Refusal("unknown_model", f"no model {model!r} that can {verbs}", id=str(model)[:60])
    return registry.load(model, "cpu" if ships(known[model]) else None)


def place(model: Any) -> Any:
    """The device that a model is on."""
    return next(model.parameters()).device


def absent(lang: str, found: Sequence[registry.ModelCard]) -> str:
    """HTML list of models that cannot run here, each with its reason; nothing where there are none."""
    reasons = ((card.id, registry.unavailable(card)) for card in found)
    rows = "".join(
        f"<li><b>{escape(name(lang, id))}</b> {escape(_i18n.explain(lang, reason))}</li>"
        for id, reason in reasons
        if reason
    )
    return f'<p class="mk-small">{escape(text(lang, "absent"))}</p><ul class="mk-absent">{rows}</ul>' if rows else ""


def card(id: str) -> dict[str, Any]:
    """What was measured of a model, {} where nothing was."""
    try:
        return weights.read_card(id)
    except Refusal:
        return {}


def rebuilt(found: dict[str, Any], strategy: str, ratio: float, figure: str = "psnr_hidden") -> float | None:
    """One figure of {strategy: {ratio: figures}}, None where it was not measured."""
    value = found.get(strategy, {}).get(f"{ratio:g}", {}).get(figure)
    return None if value is None else float(value)


def cell(lang: str, template: str, value: float | None) -> str:
    """A number for a table, a dash where there is none."""
    return NONE if value is None else fill(lang, template, float(value))


def says(sentence: str, kind: str = "mk-says") -> str:
    """HTML of a paragraph."""
    return f'<p class="{kind}">{escape(sentence)}</p>'


def figure(picture: Tensor | str, alt: str, caption: str = "", mark: str = "") -> str:
    """HTML of a picture, its label below; mark: that a model made it."""
    source = picture if isinstance(picture, str) else uri(picture)
    below = f"<figcaption>{escape(caption)} {mark}</figcaption>" if caption or mark else ""
    return f'<figure class="mk-figure"><img alt="{escape(alt)}" src="{source}">{below}</figure>'


def legend(items: Sequence[tuple[str, str]]) -> str:
    """HTML of (colour, label) pairs."""
    keys = "".join(
        f'<span><i style="background:var(--gl-{color})"></i>{escape(label)}</span>' for color, label in items
    )
    return f'<p class="gl-legend mk-legend">{keys}</p>'
