"""Recipe of the upscaler: crops of the emoji at 256x256 beside the same pictures at 64x64, spoilt on purpose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from genmodels import registry, train, weights
from genmodels.data import emoji
from genmodels.step import Step
from genmodels.text_to_image import pipeline
from genmodels.text_to_image.autoencoder import PatchAutoencoder
from genmodels.text_to_image.cascade import RESIDUAL_STD, SCALE, UpscalerUNet2DModel, enlarge, fold, measure
from genmodels.text_to_image.latents import NO_COLOR, CaptionTable
from genmodels.train import Budget, Trained

ID = "emoji-upscaler"
PICTURES, BATCH = 400_000, 16
CROP = 24  # of the small picture's 64 pixels: fewer cost less, and what to sharpen is seen nearby
NO_PHRASE = 0.1
DRAWN = 0.2  # share of pictures that stay as drawn, level 0
LATENT_NOISE, PIXEL_NOISE = 0.35, 0.06  # at level 1


def recipe(budget: Budget) -> Iterator[Step]:
    """v-prediction of the difference from the bicubic enlargement; averaged weights."""
    data = emoji.load()
    batches = CropBatches(data, emoji.load_large(), registry.load("emoji-autoencoder", "cpu"), BATCH)
    model = UpscalerUNet2DModel().to(memory_format=torch.channels_last)
    trained = Trained()
    yield from train.fit(
        ID,
        model,
        batches,
        velocity_loss,
        budget=budget,
        steps=PICTURES // BATCH,
        lr=1.5e-3,
        warmup=50,
        average=0.998,
        decay=train.constant,
        trained=trained,
    )
    write(model, data, trained, budget)


class CropBatches:
    """Called with a step, an endless stream of (x_t, v, t, small, level, phrase, mask), the same for the same step.

    x_t and v (B, 48, CROP, CROP) of the folded difference; small (B, 3, CROP, CROP); level, mask (B,); phrase (B, 512).
    """

    def __init__(
        self, data: emoji.Emoji, large: Sequence[np.ndarray], autoencoder: PatchAutoencoder, size: int
    ) -> None:
        self.data, self.large, self.autoencoder, self.size = data, large, autoencoder, size
        self.rows = np.flatnonzero(data.split == emoji.TRAIN)
        self.table = CaptionTable(data.subjects, {(int(s), NO_COLOR) for s in data.subject})
        self.alphas_cumprod = pipeline.alphas_cumprod()

    def __call__(self, step: int) -> Iterator[tuple[Tensor, ...]]:
        rng, generator = np.random.default_rng(step), torch.Generator().manual_seed(step)
        while True:
            yield self._batch(rng.choice(self.rows, self.size), rng, generator)

    def _batch(self, rows: np.ndarray, rng: np.random.Generator, generator: torch.Generator) -> tuple[Tensor, ...]:
        small = to_float(self.data.images[rows])
        level = torch.rand(len(rows), generator=generator).clamp_min(DRAWN).sub(DRAWN) / (1 - DRAWN)
        spoilt = spoil(small, level, self.autoencoder, generator)
        base = enlarge(spoilt)
        places = rng.integers(0, small.shape[2] - CROP + 1, (len(rows), 2))
        large = to_float(np.stack([crop(self.large[i], *p) for i, p in zip(rows.tolist(), places, strict=True)]))
        corners = [(slice(y, y + CROP), slice(x, x + CROP)) for y, x in places.tolist()]
        wide = [tuple(slice(SCALE * s.start, SCALE * s.stop) for s in corner) for corner in corners]
        base = torch.stack([picture[:, y, x] for picture, (y, x) in zip(base, wide, strict=True)])
        spoilt = torch.stack([picture[:, y, x] for picture, (y, x) in zip(spoilt, corners, strict=True)])
        x0 = fold(large - base) / RESIDUAL_STD
        eps = torch.randn(x0.shape, generator=generator)
        t = ((torch.arange(len(rows)) + torch.rand(len(rows), generator=generator)) / len(rows) * 1000).long()
        kept = self.alphas_cumprod[t].view(-1, 1, 1, 1)
        alpha, sigma = kept.sqrt(), (1 - kept).sqrt()
        drawn = [self.table.draw(int(self.data.subject[i]), NO_COLOR, rng) for i in rows]
        phrase = self.table.tokens(torch.tensor(drawn))[0][:, 0]
        mask = torch.from_numpy(rng.random(len(rows)) >= NO_PHRASE)
        return alpha * x0 + sigma * eps, alpha * eps - sigma * x0, t, spoilt, level, phrase, mask


@torch.no_grad()
def spoil(small: Tensor, level: Tensor, autoencoder: PatchAutoencoder, generator: torch.Generator) -> Tensor:
    """small (B, 3, 64, 64) as a generator might have drawn it: mixed by level (B,) with its way through the
    autoencoder, whose latent gets noise, and with noise of its own."""
    share = level.view(-1, 1, 1, 1)
    z = autoencoder.normalize(autoencoder.encode(small).latent_dist.mode())
    z = z + LATENT_NOISE * share * torch.randn(z.shape, generator=generator)
    again = autoencoder.decode(autoencoder.denormalize(z)).sample.clamp(-1, 1)
    noise = PIXEL_NOISE * share * torch.randn(small.shape, generator=generator)
    return small + (again - small) * (2 * share).clamp_max(1) + noise


def crop(picture: np.ndarray, y: int, x: int) -> np.ndarray:
    """picture (256, 256, 3) -> the part over the small picture's CROP pixels from (y, x) on."""
    return picture[SCALE * y : SCALE * (y + CROP), SCALE * x : SCALE * (x + CROP)]


def to_float(pictures: np.ndarray) -> Tensor:
    """uint8 (B, H, W, 3) -> float32 (B, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


def velocity_loss(model: UpscalerUNet2DModel, x_t: Tensor, v: Tensor, t: Tensor, *asked: Tensor) -> Tensor:
    """Mean square of the error in v (Salimans and Ho 2022, arXiv:2202.00512)."""
    return F.mse_loss(model(x_t.contiguous(memory_format=torch.channels_last), t, *asked).float(), v)


def write(model: UpscalerUNet2DModel, data: emoji.Emoji, trained: Trained, budget: Budget) -> None:
    """Weights and card."""
    model = model.cpu().eval()
    model.half().save_pretrained(weights.ASSETS / ID, max_shard_size=weights.SHARD)
    model.float()
    weights.write_card(
        ID,
        trained=vars(trained),
        device=budget.device,
        recipe=f"python -m genmodels train {ID}",
        params=sum(p.numel() for p in model.parameters()),
        data=registry.card(ID).data,
        license=registry.card(ID).license,
        held_out=held_out(model, data),
    )


def held_out(model: UpscalerUNet2DModel, data: emoji.Emoji, count: int = 64) -> dict[str, float]:
    """`measure` on pictures of subjects that were never seen."""
    rows = np.flatnonzero(data.split == emoji.HELD_SUBJECT)
    rows = rows[:: max(1, len(rows) // count)][:count]
    large = emoji.load_large()
    names = [data.subjects[data.subject[i]].names["en"] for i in rows]
    return measure(model, data.images[rows], np.stack([large[i] for i in rows.tolist()]), names)
