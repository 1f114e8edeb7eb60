"""Procedural drawings that are no digits: pseudo-unknowns for outlier exposure, and examples for the page.

Nothing here has seen QuickDraw, letters of any script, or Omniglot.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIZE, INK, OVER = 28, 20, 4


def scribble(rng: np.random.Generator) -> np.ndarray:
    """One to four smooth strokes through random points -> (28, 28) uint8."""
    return _draw([_smooth(rng.random((rng.integers(3, 7), 2)), rng) for _ in range(rng.integers(1, 5))], rng)


def rune(rng: np.random.Generator) -> np.ndarray:
    """Straight and curved strokes between the nodes of a 3x4 grid, as letters are built."""
    nodes = np.stack(np.meshgrid([0, 0.5, 1], [0, 0.33, 0.67, 1]), -1).reshape(-1, 2)
    strokes = []
    for _ in range(rng.integers(2, 6)):
        path = nodes[rng.choice(len(nodes), rng.integers(2, 4), replace=False)] + rng.normal(0, 0.03, (1, 2))
        strokes.append(_smooth(path, rng) if rng.random() < 0.3 else path)
    return _draw(strokes, rng)


def shapes(rng: np.random.Generator) -> np.ndarray:
    """Circles, polygons, zigzags and arcs, two or three together."""
    strokes = []
    for _ in range(rng.integers(2, 4)):
        centre, radius = rng.random(2), rng.uniform(0.15, 0.6, 2)
        kind = rng.integers(4)
        if kind == 0:
            t = np.linspace(0, 2 * np.pi, 24)
        elif kind == 1:
            t = np.linspace(0, 2 * np.pi, rng.integers(3, 7) + 1) + rng.random() * 6
        elif kind == 2:
            t = rng.random() * 6 + np.linspace(0, rng.uniform(1.5, 5), 20)
        else:
            x = np.linspace(0, 1, rng.integers(4, 8))
            strokes.append(np.stack([x, 0.5 + radius[0] * np.where(np.arange(len(x)) % 2, 1, -1)], 1))
            continue
        strokes.append(centre + radius * np.stack([np.cos(t), np.sin(t)], 1))
    return _draw(strokes, rng)


def blob(rng: np.random.Generator) -> np.ndarray:
    """A filled shape with texture and cut-outs, as clothes and silhouettes look."""
    picture = Image.new("L", (SIZE * OVER, SIZE * OVER))
    draw = ImageDraw.Draw(picture)
    for i in range(rng.integers(1, 5)):
        points = [tuple(p) for p in (rng.uniform(0.05, 0.95, (rng.integers(3, 8), 2)) * SIZE * OVER)]
        draw.polygon(points, fill=0 if i and rng.random() < 0.4 else int(rng.integers(90, 256)))
    if rng.random() < 0.6:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(1, 5)))
    image = np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.BOX)).astype(np.float32)
    return np.clip(image * rng.uniform(0.7, 1, (SIZE, SIZE)) if rng.random() < 0.5 else image, 0, 255).astype(np.uint8)


def noise(rng: np.random.Generator) -> np.ndarray:
    """Uniform, sparse, smooth or striped noise over the whole picture."""
    kind = rng.integers(4)
    if kind == 0:
        return rng.integers(0, 256, (SIZE, SIZE)).astype(np.uint8)
    if kind == 1:
        return (255 * (rng.random((SIZE, SIZE)) < rng.uniform(0.02, 0.5))).astype(np.uint8)
    if kind == 2:
        grain = Image.fromarray(rng.integers(0, 256, (SIZE, SIZE)).astype(np.uint8))
        smooth = np.asarray(grain.filter(ImageFilter.GaussianBlur(rng.uniform(0.6, 3)))).astype(np.float32)
        return np.clip((smooth - smooth.min()) / max(1e-3, np.ptp(smooth)) * 255, 0, 255).astype(np.uint8)
    y, x = np.mgrid[:SIZE, :SIZE]
    wave = np.sin(x * rng.uniform(-1.5, 1.5) + y * rng.uniform(-1.5, 1.5) + rng.random() * 6)
    return ((wave + 1) * 127).astype(np.uint8)


def broken_digit(rng: np.random.Generator, digits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Two digits glued or overlaid, a digit with added strokes, or a digit under noise: no digit any more."""
    i, j = rng.integers(len(digits), size=2)
    while labels[i] == labels[j]:
        j = rng.integers(len(digits))
    a, b = digits[i], digits[j]
    kind = rng.integers(5)
    cut = int(rng.integers(11, 18))
    if kind == 0:
        return np.concatenate([a[:cut], b[cut:]])
    if kind == 1:
        return np.concatenate([a[:, :cut], b[:, cut:]], 1)
    if kind == 2:
        return np.maximum(a, b)
    if kind == 3:
        return np.maximum(a, rune(rng))
    return np.maximum(a, (rng.integers(0, 256, a.shape) * rng.uniform(0.4, 1)).astype(np.uint8))


def pseudo_unknowns(count: int, seed: int, digits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """-> (count, 28, 28) uint8, a mixture of every kind above; digits and labels are the known training set."""
    rng = np.random.default_rng(seed)
    kinds = [scribble, rune, shapes, blob, noise, lambda r: broken_digit(r, digits, labels)]
    chosen = rng.choice(len(kinds), count, p=[0.28, 0.32, 0.14, 0.08, 0.06, 0.12])
    return np.stack([kinds[k](rng) for k in chosen])


def centred(picture: Image.Image) -> np.ndarray:
    """MNIST's own recipe: ink fitted into 20x20, centre of mass in the middle of 28x28. -> (28, 28) uint8."""
    box = picture.getbbox()
    if box is None:
        return np.zeros((SIZE, SIZE), np.uint8)
    ink = picture.crop(box)
    scale = INK / max(ink.size)
    ink = ink.resize([max(1, round(s * scale)) for s in ink.size], Image.Resampling.BOX)
    mass = np.asarray(ink, np.float64)
    y, x = np.mgrid[: ink.height, : ink.width]
    left = round(SIZE / 2 - 0.5 - (mass * x).sum() / mass.sum())
    top = round(SIZE / 2 - 0.5 - (mass * y).sum() / mass.sum())
    square = Image.new("L", (SIZE, SIZE))
    square.paste(ink, (min(max(left, 0), SIZE - ink.width), min(max(top, 0), SIZE - ink.height)))
    return np.asarray(square)


def _draw(strokes: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    width = rng.uniform(1.3, 3.2) * OVER
    side = INK * OVER
    picture = Image.new("L", (side * 3, side * 3))
    draw = ImageDraw.Draw(picture)
    stretch = rng.uniform(0.6, 1, 2)
    for stroke in strokes:
        points = [tuple(p) for p in stroke * stretch * side + side]
        draw.line(points, fill=255, width=round(width), joint="curve")
        for x, y in (points[0], points[-1]):
            draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=255)
    image = centred(picture).astype(np.float32)
    return np.clip(image * rng.uniform(0.9, 1.5), 0, 255).astype(np.uint8)


def _smooth(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A Catmull-Rom curve through the points, (N, 2) -> (M, 2)."""
    padded = np.concatenate([points[:1], points, points[-1:]])
    t = np.linspace(0, 1, 8)[:, None]
    parts = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        parts.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.concatenate(parts) if parts else points
