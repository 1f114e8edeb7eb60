"""Fashion-MNIST: 60,000 + 10,000 pictures of clothing, 28x28, white on black (Xiao et al. 2017, MIT licence)."""

from __future__ import annotations

import numpy as np

from genmodels.data import packages
from genmodels.data.mnist import read_idx


def load(split: str) -> tuple[np.ndarray, np.ndarray]:
    """split "train" or "test" -> images (N, 28, 28) uint8, labels (N,) uint8."""
    folder = packages.debian("dataset-fashion-mnist")
    stem = {"train": "train", "test": "t10k"}[split]
    images, labels = (next(folder.rglob(f"{stem}-{kind}-idx*")) for kind in ("images", "labels"))
    return read_idx(images), read_idx(labels)
