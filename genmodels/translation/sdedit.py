"""Diffusion's way to image translation, on the text-to-image models: no translator is trained.

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
from genmodels.text_to_image.pipeline import ANY_STYLE, EmojiPipeline


@torch.no_grad()
def encode(model: EmojiPipeline, pictures: Tensor) -> Tensor:
    """(B, 3, 64, 64) in [-1, 1] -> latents (B, 12, 8, 8) with the mean and scale that the denoiser knows."""
    autoencoder = model.autoencoder
    return autoencoder.normalize(autoencoder.encode(pictures.to(model.device)).latent_dist.mode())


def noised(x0: Tensor, eps: Tensor, alpha: Tensor) -> Tensor:
    r"""\sqrt{\bar\alpha} x_0 + \sqrt{1 - \bar\alpha} \epsilon."""
    return alpha.sqrt() * x0 + (1 - alpha).sqrt() * eps


def sdedit(
    model: EmojiPipeline,
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
    """picture (1, 3, 64, 64) in [-1, 1], noised up to `strength` (0 to 1) of the way and denoised towards `prompt`.

    keep: (1, 1, 64, 64), 1 where the picture stays and 0 where it is painted anew (inpainting); None keeps nothing.
    x_t and x0 are latents (1, 12, 8, 8); info: t, and `start`, the noised picture's latents. Strength 0 changes nothing
    and yields one Step.
    Raises Refusal for what is out of range.
    """
    in_range("strength", strength, 0, 1)
    pipeline.check(steps, guidance_scale, seed, style, model.styles)
    if picture.shape != (1, 3, pipeline.picture_size(model), pipeline.picture_size(model)):
        shape = str(tuple(picture.shape))
        raise Refusal("photo_size", f"the picture is {shape}, not (1, 3, 64, 64)", shape=shape, low=64, high=64)
    solver = model.new_scheduler("ddim")
    solver.set_timesteps(steps, device=model.device)
    times = solver.timesteps[steps - round(strength * steps) :]
    known, eps = encode(model, picture), pipeline.start_noise(1, seed, model).to(model.device)
    alphas = solver.alphas_cumprod.to(model.device)
    if not len(times):
        yield Step(1, 1, x_t=known, x0=known, info={"t": 0.0, "start": known})
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
        yield Step(i + 1, len(times), x_t=x_t, x0=x0, info={"t": float(t), "start": start})


def latent_mask(keep: Tensor, model: EmojiPipeline) -> Tensor:
    """(1, 1, 64, 64) of 0 and 1 -> (1, 1, 8, 8): a latent place is kept only where all of its pixels are."""
    return -F.max_pool2d(-keep.float(), model.factor)


def paste(model: EmojiPipeline, picture: Tensor, latents: Tensor, keep: Tensor | None = None) -> Tensor:
    """Finished latents -> picture (1, 3, 64, 64), the kept pixels those of `picture` themselves."""
    made = pipeline.decode(model, latents).cpu()
    return made if keep is None else torch.where(keep.bool(), picture, made)


def _tokens(model: EmojiPipeline, prompt: str, guided: bool) -> pipeline.Tokens:
    """Of the prompt, after those of an empty one under guidance."""
    return pipeline._tokens(model, [prompt], "" if guided else None)


def _guided(
    model: EmojiPipeline, x: Tensor, t: Tensor, given: pipeline.Tokens, style: str, guidance_scale: float
) -> Tensor:
    """The prediction at t, pushed away from the empty prompt's (Ho and Salimans 2022, arXiv:2207.12598)."""
    if guidance_scale == 1:
        return model.denoise(x, t, given, style, None)
    empty, asked = model.denoise(torch.cat([x, x]), t, given, style, None).chunk(2)
    return empty + guidance_scale * (asked - empty)
