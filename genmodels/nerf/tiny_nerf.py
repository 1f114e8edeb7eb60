"""The tiny NeRF of the paper's notebook, as published: position alone, one network, one pass along each ray.

Mildenhall et al. 2020, arXiv:2003.08934, and tiny_nerf.ipynb in the authors' repository. The notebook draws one whole
view for each of its 1,000 steps; here a step sees as many rays as fit the processor's cache, from all training views.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genmodels.nerf.batches import RayBatches, squared_error
from genmodels.nerf.render import positional_encoding
from genmodels.nerf.scene import Scene
from genmodels.step import Step
from genmodels.train import Budget, Trained, constant, fit

L, WIDTH, DEPTH = 6, 256, 8
AGAIN = 4  # after this layer the input is concatenated once more
NEAR, FAR, SAMPLES = 2.0, 6.0, 64
RAYS, STEPS, RATE = 512, 20_000, 5e-4


class TinyNeRF(nn.Module):
    """8 layers of 256 on the encoded position (39 numbers, itself included); a field as `render.Field`."""

    def __init__(self) -> None:
        super().__init__()
        inputs = 3 + 6 * L
        widths = [inputs] + [WIDTH + inputs * (i == AGAIN) for i in range(DEPTH)]
        self.layers = nn.ModuleList(nn.Linear(width, WIDTH) for width in widths[:-1])
        self.head = nn.Linear(widths[-1], 4)
        for layer in (*self.layers, self.head):  # Keras's start, which the notebook has
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, points: Tensor, dirs: Tensor) -> tuple[Tensor, Tensor]:
        """points: (..., 3) -> rgb (..., 3) in [0, 1], sigma (...) >= 0; dirs is not looked at."""
        x = h = positional_encoding(points, L, include_input=True)
        for i, layer in enumerate(self.layers):
            h = F.relu(layer(h), inplace=True)
            if i == AGAIN:
                h = torch.cat([h, x.to(h.dtype)], -1)
        raw = self.head(h).float()
        return torch.sigmoid(raw[..., :3]), F.relu(raw[..., 3])


def new_model(seed: int) -> TinyNeRF:
    """Untrained, its start drawn from the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return TinyNeRF()


def recipe(id: str, scene: Scene, model: TinyNeRF, budget: Budget, trained: Trained, seed: int = 0) -> Iterator[Step]:
    """Train it on the scene's training views by Adam at the notebook's constant rate; `id` names its checkpoint."""
    batches = RayBatches.between(scene, np.flatnonzero(~scene.held_out), NEAR, FAR, RAYS, SAMPLES, seed)
    yield from fit(
        id,
        model,
        batches,
        squared_error,
        budget=budget,
        steps=STEPS,
        lr=RATE,
        warmup=1,
        weight_decay=0.0,
        average=0.0,
        decay=constant,
        trained=trained,
    )
