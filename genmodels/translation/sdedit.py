"""Diffusion's way to image translation, on the text-to-image models, ours and the published ones: nothing is trained.

SDEdit (Meng et al. 2022, arXiv:2108.01073) noises a picture up to a strength and denoises it again: little keeps the
visitor's picture, much gives the model's. Inpainting keeps what the mask keeps by putting it back, noised, at each step
(RePaint's known part, Lugmayr et al. 2022, arXiv:2201.09865, equation 8, without its resampling).
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from genmodels.errors import Refusal, in_range
from genmodels.step import Step
from genmodels.text_to_image import pipeline
from genmodels.text_to_image.pipeline import ANY_STYLE, Pipeline


def sized(picture: Tensor, side: int) -> None:
    """Raises Refusal("photo_size") unless the picture is (1, 3, side, side)."""
    if picture.shape != (1, 3, side, side):
        shape = str(tuple(picture.shape))
        raise Refusal(
            "photo_size", f"the picture is {shape}, not (1, 3, {side}, {side})", shape=shape, low=side, high=side
        )


@torch.no_grad()
def encode(model: Pipeline, pictures: Tensor) -> Tensor:
    """(B, 3, H, W) in [-1, 1] -> latents (B, C, H / factor, W / factor) with the mean and scale of the denoiser's."""
    x = pictures.to(model.device)
    if hasattr(model, "autoencoder"):
        return model.autoencoder.normalize(model.autoencoder.encode(x).latent_dist.mode())
    with model._using("vae") as vae:
        return vae.encode(x.float()).latent_dist.mode() * vae.config.scaling_factor


def noised(x0: Tensor, eps: Tensor, alpha: Tensor) -> Tensor:
    r"""\sqrt{\bar\alpha} x_0 + \sqrt{1 - \bar\alpha} \epsilon."""
    return alpha.sqrt() * x0 + (1 - alpha).sqrt() * eps


def sdedit(
    model: Pipeline,
    picture: Tensor,
    prompt: str,
    *,
    strength: float = 0.6,
    keep: Tensor | None = None,
    style: str = ANY_STYLE,
    seed: int = 0,
    steps: int = 20,
    guidance_scale: float = 3.0,
) -> Iterator[Step]:
    """A picture noised up to `strength` (0 to 1) of the way and denoised towards `prompt`, by DDIM.

    picture: (1, 3, S, S) in [-1, 1] with S = pipeline.picture_size(model); keep: (1, 1, S, S), 1 where the picture
    stays and 0 where it is painted anew (inpainting), None keeps nothing. x_t and x0 are latents; info: t; start, the
    noised picture's latents; in the last Step what `model.finish` adds. Strength 0 changes nothing, in one Step.
    Raises Refusal for what is out of range.
    """
    in_range("strength", strength, 0, 1)
    pipeline.check(steps, guidance_scale, seed, style, model.styles)
    sized(picture, pipeline.picture_size(model))
    solver = model.new_scheduler("ddim")
    solver.set_timesteps(steps, device=model.device)
    times = solver.timesteps[steps - round(strength * steps) :]
    known, eps = encode(model, picture), pipeline.start_noise(1, seed, model).to(model.device)
    alphas = solver.alphas_cumprod.to(model.device)
    if not len(times):
        yield Step(1, 1, x_t=known, x0=known, info={"t": 0.0, "start": known} | model.finish(known))
        return
    start = x_t = noised(known, eps, alphas[int(times[0])])
    tokens = _tokens(model, prompt, guidance_scale != 1)
    kept = None if keep is None else latent_mask(keep.to(model.device), model)
    for i, t in enumerate(times):
        with torch.no_grad():
            out = _guided(model, x_t, t, tokens, style, guidance_scale)
            result = solver.step(out, t, x_t)
            x_t, x0 = result.prev_sample, result.pred_original_sample
            if kept is not None:
                last = i + 1 == len(times)
                there = known if last else noised(known, eps, alphas[int(times[i + 1])])
                x_t, x0 = kept * there + (1 - kept) * x_t, kept * known + (1 - kept) * x0
            info = {"t": float(t), "start": start} | (model.finish(x_t) if i + 1 == len(times) else {})
        yield Step(i + 1, len(times), x_t=x_t, x0=x0, info=info)


def latent_mask(keep: Tensor, model: Pipeline) -> Tensor:
    """(1, 1, S, S) of 0 and 1 -> the same for latents: a place is kept only where all of its pixels are."""
    return -F.max_pool2d(-keep.float(), model.factor)


def paste(model: Pipeline, picture: Tensor, step: Step, keep: Tensor | None = None) -> Tensor:
    """The last Step -> the finished picture (1, 3, S, S), whose kept pixels are those of `picture` themselves."""
    made = pipeline.pictures(model, step).cpu()
    return made if keep is None else torch.where(keep.bool(), picture, made)


def _tokens(model: Pipeline, prompt: str, guided: bool) -> pipeline.Tokens:
    """Of the prompt, after those of an empty one under guidance."""
    return pipeline._tokens(model, [prompt], "" if guided else None)


def _guided(model: Pipeline, x: Tensor, t: Tensor, given: pipeline.Tokens, style: str, guidance_scale: float) -> Tensor:
    """The prediction at t, pushed away from the empty prompt's (Ho and Salimans 2022, arXiv:2207.12598)."""
    if guidance_scale == 1:
        return model.denoise(x, t, given, style, None)
    empty, asked = model.denoise(torch.cat([x, x]), t, given, style, None).chunk(2)
    return empty + guidance_scale * (asked - empty)
