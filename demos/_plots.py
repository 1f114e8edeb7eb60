"""Plots as inline SVG: one style, both themes (colours are the page's CSS variables), labels by the caller."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Sequence
from html import escape

MARGIN = {"left": 46, "right": 12, "top": 12, "bottom": 40}
STRONG = 'class="gl-strong"'


class Plot:
    """A drawing area with axes; x and y are the data ranges, width and height the viewBox in pixels.

    Methods add marks in data coordinates and return the plot; `svg` closes it. Colours are names of CSS variables
    without their prefix: "known", "unknown", "accent", "ink", "soft", or "c0" to "c9" for the classes.
    """

    def __init__(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        xlabel: str,
        ylabel: str,
        width: int = 420,
        height: int = 260,
    ) -> None:
        self.x, self.y, self.width, self.height = x, y, width, height
        self.marks: list[str] = []
        self._axes(xlabel, ylabel)

    def px(self, value: float) -> float:
        """Horizontal pixel of a data value, kept inside the plot."""
        span = self.width - MARGIN["left"] - MARGIN["right"]
        return MARGIN["left"] + span * _unit(value, self.x)

    def py(self, value: float) -> float:
        """Vertical pixel of a data value, kept inside the plot."""
        span = self.height - MARGIN["top"] - MARGIN["bottom"]
        return MARGIN["top"] + span * (1 - _unit(value, self.y))

    def line(self, points: Iterable[tuple[float, float]], color: str = "accent", dash: bool = False) -> Plot:
        path = " ".join(f"{self.px(x):.1f},{self.py(y):.1f}" for x, y in points)
        dashes = ' stroke-dasharray="5 4"' if dash else ""
        return self._add(f'<polyline points="{path}" fill="none" stroke="var(--gl-{color})" stroke-width="2"{dashes}/>')

    def bars(self, edges: Sequence[float], heights: Sequence[float], color: str) -> Plot:
        """A histogram: heights[i] stands between edges[i] and edges[i + 1]."""
        base = self.py(self.y[0])
        for left, right, value in zip(edges, edges[1:], heights, strict=False):
            x0, x1, top = self.px(left), self.px(right), self.py(value)
            if base - top > 0.05:
                self._add(
                    f'<rect x="{x0:.1f}" y="{top:.1f}" width="{max(0.5, x1 - x0 - 0.5):.1f}" '
                    f'height="{base - top:.1f}" fill="var(--gl-{color})" fill-opacity="0.6"/>'
                )
        return self

    def vline(self, x: float, label: str = "", color: str = "ink", dash: bool = True) -> Plot:
        at, top, base = self.px(x), MARGIN["top"], self.height - MARGIN["bottom"]
        dashes = ' stroke-dasharray="5 4"' if dash else ""
        self._add(
            f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{top}" y2="{base}" '
            f'stroke="var(--gl-{color})" stroke-width="2"{dashes}/>'
        )
        if label:
            anchor, shift = ("end", -5) if at > self.width / 2 else ("start", 5)
            self._label(at + shift, top + 10, label, color, anchor, STRONG)
        return self

    def point(self, x: float, y: float, color: str = "accent", radius: float = 6, label: str = "") -> Plot:
        self._add(
            f'<circle cx="{self.px(x):.1f}" cy="{self.py(y):.1f}" r="{radius}" fill="var(--gl-{color})" '
            'stroke="var(--gl-paper)" stroke-width="2"/>'
        )
        if label:
            self.text(x, y, label, color, dy=-radius - 5)
        return self

    def text(self, x: float, y: float, label: str, color: str = "ink", dy: float = 4) -> Plot:
        at = min(max(self.px(x), 30), self.width - 30)
        return self._label(at, max(12, self.py(y) + dy), label, color, more=STRONG)

    def ellipse(self, mean: Sequence[float], cov: Sequence[Sequence[float]], color: str, sigmas: float = 2.0) -> Plot:
        """The curve at `sigmas` standard deviations of a 2-D Gaussian."""
        (a, b), (_, d) = cov
        root = math.sqrt(((a - d) / 2) ** 2 + b * b)
        big, small = math.sqrt(max(0.0, (a + d) / 2 + root)), math.sqrt(max(0.0, (a + d) / 2 - root))
        angle = 0.5 * math.atan2(2 * b, a - d)
        points = []
        for i in range(49):
            t = 2 * math.pi * i / 48
            u, v = sigmas * big * math.cos(t), sigmas * small * math.sin(t)
            points.append(
                (
                    mean[0] + u * math.cos(angle) - v * math.sin(angle),
                    mean[1] + u * math.sin(angle) + v * math.cos(angle),
                )
            )
        path = " ".join(f"{self.px(x):.1f},{self.py(y):.1f}" for x, y in points)
        paint = f'fill="var(--gl-{color})" fill-opacity="0.18" stroke="var(--gl-{color})" stroke-width="1.5"'
        return self._add(f'<polygon points="{path}" {paint}/>')

    def copy(self) -> Plot:
        """The same plot so far, to go on with."""
        twin = copy.copy(self)
        twin.marks = [*self.marks]
        return twin

    def svg(self, alt: str) -> str:
        """The finished drawing; `alt` says in a sentence what it shows."""
        return (
            f'<svg class="gl-plot" viewBox="0 0 {self.width} {self.height}" role="img" aria-label="{escape(alt)}">'
            f"{''.join(self.marks)}</svg>"
        )

    def _add(self, mark: str) -> Plot:
        self.marks.append(mark)
        return self

    def _label(
        self, x: float, y: float, label: str, color: str = "soft", anchor: str = "middle", more: str = ""
    ) -> Plot:
        """Text at pixels, not at data coordinates."""
        fill = f'fill="var(--gl-{color})"'
        return self._add(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {fill} {more}>{escape(label)}</text>')

    def _axes(self, xlabel: str, ylabel: str) -> None:
        left, right = MARGIN["left"], self.width - MARGIN["right"]
        top, base = MARGIN["top"], self.height - MARGIN["bottom"]
        for value in ticks(*self.y):
            at = self.py(value)
            self._add(f'<line x1="{left}" x2="{right}" y1="{at:.1f}" y2="{at:.1f}" stroke="var(--gl-grid)"/>')
            self._label(left - 5, at + 4, f"{value:g}", anchor="end")
        for value, name in self._across():
            self._label(self.px(value), base + 15, name)
        self._add(f'<line x1="{left}" x2="{right}" y1="{base}" y2="{base}" stroke="var(--gl-soft)"/>')
        self._label((left + right) / 2, self.height - 6, xlabel)
        middle = (top + base) / 2
        self._label(12, middle, ylabel, more=f'transform="rotate(-90 12 {middle})"')

    def _across(self) -> list[tuple[float, str]]:
        """What stands under the horizontal axis, and where."""
        return [(value, f"{value:g}") for value in ticks(*self.x)]


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers inside [low, high], near `about` of them. Raises ValueError unless low < high."""
    if not low < high:
        raise ValueError(f"the range [{low}, {high}] is empty")
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 10) + 0.0 for i in range(first, math.floor(high / step + 1e-9) + 1)]


def _unit(value: float, span: tuple[float, float]) -> float:
    return min(1.0, max(0.0, (value - span[0]) / (span[1] - span[0])))
