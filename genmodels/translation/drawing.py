"""Any picture as an outline of 64x64: a drawing stays one, a photograph becomes its edges."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

SIZE = 64
PAPER, INKED = 0.85, 0.6  # of 1: lighter is paper; a drawing is mostly paper
STRONG, WEAK = 0.2, 0.08  # thresholds of the edges


def square(picture: Tensor, size: int = SIZE) -> Tensor:
    """uint8 (3, H, W) of any shape, whole, centred on white -> (1, 3, size, size) in [-1, 1]."""
    x = picture[None].float() / 127.5 - 1
    height, width = x.shape[2:]
    side = max(height, width)
    left, top = (side - width) // 2, (side - height) // 2
    x = F.pad(x, (left, side - width - left, top, side - height - top), value=1.0)
    return F.interpolate(x, (size, size), mode="bilinear", antialias=True).clamp(-1, 1)


def is_drawing(x: Tensor) -> bool:
    """Whether a picture (1, 3, H, W) in [-1, 1] is dark lines on white: mostly paper, and hardly any colour."""
    grey = x.mean(1) / 2 + 0.5
    coloured = float((x.amax(1) - x.amin(1)).mean())
    return float((grey > PAPER).float().mean()) > INKED and coloured < 0.1


def outline(picture: Tensor) -> Tensor:
    """uint8 (3, H, W) -> (1, 1, 64, 64) in [-1, 1], black lines on white, as pix2pix-outline takes it.

    A photograph's edges are Canny's (scikit-image), found at twice the size so that lines are about two pixels wide.
    """
    x = square(picture)
    if is_drawing(x):
        grey = x.mean(1, keepdim=True)
        return (1 - (1 - grey) * 2 / max(0.5, float(1 - grey.min()))).clamp(-1, 1)
    return _edges(square(picture, 2 * SIZE))


def _edges(x: Tensor) -> Tensor:
    from skimage.feature import canny

    grey = (x[0].mean(0) / 2 + 0.5).numpy()
    found = torch.from_numpy(canny(grey, 2.0, WEAK, STRONG)).float()[None, None]
    ink = F.avg_pool2d(F.max_pool2d(found, 3, 1, 1), 2)
    return 1 - 2 * ink
