"""losses."""

from __future__ import annotations

from gradio.components import Component

from demos import _shell
from demos.translation._views import Refresh


def build(ctx: _shell.Context, outline: Component) -> list[Refresh]:
    """Lay the part out and wire it; returns what is to be shown anew after each stroke."""
    return []
