"""InstructPix2Pix: "make it winter" in words, and the picture edited (Brooks et al. 2023, arXiv:2211.09800).

Stable Diffusion whose U-Net sees the picture's latents beside the noisy ones; fetched from the hub.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from genmodels.errors import in_range
from genmodels.step import Step
from genmodels.translation.sdedit import sized

if TYPE_CHECKING:
    from genmodels.text_to_image.hub_pipeline import HubPipeline

IMAGE_SCALE, TEXT_SCALE = 1.5, 7.5  # section 3.2.1
SCHEDULERS = ("ddim", "euler", "dpm++", "heun")


def read(folder: Path) -> HubPipeline:
    """The model from a folder in the hub's layout; the repository has no half-precision files."""
    from genmodels.text_to_image.hub_pipeline import HubPipeline
    from genmodels.text_to_image.settings import Settings

    return HubPipeline.read(folder, Settings(20, TEXT_SCALE, "ddim", SCHEDULERS), variant=None)


@torch.no_grad()
def edit(
    model: HubPipeline,
    picture: Tensor,
    instruction: str,
    *,
    image_scale: float = IMAGE_SCALE,
    text_scale: float = TEXT_SCALE,
    seed: int = 0,
    steps: int = 20,
) -> Iterator[Step]:
    r"""picture (1, 3, S, S) in [-1, 1], S = side(model), edited as the instruction says.

    Both conditions guide (equation 3): \tilde e = e(\varnothing, \varnothing)
    + s_I (e(c_I, \varnothing) - e(\varnothing, \varnothing)) + s_T (e(c_I, c_T) - e(c_I, \varnothing)).
    x_t, x0 and start (of info) are latents; the last adds what `model.finish` makes. Raises Refusal out of range.
    """
    in_range("image_scale", image_scale, 1, 5)
    in_range("text_scale", text_scale, 1, 20)
    in_range("steps", steps, 1, 100)
    in_range("seed", seed, 0, 2**31 - 1)
    sized(picture, side(model))
    solver = model.new_scheduler("ddim")
    solver.set_timesteps(steps, device=model.device)
    with model._using("vae") as vae:
        shown = vae.encode(picture.to(model.device).float()).latent_dist.mode()  # not scaled: as it was trained
    tokens, mask = model.tokens([instruction, "", ""])
    images = torch.cat([shown, shown, torch.zeros_like(shown)])
    start = x_t = torch.randn(shown.shape, generator=torch.Generator().manual_seed(seed)).to(model.device)
    for i, t in enumerate(solver.timesteps):
        out = model.denoise(torch.cat([torch.cat([x_t] * 3), images], 1), t, (tokens, mask), model.styles[0], None)
        both, image, nothing = out.chunk(3)
        guided = nothing + image_scale * (image - nothing) + text_scale * (both - image)
        result = solver.step(guided, t, x_t)
        x_t, x0 = result.prev_sample, result.pred_original_sample
        done = i + 1 == len(solver.timesteps)
        yield Step(
            i + 1,
            len(solver.timesteps),
            x_t=x_t,
            x0=x0,
            info={"t": float(t), "start": start} | (model.finish(x_t) if done else {}),
        )


def side(model: HubPipeline) -> int:
    """Pixels of a picture's side."""
    return model.unet.config.sample_size * model.factor
