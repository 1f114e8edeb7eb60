"""What the views of this tab share: its controls, the sampler within the page's limits, and pictures as HTML."""

from __future__ import annotations

import base64
import io
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from genmodels import images, registry
from genmodels.errors import Refusal, in_range
from genmodels.step import Step
from genmodels.text_to_image.settings import SETTINGS

if TYPE_CHECKING:
    from torch import Tensor

TEACHER, FEWSTEP = EMBEDDED = "emoji-diffusion", "emoji-fewstep"
STEPS_MAX, GUIDANCE_MAX, COUNT_MAX, BATCH_MAX = 50, 20.0, 8, 32


@dataclass(frozen=True)
class Parts:
    """The controls of *Try*, for the views that stand beside it; their values are the names of `draw`'s parameters."""

    prompt: gr.Textbox
    negative: gr.Textbox
    style: gr.Dropdown
    seed: gr.Number
    steps: gr.Slider
    guidance: gr.Slider
    scheduler: gr.Dropdown
    model: gr.Dropdown


def draw(
    prompts: Sequence[str],
    *,
    model: str = TEACHER,
    style: str = "any",
    seed: int = 7,
    steps: int = 20,
    guidance: float = 3.0,
    scheduler: str = "ddim",
    negative: str = "",
    noise: Tensor | None = None,
    attend: Any = None,
) -> Iterator[Step]:
    """`pipeline.sample` for the page: Steps of latents (B, C, H, W), every value checked against the page's limits.

    prompts: 1 to 32 texts; model: one of SETTINGS, with a scheduler that fits it. Raises Refusal.
    """
    from genmodels.text_to_image import pipeline

    if model not in SETTINGS:
        raise Refusal("choice", f"{model!r} is no model of this page", name="model", value=str(model)[:40])
    if scheduler not in SETTINGS[model].schedulers:
        says = f"scheduler {scheduler!r} does not fit {model}"
        raise Refusal("choice", says, name="scheduler", value=str(scheduler)[:40])
    for text in (*prompts, negative):
        if not isinstance(text, str):
            raise Refusal("choice", "a prompt must be a text", name="prompt", value=str(text)[:40])
    in_range("count", len(prompts), 1, BATCH_MAX)
    in_range("steps", steps, 1, STEPS_MAX)
    in_range("guidance", guidance, 0, GUIDANCE_MAX)
    yield from pipeline.sample(
        registry.load(model),
        prompts,
        style=style,
        seed=seed,
        steps=int(steps),
        guidance_scale=float(guidance),
        scheduler=scheduler,
        negative=negative,
        noise=noise,
        attend=attend,
    )


def last(steps: Iterator[Step]) -> Tensor:
    """The latents (B, C, H, W) that a run ends with."""
    return deque(steps, maxlen=1)[0].x_t


def finished(step: Step, model: str) -> Tensor:
    """The pictures (B, 3, H, W) in [-1, 1] of a run's last Step, on the CPU."""
    from genmodels.text_to_image import pipeline

    return pipeline.pictures(registry.load(model), step).cpu()


def previews(latents: Tensor, model: str) -> Tensor | None:
    """As `pictures`, by the model's quickest decoder; None where it has none."""
    found = registry.load(model).preview(latents)
    return None if found is None else found.cpu()


def pictures(latents: Tensor, model: str = TEACHER) -> Tensor:
    """Latents (B, C, H, W) of a Step -> pictures (B, 3, H, W) in [-1, 1] on the CPU."""
    from genmodels.text_to_image import pipeline

    return pipeline.decode(registry.load(model), latents).cpu()


def picture(x: Tensor, alt: str, size: int, smooth: bool = True) -> str:
    """HTML <img> of a picture (3, H, W) or (1, H, W) in [-1, 1], pixel for pixel, shown `size` CSS pixels wide.

    It shrinks with a narrow page. smooth False shows the pixels as squares, where they are the point.
    """
    kind = "ti-smooth" if smooth else "ti-pixels"
    height = round(size * x.shape[-2] / x.shape[-1])
    return f'<img class="{kind}" alt="{escape(alt)}" width="{size}" height="{height}" src="{data_uri(x)}">'


def data_uri(x: Tensor) -> str:
    """A picture (3, H, W) or (1, H, W) in [-1, 1] as the address of a PNG of exactly its pixels."""
    file = io.BytesIO()
    images.to_pil(x).save(file, "PNG", compress_level=3)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
