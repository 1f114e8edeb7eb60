"""Prompt to image: a miniature Stable Diffusion follows the typing, and shows what happens inside."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import gradio as gr

from demos import _quick, _shell
from demos.text_to_image import (
    _architectures,
    _compare,
    _controls,
    _gallery,
    _inside,
    _limits,
    _measure,
    _parts,
    _text,
    _views,
)
from demos.text_to_image._controls import run_download
from demos.text_to_image._measure import run_measure
from demos.text_to_image._settings import Settings, trace
from genmodels import images
from genmodels.step import Step

__all__ = [
    "ID",
    "ORDER",
    "TEXT",
    "build",
    "run_download",
    "run_draw",
    "run_file",
    "run_guidance",
    "run_inside",
    "run_live",
    "run_measure",
]
ID, ORDER = "text_to_image", 20
HERE = Path(__file__).parent
INNER = (("compare", _compare), ("architectures", _architectures), ("gallery", _gallery), ("limits", _limits))
TEXT = {lang: _text.TEXT[lang] | {k: v for _, part in INNER for k, v in part.TEXT[lang].items()} for lang in _text.TEXT}
VIEWS = ("steps", "latent", "words", "guidance", "text")
PREVIEW_SECONDS = 0.1
FRAME_SECONDS = 0.12
PICK = """
element.addEventListener("click", (event) => {
  const chip = event.target.closest(".ti-chip");
  const box = document.querySelector("#ti-prompt textarea, #ti-prompt input");
  if (!chip || !box) return;
  box.value = chip.textContent;
  box.dispatchEvent(new Event("input", { bubbles: true }));
});
"""
DOWNLOAD = """(uri, name) => {
  const link = Object.assign(document.createElement("a"), { href: uri, download: name });
  if (uri) link.click();
}"""
text = _views.text


def run_draw(lang: str, *values: object) -> Iterator[tuple[Step, str, str]]:
    """Draw with the full sampler.

    values: prompt, negative prompt, style, seed, steps, guidance, scheduler, model, count, as `Settings` has them.
    Yields (Step, HTML of the pictures so far, the settings as JSON).
    """
    settings = Settings.read(*values)
    shown = 0.0
    for step in settings.run():
        if step.i == step.n:
            pictures = _parts.finished(step, settings.model)
            yield step, _views.stage(lang, settings, pictures), settings.json()
        elif time.monotonic() - shown > PREVIEW_SECONDS:
            pictures = _parts.previews(step.x0, settings.model)
            forming = gr.skip() if pictures is None else _views.stage(lang, settings, pictures, (step.i, step.n))
            yield step, forming, gr.skip()
            shown = time.monotonic()


def run_live(lang: str, live: bool, shown: str, *values: object) -> tuple[str, str, str, str] | list[dict]:
    """Draw the quick way; values as in `run_draw`. -> HTML of the pictures, the settings as JSON, "live", no status.

    Nothing new where live mode is off, where `shown`, the settings of the picture on screen, are those already (drawn
    the quick way or in full), and where they are empty: then the tab is just opening, and draws by itself.
    """
    asked = Settings.read(*values)
    settings = asked.live()
    if not live or shown in ("", settings.json(), asked.json()):
        return [gr.skip()] * 4
    return _views.stage(lang, settings, settings.pictures()), settings.json(), "live", _shell.status_line("")


def run_inside(lang: str, shown: str) -> list[str]:
    """HTML of the five views of the drawing whose settings `shown` holds as JSON."""
    return _inside.views(lang, trace(Settings.parse(shown)))


def run_file(lang: str, shown: str, kind: str) -> tuple[str, str]:
    """The drawing as a file: "png" its pictures, "strip" all steps, "gif" all steps. -> data address, file name."""
    settings = Settings.parse(shown)
    if kind == "png":
        data = images.png(_sheet(settings), **_json(settings))
    else:
        found = trace(settings)
        noisy, clean = (_parts.pictures(part, settings.model) for part in (found.states, found.x0))
        if kind == "gif":
            frames = [images.to_pil(one).resize((256, 256)) for one in clean]
            data = images.gif([*frames, *[frames[-1]] * 8], FRAME_SECONDS)
        else:
            data = images.png(images.grid([*noisy, *clean], len(noisy)), **_json(found.settings))
    mime = "gif" if kind == "gif" else "png"
    return f"data:image/{mime};base64,{base64.b64encode(data).decode()}", f"genlab-{ID}-{kind}.{mime}"


def run_guidance(lang: str, *values: object) -> tuple[str, str]:
    """The answer to the question, computed: the same drawing at four strengths of guidance -> Markdown, HTML."""
    settings = replace(Settings.read(*values).teacher(), count=1)
    scales = (1.0, 3.0, 7.5, 20.0)
    drawn = [replace(settings, guidance=w).pictures()[0] for w in scales]
    import torch

    labels = [text(lang, "answer_label", w=w) for w in scales]
    contrast = [float(one.std()) for one in drawn]
    answer = text(
        lang, "answer", prompt=settings.prompt, seed=settings.seed, low=contrast[0], high=contrast[-1]
    )  # fmt: skip
    return answer, f"{_views.row(lang, torch.stack(drawn), labels)}<p>{_shell.generated_label(lang)}</p>"


def snippet(shown: str) -> str:
    """A short program that makes the picture on screen."""
    return Settings.parse(shown).snippet()


def _sheet(settings: Settings) -> images.Image.Image:
    pictures = settings.pictures()
    return images.to_pil(pictures[0]) if len(pictures) == 1 else images.grid(list(pictures), 4)


def _json(settings: Settings) -> dict[str, object]:
    import json

    return json.loads(settings.json())


def build(ctx: _shell.Context) -> None:
    """Lay the tab out and wire it."""
    with ctx.section("idea"), gr.Row():
        with gr.Column(scale=3, min_width=320):
            gr.Markdown(ctx.t("idea"), latex_delimiters=_shell.LATEX)
        with gr.Column(scale=2, min_width=320):
            gr.HTML(ctx.t("drawing"))
    with ctx.section("try"), gr.Row(elem_classes="gl-stage"):
        with gr.Column(scale=7, min_width=320, elem_classes="gl-output"):
            stage = gr.HTML(elem_id="ti-picture", min_height=420, js_on_load=PICK)
        with gr.Column(scale=4, min_width=280, elem_classes="gl-controls"):
            board = _controls.build(ctx, PICK)
    shown = gr.Textbox(visible="hidden")
    made = ctx.control("made", gr.Radio(["live", "full"], value=None, visible="hidden"))  # None: nothing yet
    actions = gr.Column()
    with ctx.section("inside"), gr.Tabs(elem_classes="ti-inner", overflow_behavior="wrap"):
        views = _views_tabs(ctx, shown)
        for name, part in INNER:
            with ctx.tab(f"tab_{name}"):
                part.build(ctx, board.parts)
    with actions:
        ctx.actions("#ti-picture", snippet, [shown])
    with ctx.section("measure"):
        _measure.build(ctx, board.values)
    with ctx.section("predict"):
        gr.Markdown(ctx.t("question"))
        guesses = [(ctx.t(f"guess.{g}"), g) for g in ("better", "burnt", "same")]
        guess = gr.Radio(guesses, show_label=False, container=False)
        answer = gr.Markdown(elem_id="ti-answer")
        reveal = gr.HTML()
    ctx.live([guess.input], lambda lang, _, *v: run_guidance(lang, *v), [guess, *board.values], [answer, reveal])
    _wire(ctx, board, [stage, shown, made], views)


def _views_tabs(ctx: _shell.Context, shown: gr.Textbox) -> list[gr.HTML]:
    """The inner tabs of the picture just made."""
    script = (HERE / "inside.js").read_text(encoding="utf-8")
    views = []
    for name in VIEWS:
        with ctx.tab(f"tab_{name}"):
            views.append(gr.HTML(elem_id=f"ti-{name}", min_height=380, js_on_load=script))
            if name == "steps":
                file, called = gr.Textbox(visible="hidden"), gr.Textbox(visible="hidden")
                with gr.Row(elem_classes="gl-actions"):
                    buttons = {k: gr.Button(ctx.t(f"save_{k}"), size="sm") for k in ("strip", "gif", "png")}
    for kind, button in buttons.items():
        event = ctx.live(
            [button.click], lambda lang, shown, kind=kind: run_file(lang, shown, kind), [shown], [file, called]
        )
        event.then(None, [file, called], None, js=DOWNLOAD)
    return views


def _wire(ctx: _shell.Context, board: _controls.Board, outputs: list[gr.components.Component], views: list) -> None:
    """Typing, drawing, opening the tab; Inside follows each."""
    stage, shown, made = outputs

    def show(lang: str, made: str | None, prompt: str, *rest: object) -> list[object]:
        prompt = prompt if prompt or made else _views.first_prompt(lang)
        settings = Settings.read(prompt, *rest)
        settings = settings.live() if made == "live" else settings
        drawn = [_views.stage(lang, settings, settings.pictures()), settings.json(), made or "full", prompt]
        return [*drawn, *run_inside(lang, settings.json())]

    def inside(lang: str, shown: str) -> list[object]:
        return run_inside(lang, shown) if shown else [gr.skip()] * len(views)  # a link's values came first

    ctx.on_show(show, [made, *board.values], [*outputs, board.parts.prompt, *views])
    told = [*outputs, board.status]
    typed = _quick.on(ctx, board.triggers, run_live, [board.live, shown, *board.values], told, len(outputs))
    drawn = ctx.run(board.start, board.stop, run_draw, board.values, [stage, shown], board.status, "text_to_image_draw")
    for event in (typed, drawn):
        _quick.after(ctx, event, inside, [shown], views)
    ctx.follow(drawn, lambda lang: "full", [], [made])
