"""Two emoji styles as unpaired sets, and the truth that scores a translation between them.

Training draws from each style's own pictures, without saying which two show the same subject. The truth is what no
training ever sees: subjects whose pictures are held out in both styles.

Twemoji fills its square, Fluent 3D does not (a mean extent of 63.4 and 56.0 of 64 pixels). A translator would spend
itself on that and a distance to the truth would measure little else, so Twemoji is drawn smaller here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genmodels.data import emoji

A, B = "twemoji", "fluent-3d"
EXTENT = {"twemoji": 56}  # pixels that a picture is drawn in, centred; others keep all of theirs


@dataclass(frozen=True)
class Pairs:
    """a, b (N, 64, 64, 3) uint8: the same subject in two styles, row by row; subject (N,) indexes the emoji set's."""

    a: np.ndarray
    b: np.ndarray
    subject: np.ndarray


def number(style: str) -> int:
    """A style's index in `emoji.STYLES`. Raises ValueError for an unknown one."""
    ids = [s.id for s in emoji.STYLES]
    if style not in ids:
        raise ValueError(f"style is {style!r}; there are {', '.join(ids)}")
    return ids.index(style)


def training(data: emoji.Emoji, style: str) -> np.ndarray:
    """(N, 64, 64, 3) uint8: the style's pictures that may train."""
    return drawn(data.images[(data.style == number(style)) & (data.split == emoji.TRAIN)], style)


def drawn(images: np.ndarray, style: str) -> np.ndarray:
    """Pictures (N, 64, 64, 3) uint8 of a style, in its EXTENT and white around it."""
    inner = EXTENT.get(style, emoji.SIZE)
    if inner == emoji.SIZE or not len(images):
        return images
    import torch
    from torch.nn import functional as F

    found = np.full_like(images, 255)
    rim = (emoji.SIZE - inner) // 2
    for i in range(0, len(images), 200):
        part = torch.from_numpy(images[i : i + 200]).permute(0, 3, 1, 2).float()
        small = F.interpolate(part, (inner, inner), mode="bilinear", antialias=True).round().byte()
        found[i : i + 200, rim : rim + inner, rim : rim + inner] = small.permute(0, 2, 3, 1).numpy()
    return found


def truth(data: emoji.Emoji, a: str = A, b: str = B) -> Pairs:
    """Subjects whose pictures are held out in both styles, as pairs."""
    return _pairs(data, a, b, held=True)


def paired(data: emoji.Emoji, a: str = A, b: str = B) -> Pairs:
    """Training pictures of both styles as pairs: what the paired reference learns from, and the others do not see."""
    return _pairs(data, a, b, held=False)


def _pairs(data: emoji.Emoji, a: str, b: str, held: bool) -> Pairs:
    side = (data.split != emoji.TRAIN) == held
    rows = []
    for style in (a, b):
        at = np.flatnonzero((data.style == number(style)) & side)
        rows.append(dict(zip(data.subject[at].tolist(), at.tolist(), strict=True)))
    both = sorted(rows[0].keys() & rows[1].keys())
    first, second = ([found[subject] for subject in both] for found in rows)
    return Pairs(drawn(data.images[first], a), drawn(data.images[second], b), np.array(both, np.int32))
