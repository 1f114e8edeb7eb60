"""The inner tabs of *Inside*: a pixel's ray, the cameras, a field that learns now, and why positions are encoded."""

from __future__ import annotations

from collections.abc import Sequence

import gradio as gr
from gradio.components import Component

from demos import _shell
from demos.nerf import _train
from demos.nerf._plan import run_plan
from demos.nerf._ray import run_ray
from demos.nerf._train import run_first, run_train, run_trained
from demos.nerf._warmup import run_fourier, run_fourier_first

PLACED = "genlabNerfTab?.planned();\nwatch('value', () => genlabNerfTab?.planned());"


def build(ctx: _shell.Context, scene: gr.Radio, pixel: gr.Textbox, viewer: Sequence[Component]) -> None:
    """Lay them out and wire them. viewer: where a trained field goes, as `run_trained` yields."""
    with ctx.tab("tab_ray"):
        ray = gr.HTML(elem_id="nf-ray", min_height=560)
    with ctx.tab("tab_cameras"):
        plan = gr.HTML(elem_id="nf-plan", min_height=420, js_on_load=PLACED)
    with ctx.tab("tab_train"):
        _learning(ctx, scene, viewer)
    with ctx.tab("tab_fourier"):
        gr.Markdown(ctx.t("fourier_intro"), latex_delimiters=_shell.LATEX)
        with gr.Row(elem_classes="gl-actions nf-bar"):
            start = gr.Button(ctx.t("fourier_start"), variant="primary", size="md")
            stop = gr.Button(ctx.shell("stop"), size="md")
        status = gr.HTML(min_height=24)
        learned = gr.HTML(elem_id="nf-fourier", min_height=420)
    for fn, inputs, output, name in (
        (run_ray, [scene, pixel], ray, "nerf_ray"),
        (run_plan, [scene, pixel], plan, None),
        (run_fourier_first, [scene], learned, None),
    ):
        ctx.on_show(fn, inputs, [output])
        ctx.live([scene.input, *([pixel.change] if pixel in inputs else [])], fn, inputs, [output], name)
    ctx.run(start, stop, run_fourier, [scene], [learned], status)


def _learning(ctx: _shell.Context, scene: gr.Radio, viewer: Sequence[Component]) -> None:
    """A visitor's own field. It lives in the visitor's session, and leaves it an hour after the last step."""
    gr.Markdown(ctx.t("train_intro"))
    learner = gr.State(None, time_to_live=_train.KEEP_SECONDS)
    with gr.Row(elem_classes="gl-actions nf-bar"):
        start = gr.Button(ctx.t("train_start"), variant="primary", size="md")
        stop = gr.Button(ctx.shell("stop"), size="md")
        reset = gr.Button(ctx.t("train_reset"), size="md")
        show = gr.Button(ctx.t("train_show"), size="md")
        views = gr.Slider(*_train.VIEWS, _train.VIEWS[1], step=1, label=ctx.t("train_views"), min_width=220)
    ctx.control("views", views)
    status = gr.HTML(min_height=24)
    shown = gr.HTML(elem_id="nf-train", min_height=360)
    ctx.on_show(run_first, [learner, scene], [shown])
    ctx.live([scene.input], run_first, [learner, scene], [shown])
    training = ctx.run(start, stop, run_train, [learner, scene, views], [learner, shown], status)
    quiet = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    for button in (reset, show):
        button.click(None, None, None, cancels=[training], **quiet)
    ctx.live([reset.click], lambda lang, scene: (None, run_first(lang, None, scene)), [scene], [learner, shown])
    ctx.run(show, stop, run_trained, [learner], viewer, status)
