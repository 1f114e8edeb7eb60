"""Prompt-to-prompt: change a word and keep the rest (Hertz et al. 2022, arXiv:2208.01626).

Where each picture token looks decides the layout. So the picture of the source prompt is drawn beside the edited one,
from the same noise, and for the first share of the steps its cross-attention weights replace the edited one's own.
This denoiser also takes the phrase's vector through adaLN, which no attention map reaches: what that carries, an edit
changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

import torch
from torch import Tensor

from genmodels.errors import Refusal, in_range
from genmodels.step import Step
from genmodels.text_to_image import pipeline, text
from genmodels.text_to_image.denoiser import Attend

ORIGINAL, SWAPPED, PLAIN = 0, 1, 2  # the pictures of `edit`
WORD_COLUMN = 2  # of attention weights: the sink, the phrase, then the words


def align(source: Sequence[str], target: Sequence[str]) -> list[int | None]:
    """For each word of `target` the place of its counterpart in `source`; None for a word that was added.

    Words that stayed pair up in order; between them, replaced words pair one by one.
    """
    pairs: list[int | None] = [None] * len(target)
    for _, a0, a1, b0, b1 in SequenceMatcher(a=source, b=target, autojunk=False).get_opcodes():
        for a, b in zip(range(a0, a1), range(b0, b1), strict=False):
            pairs[b] = a
    return pairs


def columns(source: str, target: str) -> list[int | None]:
    """For each column of the target's attention weights the column of the source's that replaces it, or None.

    Sink and phrase have the same place in both.
    """
    pairs = align(text.words(source), text.words(target))
    return [0, 1, *(None if a is None else WORD_COLUMN + a for a in pairs)]


def swap(own: Tensor, source: Tensor, taken: Sequence[int | None]) -> Tensor:
    """own, source (..., K): own, with column j replaced by source's column taken[j] unless that is None.

    taken may be shorter than K: padding keeps its own weights. Rows are not normalised anew, as in the paper.
    Source: Hertz et al. 2022, section 3.2, "Word Swap" and "Adding a New Phrase".
    """
    row = [*taken, *[None] * (own.shape[-1] - len(taken))]
    place = torch.tensor([0 if a is None else a for a in row], device=own.device)
    has = torch.tensor([a is not None for a in row], device=own.device)
    return torch.where(has, source[..., place], own)


def edit(
    model: pipeline.EmojiPipeline,
    source: str,
    target: str,
    *,
    share: float = 0.8,
    style: str = pipeline.ANY_STYLE,
    seed: int = 0,
    steps: int = 20,
    guidance_scale: float = 3.0,
    scheduler: str = "ddim",
    negative: str = "",
) -> Iterator[Step]:
    """Three pictures from one noise: x_t and x0 are latents (3, 12, 8, 8), rows ORIGINAL, SWAPPED and PLAIN.

    ORIGINAL is the source prompt's, PLAIN the target prompt's; SWAPPED is the target prompt's too, with the source's
    cross-attention weights during the first `share` (0 to 1) of the steps. Guidance's other half keeps its own weights.
    Raises Refusal for what is out of range and for a solver that adds noise of its own.
    """
    in_range("share", share, 0, 1)
    check_solver(scheduler, steps)
    taken = columns(source, target)
    swapping = share > 0

    def attend(layer: int, weights: Tensor) -> Tensor:
        if not swapping:
            return weights
        first = len(weights) - 3  # under guidance the rows before are the negative prompt's
        changed = weights.clone()
        changed[first + SWAPPED] = swap(weights[first + SWAPPED], weights[first + ORIGINAL], taken)
        return changed

    for step in pipeline.sample(
        model,
        [source, target, target],
        style=style,
        seed=seed,
        steps=steps,
        guidance_scale=guidance_scale,
        scheduler=scheduler,
        negative=negative,
        noise=shared_noise(model, seed, 3),
        attend=attend,
    ):
        swapping = step.i < share * step.n
        yield step


def reweight(
    model: pipeline.EmojiPipeline,
    prompt: str,
    word: str,
    scales: Sequence[float],
    *,
    style: str = pipeline.ANY_STYLE,
    seed: int = 0,
    steps: int = 20,
    guidance_scale: float = 3.0,
    scheduler: str = "ddim",
    negative: str = "",
) -> Iterator[Step]:
    """One picture for each scale (each -10 to 10) from one noise: every look at `word` is multiplied by it.

    x_t and x0 are latents (len(scales), 12, 8, 8); a scale of 1 changes nothing. word is one of text.words(prompt).
    Raises Refusal("choice") for another word, Refusal for what is out of range and for a solver with own noise.
    Source: Hertz et al. 2022, section 3.2, "Attention Re-weighting".
    """
    check_solver(scheduler, steps)
    places = [WORD_COLUMN + i for i, w in enumerate(text.words(prompt)) if w == word]
    if not places:
        raise Refusal("choice", f"{word[:40]!r} is not a word of the prompt", name="word", value=word[:40])
    factors = torch.tensor([in_range("scale", scale, -10, 10) for scale in scales], device=model.device)
    return pipeline.sample(
        model,
        [prompt] * len(scales),
        style=style,
        seed=seed,
        steps=steps,
        guidance_scale=guidance_scale,
        scheduler=scheduler,
        negative=negative,
        noise=shared_noise(model, seed, len(scales)),
        attend=_scaled(places, factors),
    )


def _scaled(places: Sequence[int], factors: Tensor) -> Attend:
    def attend(layer: int, weights: Tensor) -> Tensor:
        first = len(weights) - len(factors)
        changed = weights.clone()
        changed[first:, :, :, places] *= factors.view(-1, 1, 1, 1).to(weights.dtype)
        return changed

    return attend


def shared_noise(model: pipeline.EmojiPipeline, seed: int, count: int) -> Tensor:
    """(count, 12, 8, 8): the seed's first noise, the same for each picture."""
    pipeline.check(1, 1, seed, pipeline.ANY_STYLE)
    return pipeline.start_noise(1, int(seed), model).expand(count, -1, -1, -1)


def check_solver(scheduler: str, steps: int) -> None:
    """Raises Refusal("choice") for LCM with several steps: it draws new noise at each, another for each picture."""
    if scheduler == "lcm" and steps != 1:
        says = "the scheduler lcm draws new noise at each step; pictures drawn side by side need one that does not"
        raise Refusal("choice", says, name="scheduler", value=scheduler)
