"""What fills hidden patches without learning: mean colour, means of near patches, interpolation, inpainting."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from genmodels.masking.patches import on_pixels, patch_means

POWER = 3.5  # weights fall with distance ** -POWER; the best of 2 to 4 in steps of 0.5, on held-out photographs
SOURCES, TARGETS = 2, 4  # points along a patch that `interpolate` takes colours from and finds them at
SOFT, STEEP = 0.5, 4.0  # of its weights; all four by PSNR on 512 held-out photographs, which favours it


def near(hidden: Tensor, side: int) -> Tensor:
    """Weights (B, L, L) over visible patches, by 1 / distance ** POWER between centres; rows sum to 1.

    Where nothing is visible all weights are 0. hidden: (B, L) bool.
    """
    at = torch.cartesian_prod(torch.arange(side), torch.arange(side)).float().to(hidden.device)  # (L, 2)
    weight = torch.cdist(at, at).clamp(min=1e-3) ** -POWER * ~hidden.unsqueeze(1)
    return weight / weight.sum(-1, keepdim=True).clamp(min=1e-30)


def mean_colour(pictures: Tensor, hidden: Tensor) -> Tensor:
    """One colour for each picture: the mean of its visible patches; grey where nothing is visible."""
    means, seen = patch_means(pictures, hidden), (~hidden).unsqueeze(-1)
    colour = (means * seen).sum(1) / seen.sum(1).clamp(min=1)  # (B, 3)
    return colour[:, :, None, None].expand_as(pictures)


def near_means(pictures: Tensor, hidden: Tensor) -> Tensor:
    """One colour for each patch: visible patches' means, weighted by distance; grey where nothing is visible."""
    side = round(hidden.shape[1] ** 0.5)
    colours = near(hidden, side) @ patch_means(pictures, hidden)  # (B, L, 3)
    blocks = colours.transpose(1, 2).reshape(len(pictures), 3, side, side)
    size = pictures.shape[-1] // side
    return blocks.repeat_interleave(size, 2).repeat_interleave(size, 3)


def interpolate(pictures: Tensor, hidden: Tensor) -> Tensor:
    """A smooth picture: means of visible patches' quarters, weighted by distance; grey where nothing is visible.

    Weights are (distance^2 + SOFT^2) ** (-STEEP / 2), distance in patches; same shape as pictures.
    """
    side, size = round(hidden.shape[1] ** 0.5), pictures.shape[-1]
    seen = (~on_pixels(hidden, side * SOURCES)).to(pictures.dtype)  # (B, 1, S, S)
    means = F.avg_pool2d(pictures, size // (side * SOURCES))
    known = torch.cat([torch.where(seen > 0, means, 0), seen], 1).flatten(2)  # (B, 4, S * S)
    mixed = known @ _nearness(side).to(pictures).T
    colours = (mixed[:, :3] / mixed[:, 3:].clamp(min=1e-30)).unflatten(2, (side * TARGETS, side * TARGETS))
    return F.interpolate(colours, size=(size, size), mode="bilinear", align_corners=False)


@functools.cache
def _nearness(side: int) -> Tensor:
    """Weights of every source point (columns) at every target point (rows)."""
    targets, sources = ((torch.arange(side * n) + 0.5) / n for n in (TARGETS, SOURCES))
    distance = torch.cdist(torch.cartesian_prod(targets, targets), torch.cartesian_prod(sources, sources))
    return (distance.square() + SOFT**2) ** (-STEEP / 2)


def biharmonic(pictures: Tensor, hidden: Tensor) -> Tensor:
    """Inpainting by the biharmonic equation, scikit-image's (Damelin and Hoang 2018), clamped to [-1, 1]."""
    from skimage.restoration import inpaint_biharmonic

    result = pictures.clone()
    masks = on_pixels(hidden, pictures.shape[-1])[:, 0].cpu().numpy()
    for i, mask in enumerate(masks):
        if mask.all():
            result[i] = 0
        elif mask.any():
            filled = inpaint_biharmonic(pictures[i].permute(1, 2, 0).cpu().numpy(), mask, channel_axis=-1)
            result[i] = torch.from_numpy(filled).permute(2, 0, 1).clamp(-1, 1)
    return result


BASELINES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mean_colour": mean_colour,
    "near_means": near_means,
    "interpolation": interpolate,
    "biharmonic": biharmonic,
}
