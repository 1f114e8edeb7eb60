"""Photographs of 64x64 pixels, 200 classes: Tiny ImageNet (CS231n), or a part of it, from a folder of npz files.

Each file holds `jpg`, the bytes of all pictures in a row, `off` (N + 1), where each begins, `y` (N,) and `names`.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genmodels import weights
from genmodels.data import npz
from genmodels.errors import Refusal

log = logging.getLogger(__name__)
SIZE = 64
PATTERN = "tinyin_*_jpg.npz"
HELD_OUT = 20  # one picture of so many is held out, by the hash of its file


@dataclass(frozen=True)
class Photographs:
    """images: uint8 (N, 64, 64, 3); labels: uint8 (N,), an index into names; held_out: bool (N,)."""

    images: np.ndarray
    labels: np.ndarray
    held_out: np.ndarray
    names: tuple[str, ...]


def load(folder: Path | None = None) -> Photographs:
    """The photographs of the folder's files, decoded once into the cache; without a folder, those decoded before.

    Raises Refusal: data_needed without either, photographs_file for a malformed file.
    """
    decoded = weights.cache() / "data" / "photographs.safetensors"
    paths = sorted(folder.glob(PATTERN)) if folder else []
    if folder and not paths:
        raise Refusal("photographs_file", f"{folder.name} holds no file like {PATTERN}", name=folder.name)
    if paths:
        wanted = [f"{path.name} {path.stat().st_size}" for path in paths]
        found = _read(decoded, wanted) if decoded.is_file() else None
        return found or _write(decoded, wanted, paths)
    if not decoded.is_file():
        text = "these photographs do not ship with the repository: give the folder of Tiny ImageNet with --data"
        raise Refusal("data_needed", text)
    return _read(decoded, None)


def read_file(path: Path) -> dict[str, np.ndarray]:
    """One file -> images (N, 64, 64, 3) uint8, labels (N,), held_out (N,) bool, names (200,).

    A file of decoded pictures (`images`) has no labels and is held out as a whole.
    Raises Refusal("photographs_file") for anything else.
    """
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {key: file[key] for key in ("images", "jpg", "off", "y", "names") if key in file}
        if "images" in arrays:
            return _plain(arrays["images"])
        return _unpack(arrays["jpg"], arrays["off"], arrays.get("y"), arrays.get("names", np.array([], str)))
    except npz.UNREADABLE as error:
        text = f"{path.name} is not an npz of 64x64 pictures: `images` uint8 (N, 64, 64, 3), or `jpg` and `off`"
        raise Refusal("photographs_file", text, name=path.name) from error


def _plain(images: np.ndarray) -> dict[str, np.ndarray]:
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != (SIZE, SIZE, 3) or not len(images):
        raise ValueError(f"images are {images.dtype} {images.shape}, not uint8 (N, {SIZE}, {SIZE}, 3)")
    count = len(images)
    return {"images": images, "labels": np.zeros(count, np.uint8), "held_out": np.ones(count, bool), "names": []}


def _unpack(jpg: np.ndarray, off: np.ndarray, y: np.ndarray | None, names: np.ndarray) -> dict[str, np.ndarray]:
    files = npz.cut(jpg, off)
    labels = np.zeros(len(files), np.uint8) if y is None else y.astype(np.uint8)
    if labels.shape != (len(files),):
        raise ValueError(f"y is {labels.shape}, not ({len(files)},)")
    pictures, held_out = npz.decode(files, SIZE), np.array([is_held_out(file) for file in files])
    return {"images": pictures, "labels": labels, "held_out": held_out, "names": names}


def is_held_out(data: bytes) -> bool:
    """Whether a picture's file never trains a model: decided by its bytes alone, so in whatever file it lies."""
    return int.from_bytes(hashlib.sha256(data).digest()[:4], "big") % HELD_OUT == 0


def _read(decoded: Path, wanted: list[str] | None) -> Photographs | None:
    from safetensors import safe_open

    with safe_open(decoded, "np") as file:
        about = json.loads(file.metadata()["about"])
        if wanted is not None and about["files"] != wanted:
            return None
        arrays = {key: file.get_tensor(key) for key in ("images", "labels", "held_out")}
    return Photographs(**arrays, names=tuple(about["names"]))


def _write(decoded: Path, wanted: list[str], paths: list[Path]) -> Photographs:
    from safetensors.numpy import save_file

    log.info("decoding %s", ", ".join(path.name for path in paths))
    parts = [read_file(path) for path in paths]
    arrays = {key: np.concatenate([part[key] for part in parts]) for key in ("images", "labels", "held_out")}
    names = [str(name) for name in parts[0]["names"]]
    with weights.whole(decoded) as part:
        save_file(arrays, part, metadata={"about": json.dumps({"files": wanted, "names": names})})
    return Photographs(**arrays, names=tuple(names))
