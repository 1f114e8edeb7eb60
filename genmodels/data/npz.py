"""Npz files by path: what reading a malformed one raises, and pictures packed in one as bytes and offsets."""

from __future__ import annotations

import zlib
from zipfile import BadZipFile

import numpy as np

from genmodels import images

UNREADABLE = (OSError, EOFError, KeyError, TypeError, ValueError, NotImplementedError, BadZipFile, zlib.error)


def cut(packed: np.ndarray, off: np.ndarray) -> list[bytes]:
    """packed: uint8, all files in a row; off (N + 1,): where each begins -> the N files. Raises ValueError."""
    off = off.astype(np.int64)
    if packed.dtype != np.uint8 or len(off) < 2 or off[0] < 0 or off[-1] > len(packed) or (np.diff(off) <= 0).any():
        raise ValueError("the offsets do not cut the bytes into pictures")
    return [packed[a:b].tobytes() for a, b in zip(off[:-1], off[1:], strict=True)]


def decode(files: list[bytes], size: int) -> np.ndarray:
    """JPEG files of size x size pixels -> (N, size, size, 3) uint8. Raises ValueError for another size."""
    pictures = np.empty((len(files), size, size, 3), np.uint8)
    for i, file in enumerate(files):
        picture = images.read(file)
        if picture.shape != (3, size, size):
            raise ValueError(f"picture {i} is {tuple(picture.shape)}, not {size}x{size}")
        pictures[i] = picture.permute(1, 2, 0).numpy()
    return pictures
