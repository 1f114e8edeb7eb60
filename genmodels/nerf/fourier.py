r"""The warm-up in two dimensions: a network learns a photograph from coordinates, with and without Fourier features.

Tancik et al. 2020, "Fourier Features Let Networks Learn High Frequency Functions in Low Dimensional Domains",
arXiv:2006.10739. Coordinates v are in [0, 1)^2. As there (section 6, 2D image), every second pixel in each direction is
learned from and the others are measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from genmodels.errors import Refusal, in_range
from genmodels.nerf.metrics import psnr
from genmodels.nerf.render import positional_encoding
from genmodels.step import Step
from genmodels.train import precision

VARIANTS = ("none", "positional", "gaussian")
SIZES = (32, 256)  # of a photograph's side, in pixels
L, FEATURES, SIGMA = 4, 64, 5.0  # as fits 96 to 128 pixels; the paper tunes them on 512
WIDTH, STEPS, RATE = 128, 200, 2e-3
SHOW_EVERY = 5

# Tancik et al. 2020, Table 1: mean PSNR in dB of the pixels left out, on their 16 natural photographs of 512 x 512.
PUBLISHED = {"none": 19.32, "positional": 24.95, "gaussian": 25.57}


def fourier_features(v: Tensor, B: Tensor) -> Tensor:
    r"""\gamma(v) = (\cos 2\pi B v, \sin 2\pi B v). v: (..., 2), B: (m, 2) -> (..., 2 m). Source: section 5, eq. 5."""
    angle = 2 * math.pi * v @ B.T
    return torch.cat([angle.cos(), angle.sin()], -1)


def encode(v: Tensor, variant: str, sigma: float, generator: torch.Generator) -> Tensor:
    """Coordinates (..., 2) as a variant's network sees them. Gaussian: the rows of B are drawn from N(0, sigma^2)."""
    if variant == "none":
        return v
    if variant == "positional":
        return positional_encoding(2 * math.pi * v, L, include_input=False)
    return fourier_features(v, sigma * torch.randn(FEATURES, 2, generator=generator))


def network(inputs: int, seed: int) -> nn.Sequential:
    """Three hidden layers with ReLU, colour by a sigmoid: (..., inputs) -> (..., 3)."""
    widths = (inputs, WIDTH, WIDTH, WIDTH)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        hidden = [part for a, b in zip(widths, widths[1:], strict=False) for part in (nn.Linear(a, b), nn.ReLU())]
        return nn.Sequential(*hidden, nn.Linear(WIDTH, 3), nn.Sigmoid())


def learn(photo: np.ndarray, seed: int, steps: int = STEPS, sigma: float = SIGMA) -> Iterator[Step]:
    """Train the three variants side by side on one photograph, from the same seed and for the same steps.

    photo: (H, W, 3) uint8, each side 32 to 256 pixels. Yields Step(i, steps, loss=the last variant's) with
    info["psnr"], dB by variant over the pixels left out, and info["picture"], (H, W, 3) uint8 by variant.
    Raises Refusal("photo_size") for another shape, Refusal("range") for steps outside 1-5000 or sigma outside 0.1-100.
    """
    if photo.ndim != 3 or photo.shape[2] != 3 or not all(SIZES[0] <= side <= SIZES[1] for side in photo.shape[:2]):
        low, high = SIZES
        message = f"the picture is {photo.shape}; it must be (height, width, 3), each side {low} to {high} pixels"
        raise Refusal("photo_size", message, shape=str(photo.shape), low=low, high=high)
    in_range("steps", steps, 1, 5000)
    in_range("sigma", sigma, 0.1, 100)
    target = torch.from_numpy(photo.astype(np.float32) / 255)
    height, width = target.shape[:2]
    rows, columns = torch.meshgrid(torch.arange(height) / height, torch.arange(width) / width, indexing="ij")
    v = torch.stack([columns, rows], -1)  # (H, W, 2)
    known = torch.zeros(height, width, dtype=torch.bool)
    known[::2, ::2] = True
    generator = torch.Generator().manual_seed(seed)
    inputs = {name: encode(v, name, sigma, generator) for name in VARIANTS}
    models = {name: network(x.shape[-1], seed) for name, x in inputs.items()}
    optimizers = {name: torch.optim.Adam(model.parameters(), RATE) for name, model in models.items()}
    given = {name: x[known] for name, x in inputs.items()}
    for step in range(1, steps + 1):
        for name, model in models.items():
            loss = _descend(model, optimizers[name], given[name], target[known])
        if step == 1 or step % SHOW_EVERY == 0 or step == steps:
            drawn = {name: _draw(model, inputs[name]) for name, model in models.items()}
            figures = {name: psnr(picture[~known], target[~known]) for name, picture in drawn.items()}
            pictures = {name: (picture * 255).round().byte().numpy() for name, picture in drawn.items()}
            yield Step(step, steps, loss=loss, info={"psnr": figures, "picture": pictures})


def _descend(model: nn.Sequential, optimizer: torch.optim.Adam, x: Tensor, target: Tensor) -> float:
    with precision("cpu"):
        out = model(x)
    loss = (out.float() - target).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return float(loss.detach())


@torch.no_grad()
def _draw(model: nn.Sequential, x: Tensor) -> Tensor:
    with precision("cpu"):
        return model(x).float()
