"""Further styles made from real ones by rule, so that few-shot translation learns from 138 styles, not from six.

A look is a fixed function of pictures (B, 3, H, W) in [-1, 1] on white. FUNIT's own sets have 119 to 444 classes
(arXiv:1905.01723, section 4); the emoji have six styles outside the family that is held out.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

Look = Callable[[Tensor], Tensor]
EDGE = 0.35  # difference within a pixel and a half, of a range of 2, that counts as an edge


def edges(x: Tensor, wide: int = 1) -> Tensor:
    """(B, 3, H, W) -> (B, 1, H, W) in [0, 1]: how much of a pixel a line covers that follows where colours differ.

    wide: of the line, from 1, in steps of a pixel. Found at twice the size, so that lines are as smooth as drawn ones.
    """
    large = F.interpolate(x, scale_factor=2, mode="bilinear")
    apart = (F.max_pool2d(large, 3, 1, 1) + F.max_pool2d(-large, 3, 1, 1)).amax(1, keepdim=True)
    ink = ((apart - EDGE) / EDGE).clamp(0, 1)
    return F.avg_pool2d(F.max_pool2d(ink, 2 * wide - 1, 1, wide - 1), 2)


def grey(x: Tensor) -> Tensor:
    """(B, 3, H, W) -> (B, 1, H, W): Rec. 601 luma."""
    return (x * x.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)


def outlined(x: Tensor, palette: Tensor) -> tuple[Tensor, Tensor]:
    """A pair made by rule: pictures (B, 3, H, W) -> lines (B, 1, H, W), and the same lines over the pictures in the
    colours of palette (N, 3), each place in that of the nearest hue."""
    ink = edges(x, 2)
    near = torch.cdist(_hue(x.movedim(1, -1)).flatten(0, 2), _hue(palette)).argmin(1)
    flat = palette[near].view(len(x), *x.shape[2:], 3).movedim(-1, 1)
    return 1 - 2 * ink, flat * (1 - ink) - ink


def _hue(colours: Tensor) -> Tensor:
    """RGB (..., 3) -> a third of the brightness, and what red and blue have beyond it."""
    mean = colours.mean(-1, keepdim=True)
    return torch.cat([mean / 3, colours[..., :1] - mean, colours[..., 2:] - mean], -1)


def _inked(color: tuple[float, float, float], wide: int, fill: Look = lambda x: x) -> Look:
    def look(x: Tensor) -> Tensor:
        ink = edges(x, wide)
        return fill(x) * (1 - ink) + x.new_tensor(color).view(1, 3, 1, 1) * ink

    return look


def _tinted(color: tuple[float, float, float]) -> Look:
    """Dark to light becomes `color` to white."""
    return lambda x: 1 - (1 - grey(x)) / 2 * (1 - x.new_tensor(color).view(1, 3, 1, 1))


def _turned(order: tuple[int, int, int]) -> Look:
    return lambda x: x[:, list(order)]


def _coarse(x: Tensor) -> Tensor:
    return F.interpolate(F.avg_pool2d(x, 4), scale_factor=4, mode="nearest")


def _soft(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 5, 1, 2, count_include_pad=False)


def _lit(x: Tensor) -> Tensor:
    """Lighter towards the top left, darker towards the bottom right, where something is drawn."""
    at = torch.linspace(0.35, -0.35, x.shape[-1], device=x.device)
    return torch.where(x.amin(1, keepdim=True) < 0.95, x + at.view(-1, 1) + at, x).clamp(-1, 1)


def _flat(x: Tensor) -> Tensor:
    return ((x + 1) * 1.5).round() / 1.5 - 1


def _pale(x: Tensor) -> Tensor:
    return 1 - (1 - x) * 0.45


def _vivid(x: Tensor) -> Tensor:
    mean = grey(x)
    return (mean + (x - mean) * 1.9).clamp(-1, 1)


def _paper(x: Tensor) -> Tensor:
    return torch.ones_like(x)


BLACK, NAVY, BROWN, RED = (-1.0, -1.0, -1.0), (-0.9, -0.8, 0.0), (-0.3, -0.6, -0.8), (0.6, -0.8, -0.8)
LOOKS: dict[str, Look] = {
    "plain": lambda x: x,
    "inked": _inked(BLACK, 2),
    "inked thin": _inked(BLACK, 1),
    "inked flat": _inked(BLACK, 1, _flat),
    "inked bold": _inked(BLACK, 3),
    "inked navy": _inked(NAVY, 2),
    "inked vivid": _inked(BLACK, 2, _vivid),
    "inked pale": _inked(BROWN, 2, _pale),
    "lines": _inked(BLACK, 2, _paper),
    "lines thin": _inked(BLACK, 1, _paper),
    "lines bold": _inked(BLACK, 3, _paper),
    "lines red": _inked(RED, 2, _paper),
    "grey": lambda x: grey(x).expand_as(x),
    "sepia": _tinted((-0.2, -0.6, -0.9)),
    "blueprint": _tinted((-0.9, -0.7, 0.4)),
    "turned": _turned((1, 2, 0)),
    "swapped": _turned((2, 1, 0)),
    "pale": _pale,
    "vivid": _vivid,
    "flat": _flat,
    "lit": _lit,
    "soft": _soft,
    "coarse": _coarse,
}
