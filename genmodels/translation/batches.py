"""Endless batches, the same for the same step: pictures moved and mirrored at random, pairs together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from genmodels.data import outlines
from genmodels.data.emoji import STYLES, TRAIN, Emoji
from genmodels.data.outlines import Outlines
from genmodels.translation.looks import LOOKS, outlined

HELD_FAMILY = "openmoji"  # the drawing styles that few-shot translation never learns from
STILL = 0.4  # of the pictures are only mirrored, so that the sharpness of unmoved ones is seen too
BEND = 0.03  # of the outlines that are moved
TURN, SCALE, SHIFT = 0.2, 0.12, 0.08  # radians, share of the size, share of the width
KEPT = 0.5  # of few-shot translation's pictures that are rebuilt have the style already
MADE = 0.5  # of the pairs of an outline and its colours, where made ones are asked for
BOLD = 0.25  # of the outlines have lines two pixels thicker, as a hand on a canvas draws them


def to_float(images: np.ndarray | Tensor) -> Tensor:
    """uint8 (N, H, W) or (N, H, W, 3) -> float (N, 1 or 3, H, W) in [-1, 1]."""
    pictures = torch.as_tensor(images)
    pictures = pictures[:, None] if pictures.ndim == 3 else pictures.permute(0, 3, 1, 2)
    return pictures.float() / 127.5 - 1


def moved(
    x: Tensor, generator: torch.Generator, padding: str = "white", turn: float = TURN, bend: float = 0.0
) -> Tensor:
    """Pictures (B, C, H, W) mirrored, turned, scaled and shifted at random; what comes in is white or the mirrored rim.

    bend: of lines, as an unsteady hand draws them: standard deviation in half widths at each of 8x8 places.
    Raises ValueError for another padding.
    """
    if padding not in ("white", "mirror"):
        raise ValueError(f"padding is {padding!r}; it must be white or mirror")
    count = len(x)
    u = torch.rand(count, 4, generator=generator) * 2 - 1
    still = torch.rand(count, 1, generator=generator) < STILL
    u = torch.where(still, torch.zeros(()), u)
    mirrored = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
    angle, scale = turn * u[:, 0], 1 + SCALE * u[:, 1]
    cos, sin = scale * angle.cos(), scale * angle.sin()
    shift = 2 * SHIFT * u[:, 2:]
    rows = torch.stack([cos * mirrored, -sin, shift[:, 0], sin * mirrored, cos, shift[:, 1]], 1).view(count, 2, 3)
    grid = F.affine_grid(rows, list(x.shape), align_corners=False)
    if bend:
        by = bend * torch.randn(count, 2, 8, 8, generator=generator) * ~still[:, :, None, None]
        grid = grid + F.interpolate(by, x.shape[2:], mode="bicubic").movedim(1, -1)
    if padding == "mirror":
        return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
    return 1 - F.grid_sample(1 - x, grid, align_corners=False)


def bold(lines: Tensor) -> Tensor:
    """Outlines (B, 1, H, W), black on white, with every line one pixel wider on each side."""
    return -F.max_pool2d(-lines, 3, 1, 1)


def outline_batches(
    found: Outlines, size: int, step: int, others: np.ndarray | None = None, until: int = 0
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Pairs that may train: outlines (B, 1, 64, 64), the same in colour (B, 3, 64, 64), seeds (B,).

    others: uint8 (N, 64, 64, 3), pictures of other styles; before the step `until` a share MADE of the pairs is made of
    them by `outlined`.
    """
    rows = np.flatnonzero(~found.held_out)
    both = np.concatenate([found.lines[rows][..., None], found.colours[rows]], -1)
    colours = None if others is None else torch.from_numpy(outlines.palette(found)).float() / 127.5 - 1
    for at, (pair, seed, generator) in enumerate(_drawn(both, size, step), step):
        pair = moved(pair, generator, bend=BEND)
        if others is not None and at < until:
            pick = torch.randint(len(others), (int(size * MADE),), generator=generator)
            made = outlined(moved(to_float(others[pick.numpy()]), generator, bend=BEND), colours)
            pair = torch.cat([torch.cat(made, 1), pair[len(pick) :]])
        x, y = pair[:, :1], pair[:, 1:]
        thick = torch.rand(size, 1, 1, 1, generator=generator) < BOLD
        yield torch.where(thick, bold(x), x), y, seed


def pair_batches(
    x: np.ndarray, y: np.ndarray, size: int, step: int, padding: str = "white", turn: float = TURN
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Pairs of uint8 (N, H, W, 3), moved alike -> x, y (B, 3, H, W), seeds (B,)."""
    for pair, seed, generator in _drawn(np.concatenate([x, y], -1), size, step):
        pair = moved(pair, generator, padding, turn)
        yield pair[:, :3], pair[:, 3:], seed


def unpaired_batches(
    a: np.ndarray, b: np.ndarray, size: int, step: int, padding: str = "white"
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Pictures of two sets, each drawn for itself: a, b (B, 3, H, W), seeds (B,)."""
    first, second = _drawn(a, size, step), _drawn(b, size, step + 2**31)
    for (x, seed, generator), (y, _, other) in zip(first, second, strict=True):
        yield moved(x, generator, padding), moved(y, other, padding), seed


def _drawn(images: np.ndarray, size: int, step: int) -> Iterator[tuple[Tensor, Tensor, torch.Generator]]:
    """`size` pictures (B, C, H, W) at random for each step, seeds (B,), and the step's generator for what follows."""
    pictures = torch.from_numpy(images)
    while True:
        generator = torch.Generator().manual_seed(step)
        pick = torch.randint(len(pictures), (size,), generator=generator)
        seeds = torch.randint(2**31, (size,), generator=generator)
        yield to_float(pictures[pick]), seeds, generator
        step += 1


class FewShotBatches:
    """Called with a step, an endless stream of what FUNITTraining.losses takes: x (B, 3, 64, 64), the same under a look
    (B, 3, 64, 64), that style (B,), another picture of it (B, 3, 64, 64), examples (B, K, 3, 64, 64), their style (B,).
    K is 1, 2 and 3 in turn.

    A style is a drawing style and one of LOOKS; x is plain, or, with probability KEPT, in that style already. Nothing
    of the family `held` is drawn.
    """

    def __init__(self, data: Emoji, size: int, held: str = HELD_FAMILY) -> None:
        self.size, self.looks = size, list(LOOKS.values())
        families = np.array([style.family for style in STYLES])
        known = [n for n, family in enumerate(families) if family != held]
        train = data.split == TRAIN
        self.sets = [torch.from_numpy(data.images[train & (data.style == n)]) for n in known]
        self.sets = [pictures for pictures in self.sets if len(pictures)]
        self.count = len(self.sets) * len(self.looks)

    def __call__(self, step: int) -> Iterator[tuple[Tensor, ...]]:
        while True:
            generator = torch.Generator().manual_seed(step)
            own, other = torch.randint(self.count, (2, self.size), generator=generator)
            k = 1 + step % 3
            plain = self._drawn(torch.cat([own, own, other.repeat_interleave(k)]), generator)
            x, kin, examples = plain.split([self.size, self.size, k * self.size])
            truth = self._looked(x, own)
            kept = torch.rand(self.size, 1, 1, 1, generator=generator) < KEPT
            examples = self._looked(examples, other.repeat_interleave(k)).unflatten(0, (self.size, k))
            yield torch.where(kept, truth, x), truth, own, self._looked(kin, own), examples, other
            step += 1

    def _drawn(self, styles: Tensor, generator: torch.Generator) -> Tensor:
        """A picture of each style's drawing style (N,) -> (N, 3, 64, 64), plain."""
        rows = torch.rand(len(styles), generator=generator)
        found = torch.stack([self._row(int(s), float(u)) for s, u in zip(styles, rows, strict=True)])
        return moved(to_float(found), generator)

    def _looked(self, plain: Tensor, styles: Tensor) -> Tensor:
        """Pictures (N, 3, 64, 64) under the looks of styles (N,)."""
        looks = (self.looks[style % len(self.looks)] for style in styles.tolist())
        return torch.cat([look(x) for look, x in zip(looks, plain.split(1), strict=True)])

    def _row(self, style: int, u: float) -> Tensor:
        pictures = self.sets[style // len(self.looks)]
        return pictures[int(u * len(pictures))]
