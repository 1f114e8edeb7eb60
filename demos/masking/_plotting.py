"""A plot whose horizontal axis has names, not numbers."""

from __future__ import annotations

from collections.abc import Sequence

from demos._plots import Plot


class NamedPlot(Plot):
    """A plot over names[0], names[1], ... at x = 0, 1, ..."""

    def __init__(
        self, names: Sequence[str], y: tuple[float, float], xlabel: str, ylabel: str, width: int, height: int
    ) -> None:
        self.names = names
        super().__init__((-0.35, len(names) - 0.65), y, xlabel, ylabel, width, height)

    def _across(self) -> list[tuple[float, str]]:
        return list(enumerate(self.names))
