"""Comparisons with one seed: A and B, guidance by steps, walks, and editing a word."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos import _shell
from demos.text_to_image import _compare_views as views
from demos.text_to_image import _parts
from demos.text_to_image._compare_text import TEXT
from demos.text_to_image._settings import TEACHER, Settings
from genmodels import registry
from genmodels.errors import Refusal, in_range
from genmodels.step import Step
from genmodels.text_to_image.settings import SETTINGS

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["TEXT", "build", "run_ab", "run_edit", "run_grid", "run_walk", "run_weigh"]
HERE = Path(__file__).parent
PREVIEW_SECONDS = 0.15
GRID_STEPS, GRID_GUIDANCE = (2, 5, 10, 20, 50), (1.0, 3.0, 7.5, 20.0)
SCALES = (0.0, 0.5, 1.0, 2.0, 4.0)
FRAMES = (8, 48)


def run_ab(
    lang: str, b_prompt: str, b_guidance: float, b_steps: int, b_scheduler: str, b_model: str, *a: object
) -> Iterator[tuple[Step, Any]]:
    """Draw A and B from one seed; yields (Step, HTML).

    a: the settings of A in the order of `Settings`, without the count; an empty b_prompt is A's.
    """
    first = Settings.read(*a, 1)
    changed = [b_prompt or first.prompt, first.negative, first.style, first.seed, b_steps, b_guidance, b_scheduler]
    both = first, Settings.read(*changed, b_model, 1)
    pictures: list[Tensor] = []
    seconds: list[float] = []
    for side, settings in enumerate(both):
        began = time.monotonic()
        for step in _previewed(settings.run(), settings.model):
            if step.i == step.n:
                pictures.append(_parts.finished(step, settings.model)[0])
                seconds.append(time.monotonic() - began)
            now = [*pictures, *step.info["preview"][:1]] if step.i < step.n else pictures
            show = step.i == step.n or len(step.info["preview"])
            yield _joined(step, side, 2), views.ab(lang, both, now, seconds) if show else gr.skip()


def run_grid(lang: str, *a: object) -> Iterator[tuple[Step, Any]]:
    """Every strength of guidance with every number of steps, row by row; yields (Step, HTML). a: as in `run_ab`."""
    settings = Settings.read(*a, 1)
    if not SETTINGS[settings.model].guided:
        settings = replace(settings, model=TEACHER).fitting()
    axes = GRID_STEPS, GRID_GUIDANCE
    total = len(GRID_STEPS) * len(GRID_GUIDANCE)
    pictures: list[Tensor] = []
    seconds: list[float] = []
    yield Step(0, total), views.grid(lang, settings, axes, pictures, seconds)
    for n in GRID_STEPS:
        began = time.monotonic()
        for w in GRID_GUIDANCE:
            for step in replace(settings, steps=n, guidance=w).run():
                if step.i < step.n:
                    yield Step(len(pictures), total), gr.skip()
            pictures.append(_parts.finished(step, settings.model)[0])
            if w == GRID_GUIDANCE[-1]:
                seconds.append(time.monotonic() - began)
            yield Step(len(pictures), total), views.grid(lang, settings, axes, pictures, seconds)


def run_walk(lang: str, between: str, prompt: str, seed: int, frames: int, *a: object) -> Iterator[tuple[Step, Any]]:
    """Walk from A to another prompt (between "prompts") or seed ("seeds"); yields (Step, HTML). a: as in `run_ab`."""
    from genmodels.text_to_image import walk

    if between not in ("prompts", "seeds"):
        raise Refusal("choice", f"between is {between!r}", name="between", value=str(between)[:40])
    count = int(in_range("frames", frames, *FRAMES))
    start = _teacher(a).teacher()
    end = replace(start, prompt=_prompt(prompt)) if between == "prompts" else replace(start, seed=_seed(seed))
    if between == "prompts":
        ends = f"“{start.prompt}”", f"“{end.prompt}”"
    else:
        ends = tuple(views.text(lang, "walk_seed_name", seed=one.seed) for one in (start, end))
    drawn: list[Tensor] = []
    for step in _previewed(
        walk.walk(
            registry.load(TEACHER),
            (start.prompt, end.prompt),
            (start.seed, end.seed),
            frames=count,
            **_sampling(start),
        )
    ):
        if step.info["done"]:
            drawn += _parts.pictures(step.x_t)
        if len(drawn) == count:
            yield step, views.player(lang, drawn, ends)
        elif step.info["done"] or len(step.info["preview"]):
            yield step, views.strip(lang, [*drawn, *step.info["preview"]][:count], ends, count)
        else:
            yield step, gr.skip()


def run_edit(lang: str, target: str, share: float, *a: object) -> Iterator[tuple[Step, Any]]:
    """A's prompt, `target` with A's attention for the first share of the steps, and without; yields (Step, HTML)."""
    from genmodels.text_to_image import edit

    settings = _teacher(a)
    prompts = settings.prompt, _prompt(target)
    steps = edit.edit(registry.load(TEACHER), *prompts, share=share, seed=settings.seed, **_sampling(settings))
    for step in _previewed(steps):
        done = step.i == step.n
        pictures = _parts.pictures(step.x_t) if done else step.info["preview"]
        yield step, views.edited(lang, prompts, pictures, done) if len(pictures) else gr.skip()


def run_weigh(lang: str, word: str, *a: object) -> Iterator[tuple[Step, Any]]:
    """The prompt of A with attention to one of its words multiplied by each of SCALES; yields (Step, HTML)."""
    from genmodels.text_to_image import edit, text

    settings = _teacher(a)
    words = text.words(settings.prompt)
    if not words:
        raise Refusal("empty_prompt", "the prompt is empty: there is no word to weigh")
    chosen = "".join(text.words(word or "")[:1]) or words[-1]
    labels = [views.text(lang, "weigh_label", word=chosen, scale=scale) for scale in SCALES]
    model, seed = registry.load(TEACHER), settings.seed
    for step in _previewed(edit.reweight(model, settings.prompt, chosen, SCALES, seed=seed, **_sampling(settings))):
        pictures = _parts.pictures(step.x_t) if step.i == step.n else step.info["preview"]
        yield step, views.row(pictures, labels, "ti-five") if len(pictures) else gr.skip()


def _teacher(a: tuple[object, ...]) -> Settings:
    """A, drawn by the teacher with a scheduler that fits it: the views that look inside need its parts."""
    settings = Settings.read(*a, 1)
    return settings if settings.model == TEACHER else replace(settings, model=TEACHER).fitting()


def _sampling(settings: Settings) -> dict[str, Any]:
    """As the sampler's keywords, without seed and prompt."""
    keywords = {name: getattr(settings, name) for name in ("style", "steps", "scheduler", "negative")}
    return {"guidance_scale": settings.guidance, **keywords}


def _prompt(value: object) -> str:
    """A prompt as it is read. Raises Refusal for what is no text."""
    return Settings.read(value, "", "any", 0, 1, 1, "ddim", TEACHER, 1).prompt


def _seed(value: object) -> int:
    return Settings.read("", "", "any", value, 1, 1, "ddim", TEACHER, 1).seed


def _previewed(steps: Iterator[Step], model: str = TEACHER) -> Iterator[Step]:
    """The Steps, with pictures of x0 as info["preview"] every so often and an empty list otherwise."""
    shown = 0.0
    for step in steps:
        due = step.i < step.n and time.monotonic() - shown > PREVIEW_SECONDS
        preview = _parts.previews(step.x0, model) if due else None
        shown = time.monotonic() if due else shown
        yield replace(step, info={**step.info, "preview": [] if preview is None else list(preview)})


def _joined(step: Step, part: int, parts: int) -> Step:
    """A Step of one of several runs as a Step of the whole, in percent: the runs' own numbers may differ."""
    return Step(round(100 * (part + step.i / step.n) / parts), 100)


def build(ctx: _shell.Context, parts: _parts.Parts) -> None:
    """Four comparisons; A is what the controls of *Try*, `parts`, say."""
    a = [getattr(parts, name) for name in views.COMPARED]
    with gr.Tabs(elem_classes="ti-inner", overflow_behavior="wrap"):
        with ctx.tab("compare.ab") as tab:
            gr.Markdown(ctx.t("compare.ab_says"))
            _build_ab(ctx, parts, a, tab)
        with ctx.tab("compare.grid"):
            gr.Markdown(ctx.t("compare.grid_says"))
            start, stop, status = _buttons(ctx, ctx.t("compare.grid_run"))
            ctx.run(start, stop, run_grid, a, [_pictures(ctx, "ti-grid")], status, "text_to_image_grid")
        with ctx.tab("compare.walk"):
            gr.Markdown(ctx.t("compare.walk_says"))
            target = _build_walk(ctx, a)
        with ctx.tab("compare.edit"):
            gr.Markdown(ctx.t("compare.edit_says"))
            edited = _build_edit(ctx, a)

    def first(lang: str, *given: str | None) -> list[str]:
        keys = ("walk_first", "edit_first")
        return [views.text(lang, key) if now is None else now for key, now in zip(keys, given, strict=True)]

    ctx.on_show(first, [target, edited], [target, edited])


def _build_ab(ctx: _shell.Context, parts: _parts.Parts, a: list, tab: gr.Tab) -> None:
    kinds, models = parts.scheduler.choices, parts.model.choices
    with gr.Row():
        with gr.Column(scale=7, min_width=320):
            out = _pictures(ctx, "ti-ab")
        with gr.Column(scale=3, min_width=260):
            b = [
                ctx.control(
                    "cmp_prompt",
                    gr.Textbox("", label=ctx.t("compare.b_prompt"), placeholder=ctx.t("compare.b_prompt_hint")),
                ),
                ctx.control(
                    "cmp_guidance", gr.Slider(0, _parts.GUIDANCE_MAX, 7.5, step=0.5, label=ctx.t("compare.b_guidance"))
                ),
                ctx.control("cmp_steps", gr.Slider(1, _parts.STEPS_MAX, 20, step=1, label=ctx.t("compare.b_steps"))),
                ctx.control("cmp_scheduler", gr.Dropdown(kinds, value="ddim", label=ctx.t("compare.b_scheduler"))),
                ctx.control("cmp_model", gr.Dropdown(models, value=TEACHER, label=ctx.t("compare.b_model"))),
            ]
            start, stop, status = _buttons(ctx, ctx.t("compare.ab_run"))
    ctx.run(start, stop, run_ab, [*b, *a], [out], status, "text_to_image_ab")
    drawn = gr.State(False)

    def opened(lang: str | None, drawn: bool, *values: Any) -> list[Any]:
        small = {values[4], values[-1]} <= set(_parts.EMBEDDED)
        if drawn or lang is None or not small:
            return [gr.skip(), gr.skip()]
        return [True, deque(run_ab(lang, *values), maxlen=1)[0][1]]

    ctx.live([tab.select], opened, [drawn, *b, *a], [drawn, out])


def _build_walk(ctx: _shell.Context, a: list) -> gr.Textbox:
    """-> the box of the other prompt."""
    with gr.Row():
        with gr.Column(scale=7, min_width=320):
            out = _pictures(ctx, "ti-walk")
        with gr.Column(scale=3, min_width=260):
            kinds = [(ctx.t("compare.walk_prompts"), "prompts"), (ctx.t("compare.walk_seeds"), "seeds")]
            between = ctx.control("cmp_walk", gr.Radio(kinds, value="prompts", label=ctx.t("compare.walk_kind")))
            target = ctx.control("cmp_to", gr.Textbox(None, label=ctx.t("compare.walk_prompt")))
            number = gr.Number(
                8, precision=0, minimum=0, maximum=_shell.SEED_MAX, label=ctx.t("compare.walk_seed"), visible=False
            )
            seed = ctx.control("cmp_seed", number)
            frames = ctx.control("cmp_frames", gr.Slider(*FRAMES, 16, step=4, label=ctx.t("compare.walk_frames")))
            start, stop, status = _buttons(ctx, ctx.t("compare.walk_run"))
    between.change(_ends, between, [target, seed], queue=False, show_progress="hidden", api_visibility="private")
    ctx.run(start, stop, run_walk, [between, target, seed, frames, *a], [out], status, "text_to_image_walk")
    return target


def _ends(between: str) -> list[dict[str, Any]]:
    """Only the end that the walk goes to: the prompt or the seed."""
    return [gr.update(visible=between == "prompts"), gr.update(visible=between == "seeds")]


def _build_edit(ctx: _shell.Context, a: list) -> gr.Textbox:
    """-> the box of the edited prompt."""
    with gr.Row():
        with gr.Column(scale=7, min_width=320):
            out = _pictures(ctx, "ti-edit")
            gr.Markdown(ctx.t("compare.edit_limit"))
        with gr.Column(scale=3, min_width=260):
            target = ctx.control("cmp_edit", gr.Textbox(None, label=ctx.t("compare.edit_target")))
            share = ctx.control("cmp_share", gr.Slider(0, 1, 0.8, step=0.05, label=ctx.t("compare.edit_share")))
            start, stop, status = _buttons(ctx, ctx.t("compare.edit_run"))
    ctx.run(start, stop, run_edit, [target, share, *a], [out], status, "text_to_image_edit")
    gr.Markdown(ctx.t("compare.weigh_says"))
    with gr.Row():
        with gr.Column(scale=7, min_width=320):
            weighed = _pictures(ctx, "ti-weigh", 160)
        with gr.Column(scale=3, min_width=260):
            word = ctx.control(
                "cmp_word", gr.Textbox("", label=ctx.t("compare.weigh_word"), placeholder=ctx.t("compare.weigh_hint"))
            )
            again, halt, state = _buttons(ctx, ctx.t("compare.weigh_run"))
    ctx.run(again, halt, run_weigh, [word, *a], [weighed], state, "text_to_image_reweight")
    return target


def _pictures(ctx: _shell.Context, id: str, height: int = 300) -> gr.HTML:
    """Where a comparison's pictures stand, with its script and styles."""
    script, styles = ((HERE / f"compare.{kind}").read_text(encoding="utf-8") for kind in ("js", "css"))
    more = {"padding": False, "js_on_load": script, "css_template": styles}
    return gr.HTML(ctx.t("compare.wait"), elem_id=id, min_height=height, **more)


def _buttons(ctx: _shell.Context, label: Any) -> tuple[gr.Button, gr.Button, gr.HTML]:
    """Start, stop and the status line."""
    with gr.Row(elem_classes="ti-run"):
        start = gr.Button(label, variant="primary", min_width=120)
        stop = gr.Button(ctx.shell("stop"), min_width=90)
    return start, stop, gr.HTML(_shell.status_line(""))
