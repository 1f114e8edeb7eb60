"""Block diagrams as inline SVG: a grid of blocks joined by arrows, drawn lying for a screen and standing for a phone.

Blocks can be pressed; diagram.js lights the one whose part is running and shows its text and its result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape

COLUMNS, ROWS = 5, 2
# A side's middle, in half block sizes from the centre; "n_" is the near side's far quarter, for a second arrow there.
SIDES = {"e": (1, 0), "w": (-1, 0), "s": (0, 1), "n": (0, -1), "n_": (0.6, -1)}
Point = tuple[float, float]
Say = Callable[[str], str]


@dataclass(frozen=True)
class Block:
    """One part at (column, row). kind: "model", "process" (nothing is learned) or "data"; `size` and `ours` are
    short texts under the title, of the published model and of the one here; `absent`: the one here has no such part."""

    id: str
    column: float
    row: float
    kind: str
    size: str = ""
    ours: str = ""
    absent: bool = False


@dataclass(frozen=True)
class Arrow:
    """From a block's side (of SIDES) to another's through grid points.

    Lying, the flow runs to the right and rows go down; standing, it runs down and rows go to the right. A column of
    None is the end's own.
    """

    start: tuple[str, str]
    end: tuple[str, str]
    through: tuple[tuple[float | None, float], ...] = ()
    label: str = ""
    at: Point | None = None
    dashed: bool = False


@dataclass(frozen=True)
class Diagram:
    """What one paper's drawing shows."""

    id: str
    blocks: tuple[Block, ...]
    arrows: tuple[Arrow, ...]
    standing_at: Mapping[str, Point] = field(default_factory=dict)  # places of arrow labels that differ when standing

    def block(self, id: str) -> Block:
        return next(block for block in self.blocks if block.id == id)


@dataclass(frozen=True)
class _Frame:
    """Pixels of one orientation: cell along and across the flow, block width and height, margins."""

    standing: bool
    width: float
    height: float
    along: float
    across: float
    margin: Point

    def pixel(self, column: float, row: float) -> Point:
        u, v = (row, column) if self.standing else (column, row)
        du, dv = (self.across, self.along) if self.standing else (self.along, self.across)
        return self.margin[0] + self.width / 2 + u * du, self.margin[1] + self.height / 2 + v * dv

    def through(self, point: tuple[float | None, float], end: Point) -> Point:
        column, row = point
        x, y = self.pixel(column or 0, row)
        if column is not None:
            return x, y
        return (x, end[1]) if self.standing else (end[0], y)

    def side(self, block: Block, side: str) -> Point:
        x, y = self.pixel(block.column, block.row)
        u, v = SIDES[side]
        u, v = (v, u) if self.standing else (u, v)
        return x + u * self.width / 2, y + v * self.height / 2

    def box(self) -> Point:
        x, y = self.pixel(COLUMNS - 1, ROWS - 1)
        return x + self.width / 2 + self.margin[0], y + self.height / 2 + self.margin[1]


LYING = _Frame(False, 152, 100, 194, 156, (8, 26))
STANDING = _Frame(True, 146, 96, 142, 172, (8, 10))


def draw(diagram: Diagram, say: Say, alt: str) -> str:
    """HTML of the diagram in both orientations; `say(key)` gives the label of a block ("a|b" breaks the line) or of an
    arrow, and `alt` says in a sentence what the drawing shows."""
    return "".join(_svg(diagram, say, alt, frame) for frame in (LYING, STANDING))


def _svg(diagram: Diagram, say: Say, alt: str, frame: _Frame) -> str:
    width, height = frame.box()
    way = "standing" if frame.standing else "lying"
    arrows = "".join(_arrow(diagram, arrow, say, frame, way) for arrow in diagram.arrows)
    blocks = "".join(_block(block, say, frame) for block in diagram.blocks)
    head = (
        f'<marker id="ti-tip-{way}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto-start-reverse"><path d="M0 0 L8 4 L0 8 z" fill="var(--gl-soft)"/></marker>'
    )
    return (
        f'<svg class="ti-diagram ti-{way}" viewBox="0 0 {width:.0f} {height:.0f}" role="group" '
        f'aria-label="{escape(alt)}"><defs>{head}</defs>{arrows}{blocks}</svg>'
    )


def _arrow(diagram: Diagram, arrow: Arrow, say: Say, frame: _Frame, way: str) -> str:
    ends = [frame.side(diagram.block(id), side) for id, side in (arrow.start, arrow.end)]
    points = [ends[0], *(frame.through(point, ends[1]) for point in arrow.through), ends[1]]
    path = " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    kind = "ti-arrow ti-dashed" if arrow.dashed else "ti-arrow"
    drawn = f'<path class="{kind}" d="M{path}" marker-end="url(#ti-tip-{way})"/>'
    if not arrow.label:
        return drawn
    place = (frame.standing and diagram.standing_at.get(arrow.label)) or arrow.at
    x, y = frame.pixel(*place) if place else _middle(points)
    lines = say(arrow.label).split("|")
    return drawn + "".join(
        f'<text class="ti-note" x="{x:.1f}" y="{y + 13 * i - 6.5 * (len(lines) - 1) + 4:.1f}">{escape(line)}</text>'
        for i, line in enumerate(lines)
    )


def _middle(points: list[Point]) -> Point:
    (x0, y0), (x1, y1) = points[0], points[-1]
    return (x0 + x1) / 2, (y0 + y1) / 2


def _block(block: Block, say: Say, frame: _Frame) -> str:
    x, y = frame.pixel(block.column, block.row)
    left, top = x - frame.width / 2, y - frame.height / 2
    title = say(block.id)
    lines = "".join(_line("ti-title", left + 12, top + 21 + 16 * i, part) for i, part in enumerate(title.split("|")))
    below = top + frame.height - 52
    sizes = [size for size in (block.size, block.ours) if size]
    if sizes:
        box = f'x="{left + 12:.1f}" y="{below:.1f}" width="42" height="42"'
        inside = (
            f'<rect class="ti-well" {box} rx="4"/><image data-thumb="{block.id}" {box} preserveAspectRatio="none"/>'
        )
        inside += "".join(_line("ti-size", left + 62, below + 16 + 15 * i, size) for i, size in enumerate(sizes))
    else:
        inside = _line("ti-ask", left + 12, below + 8, "") + _line("ti-ask", left + 12, below + 26, "")
    name = escape(title.replace("|", " "))
    kind = f"ti-block ti-{block.kind}" + (" ti-absent" if block.absent else "")
    return (
        f'<g class="{kind}" data-block="{block.id}" role="button" tabindex="0" aria-pressed="false" '
        f'aria-label="{name}"><rect class="ti-box" x="{left:.1f}" y="{top:.1f}" width="{frame.width}" '
        f'height="{frame.height}" rx="10"/>{inside}{lines}</g>'
    )


def _line(kind: str, x: float, y: float, words: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'
