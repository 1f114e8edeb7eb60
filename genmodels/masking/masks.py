"""Which patches to hide: random, block-wise or on a grid, at any ratio, or the visitor's own choice.

A strategy is an order, given as noise: the patches with the highest values are hidden first, as in ViT-MAE, which keeps
the lowest. So with one seed a higher ratio only hides more, and every count is exact.
He et al. 2022, arXiv:2111.06377, figure 6 and table 1f.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from genmodels.errors import Refusal, in_range

MAX_RATIO = 0.95
BLOCKS = 48  # enough of them to cover all but a few patches
AREA = (1 / 12, 1 / 3)  # of a block, as part of the picture
ASPECT = 0.3  # the narrowest block, height by width, as in BEiT (Bao et al. 2021, arXiv:2106.08254, algorithm 1)


def random_noise(count: int, side: int, generator: torch.Generator) -> Tensor:
    """-> (count, side * side), an order drawn uniformly."""
    return torch.rand(count, side * side, generator=generator)


def block_noise(count: int, side: int, generator: torch.Generator) -> Tensor:
    """-> (count, side * side): rectangle after rectangle is hidden, each row by row."""
    u = torch.rand(count, BLOCKS, 4, generator=generator)
    area = side * side * (AREA[0] + (AREA[1] - AREA[0]) * u[..., 0])
    aspect = ASPECT ** (2 * u[..., 1] - 1)  # log-uniform
    inside = []
    for extent, place in (((area * aspect).sqrt(), u[..., 2]), ((area / aspect).sqrt(), u[..., 3])):
        extent = extent.round().clamp(1, side)
        first = (place * (side + 1 - extent)).floor().unsqueeze(-1)
        at = torch.arange(side)
        inside.append((at >= first) & (at < first + extent.unsqueeze(-1)))  # (count, BLOCKS, side)
    covered = (inside[0].unsqueeze(-1) & inside[1].unsqueeze(-2)).flatten(2)  # (count, BLOCKS, side * side)
    first_block = torch.where(covered.any(1), covered.to(torch.uint8).argmax(1), BLOCKS)
    return -(first_block * side * side + torch.arange(side * side)).float()


def grid_noise(count: int, side: int, generator: torch.Generator) -> Tensor:
    """-> (count, side * side): what stays visible is spread evenly (Bayer's order), one patch of 2x2 at 75 %."""
    order = torch.zeros(1, 1)
    for _ in range(math.ceil(math.log2(max(2, side)))):
        order = torch.cat([torch.cat([4 * order, 4 * order + 2], 1), torch.cat([4 * order + 3, 4 * order + 1], 1)])
    rows, columns = torch.randint(2, (2, count, 1), generator=generator)
    at = torch.arange(side)
    mirrored = torch.stack([at, side - 1 - at])
    return order[mirrored[rows[:, 0]][:, :, None], mirrored[columns[:, 0]][:, None, :]].flatten(1)


STRATEGIES: dict[str, Callable[[int, int, torch.Generator], Tensor]] = {
    "random": random_noise,
    "block": block_noise,
    "grid": grid_noise,
}


def hide(noise: Tensor, ratio: float) -> Tensor:
    """noise (B, L) -> bool (B, L), True = hidden: in each row the round(ratio * L) patches of the highest noise.

    Raises Refusal("range") unless 0 <= ratio <= 0.95.
    """
    in_range("ratio", ratio, 0, MAX_RATIO)
    hidden = torch.zeros_like(noise, dtype=torch.bool)
    return hidden.scatter_(1, noise.argsort(1, descending=True)[:, : round(ratio * noise.shape[1])], True)


def draw(strategy: str, ratio: float, count: int, side: int, generator: torch.Generator) -> Tensor:
    """`count` masks of one strategy -> bool (count, side * side), True = hidden.

    Raises Refusal: choice for an unknown one, range unless 0 <= ratio <= 0.95.
    """
    if strategy not in STRATEGIES:
        text = f"strategy is {strategy!r}; it must be one of {', '.join(STRATEGIES)}"
        raise Refusal("choice", text, name="strategy", value=str(strategy)[:40])
    return hide(STRATEGIES[strategy](count, side, generator), ratio)


def visible(hidden: Tensor) -> int:
    """How many patches each mask (B, L) of a batch leaves visible. Raises ValueError unless it is the same number."""
    counts = (~hidden).sum(1).unique().tolist()
    if len(counts) != 1:
        raise ValueError(f"masks of one batch leave {counts} patches visible; it must be one number")
    return counts[0]


def chosen(patches: Iterable[int], side: int) -> Tensor:
    """The visitor's own choice, patches counted row by row -> bool (1, side * side), True = hidden.

    Raises Refusal("patches") for anything but whole numbers from 0 to side * side - 1.
    """
    picked = list(patches)
    if not all(isinstance(i, int) and not isinstance(i, bool) and 0 <= i < side * side for i in picked):
        last = side * side - 1
        raise Refusal("patches", f"patches must be whole numbers from 0 to {last}", last=last)
    hidden = torch.zeros(1, side * side, dtype=torch.bool)
    hidden[0, picked] = True
    return hidden
