"""Image to image: paired, unpaired, from a few examples, and by diffusion."""

from __future__ import annotations

import functools
from pathlib import Path

import gradio as gr
from gradio.components import Component

from demos import _pictures, _quick, _shell
from demos._quick import after, on
from demos.translation import _cycle, _diffuse, _failures, _few, _losses, _measure, _try, _vary
from demos.translation._cycle import run_cycle, run_cycle_own, run_cycle_table
from demos.translation._diffuse import (
    run_canvas,
    run_inpaint,
    run_own_picture,
    run_prompt,
    run_sdedit,
    run_strengths,
)
from demos.translation._editors import run_download, run_published
from demos.translation._failures import run_failures
from demos.translation._few import run_few, run_few_curve, run_few_own
from demos.translation._losses import run_losses, run_losses_table
from demos.translation._measure import run_answer, run_tables
from demos.translation._text import TEXT
from demos.translation._try import run_outline, run_paint, snippet
from demos.translation._vary import run_inject, run_vary
from demos.translation._views import Refresh

__all__ = [
    "ID",
    "ORDER",
    "TEXT",
    "build",
    "run_answer",
    "run_canvas",
    "run_cycle",
    "run_cycle_own",
    "run_cycle_table",
    "run_failures",
    "run_download",
    "run_few",
    "run_few_curve",
    "run_few_own",
    "run_inject",
    "run_inpaint",
    "run_losses",
    "run_losses_table",
    "run_outline",
    "run_own_picture",
    "run_paint",
    "run_prompt",
    "run_published",
    "run_sdedit",
    "run_strengths",
    "run_tables",
    "run_vary",
]
ID, ORDER = "translation", 40
HERE = Path(__file__).parent
PARTS = {
    "tab_vary": _vary,
    "tab_cycle": _cycle,
    "tab_few": _few,
    "tab_diffuse": _diffuse,
    "tab_losses": _losses,
    "tab_failures": _failures,
}
EASEL = (
    '<div class="tr-easel"><figure class="tr-drawn">'
    '<canvas width="512" height="512" tabindex="0" role="application"></canvas><figcaption></figcaption></figure>'
    '<figure class="tr-painted"><img alt=""><figcaption></figcaption></figure></div>'
    '<div class="tr-tools" role="toolbar"></div><div class="tr-thumbs"></div><div class="tr-own"></div>'
)
DRAWN = "genlabTranslation.drawing('outline', outline), genlabTranslation.drawing('facade', facade)"
HAND = f"(lang, task, outline, facade) => [lang, task, {DRAWN}]"
RESTED = f"(lang, outline, facade) => [lang, {DRAWN}]"
SENT = "(lang, file, ...rest) => [lang, genlabTranslation.file(), ...rest]"


def build(ctx: _shell.Context) -> None:
    """Lay the tab out and wire it."""
    with ctx.section("idea"), gr.Row():
        with gr.Column(scale=3, min_width=320):
            gr.Markdown(ctx.t("idea"), latex_delimiters=_shell.LATEX)
        with gr.Column(scale=2, min_width=320):
            gr.HTML(ctx.t("drawing"))
    with ctx.section("try"):
        tasks = [(ctx.t(f"task.{one}"), one) for one in _try.TASKS]
        task = ctx.control("task", gr.Radio(tasks, value="outline", show_label=False, container=False))
        script = _pictures.picker() + _quick.script() + (HERE / "easel.js").read_text(encoding="utf-8")
        easel = gr.HTML(html_template=EASEL, js_on_load=script, elem_id="tr-easel", padding=False)
        caption = gr.HTML(elem_id="tr-caption", min_height=48)
    drawings = [_drawing(ctx, kind) for kind in _try.TASKS]
    values = [task, *drawings]
    ctx.actions("#tr-easel .tr-easel", snippet, values)
    refreshed: list[Refresh] = []
    with ctx.section("inside"), gr.Tabs(elem_classes="tr-inner", overflow_behavior="wrap"):
        for key, part in PARTS.items():
            with ctx.tab(key):
                refreshed += part.build(ctx, drawings[0])
    with ctx.section("measure"):
        _measure.build(ctx)
    with ctx.section("predict"):
        gr.Markdown(ctx.t("question"))
        guesses = [(ctx.t(f"guess.{one}"), one) for one in _measure.GUESSES]
        guess = gr.Radio(guesses, show_label=False, container=False)
        answer = gr.Markdown(elem_id="tr-answer")
    ctx.live([guess.input], lambda lang, _: run_answer(lang), [guess], [answer])
    _wire(ctx, easel, caption, values, refreshed)


def _drawing(ctx: _shell.Context, kind: str) -> Component:
    """The visitor's drawing of a kind, as text."""
    box = gr.Textbox(_try.FIRST[kind], visible="hidden")
    return ctx.control(kind, box, decode=functools.partial(_try.checked, kind))


def _wire(
    ctx: _shell.Context, easel: gr.HTML, caption: gr.HTML, values: list[Component], refreshed: list[Refresh]
) -> None:
    """The hand; *Inside* follows it when it rests."""
    outputs = [easel, caption, *values[1:]]
    file = gr.Textbox(visible="hidden")
    ctx.on_show(run_paint, values, outputs)
    on(ctx, [easel.input], run_paint, values, outputs, 1, HAND, api_name="translation_paint")
    on(ctx, [values[0].input], run_paint, values, outputs, 1)
    events = [
        on(ctx, [easel.upload], run_outline, [file, *values], outputs, 1, SENT),
        on(ctx, [easel.release], lambda lang, *drawings: drawings, values[1:], values[1:], 0, RESTED),
    ]
    for fn, inputs, shown in refreshed:
        ctx.on_show(fn, inputs, shown)
        for event in events:
            after(ctx, event, fn, inputs, shown)
