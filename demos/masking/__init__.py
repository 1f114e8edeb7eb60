"""Masking: hide most of a picture and watch a network rebuild it; what its encoder is good for with few labels."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
from gradio.components import Component

from demos import _pictures, _quick, _shell
from demos._quick import after, on
from demos.masking import _few, _inside, _measure, _models, _own, _photos, _rebuild, _source
from demos.masking._few import run_curves, run_probe
from demos.masking._inside import run_attention, run_leak
from demos.masking._measure import run_answer, run_measure, run_tables
from demos.masking._models import run_download
from demos.masking._own import run_decide, run_gather, run_learn
from demos.masking._rebuild import run_rebuild, run_redraw, snippet
from demos.masking._source import run_photo, run_upload
from demos.masking._text import TEXT

__all__ = [
    "ID",
    "ORDER",
    "TEXT",
    "build",
    "run_answer",
    "run_attention",
    "run_curves",
    "run_decide",
    "run_download",
    "run_gather",
    "run_leak",
    "run_learn",
    "run_measure",
    "run_photo",
    "run_probe",
    "run_rebuild",
    "run_redraw",
    "run_tables",
    "run_upload",
]
ID, ORDER = "masking", 70
HERE = Path(__file__).parent
BOARD = (
    '<div class="mk-board">'
    '<figure class="mk-large"><canvas class="mk-mask" width="512" height="512" tabindex="0" role="application">'
    "</canvas>"
    '<figcaption data-panel="masked"></figcaption></figure>'
    '<figure class="mk-large"><div class="mk-clickable"><img data-panel="reconstruction" alt=""><i class="mk-asked" '
    'hidden></i></div><figcaption data-panel="reconstruction"></figcaption></figure>'
    + "".join(
        f'<figure><img data-panel="{name}" alt=""><figcaption data-panel="{name}"></figcaption></figure>'
        for name in ("original", "pasted", "error")
    )
    + '</div><p class="mk-live" aria-live="polite"></p>'
)
SOURCE = (
    '<div class="mk-thumbs"></div><div class="mk-own"></div>'
    '<div class="mk-whole" hidden><img alt="" draggable="false"><div class="mk-frame" tabindex="0" role="application">'
    '</div></div><label class="mk-zoom-row"><span class="mk-zoomed"></span>'
    '<input type="range" class="mk-zoom" min="10" max="100" value="100"></label><p class="mk-hint mk-small"></p>'
)
# Places in an event's inputs (the language first, then the values) of which the browser knows more than components do.
PHOTO, CROP, PATCHES = 2, 3, 8


def build(ctx: _shell.Context) -> None:
    """Lay the tab out and wire it."""
    with ctx.section("idea"), gr.Row():
        with gr.Column(scale=3, min_width=320):
            gr.Markdown(ctx.t("idea"), latex_delimiters=_shell.LATEX)
        with gr.Column(scale=2, min_width=320):
            gr.HTML(ctx.t("drawing"))
    with ctx.section("try"), gr.Row(elem_classes="gl-stage"):
        with gr.Column(scale=6, min_width=320, elem_classes="gl-output", elem_id="mk-stage"):
            board = gr.HTML(
                html_template=BOARD, js_on_load=_quick.script() + _read("board.js"), elem_id="mk-board", padding=False
            )
            caption = gr.HTML(elem_id="mk-caption", min_height=64)
        with gr.Column(scale=4, min_width=280, elem_classes="gl-controls"):
            source, values, redraw = _controls(ctx)
    patch = ctx.control("patch", gr.Textbox("", visible="hidden"), decode=_inside.checked)
    actions = gr.Column()
    with ctx.section("inside"), gr.Tabs(elem_classes="mk-inner", overflow_behavior="wrap"):
        attention, looked = _inside.build(ctx, values, patch)
        with ctx.tab("tab_few"):
            _few.build(ctx)
        with ctx.tab("tab_own"):
            _own.build(ctx)
    with actions:
        ctx.actions("#mk-stage", snippet, values)
    with ctx.section("measure"):
        _measure.build(ctx)
    with ctx.section("predict"):
        gr.Markdown(ctx.t("question"))
        guesses = [(ctx.t(f"strategy.{one}"), one) for one in _rebuild.STRATEGIES]
        guess = gr.Radio(guesses, show_label=False, container=False)
        answer = gr.Markdown(elem_id="mk-answer")
    ctx.live([guess.input], lambda lang, _: run_answer(lang), [guess], [answer])
    _wire(ctx, (source, board, caption), values, redraw, (patch, attention, looked))


def _controls(ctx: _shell.Context) -> tuple[gr.HTML, list[Component], gr.Button]:
    """The column beside the pictures -> the source, the values of `run_rebuild`, the button that redraws the mask."""
    photo = gr.Textbox("chelsea", visible="hidden")
    crop = gr.Textbox(_photos.EXAMPLES["chelsea"][1], visible="hidden")
    patches = gr.Textbox("", visible="hidden")
    ctx.control("photo", photo, decode=_source.checked_photo)
    ctx.control("crop", crop, decode=_source.checked_crop)
    ctx.control("patches", patches, decode=_rebuild.checked)
    script = _pictures.picker() + _read("source.js")
    source = gr.HTML(html_template=SOURCE, js_on_load=script, elem_id="mk-source", padding=False)
    ratio = ctx.control("ratio", gr.Slider(*_rebuild.RATIOS, 75, step=1, label=ctx.t("ratio")))
    kinds = [(ctx.t(f"strategy.{one}"), one) for one in _rebuild.STRATEGIES]
    strategy = ctx.control("strategy", gr.Radio(kinds, value="random", label=ctx.t("strategy")))
    seed = ctx.seed_row(7)
    redraw = gr.Button(ctx.t("redraw"), size="sm", elem_id="mk-redraw")
    model = ctx.control("model", _models.chooser(ctx))
    with gr.Accordion(ctx.t("more"), open=False, elem_classes="mk-more"):
        _models.more(ctx, model)
    return source, [_source.kept(), photo, crop, model, ratio, strategy, seed, patches], redraw


def _wire(
    ctx: _shell.Context,
    shown: tuple[gr.HTML, gr.HTML, gr.HTML],
    values: list[Component],
    redraw: gr.Button,
    inside: tuple[Component, gr.HTML, list[Component]],
) -> None:
    """The hand, the frame, the sliders; *Inside* follows each when it rests."""

    def moved(lang: str, *v: object) -> tuple[object, ...]:
        return *run_rebuild(lang, *v), v[CROP - 1]

    def upload(lang: str, data: object, own: object, photo: object, *rest: object) -> tuple[object, ...]:
        return run_upload(lang, data, *rest)

    def chosen(lang: str, patch: object, *rest: object) -> tuple[str, object]:
        return run_attention(lang, patch, *rest), patch

    source, board, caption = shown
    own, photo, crop, model, ratio, strategy, seed, patches = values
    patch, attention, looked = inside
    outputs = [board, caption, patches]
    file = gr.Textbox(visible="hidden")
    ctx.on_show(_source.run_source, values[:3], [source])
    ctx.on_show(run_rebuild, values, outputs)
    hand = _known({CROP: "crop()", PATCHES: "hidden()"})
    on(ctx, [board.input], moved, values, [*outputs, crop], 1, hand)
    taken = [photo, crop, source, *outputs]
    picked = _known({PHOTO: "photo()", PATCHES: "hidden()"})
    sent = "(lang, file, ...rest) => [lang, genlabMasking.file(), ...rest]"
    sliders = [ratio.input, strategy.input, redraw.click]
    for event in (
        on(ctx, [source.select], run_photo, values, taken, 4, picked),
        on(ctx, [source.upload], upload, [file, *values], [own, *taken], 5, sent),
        on(ctx, sliders, run_redraw, values, outputs, 1),
        on(ctx, [seed.change, model.input], run_rebuild, values, outputs, 1, api_name="masking_rebuild"),
    ):
        after(ctx, event, run_attention, looked, [attention])
    # inputs of the last: language, patch, layer, then the values
    rest = _known({2 + PATCHES: "hidden()", 2 + CROP: "crop()"})
    on(ctx, [board.release], run_attention, looked, [attention], 0, rest)
    asked = _known({1: "patch()", 2 + PATCHES: "hidden()"})
    on(ctx, [board.select], chosen, looked, [attention, patch], 0, asked)


def _known(calls: dict[int, str]) -> str:
    """A script that hands an event's inputs on, but for those, by place, that `window.genlabMasking` knows."""
    puts = "".join(f"values[{i}] = genlabMasking.{call};" for i, call in calls.items())
    return f"(...values) => {{ {puts} return values; }}"


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
