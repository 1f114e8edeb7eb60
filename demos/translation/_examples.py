"""Drawings to start from: outlines in OpenMoji's manner and facades, drawn here, as the text of `sketch`."""

from __future__ import annotations

import math
from collections.abc import Sequence

from genmodels.data.facades import CLASSES
from genmodels.translation.sketch import DIGITS

Point = tuple[float, float]


def _stroke(*points: Point) -> str:
    return "p" + "".join(DIGITS[min(63, max(0, round(v)))] for point in points for v in point)


def _arc(x: float, y: float, wide: float, tall: float, start: float = 0, end: float = 360) -> list[Point]:
    """Points of an ellipse about (x, y), clockwise from `start` degrees (0 is to the right)."""
    steps = max(6, round(abs(end - start) / 18))
    angles = (math.radians(start + (end - start) * i / steps) for i in range(steps + 1))
    return [(x + wide * math.cos(a), y + tall * math.sin(a)) for a in angles]


def _ring(x: float, y: float, wide: float, tall: float) -> str:
    return _stroke(*_arc(x, y, wide, tall))


def _curve(*knots: Point) -> str:
    """A smooth stroke through the knots (Catmull-Rom)."""
    ends = [knots[0], *knots, knots[-1]]
    points = []
    for a, b, c, d in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        for i in range(5):
            t = i / 5
            points.append(
                tuple(
                    0.5 * (2 * q + (r - p) * t + (2 * p - 5 * q + 4 * r - s) * t**2 + (3 * q - p - 3 * r + s) * t**3)
                    for p, q, r, s in zip(a, b, c, d, strict=True)
                )
            )
    return _stroke(*points, knots[-1])


def _star(x: float, y: float, outer: float, inner: float, tips: int = 5) -> str:
    turns = [math.pi * i / tips - math.pi / 2 for i in range(2 * tips + 1)]
    reach = (outer, inner)
    return _stroke(*((x + reach[i % 2] * math.cos(a), y + reach[i % 2] * math.sin(a)) for i, a in enumerate(turns)))


def _drawing(*strokes: str) -> str:
    return ";".join(strokes)


APPLE = _drawing(
    _curve((32, 22), (24, 17), (13, 21), (10, 33), (15, 48), (24, 56), (32, 53), (40, 56), (49, 48), (54, 33),
           (51, 21), (40, 17), (32, 22)),
    _curve((32, 22), (33, 14), (38, 8)),
    _curve((36, 14), (43, 7), (51, 9), (46, 15), (36, 14)),
)  # fmt: skip
CAT = _drawing(
    _stroke((12, 30), (12, 8), (24, 17)),
    _curve((24, 17), (32, 16), (40, 17)),
    _stroke((40, 17), (52, 8), (52, 30)),
    _curve((52, 30), (55, 40), (46, 53), (32, 56), (18, 53), (9, 40), (12, 30)),
    _ring(23, 34, 2, 2.5), _ring(41, 34, 2, 2.5),
    _stroke((29, 41), (35, 41), (32, 45), (29, 41)),
    _curve((32, 45), (28, 49), (24, 47)), _curve((32, 45), (36, 49), (40, 47)),
)  # fmt: skip
HOUSE = _drawing(
    _stroke((7, 31), (32, 9), (57, 31)),
    _stroke((13, 27), (13, 55), (51, 55), (51, 27)),
    _stroke((27, 55), (27, 40), (37, 40), (37, 55)),
    _stroke((18, 33), (25, 33), (25, 40), (18, 40), (18, 33)),
    _stroke((41, 33), (47, 33), (47, 40), (41, 40), (41, 33)),
)
CAR = _drawing(
    _stroke((6, 45), (6, 34), (14, 32), (21, 20), (42, 20), (50, 32), (58, 35), (58, 45), (6, 45)),
    _stroke((19, 31), (24, 24), (31, 24), (31, 31), (19, 31)),
    _stroke((34, 24), (41, 24), (45, 31), (34, 31), (34, 24)),
    _ring(17, 46, 6, 6), _ring(47, 46, 6, 6), _ring(17, 46, 2, 2), _ring(47, 46, 2, 2),
)  # fmt: skip
FISH = _drawing(
    _curve((10, 33), (18, 22), (31, 19), (43, 25), (50, 33), (43, 41), (31, 47), (18, 44), (10, 33)),
    _stroke((48, 32), (58, 22), (57, 44), (48, 34)),
    _curve((24, 22), (28, 33), (24, 43)),
    _ring(17, 30, 2, 2),
    _curve((28, 19), (36, 12), (42, 15), (40, 23)),
)
MUSHROOM = _drawing(
    _curve((8, 34), (11, 20), (22, 10), (32, 8), (42, 10), (53, 20), (56, 34), (44, 37), (32, 38), (20, 37), (8, 34)),
    _curve((24, 38), (23, 48), (21, 55), (32, 57), (43, 55), (41, 48), (40, 38)),
    _ring(22, 22, 4, 4), _ring(40, 19, 5, 5), _ring(33, 30, 3, 3),
)  # fmt: skip
FLOWER = _drawing(
    *(_ring(32 + 11 * math.cos(a), 24 + 11 * math.sin(a), 7, 7) for a in (math.tau * i / 5 - 1.57 for i in range(5))),
    _ring(32, 24, 5, 5),
    _stroke((32, 41), (32, 59)),
    _curve((32, 55), (41, 46), (50, 48), (43, 55), (32, 56)),
)
HEART = _drawing(
    _curve((32, 21), (27, 12), (17, 10), (9, 18), (10, 30), (19, 42), (32, 55), (45, 42), (54, 30), (55, 18), (47, 10),
           (37, 12), (32, 21)),
)  # fmt: skip
STAR = _drawing(_star(32, 33, 26, 11))
CUP = _drawing(
    _stroke((12, 22), (48, 22), (45, 50), (41, 54), (19, 54), (15, 50), (12, 22)),
    _curve((47, 27), (57, 26), (58, 36), (52, 42), (46, 41)),
    _curve((22, 16), (20, 12), (24, 9), (22, 5)), _curve((36, 16), (34, 12), (38, 9), (36, 5)),
)  # fmt: skip
OUTLINES = {
    "apple": APPLE,
    "cat": CAT,
    "house": HOUSE,
    "car": CAR,
    "fish": FISH,
    "mushroom": MUSHROOM,
    "flower": FLOWER,
    "heart": HEART,
    "star": STAR,
    "cup": CUP,
}


def _box(label: str, left: float, top: float, right: float, bottom: float) -> str:
    at = "".join(DIGITS[round(v)] for v in (left, top, right, bottom))
    return "b" + DIGITS[CLASSES.index(label)] + at


def _block(rows: Sequence[int], columns: Sequence[int], door: tuple[int, int], balconies: Sequence[int]) -> str:
    """A house front: windows at rows x columns, some with balconies, a door, a cornice."""
    parts = [_box("facade", 0, 0, 63, 63), _box("cornice", 0, 2, 63, 5)]
    for i, top in enumerate(rows):
        parts.append(_box("moulding", 0, top - 4, 63, top - 3))
        for left in columns:
            if top + 12 < 50 or not door[0] - 8 < left < door[1]:
                parts += [
                    _box("window", left, top, left + 6, top + 10),
                    _box("sill", left - 1, top + 11, left + 7, top + 12),
                ]
                if i in balconies:
                    parts.append(_box("balcony", left - 2, top + 8, left + 8, top + 12))
    return _drawing(*parts, _box("door", door[0], 46, door[1], 63))


FACADES = {
    "block": _block((11, 28, 45), (6, 20, 37, 51), (27, 35), (1,)),
    "shop": _drawing(
        _block((10, 27), (5, 19, 33, 47), (52, 59), (0, 1)), _box("shop", 4, 45, 48, 61), _box("cornice", 0, 42, 63, 43)
    ),
}  # fmt: skip
