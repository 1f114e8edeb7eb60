"""A plot whose horizontal axis has names, not numbers."""

from __future__ import annotations

from collections.abc import Sequence

from demos._plots import MARGIN, Plot, ticks


class NamedPlot(Plot):
    """A plot over names[0], names[1], ... at x = 0, 1, ..."""

    def __init__(
        self, names: Sequence[str], y: tuple[float, float], xlabel: str, ylabel: str, width: int, height: int
    ) -> None:
        self.names = names
        super().__init__((-0.35, len(names) - 0.65), y, xlabel, ylabel, width, height)

    def _axes(self, xlabel: str, ylabel: str) -> None:
        left, right = MARGIN["left"], self.width - MARGIN["right"]
        top, base = MARGIN["top"], self.height - MARGIN["bottom"]
        for value in ticks(*self.y):
            at = self.py(value)
            self._add(f'<line x1="{left}" x2="{right}" y1="{at:.1f}" y2="{at:.1f}" stroke="var(--gl-grid)"/>')
            self._label(left - 5, at + 4, f"{value:g}", anchor="end")
        for i, name in enumerate(self.names):
            self._label(self.px(i), base + 15, name)
        self._add(f'<line x1="{left}" x2="{right}" y1="{base}" y2="{base}" stroke="var(--gl-soft)"/>')
        self._label((left + right) / 2, self.height - 6, xlabel)
        middle = (top + base) / 2
        self._label(12, middle, ylabel, more=f'transform="rotate(-90 12 {middle})"')
