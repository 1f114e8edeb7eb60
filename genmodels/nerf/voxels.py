"""The fast field: a sparse grid of density and spherical harmonics, trained on two cores in minutes.

No network: each vertex holds a raw density and the harmonics' coefficients of its colour, as in Plenoxels
(Fridovich-Keil et al. 2022, arXiv:2112.05131); the exponential comes after the interpolation, as in direct voxel grid
optimisation (Sun et al. 2022, arXiv:2111.11215), so that a coarse grid holds a sharp surface. It starts as fog in a
box, and grows finer while empty space is dropped and then skipped.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor, nn

from genmodels import weights
from genmodels.nerf import kernels
from genmodels.nerf.rays import get_rays, project, unit
from genmodels.nerf.render import spherical_harmonics
from genmodels.nerf.scene import Scene
from genmodels.step import Step

DEGREE = 1
FOG = -1.0  # raw density at the start
SEEN = 0.004  # vertices that never weigh more than this in any training ray are dropped at the end
BATCH = 4096
YIELD_SECONDS = 0.2


class VoxelField(nn.Module):
    """A trained or growing field.

    places (M, 3) integer coordinates of the vertices that hold anything; rows (M, 1 + 3 K): raw density, then K
    coefficients each of red, green and blue; low (3,) the corner of the grid in the scene, voxel its spacing, size its
    vertices along an axis. forward() is the plain definition, `render` the compiled one.
    """

    def __init__(self, places: np.ndarray, rows: np.ndarray, low: np.ndarray, voxel: float, size: int) -> None:
        super().__init__()
        self.rows = nn.Parameter(torch.from_numpy(np.ascontiguousarray(rows, np.float32)), requires_grad=False)
        self.register_buffer("places", torch.from_numpy(places.astype(np.uint8)))
        self.register_buffer("low", torch.from_numpy(np.asarray(low, np.float32)))
        self.register_buffer("voxel", torch.tensor(voxel, dtype=torch.float32))
        self.register_buffer("size", torch.tensor(size))
        self.index = np.full((size,) * 3, -1, np.int32)
        self.index[tuple(places.T)] = np.arange(len(places), dtype=np.int32)
        self.free = distances(self.index >= 0)

    @classmethod
    def read(cls, folder: Path) -> VoxelField:
        """The field that `weights.write` wrote."""
        state = weights.read(folder)
        places, rows = state["places"].numpy(), state["rows"].numpy()
        return cls(places, rows, state["low"].numpy(), float(state["voxel"]), int(state["size"]))

    @property
    def harmonics(self) -> int:
        """K: coefficients of each colour."""
        return (self.rows.shape[1] - 1) // 3

    def forward(self, points: Tensor, dirs: Tensor) -> tuple[Tensor, Tensor]:
        """points (..., 3), unit dirs (..., 3) -> rgb (..., 3) and sigma (...); sigma is 0 outside the grid."""
        n, k = int(self.size), self.harmonics
        grid = (points - self.low) / self.voxel
        inside = ((grid >= 0) & (grid <= n - 1)).all(-1)
        cell = grid.clamp(0, n - 1).floor().clamp(max=n - 2).long()
        part = grid.clamp(0, n - 1) - cell
        empty = self.rows.new_zeros(1, self.rows.shape[1])
        empty[0, 0] = kernels.EMPTY
        table = torch.cat([self.rows, empty])  # index -1 is the last row
        index = torch.from_numpy(self.index).long()
        value = 0.0
        for corner in np.ndindex(2, 2, 2):
            at = cell + torch.tensor(corner)
            share = torch.where(torch.tensor(corner, dtype=torch.bool), part, 1 - part).prod(-1)
            value = value + share[..., None] * table[index[at[..., 0], at[..., 1], at[..., 2]]]
        basis = spherical_harmonics(dirs, int(k**0.5) - 1)  # (..., K)
        colors = value[..., 1:].unflatten(-1, (3, k))
        rgb = ((colors * basis[..., None, :]).sum(-1) + 0.5).clamp_min(0)
        return rgb, torch.where(inside, value[..., 0].clamp(max=kernels.MOST).exp(), 0)

    def render(self, rays_o: np.ndarray, rays_d: np.ndarray) -> np.ndarray:
        """rays_o, rays_d (R, 3), directions of length 1 -> (R, 5): red, green, blue on black, opacity, and the expected
        distance times opacity."""
        out = np.zeros((len(rays_o), 5), np.float32)
        kernels.render(rays_o, rays_d, *self.grid(), self.harmonics, out)
        return out

    def grid(self) -> tuple:
        """What the kernels take of a field: low, voxel, index, free, params."""
        return self.low.numpy(), np.float32(self.voxel), self.index, self.free, self.rows.detach().numpy()


def distances(occupied: np.ndarray) -> np.ndarray:
    """occupied vertices (N, N, N) bool -> (N-1, N-1, N-1) uint8: cells (Chebyshev) to the nearest one with an occupied
    corner, itself 0."""
    n = len(occupied)
    cells = np.zeros((n - 1,) * 3, bool)
    for i, j, u in np.ndindex(2, 2, 2):
        cells |= occupied[i : n - 1 + i, j : n - 1 + j, u : n - 1 + u]
    if not cells.any():
        return np.full(cells.shape, 255, np.uint8)
    return np.minimum(ndimage.distance_transform_cdt(~cells, "chessboard"), 255).astype(np.uint8)


def picture(model: nn.Module, c2w: np.ndarray, focal: float, height: int, width: int) -> np.ndarray:
    """A view by anything with `render`: (H, W, 5) float32."""
    rays_o, rays_d = get_rays(c2w, focal, height, width)
    return model.render(rays_o.reshape(-1, 3), unit(rays_d).reshape(-1, 3)).reshape(height, width, 5)


def fog(scene: Scene, views: np.ndarray, size: int) -> VoxelField:
    """Even fog in the smallest box around what the views show, found by carving: a point is outside that any view sees
    as background, or that most do not have in their frame."""
    camera = float(np.linalg.norm(scene.poses[views, :3, 3], axis=1).min())
    edge = np.linspace(-0.9 * camera, 0.9 * camera, 64, dtype=np.float32)
    points = np.stack(np.meshgrid(edge, edge, edge, indexing="ij"), -1).reshape(-1, 3)
    kept, framed = np.ones(len(points), bool), np.zeros(len(points), int)
    height, width = scene.images.shape[1:3]
    for view in views:
        at = project(points, scene.poses[view], scene.focal, height, width)
        seen = np.isfinite(at).all(1) & (at >= 0).all(1) & (at < [width, height]).all(1)
        framed += seen
        column, row = at[seen].astype(int).T
        alpha = ndimage.maximum_filter(scene.images[view, :, :, 3], 5)
        kept[np.flatnonzero(seen)[alpha[row, column] == 0]] = False
    kept &= framed > len(views) / 2
    inside = points[kept] if kept.any() else points
    margin = edge[1] - edge[0]
    low, high = inside.min(0) - margin, inside.max(0) + margin
    places = np.stack(np.meshgrid(*[np.arange(size)] * 3, indexing="ij"), -1).reshape(-1, 3)
    rows = np.zeros((len(places), 1 + 3 * (DEGREE + 1) ** 2), np.float32)
    rows[:, 0] = FOG
    half = (high - low).max() / 2
    return VoxelField(places, rows, (low + high) / 2 - half, 2 * half / (size - 1), size)


def finer(field: VoxelField, size: int, keep: float) -> VoxelField:
    """The field on a grid of `size` vertices an axis, fitted around the vertices denser than raw `keep` and their
    neighbours; the rest is dropped."""
    dense = np.zeros((*field.index.shape, field.rows.shape[1]), np.float32)
    dense[..., 0] = kernels.EMPTY
    dense[tuple(field.places.numpy().T.astype(int))] = field.rows.numpy()
    solid = dense[..., 0] > keep
    if not solid.any():  # all fog still
        solid = field.index >= 0
    solid = ndimage.binary_dilation(solid, np.ones((3, 3, 3)))
    found = np.argwhere(solid)
    low, high = (float(field.voxel) * edge + field.low.numpy() for edge in (found.min(0) - 1, found.max(0) + 1))
    half, middle = (high - low).max() / 2, (low + high) / 2
    voxel = 2 * half / (size - 1)
    axes = [(middle[a] - half + voxel * np.arange(size) - float(field.low[a])) / float(field.voxel) for a in range(3)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"))
    inside = ndimage.map_coordinates(solid.astype(np.float32), grid, order=1) > 0.5
    points = grid[:, inside]
    columns = [
        ndimage.map_coordinates(dense[..., c], points, order=1, cval=kernels.EMPTY if c == 0 else 0)
        for c in range(dense.shape[-1])
    ]
    return VoxelField(np.argwhere(inside), np.stack(columns, -1), middle - half, voxel, size)


@dataclass(frozen=True)
class Stage:
    """Training at one fineness. rates: of raw density, of constant colours, of the other coefficients; they fall by
    `fall` over the stage. keep: raw density below which a vertex of the stage before is dropped."""

    size: int
    steps: int
    rates: tuple[float, float, float] = (0.1, 0.02, 0.01)
    fall: float = 1.0
    keep: float = 0.0


STAGES = (Stage(48, 300, (0.2, 0.03, 0.02)), Stage(96, 500), Stage(144, 1500, fall=0.05, keep=0.5))
LIVE_STAGES = (Stage(32, 150, (0.2, 0.03, 0.02)), Stage(64, 250), Stage(96, 2000, fall=0.1, keep=0.5))


class Trainer:
    """Trains a field on some views of a scene (all but the held-out ones unless given); `run` goes on where it stopped.

    field: what is learned so far; done: steps taken; seconds: spent in them.
    """

    def __init__(
        self, scene: Scene, views: np.ndarray | None = None, seed: int = 0, stages: tuple[Stage, ...] = STAGES
    ) -> None:
        self.views = np.flatnonzero(~scene.held_out) if views is None else np.asarray(views)
        self.stages, self.rng = stages, np.random.default_rng(seed)
        self.done, self.seconds = 0, 0.0
        height, width = scene.images.shape[1:3]
        rays = [get_rays(scene.poses[v], scene.focal, height, width) for v in self.views]
        self._rays_o = np.stack([o for o, _ in rays]).reshape(-1, 3)
        self._rays_d = unit(np.stack([d for _, d in rays])).reshape(-1, 3)
        self._targets = scene.images[self.views].reshape(-1, 4)
        self._start(fog(scene, self.views, stages[0].size))

    @property
    def steps(self) -> int:
        """Steps of all stages together."""
        return sum(stage.steps for stage in self.stages)

    def run(self, seconds: float | None = None) -> Iterator[Step]:
        """Train until the last stage ends or `seconds` have passed; a Step at least every 0.2 s."""
        began, before = time.monotonic(), self.seconds
        last, losses = began, []
        while self.done < self.steps:
            losses.append(self._step())
            now = time.monotonic()
            self.seconds = before + now - began
            out_of_time = seconds is not None and now - began > seconds
            if now - last > YIELD_SECONDS or out_of_time or self.done == self.steps:
                info = {"size": int(self.field.size), "seconds": round(self.seconds, 1)}
                yield Step(self.done, self.steps, loss=float(np.mean(losses)), info=info)
                last, losses = time.monotonic(), []
            if out_of_time:
                break

    def finish(self) -> VoxelField:
        """The field without the vertices that no training ray sees."""
        best = np.zeros((kernels.GROUPS, len(self.field.rows)), np.float32)
        kernels.visibility(self._rays_o, self._rays_d, *self.field.grid(), self.field.harmonics, best)
        kept = best.max(0) > SEEN
        places, rows = self.field.places.numpy()[kept], self.field.rows.numpy()[kept]
        return VoxelField(places, rows, self.field.low.numpy(), float(self.field.voxel), int(self.field.size))

    def _step(self) -> float:
        stage, at = self._stage()
        if at == 0 and self.done:
            self._start(finer(self.field, stage.size, stage.keep))
        chosen = self.rng.integers(0, len(self._targets), BATCH)
        losses = np.zeros(kernels.GROUPS)
        targets = self._targets[chosen].astype(np.float32) / 255
        jitter = self.rng.random(BATCH, np.float32)
        k = self.field.harmonics
        rays = self._rays_o[chosen], self._rays_d[chosen]
        kernels.gradient(*rays, jitter, targets, *self.field.grid(), k, self._grads, losses)
        fall = stage.fall ** (at / stage.steps)
        rates = (np.float32(rate * fall) for rate in stage.rates)
        kernels.adam(self.field.rows.numpy(), self._grads, *self._moments, at + 1, *rates, k)
        self.done += 1
        return float(losses.sum()) / BATCH

    def _stage(self) -> tuple[Stage, int]:
        """The present stage and the steps taken in it."""
        at = self.done
        for stage in self.stages:
            if at < stage.steps:
                return stage, at
            at -= stage.steps
        raise StopIteration

    def _start(self, field: VoxelField) -> None:
        self.field = field
        shape = tuple(field.rows.shape)
        self._grads = np.zeros((kernels.GROUPS, *shape), np.float32)
        self._moments = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
