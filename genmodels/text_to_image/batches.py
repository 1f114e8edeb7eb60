"""Batches for the denoiser: noisy latents, the velocity to predict, and what asks for the picture."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from genmodels.data import emoji
from genmodels.text_to_image import pipeline
from genmodels.text_to_image.denoiser import EmojiTransformer2DModel
from genmodels.text_to_image.latents import NATURAL_COLOR, NO_COLOR, CaptionTable, Variants, noisy

NO_CAPTION, NO_STYLE = 0.12, 0.08
NO_PHRASE = 0.3  # of the captions lose their phrase's vector, so that the words' must be looked at
PICTURE_SHARE = 0.1  # of the rows: they are asked for by their own picture's vector, not by a caption
LOG_SNR_MEAN, LOG_SNR_STD = -0.7, 2.2


class DiffusionBatches:
    """Called with a step, an endless stream of (x_t, v, t, tokens, mask, style), the same for the same step.

    With `pictures` (N, 512), a unit vector for each of `chosen`, a share of the rows has that vector, slightly noisy,
    for a phrase, and no words: as in DALL-E 2's decoder (Ramesh et al. 2022, arXiv:2204.06125, section 2.1).
    """

    def __init__(
        self,
        data: emoji.Emoji,
        chosen: Variants,
        size: int,
        no_caption: float = NO_CAPTION,
        no_phrase: float = 0.0,
        pictures: Tensor | None = None,
        share: float = PICTURE_SHARE,
    ) -> None:
        self.chosen, self.size, self.no_caption, self.no_phrase = chosen, size, no_caption, no_phrase
        self.pictures, self.share = pictures, share
        colors = np.concatenate([chosen.color, chosen.natural, np.full_like(chosen.color, NO_COLOR)])
        pairs = zip(np.tile(chosen.subject, 3).tolist(), colors.tolist(), strict=True)
        self.table = CaptionTable(data.subjects, set(pairs))
        self.cumulative = np.cumsum(chosen.chance)
        self.alphas_cumprod = pipeline.alphas_cumprod()
        self.log_snr = torch.logit(self.alphas_cumprod.double())

    def __call__(self, step: int) -> Iterator[tuple[Tensor, ...]]:
        rng, generator = np.random.default_rng(step), torch.Generator().manual_seed(step)
        while True:
            rows = self.draw(rng)
            yield self.batch(rows, self.times(len(rows), generator), rng, generator)

    def batch(
        self,
        rows: np.ndarray,
        t: Tensor,
        rng: np.random.Generator,
        generator: torch.Generator,
        language: str | None = None,
    ) -> tuple[Tensor, ...]:
        """rows (B,) of the set, t (B,) timesteps -> x_t, v (B, 12, 8, 8), t, tokens (B, L, 512), mask, style (B,)."""
        tokens, mask, style = self.ask(rows, rng, language)
        x0 = self.chosen.latents[torch.from_numpy(rows)]
        eps = torch.randn(x0.shape, generator=generator)
        alpha = self.alphas_cumprod[t].sqrt().view(-1, 1, 1, 1)
        sigma = (1 - self.alphas_cumprod[t]).sqrt().view(-1, 1, 1, 1)
        return alpha * x0 + sigma * eps, alpha * eps - sigma * x0, t, tokens, mask, style

    def ask(
        self, rows: np.ndarray, rng: np.random.Generator, language: str | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """rows (B,) of the set -> tokens (B, L, 512), mask (B, L), style (B,): captions drawn anew, some dropped."""
        chosen = self.chosen
        said = np.where(rng.random(len(rows)) < NATURAL_COLOR, chosen.natural[rows], NO_COLOR)
        said = np.where(chosen.color[rows] != NO_COLOR, chosen.color[rows], said)
        wanted = zip(chosen.subject[rows].tolist(), said.tolist(), strict=True)
        drawn = [self.table.draw(subject, color, rng, language) for subject, color in wanted]
        tokens, mask = self.table.tokens(torch.tensor(drawn))
        mask = mask & torch.from_numpy(rng.random(len(rows)) >= self.no_caption)[:, None]
        if self.no_phrase:  # not drawn where there is none, so that held-out figures stay those of earlier models
            mask[:, 0] &= torch.from_numpy(rng.random(len(rows)) >= self.no_phrase)
        style = np.where(rng.random(len(rows)) < NO_STYLE, len(emoji.STYLES), chosen.style[rows])
        if self.pictures is not None:
            self._ask_by_picture(rows, tokens, mask, rng)
        return tokens, mask, torch.from_numpy(style)

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """`size` rows of the set, each by its chance."""
        return np.searchsorted(self.cumulative, rng.random(self.size)).clip(max=len(self.cumulative) - 1)

    def _ask_by_picture(self, rows: np.ndarray, tokens: Tensor, mask: Tensor, rng: np.random.Generator) -> None:
        by_picture = torch.from_numpy(rng.random(len(rows)) < self.share)[:, None]
        vectors = noisy(self.pictures[torch.from_numpy(rows)], rng)
        tokens[:, 0] = torch.where(by_picture, vectors, tokens[:, 0])
        mask[:, 0] |= by_picture[:, 0]
        mask[:, 1:] &= ~by_picture

    def times(self, count: int, generator: torch.Generator) -> Tensor:
        """Timesteps (count,): log SNR normal, one from each of `count` equal slices, so that a small batch sees all."""
        u = (torch.randperm(count, generator=generator) + torch.rand(count, generator=generator)) / count
        wanted = LOG_SNR_MEAN + LOG_SNR_STD * torch.special.ndtri(u.double().clamp(1e-6, 1 - 1e-6))
        t = torch.searchsorted(-self.log_snr, -wanted)  # log SNR falls with t
        outside = (t == 0) | (t == len(self.log_snr))
        anywhere = torch.randint(len(self.log_snr), (count,), generator=generator)
        return torch.where(outside, anywhere, t)


def velocity_loss(
    model: EmojiTransformer2DModel, x_t: Tensor, v: Tensor, t: Tensor, tokens: Tensor, mask: Tensor, style: Tensor
) -> Tensor:
    """Mean square of the error in v = alpha eps - sigma x0 (Salimans and Ho 2022, arXiv:2202.00512)."""
    return F.mse_loss(model(x_t, t, tokens, mask, style).sample, v)
