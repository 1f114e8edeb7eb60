"""The bake: a trained field as bytes, small enough for a page and fast enough for the hand.

Each vertex keeps one byte for its raw density and one for each coefficient of its colour (harmonics up to degree 1), so
that a sample is a lookup and no network or table of floats is asked. In the spirit of Hedman et al. 2021, "Baking
neural radiance fields for real-time view synthesis" (arXiv:2103.14645).
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from genmodels import weights
from genmodels.nerf import kernels, march
from genmodels.nerf.voxels import VoxelField, distances

COLUMNS = 13  # raw density, 4 coefficients each of red, green and blue
PADDED = 16
STEP = 1.0  # voxels, between samples
CLIPPED = 0.999  # of the coefficients keep their value; the few beyond are clipped, so that the rest is finer


class BakedVolume(nn.Module):
    """places (M, 3) uint8 coordinates of the vertices that hold anything; rows (M, 13) uint8; scale (2, 16): what a
    byte's unit stands for, and the byte that stands for zero; low (3,), voxel, size as in a VoxelField."""

    def __init__(self, places: Tensor, rows: Tensor, scale: Tensor, low: Tensor, voxel: Tensor, size: Tensor) -> None:
        super().__init__()
        for name, value in {"places": places, "scale": scale, "low": low, "voxel": voxel, "size": size}.items():
            self.register_buffer(name, value)
        self.rows = nn.Parameter(rows, requires_grad=False)

    @classmethod
    def read(cls, folder: Path) -> BakedVolume:
        """The volume that `weights.write` wrote."""
        state = weights.read(folder)
        return cls(**{name: state[name] for name in ("places", "rows", "scale", "low", "voxel", "size")})

    @cached_property
    def volume(self) -> np.ndarray:
        """(N, N, N, 16) uint8: every vertex, empty ones too."""
        n = int(self.size)
        empty = np.zeros(PADDED, np.uint8)
        empty[1:COLUMNS] = self.scale[1, 1:COLUMNS].round().byte().numpy()
        whole = np.tile(empty, (n, n, n, 1))
        whole[(*self.places.numpy().T,)] = np.pad(self.rows.numpy(), ((0, 0), (0, PADDED - COLUMNS)))
        return whole

    @cached_property
    def free(self) -> np.ndarray:
        """(N-1, N-1, N-1) uint8: see `voxels.distances`."""
        occupied = np.zeros((int(self.size),) * 3, bool)
        occupied[(*self.places.numpy().T,)] = True
        return distances(occupied)

    def render(self, rays_o: np.ndarray, rays_d: np.ndarray, background: float = 0.0) -> np.ndarray:
        """rays_o, rays_d (R, 3), directions of length 1 -> (R, 5): red, green, blue on that grey, opacity, and the
        expected distance times opacity."""
        out = np.zeros((len(rays_o), 5), np.float32)
        low, scale, voxel = self.low.numpy(), self.scale.numpy(), np.float32(self.voxel)
        step, grey = np.float32(STEP), np.float32(background)
        march.march(rays_o, rays_d, low, voxel, step, self.volume, self.free, scale, grey, out)
        return out

    def unpacked(self) -> VoxelField:
        """The same volume as a field of floats: what it would be without the compiled loop, for tests and for looking
        along a ray."""
        rows = (self.rows.float() - self.scale[1, :COLUMNS]) * self.scale[0, :COLUMNS]
        return VoxelField(self.places.numpy(), rows.numpy(), self.low.numpy(), float(self.voxel), int(self.size))


def bake(field: VoxelField) -> BakedVolume:
    """A field of degree 1 in bytes. Raises ValueError for another degree or a grid of more than 256 vertices a side."""
    if field.harmonics != 4 or int(field.size) > 256:
        raise ValueError(f"a field of {field.harmonics} harmonics and {int(field.size)} vertices an axis does not bake")
    rows = field.rows.detach().numpy()
    scale = np.ones((2, PADDED), np.float32)
    scale[0, 0] = (kernels.MOST - kernels.EMPTY) / 255
    scale[1, 0] = -kernels.EMPTY / scale[0, 0]
    for c in range(1, COLUMNS):
        scale[0, c] = max(float(np.quantile(np.abs(rows[:, c]), CLIPPED)), 1e-3) / 127
        scale[1, c] = 128
    packed = np.round(rows / scale[0, :COLUMNS] + scale[1, :COLUMNS]).clip(0, 255).astype(np.uint8)
    parts = field.places.to(torch.uint8), torch.from_numpy(packed), torch.from_numpy(scale)
    return BakedVolume(*parts, field.low.clone(), field.voxel.clone(), field.size.clone())
