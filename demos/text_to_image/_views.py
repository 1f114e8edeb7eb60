"""What *Try* shows: the picture, what is said about it, and what the small model knows near the prompt."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from demos import _shell
from demos._i18n import fill
from demos.text_to_image import _parts
from demos.text_to_image._settings import TEACHER, Settings
from demos.text_to_image._text import TEXT

if TYPE_CHECKING:
    from torch import Tensor

SHOWN = 560  # CSS pixels of a single picture, where there is room


def text(lang: str, key: str, **values: object) -> str:
    """A text of this topic in the visitor's language."""
    return fill(lang, TEXT[lang if lang in TEXT else "en"][key], **values)


def stage(lang: str, settings: Settings, pictures: Tensor, step: tuple[int, int] | None = None) -> str:
    """HTML of the pictures (B, 3, H, W) in [-1, 1] of a drawing; step (i, n) while it is not finished."""
    count = len(pictures)
    alt = text(lang, "picture_alt", prompt=settings.prompt) if settings.prompt else text(lang, "picture_alt_empty")
    size = SHOWN if count == 1 else SHOWN // 2
    shown = "".join(_parts.picture(one, alt, size) for one in pictures)
    state = f" · {text(lang, 'forming', i=step[0], n=step[1])}" if step else ""
    caption = text(
        lang, "caption", size=pictures.shape[-1], model=model_name(lang, settings.model),
        steps=text(lang, "steps_one") if settings.steps == 1 else text(lang, "steps_many", n=settings.steps),
        scheduler=text(lang, f"scheduler.{settings.scheduler}"), seed=settings.seed,
    )  # fmt: skip
    return (
        f'<div class="ti-stage" data-settings="{escape(settings.json())}">'
        f'<div class="ti-pictures ti-n{count}">{shown}</div>'
        f'<p class="ti-caption">{_shell.generated_label(lang)} {escape(caption)}{escape(state)}</p>'
        f'<p class="ti-hint">{hint(lang, settings)}</p></div>'
    )


def hint(lang: str, settings: Settings) -> str:
    """HTML: what a visitor should know about this prompt, or nothing."""
    from genmodels.text_to_image import known

    if not settings.prompt:
        return escape(text(lang, "empty"))
    if settings.model not in _parts.EMBEDDED:
        return ""
    found = known.nearest(settings.prompt, 3)
    if not found or found[0][2] >= known.FAR:
        return ""
    names = [known.by_key()[key].names[lang if lang in TEXT else "en"] for key, _, _ in found]
    return f"{escape(text(lang, 'far'))} {chips(names)}"


def chips(prompts: list[str]) -> str:
    """Buttons that put a prompt into the box."""
    return "".join(f'<button type="button" class="ti-chip">{escape(prompt)}</button>' for prompt in prompts)


def model_name(lang: str, model: str) -> str:
    """What the page calls a model."""
    key = f"model.{model}"
    return text(lang, key) if key in TEXT["en"] else model


def unavailable(lang: str, reasons: list[tuple[str, str]]) -> str:
    """HTML list of models that cannot run here, each with its reason; nothing where there are none."""
    if not reasons:
        return ""
    rows = "".join(f"<li><b>{escape(model_name(lang, model))}</b> {escape(reason)}</li>" for model, reason in reasons)
    return f'<p class="ti-small">{escape(text(lang, "unavailable"))}</p><ul class="ti-models">{rows}</ul>'


def row(lang: str, pictures: Tensor, labels: list[str], size: int = 160) -> str:
    """HTML of pictures (B, 3, H, W) side by side, each with its label below and as its alternative text."""
    cells = "".join(
        f"<figure>{_parts.picture(one, label, size)}<figcaption>{escape(label)}</figcaption></figure>"
        for one, label in zip(pictures, labels, strict=True)
    )
    return f'<div class="ti-row">{cells}</div>'


def first_prompt(lang: str) -> str:
    """What stands in the box at first."""
    return TEXT[lang if lang in TEXT else "en"]["examples"].split("|")[0]


def is_teacher(settings: Settings) -> bool:
    """Whether the full model drew it."""
    return settings.model == TEACHER
