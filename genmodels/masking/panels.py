"""A visitor's picture cut to the model's square, and the four panels of the paper's notebook."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from genmodels.errors import in_range
from genmodels.masking.mae import MaskedAutoencoder, reconstruct
from genmodels.masking.patches import on_pixels, paste

PANELS = ("original", "masked", "reconstruction", "pasted")
GREY = 0.0  # of hidden patches on the masked panel, in [-1, 1]


def square(picture: Tensor, size: int, across: float = 0.5, along: float = 0.5, part: float = 1.0) -> Tensor:
    """Cut a square out of uint8 (3, H, W) and bring it to (1, 3, size, size) in [-1, 1].

    across, along: where it lies, 0 at the left or top, 1 at the right or bottom, 0.5 centred;
    part: its side as part of the largest possible, from 0.1 to 1. Raises Refusal("range") for others.
    """
    in_range("across", across, 0, 1)
    in_range("along", along, 0, 1)
    in_range("part", part, 0.1, 1)
    height, width = picture.shape[1:]
    side = max(1, round(part * min(height, width)))
    top, left = round(along * (height - side)), round(across * (width - side))
    cut = picture[:, top : top + side, left : left + side].unsqueeze(0).float() / 127.5 - 1
    scaled = F.interpolate(cut, size=(size, size), mode="bicubic", align_corners=False, antialias=True)
    return scaled.clamp(-1, 1)


def panels(model: MaskedAutoencoder, picture: Tensor, hidden: Tensor) -> dict[str, Tensor]:
    """picture (1, 3, S, S) in [-1, 1], hidden (1, L) -> by name (PANELS), each as large as the picture."""
    predicted = reconstruct(model, picture, hidden)
    masked = torch.where(on_pixels(hidden, picture.shape[-1]), GREY, picture)
    return dict(zip(PANELS, (picture, masked, predicted, paste(picture, predicted, hidden)), strict=True))
