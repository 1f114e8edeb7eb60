"""Facades and their label maps, 128x128: the CMP Facade Database (Tylecek and Sara 2013), from one npz file.

The file holds for each split and kind `{train,val,test}_{photo,label}_jpg`, the bytes of all pictures in a row, and
`..._off` (N + 1), where each begins. A label map is drawn in PALETTE's twelve colours, blended by JPEG at edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genmodels import weights
from genmodels.data import npz
from genmodels.errors import Refusal

SIZE = 128
FILE = "facades_128_jpg.npz"
CLASSES = (
    "background",
    "facade",
    "window",
    "door",
    "cornice",
    "sill",
    "balcony",
    "blind",
    "decoration",
    "moulding",
    "pillar",
    "shop",
)
PALETTE = np.array(  # (12, 3) uint8, in the order of CLASSES: the colours of the set's own label maps
    [
        (0, 0, 223),
        (0, 48, 255),
        (0, 128, 255),
        (0, 207, 255),
        (32, 255, 223),
        (112, 255, 144),
        (191, 255, 64),
        (255, 239, 0),
        (255, 160, 0),
        (255, 80, 0),
        (255, 0, 0),
        (175, 0, 0),
    ],
    np.uint8,
)


@dataclass(frozen=True)
class Facades:
    """photos, labels (N, 128, 128, 3) uint8; held_out (N,) bool: the set's own test split."""

    photos: np.ndarray
    labels: np.ndarray
    held_out: np.ndarray


def load(path: Path | None = None) -> Facades:
    """The facades of the file (or of a folder that holds FILE), decoded once into the cache; without, those of before.

    Raises Refusal: data_needed without either, facades_file for a malformed file.
    """
    decoded = weights.cache() / "data" / "facades-128-v1.npz"
    if path is None and not decoded.is_file():
        text = "facades do not ship with the repository: give the file of the CMP Facade Database with --data"
        raise Refusal("data_needed", text)
    if path is not None:
        found = read_file(path / FILE if path.is_dir() else path)
        with weights.whole(decoded) as part:
            np.savez(part, photos=found.photos, labels=found.labels, held_out=found.held_out)
        return found
    with np.load(decoded, allow_pickle=False) as packed:
        return Facades(packed["photos"], packed["labels"], packed["held_out"])


def read_file(path: Path) -> Facades:
    """One file -> the facades of all its splits. Raises Refusal("facades_file") for anything else."""
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            splits = [split for split in ("train", "val", "test") if f"{split}_photo_jpg" in file]
            read = {
                kind: [
                    npz.decode(npz.cut(file[f"{split}_{kind}_jpg"], file[f"{split}_{kind}_off"]), SIZE)
                    for split in splits
                ]
                for kind in ("photo", "label")
            }
        if not splits or any(len(a) != len(b) for a, b in zip(*read.values(), strict=True)):
            raise ValueError("photos and labels do not pair up")
        held = [np.full(len(part), split == "test") for split, part in zip(splits, read["photo"], strict=True)]
        return Facades(np.concatenate(read["photo"]), np.concatenate(read["label"]), np.concatenate(held))
    except npz.UNREADABLE as error:
        text = f"{path.name} is not an npz of facades: train_photo_jpg, train_photo_off, train_label_jpg, ..."
        raise Refusal("facades_file", text, name=path.name) from error


def colours(labels: np.ndarray) -> np.ndarray:
    """Classes (..., H, W) -> (..., H, W, 3) uint8, drawn in PALETTE."""
    return PALETTE[labels]
