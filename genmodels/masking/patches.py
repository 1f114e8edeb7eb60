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
