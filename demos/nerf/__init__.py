"""Viewpoint: NeRF trained here, taken apart, and rendered at the speed of the hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from demos import _shell
from demos.nerf import _inside, _ray, _viewer
from demos.nerf._measure import run_answer, run_measure, run_tables
from demos.nerf._plan import run_plan
from demos.nerf._ray import run_ray
from demos.nerf._text import TEXT
from demos.nerf._train import run_first, run_train, run_trained
from demos.nerf._try import RENDERERS, run_scene, run_tiny, run_turn, run_view
from demos.nerf._views import SCENES
from demos.nerf._warmup import run_fourier, run_fourier_first

__all__ = [
    "ID",
    "ORDER",
    "TEXT",
    "build",
    "run_answer",
    "run_first",
    "run_fourier",
    "run_fourier_first",
    "run_measure",
    "run_plan",
    "run_ray",
    "run_scene",
    "run_tables",
    "run_tiny",
    "run_train",
    "run_trained",
    "run_turn",
    "run_view",
]
ID, ORDER = "nerf", 90
SCRIPT = (Path(__file__).parent / "nerf.js").read_text(encoding="utf-8")
# The tab's script comes with a component, which may come after the first event.
CALL = """async (...values) => {{
  while (!window.genlabNerfTab) await new Promise((ready) => setTimeout(ready, 50));
  return genlabNerfTab.{name}(...values);
}}"""
PRIVATE = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


@dataclass(frozen=True)
class Board:
    """The controls of *Try*."""

    scene: gr.Radio
    azimuth: gr.Slider
    elevation: gr.Slider
    distance: gr.Slider
    view: gr.Radio
    renderer: gr.Radio
    cameras: gr.Checkbox

    @property
    def camera(self) -> list[gr.components.Component]:
        """scene, azimuth, elevation, distance, as the functions take them."""
        return [self.scene, self.azimuth, self.elevation, self.distance]

    @property
    def values(self) -> list[gr.components.Component]:
        """Every control."""
        return [*self.camera, self.view, self.renderer, self.cameras]


@dataclass(frozen=True)
class Slow:
    """What *Try* has beside the viewer: the tiny NeRF, the turn, and where they report."""

    tiny: gr.Button
    turn: gr.Button
    stop: gr.Button
    status: gr.HTML
    film: gr.HTML


def snippet(scene: str, azimuth: float, elevation: float, distance: float) -> str:
    """A short program that draws the same view."""
    return f'''from PIL import Image

import genmodels
from genmodels.nerf.rays import orbit
from genmodels.nerf.voxels import picture

volume = genmodels.load("nerf-{scene}-baked", "cpu")
camera = orbit(azimuth={azimuth:g}, elevation={elevation:g}, distance={distance:g})
view = picture(volume, camera, focal={_viewer.FOCAL} * 400, height=400, width=400)  # red, green, blue, opacity, depth
Image.fromarray((view[..., :3].clip(0, 1) * 255).round().astype("uint8")).save("{scene}.png")
print(f"the scene covers {{view[..., 3].mean():.0%}} of the picture")
'''


def build(ctx: _shell.Context) -> None:
    """Lay the tab out and wire it."""
    with ctx.section("idea"), gr.Row():
        with gr.Column(scale=3, min_width=320):
            gr.Markdown(ctx.t("idea"), latex_delimiters=_shell.LATEX)
        with gr.Column(scale=2, min_width=320):
            gr.HTML(ctx.t("drawing"))
    with ctx.section("try"), gr.Row(elem_classes="gl-stage"):
        with gr.Column(scale=7, min_width=320, elem_classes="gl-output", elem_id="nf-stage"):
            viewer = _viewer.component(elem_id="nf-viewer")
            caption = gr.HTML(elem_id="nf-caption", min_height=28, js_on_load=SCRIPT)
        with gr.Column(scale=4, min_width=280, elem_classes="gl-controls"):
            board, slow = _controls(ctx)
    asked, begun = gr.Textbox(visible="hidden"), gr.Textbox(visible="hidden")
    pixel = ctx.control("pixel", gr.Textbox(_ray.FIRST, visible="hidden"))
    actions = gr.Column()
    with ctx.section("inside"), gr.Tabs(elem_classes="nf-inner", overflow_behavior="wrap"):
        _inside.build(ctx, board.scene, pixel, [viewer, caption, board.renderer, asked])
    with actions:
        ctx.actions("#nf-stage", snippet, board.camera)
    with ctx.section("measure"):
        _measured(ctx, board.scene)
    with ctx.section("predict"):
        gr.Markdown(ctx.t("question"))
        guesses = [(ctx.t(f"guess.{g}"), g) for g in ("encoding", "directions", "same")]
        guess = gr.Radio(guesses, show_label=False, container=False)
        answer = gr.Markdown(elem_id="nf-answer")
    ctx.live([guess.input], lambda lang, _: run_answer(lang), [guess], [answer])
    _wire(ctx, board, [viewer, caption, asked], pixel, begun)
    ctx.run(slow.tiny, slow.stop, run_tiny, board.camera, [viewer, caption, asked], slow.status, "nerf_tiny")
    turned = [board.scene, board.elevation, board.distance]
    ctx.run(slow.turn, slow.stop, run_turn, turned, [slow.film], slow.status, "nerf_turn")


def _controls(ctx: _shell.Context) -> tuple[Board, Slow]:
    """The column beside the picture."""
    azimuth, elevation, distance = _viewer.HOME
    scenes = [(ctx.t(f"scene.{scene}"), scene) for scene in SCENES]
    views = [(ctx.t(f"view.{view}"), view) for view in _viewer.MODES]
    renderers = [(ctx.t(f"renderer.{name}"), name) for name in RENDERERS]
    board = Board(
        ctx.control("scene", gr.Radio(scenes, value=SCENES[0], label=ctx.t("scene"))),
        ctx.control("azimuth", gr.Slider(-180, 180, azimuth, step=1, label=ctx.t("azimuth"))),
        ctx.control("elevation", gr.Slider(*_viewer.ELEVATIONS, elevation, step=1, label=ctx.t("elevation"))),
        ctx.control("distance", gr.Slider(*_viewer.DISTANCES, distance, step=0.05, label=ctx.t("distance"))),
        ctx.control("view", gr.Radio(views, value=_viewer.MODES[0], label=ctx.t("view"))),
        ctx.control("renderer", gr.Radio(renderers, value=RENDERERS[0], label=ctx.t("renderer"))),
        ctx.control("cameras", gr.Checkbox(False, label=ctx.t("cameras"), container=False)),
    )
    with gr.Row(elem_classes="nf-slow"):
        tiny = gr.Button(ctx.t("tiny_start"), size="sm", min_width=120)
        turn = gr.Button(ctx.t("turn_start"), size="sm", min_width=120)
        stop = gr.Button(ctx.shell("stop"), size="sm", min_width=70)
    status = gr.HTML(elem_id="nf-status", min_height=24)
    return board, Slow(tiny, turn, stop, status, gr.HTML(elem_id="nf-film"))


def _measured(ctx: _shell.Context, scene: gr.Radio) -> None:
    tables = gr.HTML(elem_id="nf-tables")
    with gr.Row():
        start = gr.Button(ctx.t("measure_button"), variant="primary")
        stop = gr.Button(ctx.shell("stop"))
    status = gr.HTML()
    live = gr.HTML(elem_id="nf-live")
    ctx.on_show(run_tables, [], [tables])
    ctx.run(start, stop, run_measure, [scene], [live], status)


def _wire(
    ctx: _shell.Context, board: Board, outputs: list[gr.components.Component], pixel: gr.Textbox, begun: gr.Textbox
) -> None:
    """Sliders and viewer follow each other in the browser; the server is asked only where it has to draw.

    asked: what the server has to draw, "" where the browser draws; begun: changes when the tab opens, with or without
    a link's values.
    """
    viewer, caption, asked = outputs
    moving = [board.scene, board.view, board.renderer]
    gr.on(
        [control.input for control in board.values], None, board.values, asked, js=CALL.format(name="look"), **PRIVATE
    )
    for event in (begun.change, board.scene.change):
        event(None, [pixel, *board.values], asked, js=CALL.format(name="begin"), **PRIVATE)
    for event in (viewer.input, viewer.release):
        places = [board.azimuth, board.elevation, board.distance, asked]
        event(None, moving, places, js=CALL.format(name="moved"), **PRIVATE)
    viewer.select(None, None, pixel, js=CALL.format(name="clicked"), **PRIVATE)
    viewer.load(None, board.values, [board.renderer, asked], js=CALL.format(name="ready"), **PRIVATE)
    drawn = [asked, *board.camera, board.view]
    ctx.live([asked.change], run_view, drawn, [viewer, caption], "nerf_view")
    ctx.live([board.scene.input], run_scene, [board.scene], [viewer, caption])
    ctx.on_show(run_scene, [board.scene], [viewer, caption])
    ctx.on_show(lambda lang, *values: str(values), board.values, [begun])
