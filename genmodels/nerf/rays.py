"""Cameras and their rays. OpenGL's and Blender's convention: a camera looks along its own -z, x is right, y is up.

`c2w` (4, 4) float32 takes points of the camera to the world, where z is up; `focal` is in pixels; the centre of pixel
(row j, column i) lies at (i + 1/2, j + 1/2), rows counted from the top.
"""

from __future__ import annotations

import math

import numpy as np

from genmodels.errors import Refusal, in_range


def orbit(azimuth: float, elevation: float, distance: float) -> np.ndarray:
    """The pose of a camera on a sphere around the origin, looking at it, the horizon level.

    azimuth in [-360, 360] degrees, from +x towards +y; elevation in [-90, 90] degrees; distance > 0 in scene units.
    Returns c2w (4, 4) float32 with the camera at distance * (cos e cos a, cos e sin a, sin e).
    Raises Refusal("camera_distance") for a distance that is not a positive number, Refusal("range") for an angle.
    """
    if isinstance(distance, bool) or not isinstance(distance, int | float) or not 0 < distance < math.inf:
        raise Refusal(
            "camera_distance",
            f"the camera's distance is {distance!r}; it must be a positive number",
            value=repr(distance)[:40],
        )
    a = math.radians(in_range("azimuth", azimuth, -360, 360))
    e = math.radians(in_range("elevation", elevation, -90, 90))
    back = np.array([math.cos(e) * math.cos(a), math.cos(e) * math.sin(a), math.sin(e)])
    right = np.array([-math.sin(a), math.cos(a), 0.0])  # defined at the poles too, where "up" alone would not be
    c2w = np.eye(4, dtype=np.float32)
    c2w[:3] = np.stack([right, np.cross(back, right), back, distance * back], 1)
    return c2w


def get_rays(c2w: np.ndarray, focal: float, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The ray o + t d through each pixel's centre.

    Returns rays_o and rays_d, (H, W, 3) float32. d is not normalised: it reaches 1 along the camera's axis, so t is the
    depth of a point. Source: Mildenhall et al. 2020, arXiv:2003.08934, section 4, and their tiny NeRF notebook.
    """
    i, j = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    local = np.stack([(i - width / 2) / focal, (height / 2 - j) / focal, np.full(i.shape, -1.0)], -1)
    rays_d = (local @ c2w[:3, :3].T.astype(np.float64)).astype(np.float32)
    return np.tile(c2w[:3, 3].astype(np.float32), (height, width, 1)), rays_d


def project(points: np.ndarray, c2w: np.ndarray, focal: float, height: int, width: int) -> np.ndarray:
    """Where points (N, 3) appear: (N, 2) pixel coordinates (column, row), the inverse of `get_rays`.

    A point that is not in front of the camera gives NaN.
    """
    local = (np.asarray(points, np.float64) - c2w[:3, 3]) @ c2w[:3, :3].astype(np.float64)  # (N, 3)
    depth = np.where(local[:, 2] < 0, -local[:, 2], np.nan)
    return np.stack([width / 2 + focal * local[:, 0] / depth, height / 2 - focal * local[:, 1] / depth], 1)


def unit(vectors: np.ndarray) -> np.ndarray:
    """vectors (..., 3) scaled to length 1, in their own dtype."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def sphere(rays_o: np.ndarray, rays_d: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Where rays (..., 3) enter and leave the sphere around the origin: near, far (...) float32 in units of t.

    A ray that misses it, or has it behind itself, gets near = far = 0.
    """
    a = (rays_d * rays_d).sum(-1)
    half = (rays_o * rays_d).sum(-1) / a
    inside = half**2 - ((rays_o * rays_o).sum(-1) - radius**2) / a
    reach = np.sqrt(np.maximum(inside, 0))
    near, far = np.maximum(-half - reach, 0), np.maximum(-half + reach, 0)
    hit = (inside > 0) & (far > 0)
    return np.where(hit, near, 0).astype(np.float32), np.where(hit, far, 0).astype(np.float32)
