"""Triangle meshes for the scenes rendered here: read from npm packages, or turned on a lathe. z is up."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from genmodels.data import packages


@dataclass(frozen=True)
class Mesh:
    """positions (V, 3) float; faces (F, 3) indices, counter-clockwise from outside; uv (V, 2) in [0, 1] or None;
    smooth: whether shading rounds off the edges."""

    positions: np.ndarray
    faces: np.ndarray
    uv: np.ndarray | None = None
    smooth: bool = True

    def placed(self, scale: float = 1.0, turn: float = 0.0, at: tuple[float, float, float] = (0, 0, 0)) -> Mesh:
        """The mesh scaled, then turned by `turn` degrees about z, then moved to `at`."""
        return replace(self, positions=scale * self.positions @ turn_z(turn).T + np.asarray(at))

    def normals(self) -> np.ndarray:
        """(V, 3) unit normals, averaged by area over the faces that meet at a place (so also across texture seams)."""
        _, place = np.unique(self.positions.round(6), axis=0, return_inverse=True)
        a, b, c = (self.positions[self.faces[:, k]] for k in range(3))
        total = np.zeros((place.max() + 1, 3))
        for k in range(3):
            np.add.at(total, place[self.faces[:, k]], np.cross(b - a, c - a))
        found = total[place]
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)


def turn_z(degrees: float) -> np.ndarray:
    """(3, 3) rotation about z, counter-clockwise seen from above."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def npm(spec: str, file: str) -> Mesh:
    """The mesh in a JavaScript file that exports `positions` and `cells` with y up; read as text, never run.

    Stands on z = 0, centred above the origin, one unit tall. Raises RuntimeError when the file has no such arrays.
    """
    text = (packages.npm(spec) / file).read_text(encoding="utf-8")
    arrays = {}
    for name in ("positions", "cells"):
        found = re.search(rf"exports\.{name}\s*=\s*(\[.*?\]\])", text, re.DOTALL)
        if not found:
            raise RuntimeError(f"{spec}: {file} exports no {name}")
        arrays[name] = np.array(json.loads(found.group(1)))
    positions = arrays["positions"] @ np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])  # (x, y, z) -> (x, -z, y)
    low, high = positions.min(0), positions.max(0)
    floor = [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]]
    return Mesh((positions - floor) / (high - low)[2], arrays["cells"])


def box(size: tuple[float, float, float]) -> Mesh:
    """A box of that size standing on z = 0; every face shows the whole texture, upright on the sides."""
    front = (
        np.array([[-1, -1, -1], [1, -1, -1], [1, -1, 1], [-1, -1, 1]]) / 2
    )  # the side that faces -y, seen from there
    lid = front[:, [0, 2, 1]] * [1, 1, -1]
    sides = [front @ turn_z(90 * k).T for k in range(4)]
    faces = np.concatenate([*sides, lid, lid * [1, -1, -1]]) + [0, 0, 0.5]
    quads = 4 * np.arange(6)[:, None, None] + np.array([[0, 1, 2], [0, 2, 3]])
    return Mesh(faces * size, quads.reshape(-1, 3), np.tile([[0, 0], [1, 0], [1, 1], [0, 1]], (6, 1)), smooth=False)


def lathe(profile: np.ndarray, segments: int = 96, finer: int = 4) -> Mesh:
    """The surface that a profile sweeps round the z axis.

    profile: (P, 2) of (radius, height) from the axis, over the top (a cup: its inside), down the outside, back to the
    axis, so that normals point out; made `finer` times denser by a Catmull-Rom spline. uv is the plan from above.
    """
    profile = _spline(np.asarray(profile, float), finer)
    angle = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    r, z = profile[:, 0, None], profile[:, 1, None]
    positions = np.stack([r * np.cos(angle), r * np.sin(angle), z + 0 * angle], -1).reshape(-1, 3)
    uv = positions[:, :2] / (2 * profile[:, 0].max()) + 0.5
    return Mesh(positions, _grid(len(profile), segments), uv)


def tube(path: np.ndarray, radius: Callable[[np.ndarray], np.ndarray], segments: int = 20) -> Mesh:
    """A tube along a path in the plane y = 0.

    path: (P, 2) of (x, z); radius: from the place along the path, 0 to 1, to the tube's radius there.
    """
    path = _spline(np.asarray(path, float), 6)
    along = np.gradient(path, axis=0)
    side = np.stack([-along[:, 1], along[:, 0]], -1) / np.linalg.norm(along, axis=1, keepdims=True)
    angle = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    r = radius(np.linspace(0, 1, len(path)))[:, None]
    out, across = r * np.cos(angle), r * np.sin(angle)
    x, z = (path[:, k, None] + out * side[:, k, None] for k in (0, 1))
    return Mesh(np.stack([x, across, z], -1).reshape(-1, 3), _grid(len(path), segments))


def _spline(points: np.ndarray, finer: int) -> np.ndarray:
    """Catmull-Rom through (P, 2) points, the first and last tangents one-sided -> ((P - 1) * finer + 1, 2)."""
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    a, b, c, d = padded[:-3, None], padded[1:-2, None], padded[2:-1, None], padded[3:, None]
    t = np.linspace(0, 1, finer, endpoint=False)[:, None]
    curve = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return np.concatenate([curve.reshape(-1, points.shape[1]), points[-1:]])


def _grid(rows: int, columns: int) -> np.ndarray:
    """Two triangles for each cell of a grid whose last column meets the first -> (2 * (rows - 1) * columns, 3)."""
    i, j = np.meshgrid(np.arange(rows - 1), np.arange(columns), indexing="ij")
    right = (j + 1) % columns
    a, b, c, d = i * columns + j, i * columns + right, (i + 1) * columns + j, (i + 1) * columns + right
    return np.concatenate([np.stack([a, c, d], -1).reshape(-1, 3), np.stack([a, d, b], -1).reshape(-1, 3)])
