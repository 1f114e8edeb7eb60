"""A scene as NeRF sees it: pictures from all round, each with its camera's pose. Lengths in scene units, z up.

A scene file is a NumPy .npz archive with `images_premult_rgba` (N, H, W, 4) uint8, `poses` (N, 4, 4) float, camera to
world, cameras looking along their -z with x right and y up (OpenGL, Blender), `focal` (pixels) and, if it chooses its
own, `held_out` (N,) bool. Files come from visitors, so nothing in them is trusted: see `read`.
"""

from __future__ import annotations

import logging
import math
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from genmodels import weights
from genmodels.errors import Refusal, in_range

log = logging.getLogger(__name__)
SCENES = weights.ASSETS.parent / "scenes"
LIMIT = 400_000_000  # bytes of all arrays, unpacked
HOLD_OUT = 10  # every tenth view is held out where the file does not say which
RIGID = 1e-3  # a pose's rotation may miss orthonormality by this much: files store float32, some only four digits
ROUNDING = 2  # grey levels by which a premultiplied colour may exceed its alpha
WANTED = {  # array: kind, shape
    "images_premult_rgba": (np.uint8, ("N", "H", "W", 4)),
    "poses": (np.floating, ("N", 4, 4)),
    "focal": (np.floating, ()),
    "held_out": (np.bool_, ("N",)),
}


@dataclass(frozen=True)
class Scene:
    """Views of one thing, and where each was taken from.

    images (N, H, W, 4) uint8, premultiplied sRGB, so that [..., :3] is the picture on black; poses (N, 4, 4) float32,
    camera to world; focal in pixels; held_out (N,) bool, the views that nothing is trained on.
    """

    name: str
    images: np.ndarray
    poses: np.ndarray
    focal: float
    held_out: np.ndarray

    def smaller(self, size: int) -> Scene:
        """The scene `size` pixels high, every pixel the mean of the area it covers; width and focal follow.

        Raises Refusal unless 1 <= size <= the present height.
        """
        height, width = self.images.shape[1:3]
        in_range("size", size, 1, height)
        down, across = _areas(height, size), _areas(width, max(1, round(width * size / height)))
        rows = (down @ image.reshape(height, -1).astype(np.float32) for image in self.images)  # (size, W * 4) each
        small = np.stack([(across @ row.reshape(size, width, 4)).round().astype(np.uint8) for row in rows])
        return replace(self, images=small, focal=self.focal * size / height)

    def targets(self, views: np.ndarray, background: float = 0.0) -> np.ndarray:
        """Pictures of those views (indices or mask) on a background of that grey -> (n, H, W, 3) float32 in [0, 1]."""
        rgba = self.images[views].astype(np.float32) / 255
        return rgba[..., :3] + background * (1 - rgba[..., 3:])


def load(name: str) -> Scene:
    """One of our own scenes at full size, from the cache; rendered first (half an hour) when it is not there.

    Raises Refusal for an unknown name, and where it must be rendered but mitsuba is missing.
    """
    from genmodels.data import nerf_scenes

    path = nerf_scenes.path(name)
    if not path.is_file():
        for step in nerf_scenes.render(name):
            log.info("rendering %s: view %d of %d", name, step.i, step.n)
    return replace(read(path), name=name)


def small(name: str) -> Scene:
    """The version of one of our own scenes that ships with the page: 100 pixels, fewer views."""
    return read(SCENES / f"{name}.npz")


def read(path: str | Path) -> Scene:
    """The scene in an .npz file, named after it. Every tenth view is held out unless the file says which.

    Raises Refusal, naming what is wrong, for anything that is not a complete and consistent scene (codes scene_*).
    """
    path = Path(path)
    arrays = _arrays(path)
    images, poses, focal = arrays["images_premult_rgba"], arrays["poses"], float(arrays["focal"])
    n = len(images)
    held_out = arrays.get("held_out", np.arange(n) % HOLD_OUT == 0)
    for name, found, shape in (("poses", poses, (n, 4, 4)), ("held_out", held_out, (n,))):
        if found.shape != shape:
            raise _wrong(name, str(found.shape), str(shape))
    if (images[..., :3].max(-1) > images[..., 3].astype(np.int16) + ROUNDING).any():
        raise Refusal("scene_straight", "images_premult_rgba is not premultiplied: a colour is brighter than its alpha")
    if not (math.isfinite(focal) and focal > 0):
        raise Refusal("scene_focal", f"focal is {focal:g}; it must be a positive number of pixels", value=f"{focal:g}")
    poses = _rigid(poses)
    held = int(held_out.sum())
    if n - held < 2 or held < 1:
        message = f"{n - held} views to train on and {held} held out; it takes at least 2 and 1"
        raise Refusal("scene_views", message, train=n - held, held_out=held)
    return Scene(path.stem, images, poses, focal, held_out)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of WANTED, each of its kind and rank."""
    if not path.is_file():
        raise Refusal("scene_missing", f"there is no file {path.name}", file=path.name)
    try:
        with zipfile.ZipFile(path) as archive:
            inside = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            total = max(path.stat().st_size, sum(info.file_size for info in inside.values()))
            if total > LIMIT:
                sizes = {"megabytes": total // 10**6, "limit": LIMIT // 10**6}
                raise Refusal("scene_large", "the scene takes {megabytes} MB; at most {limit}".format(**sizes), **sizes)
            for name in WANTED:
                if name not in inside and name != "held_out":
                    raise Refusal("scene_lacks", f"the file has no array {name}", array=name)
            return {name: _array(archive, inside[name], name) for name in WANTED if name in inside}
    except Refusal:
        raise
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise Refusal("scene_file", f"{path.name} is not an .npz archive of plain arrays", file=path.name) from error


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> np.ndarray:
    """One array, read only after its header is seen to be sound.

    Raises Refusal for another kind or rank, pickled objects included; ValueError when it announces more than it holds.
    """
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is packed in a way that numpy does not use")
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = header(file)
        kind, wanted = WANTED[name]
        fits = len(shape) == len(wanted) and all(
            size > 0 if isinstance(want, str) else size == want for size, want in zip(shape, wanted, strict=True)
        )
        if not (fits and np.issubdtype(dtype, kind)):
            raise _wrong(name, f"{dtype} {shape}", f"{kind.__name__} ({', '.join(map(str, wanted))})")
        if math.prod(shape) * dtype.itemsize != info.file_size - file.tell():
            raise ValueError(f"{name} does not hold the {shape} that it announces")
        file.seek(0)
        return np.lib.format.read_array(file, allow_pickle=False)


def _rigid(poses: np.ndarray) -> np.ndarray:
    """The poses as float32. Each must be a rotation (not a reflection), a finite place and the last row 0 0 0 1."""
    with np.errstate(over="ignore"):
        poses = poses.astype(np.float32)
    turn = np.nan_to_num(poses[:, :3, :3]).clip(-2, 2).astype(np.float64)  # no entry of a rotation exceeds 1
    off = np.abs(turn @ turn.transpose(0, 2, 1) - np.eye(3)).max((1, 2))
    whole = np.isfinite(poses).all((1, 2)) & (poses[:, 3] == [0, 0, 0, 1]).all(1)
    rigid = whole & (off < RIGID) & (np.linalg.det(turn) > 0)
    if not rigid.all():
        view = int(np.flatnonzero(~rigid)[0])
        raise Refusal("scene_pose", f"pose {view} is not a rotation and a place in the world", view=view)
    return poses


def _wrong(name: str, found: str, wanted: str) -> Refusal:
    return Refusal("scene_array", f"{name} is {found}; it must be {wanted}", array=name, found=found, wanted=wanted)


def _areas(before: int, after: int) -> np.ndarray:
    """(after, before) weights of the mean over the area: rows sum to 1, pixels at an edge count by their share."""
    edges = np.linspace(0, before, after + 1)[:, None]
    left, right = edges[:-1], edges[1:]
    pixel = np.arange(before)
    share = np.minimum(right, pixel + 1) - np.maximum(left, pixel)
    return (share.clip(0) / (right - left)).astype(np.float32)
