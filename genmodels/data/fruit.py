"""Two classes of photographs as unpaired sets: oranges and lemons of Tiny ImageNet's part (see `photographs`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genmodels.data import photographs
from genmodels.errors import Refusal

A, B = "orange", "lemon"


@dataclass(frozen=True)
class Two:
    """a, b (N, 64, 64, 3) uint8: pictures of two classes that may train; held_a, held_b: those that may not."""

    a: np.ndarray
    b: np.ndarray
    held_a: np.ndarray
    held_b: np.ndarray


def load(folder: Path | None = None, a: str = A, b: str = B) -> Two:
    """Two classes by name, as `photographs.load` finds them.

    Raises Refusal: data_needed, photographs_file as there, and the latter for photographs without these classes.
    """
    found = photographs.load(folder)
    parts = []
    for name in (a, b):
        mine = found.labels == label(found.names, name)
        parts.append((found.images[mine & ~found.held_out], found.images[mine & found.held_out]))
        if not all(map(len, parts[-1])):
            raise Refusal("photographs_file", f"these photographs show no {name}", name=name)
    return Two(parts[0][0], parts[1][0], parts[0][1], parts[1][1])


def label(names: tuple[str, ...], wanted: str) -> int:
    """The index of the class one of whose comma-separated names is `wanted`, -1 where there is none."""
    return next((i for i, name in enumerate(names) if wanted in name.split(", ")), -1)
