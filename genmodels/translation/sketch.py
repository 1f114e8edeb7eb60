"""A drawing as text, so that a link holds it: strokes and boxes on a grid of 64x64, and what networks see of them.

The text is items with ";" between. The first character of an item says what it is, each further one is a number from 0
to 63 in DIGITS:
- p, e: a stroke of the pen or of the eraser, then x and y of each point;
- i: an ink picture, three pixels a digit, two bits each, row by row, 0 = paper and 3 = ink;
- b, s: a box or a stroke of a label, its place in `facades.CLASSES`, then the box's corners or the stroke's points.
Outlines have p, e, i; facades b, s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from genmodels.data.facades import CLASSES, PALETTE
from genmodels.errors import Refusal

if TYPE_CHECKING:
    from PIL import Image, ImageDraw
    from torch import Tensor

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
GRID, SIDE = 64, 128  # of outlines, of label maps
LONGEST = 12_000  # characters
FINE = 4  # of the picture's pixels, each is so many across where strokes are drawn
PEN, ERASER, BRUSH = 2.2, 6.0, 5.0  # widths in the grid's units; OpenMoji's lines are two of 72
OUTLINE, FACADE = "pei", "bs"
LEVELS = 4  # of the ink picture
PIXELS = -(-GRID * GRID // 3)  # digits of it


@dataclass(frozen=True)
class Item:
    """One part of a drawing: kind, the label's place (boxes and brush alone), points or an ink picture's digits."""

    kind: str
    label: int
    numbers: list[int]

    @property
    def points(self) -> list[tuple[int, int]]:
        """The numbers as x and y."""
        return list(zip(self.numbers[::2], self.numbers[1::2], strict=True))


def read(text: object, kinds: str) -> list[Item]:
    """The drawing's items; kinds: OUTLINE or FACADE. Raises Refusal("sketch") for what is no such drawing."""
    if not isinstance(text, str) or len(text) > LONGEST:
        raise Refusal("sketch", f"a drawing is text of at most {LONGEST} characters", limit=LONGEST)
    return [_item(part, kinds) for part in text.split(";") if part]


def outline(text: object) -> Tensor:
    """The drawing as a network takes it: (1, 1, 64, 64) in [-1, 1], 1 = paper, -1 = ink. Raises Refusal("sketch")."""
    import numpy as np
    import torch
    from PIL import Image, ImageDraw

    page = Image.new("L", (GRID * FINE, GRID * FINE), 255)
    pen = ImageDraw.Draw(page)
    for item in read(text, OUTLINE):
        if item.kind == "i":
            page.paste(_inked(item.numbers).resize(page.size, Image.Resampling.BILINEAR))
        else:
            _stroke(pen, item.points, *((PEN, 0) if item.kind == "p" else (ERASER, 255)))
    small = np.asarray(page, np.float32).reshape(GRID, FINE, GRID, FINE).mean((1, 3))
    return torch.from_numpy(small)[None, None] / 127.5 - 1


def labels(text: object) -> Tensor:
    """The label map: (1, 3, 128, 128) in [-1, 1] in the palette's colours, background where nothing was put.

    Raises Refusal("sketch").
    """
    import numpy as np
    import torch
    from PIL import Image, ImageDraw

    page = Image.new("RGB", (SIDE, SIDE), tuple(PALETTE[0].tolist()))
    pen = ImageDraw.Draw(page)
    scale = SIDE // GRID
    for item in read(text, FACADE):
        color = tuple(PALETTE[item.label].tolist())
        if item.kind == "b":
            (x0, y0), (x1, y1) = item.points
            low, high = (min(x0, x1), min(y0, y1)), (max(x0, x1), max(y0, y1))
            pen.rectangle((*(scale * v for v in low), *(scale * v + scale - 1 for v in high)), fill=color)
        else:
            _stroke(pen, item.points, BRUSH, color, scale)
    return torch.from_numpy(np.array(page)).permute(2, 0, 1)[None].float() / 127.5 - 1


def packed(x: Tensor) -> str:
    """An outline (1, 1, 64, 64) in [-1, 1], four levels of ink kept, as a drawing's text."""
    levels = ((1 - x.flatten()) / 2 * (LEVELS - 1)).round().clamp(0, LEVELS - 1).long().tolist()
    levels += [0] * (3 * PIXELS - len(levels))
    return "i" + "".join(DIGITS[16 * a + 4 * b + c] for a, b, c in zip(*(levels[n::3] for n in range(3)), strict=True))


def _item(part: str, kinds: str) -> Item:
    kind, numbers = part[0], [DIGITS.find(digit) for digit in part[1:]]
    label = numbers.pop(0) if kind in FACADE and numbers else 0
    count = len(numbers)
    lengths = {"i": count == PIXELS, "b": count == 4}
    fits = lengths.get(kind, count >= 2 and count % 2 == 0)
    if kind not in kinds or -1 in numbers or not 0 <= label < len(CLASSES) or not fits:
        raise Refusal("sketch", f"{part[:20]!r} is no part of such a drawing", limit=LONGEST)
    return Item(kind, label, numbers)


def _inked(digits: list[int]) -> Image.Image:
    import numpy as np
    from PIL import Image

    levels = np.array([(digit >> shift) & 3 for digit in digits for shift in (4, 2, 0)][: GRID * GRID], np.uint8)
    return Image.fromarray(255 - levels.reshape(GRID, GRID) * (255 // (LEVELS - 1)))


def _stroke(
    pen: ImageDraw.ImageDraw, points: list[tuple[int, int]], width: float, color: object, scale: int = FINE
) -> None:
    """A line through the middles of the grid's squares, round at corners and ends."""
    at = [(scale * (x + 0.5), scale * (y + 0.5)) for x, y in points]
    half = scale * width / 2
    if len(at) > 1:
        pen.line(at, fill=color, width=round(2 * half), joint="curve")
    for x, y in at:
        pen.ellipse((x - half, y - half, x + half, y + half), fill=color)
