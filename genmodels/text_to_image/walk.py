"""Walks: from one prompt or one seed to another in small steps, as an animation.

Vectors turn rather than mix: a mean of two Gaussian noises is shorter than either, and no picture lies there
(White 2016, "Sampling Generative Networks", arXiv:1609.04468, section 2.1).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from genmodels.errors import Refusal, in_range
from genmodels.step import Step
from genmodels.text_to_image import pipeline, text
from genmodels.text_to_image.denoiser import Attend
from genmodels.text_to_image.edit import align, check_solver

MAX_FRAMES = 64
T = TypeVar("T")


def slerp(a: Tensor, b: Tensor, share: Tensor) -> Tensor:
    """a, b of one shape, share (F,) from 0 to 1 -> (F, *shape), turning from a to b along the great circle.

    Vectors of one length keep it. Nearly parallel ones are mixed linearly; opposite ones too, for want of a way.
    """
    share = share.view(-1, *[1] * a.ndim).to(a.dtype)
    cosine = (a * b).sum() / (a.norm() * b.norm()).clamp(min=1e-12)
    omega = cosine.clamp(-1, 1).acos()
    if omega.sin() < 1e-3:
        return a + share * (b - a)
    return (((1 - share) * omega).sin() * a + (share * omega).sin() * b) / omega.sin()


def between_prompts(start: str, end: str, share: Tensor) -> tuple[Tensor, Tensor]:
    """Text on the way from one prompt to another, share (F,) -> tokens (F, L, 512), presence (F, L) from 0 to 1.

    The phrase and words that have a counterpart turn into it; a word without one fades in or out: `presence` is the
    factor of its attention weights, 0 as if it were not there. At the ends this is the prompt's own text.
    Raises Refusal("empty_prompt") where there is no text to start from or to arrive at, unless it stays empty.
    """
    if start == end:
        tokens, mask = (part.expand(len(share), *part.shape[1:]) for part in text.tokens([start]))
        return tokens, mask.float()
    if not text.clean(start) or not text.clean(end):
        raise Refusal("empty_prompt", "a walk needs a prompt at each end")
    (a, b), (here, there) = (text.tokens([prompt])[0][0] for prompt in (start, end)), map(text.words, (start, end))
    pairs = align(here, there)
    tokens, presence = [slerp(a[0], b[0], share)], [torch.ones_like(share)]
    for j, i in enumerate(pairs):
        fixed = b[1 + j].expand(len(share), -1)
        tokens.append(fixed if i is None else slerp(a[1 + i], b[1 + j], share))
        presence.append(share if i is None else torch.ones_like(share))
    for i in range(len(here)):
        if i not in pairs:
            tokens.append(a[1 + i].expand(len(share), -1))
            presence.append(1 - share)
    return torch.stack(tokens, 1), torch.stack(presence, 1)


def walk(
    model: pipeline.EmojiPipeline,
    prompts: tuple[str, str],
    seeds: tuple[int, int],
    *,
    frames: int = 16,
    style: str = pipeline.ANY_STYLE,
    steps: int = 10,
    guidance_scale: float = 3.0,
    scheduler: str = "ddim",
    negative: str = "",
    batch: int = 16,
) -> Iterator[Step]:
    """`frames` (2 to 64) pictures from the first prompt and seed to the second; equal ones stay where they are.

    Frames are drawn `batch` at a time: x_t and x0 of a Step are latents (b, 12, 8, 8) of the frames from number
    info["first"] on, and info["done"] says that they are finished. First and last frame are the plain pictures.
    Raises Refusal for what is out of range, for one empty prompt and for a solver that adds noise of its own.
    """
    if in_range("frames", frames, 2, MAX_FRAMES) != int(frames):
        raise Refusal(
            "range", f"frames is {frames}; it must be whole", name="frames", value=frames, low=2, high=MAX_FRAMES
        )
    check_solver(scheduler, steps)
    for seed in seeds:
        pipeline.check(steps, guidance_scale, seed, style)
    share = torch.linspace(0, 1, int(frames))
    tokens, presence = between_prompts(*prompts, share)
    noise = slerp(*(pipeline.start_noise(1, int(seed), model)[0] for seed in seeds), share)
    groups = range(0, int(frames), batch)
    for group, first in enumerate(groups):
        part = slice(first, first + batch)
        for step in pipeline.sample(
            model,
            (tokens[part], presence[part] > 0),
            style=style,
            seed=seeds[0],
            steps=steps,
            guidance_scale=guidance_scale,
            scheduler=scheduler,
            negative=negative,
            noise=noise[part],
            attend=faded(presence[part]),
        ):
            info = {**step.info, "first": first, "done": step.i == step.n}
            yield Step(group * step.n + step.i, len(groups) * step.n, x_t=step.x_t, x0=step.x0, info=info)


def faded(presence: Tensor) -> Attend | None:
    """presence (B, L) -> the hook that scales each text token's attention weights by it, rows summing to 1 again."""
    if bool((presence == 1).all()):
        return None

    def attend(layer: int, weights: Tensor) -> Tensor:
        first = len(weights) - len(presence)  # under guidance the rows before are the negative prompt's
        factor = torch.ones(len(presence), weights.shape[-1], device=weights.device, dtype=weights.dtype)
        factor[:, 1 : 1 + presence.shape[1]] = presence.to(weights)
        kept = weights[first:] * factor[:, None, None, :]
        return torch.cat([weights[:first], kept / kept.sum(-1, keepdim=True)])

    return attend


def there_and_back(frames: Sequence[T]) -> list[T]:
    """The frames, then back to the second one: played again and again, no jump."""
    return [*frames, *frames[-2:0:-1]]
