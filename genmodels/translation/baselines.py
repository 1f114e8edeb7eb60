"""What an outline looks like without any learned network: itself, or filled with the mean colour."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def outline_itself(x: Tensor) -> Tensor:
    """(B, 1, H, W) -> (B, 3, H, W), unchanged."""
    return x.expand(-1, 3, -1, -1)


def inside(x: Tensor) -> Tensor:
    """Outlines (B, 1, H, W), black on white -> (B, 1, H, W) bool: what lines enclose, the lines included."""
    from scipy.ndimage import binary_fill_holes

    ink = (x < 0)[:, 0].cpu().numpy()
    return torch.stack([torch.from_numpy(binary_fill_holes(part)) for part in ink])[:, None].to(x.device)


def mean_colouring(lines: Tensor, colours: Tensor) -> Callable[[Tensor], Tensor]:
    """A painter fitted to outlines (N, 1, H, W) and pictures (N, 3, H, W): enclosed places get the mean colour of
    enclosed places, others stay white, lines stay on top."""
    within = inside(lines) & (lines > 0)
    total = (colours * within).sum((0, 2, 3)) / within.sum().clamp(min=1)
    colour = total.view(1, 3, 1, 1)

    def paint(x: Tensor) -> Tensor:
        filled = torch.where(inside(x), colour, torch.ones_like(colour))
        return 1 - (1 - filled) * (1 + x) / 2 - (1 - x)  # ink, 1 where x is -1, over the fill

    return paint
