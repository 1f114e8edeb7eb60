"""Patches and pixels: masks enlarged to pixels, means of visible patches, pictures pasted together."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def on_pixels(hidden: Tensor, size: int) -> Tensor:
    """Masks of patches (B, L) -> of pixels, (B, 1, size, size)."""
    side = round(hidden.shape[1] ** 0.5)
    return hidden.view(-1, 1, side, side).repeat_interleave(size // side, 2).repeat_interleave(size // side, 3)


def patch_means(pictures: Tensor, hidden: Tensor) -> Tensor:
    """Mean colour of each visible patch, (B, L, 3); 0 for hidden ones, whose pixels are not read."""
    side = round(hidden.shape[1] ** 0.5)
    means = F.avg_pool2d(pictures, pictures.shape[-1] // side).flatten(2).transpose(1, 2)
    return means.masked_fill(hidden.unsqueeze(-1), 0)


def paste(pictures: Tensor, predicted: Tensor, hidden: Tensor) -> Tensor:
    """Visible patches from the pictures, hidden ones from the prediction."""
    return torch.where(on_pixels(hidden, pictures.shape[-1]), predicted, pictures)


def split(pictures: Tensor, side: int) -> Tensor:
    """Pictures (B, 3, S, S) -> their patches row by row, (B, side * side, p * p * 3), colours innermost."""
    p = pictures.shape[-1] // side
    return pictures.unflatten(3, (side, p)).unflatten(2, (side, p)).permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)


def join(patches: Tensor, side: int) -> Tensor:
    """What `split` undoes: patches (B, side * side, p * p * 3) -> (B, 3, S, S)."""
    p = round((patches.shape[-1] // 3) ** 0.5)
    blocks = patches.view(len(patches), side, side, p, p, 3)
    return blocks.permute(0, 5, 1, 3, 2, 4).reshape(len(patches), 3, side * p, side * p)
