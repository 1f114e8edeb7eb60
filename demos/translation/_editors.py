"""Which diffusion model edits: ours, and the published ones where hub and GPU allow, through the same calls."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos import _download, _i18n, _shell
from demos.translation import _views
from demos.translation._views import text
from genmodels import registry
from genmodels.errors import Refusal, in_range, one_of
from genmodels.step import Step

if TYPE_CHECKING:
    from torch import Tensor

OURS, INSTRUCT = "emoji-diffusion", "instruct-pix2pix"
PUBLISHED = ("stable-diffusion-1-5", "sd-turbo", "sdxl-turbo", INSTRUCT)


def here() -> list[str]:
    """Ids of those that can run on this machine now, ours first."""
    return [id for id in (OURS, *PUBLISHED) if registry.unavailable(registry.card(id)) is None]


def load(id: object) -> tuple[Any, int]:
    """The model and its pictures' side in pixels. Raises Refusal for another one, and where it cannot run here."""
    from genmodels.text_to_image import pipeline
    from genmodels.translation import instruct

    model = registry.load(one_of("model", id, (OURS, *PUBLISHED)))
    return model, instruct.side(model) if id == INSTRUCT else pipeline.picture_size(model)


def edit(
    id: str, model: Any, x: Tensor, prompt: str, strength: float, seed: object, keep: Tensor | None = None
) -> Iterator[Step]:
    """Steps of SDEdit or, with `keep`, of inpainting; of InstructPix2Pix, which takes the prompt as an instruction.

    x (1, 3, S, S) in [-1, 1], keep (1, 1, S, S). Raises Refusal: choice where InstructPix2Pix is asked to inpaint.
    """
    from genmodels.text_to_image.settings import SETTINGS
    from genmodels.translation import instruct, sdedit

    noise = int(in_range("seed", seed, 0, _shell.SEED_MAX))
    if id == INSTRUCT:
        if keep is not None:
            raise Refusal("choice", f"{id} cannot inpaint", name="model", value=id)
        yield from instruct.edit(model, x, prompt, seed=noise)
        return
    usual = SETTINGS[id]
    yield from sdedit.sdedit(
        model,
        x,
        prompt,
        strength=strength,
        keep=keep,
        seed=noise,
        steps=usual.steps,
        guidance_scale=usual.guidance_scale,
    )


def run_download(lang: str, model: str) -> Iterator[tuple[Step, str]]:
    """Fetch a published model; yields (Step in megabytes, HTML of what is arriving)."""
    yield from _download.fetched(lang, text, text(lang, f"model.{one_of('model', model, PUBLISHED)}"), model, PUBLISHED)


def run_published(lang: str) -> str:
    """HTML: the published models, each with the reason where this machine cannot run it."""
    rows = []
    for id in PUBLISHED:
        reason = registry.unavailable(registry.card(id))
        said = _i18n.explain(lang, reason) if reason else text(lang, "diffuse.ready")
        rows.append(f"<li><b>{escape(text(lang, f'model.{id}'))}</b> {escape(said)}</li>")
    return f'{_views.says(text(lang, "diffuse.published"))}<ul class="tr-published">{"".join(rows)}</ul>'


def chooser(ctx: _shell.Context) -> gr.Dropdown:
    """Those that can run here."""
    choices = [(ctx.t(f"model.{id}"), id) for id in here()]
    return gr.Dropdown(choices, value=OURS, label=ctx.t("diffuse.model"), filterable=False)


def more(ctx: _shell.Context, model: gr.Dropdown) -> None:
    """The published models, and a button that downloads one, which `model` then offers."""
    published = gr.HTML(elem_id="tr-published")
    ctx.on_show(run_published, [], [published])
    _download.offer(ctx, PUBLISHED, run_download, _arrived, [model, published])


def _arrived(lang: str) -> tuple[Any, str]:
    return gr.update(choices=[(text(lang, f"model.{id}"), id) for id in here()]), run_published(lang)
