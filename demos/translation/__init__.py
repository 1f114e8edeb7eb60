"""Image to image: paired, unpaired, from a few examples, and by diffusion."""

from __future__ import annotations

import gradio as gr

from demos import _shell
from demos.translation import _cycle, _diffuse, _failures, _few, _losses, _vary
from demos.translation._text import TEXT

__all__ = ["ID", "ORDER", "TEXT", "build"]
ID, ORDER = "translation", 40
PARTS = {
    "tab_vary": _vary,
    "tab_cycle": _cycle,
    "tab_few": _few,
    "tab_diffuse": _diffuse,
    "tab_losses": _losses,
    "tab_failures": _failures,
}


def build(ctx: _shell.Context) -> None:
    """Lay the tab out and wire it."""
    with ctx.section("idea"):
        gr.Markdown(ctx.t("idea"), latex_delimiters=_shell.LATEX)
    outline = gr.Textbox("", visible="hidden")
    refreshed = []
    with ctx.section("inside"), gr.Tabs(elem_classes="tr-inner", overflow_behavior="wrap"):
        for key, part in PARTS.items():
            with ctx.tab(key):
                refreshed += part.build(ctx, outline)
    for fn, inputs, outputs in refreshed:
        ctx.on_show(fn, inputs, outputs)
