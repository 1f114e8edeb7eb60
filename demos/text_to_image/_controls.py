"""The controls of *Try*: what is drawn, how, by which model, and how a published model gets here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from demos import _download, _i18n, _shell
from demos.text_to_image import _parts, _views
from genmodels import registry
from genmodels.step import Step
from genmodels.text_to_image.settings import MAX_CHARACTERS, SETTINGS

STYLES = ("any", "twemoji", "openmoji", "openmoji-line", "fluent-3d", "fluent-flat", "noto", "noto-v1", "emojione")


@dataclass(frozen=True)
class Board:
    """The controls by role. values: in the order of `Settings`; triggers: the events that live mode follows."""

    parts: _parts.Parts
    values: Sequence[Component]
    triggers: Sequence[Any]
    live: gr.Checkbox
    start: gr.Button
    stop: gr.Button
    status: gr.HTML


def build(ctx: _shell.Context, pick: str) -> Board:
    """Lay the controls out; `pick` is the script of buttons that fill in a prompt."""
    prompt = ctx.control(
        "prompt",
        gr.Textbox(
            "", label=ctx.t("prompt"), placeholder=ctx.t("prompt_hint"), elem_id="ti-prompt", max_length=MAX_CHARACTERS
        ),
    )
    gr.HTML(ctx.t("chips"), js_on_load=pick, elem_classes="ti-chips")
    styles = [(ctx.t(f"style.{style}"), style) for style in STYLES]
    style = ctx.control("style", gr.Dropdown(styles, value="fluent-3d", label=ctx.t("style"), filterable=False))
    seed = ctx.seed_row(7)
    live = ctx.control("live", gr.Checkbox(True, label=ctx.t("live")))
    with gr.Row(elem_classes="ti-run"):
        start = gr.Button(ctx.t("draw"), variant="primary", min_width=120)
        stop = gr.Button(ctx.shell("stop"), min_width=90)
    status = gr.HTML(_shell.status_line(""))
    with gr.Accordion(ctx.t("more"), open=False, elem_classes="ti-settings"):
        steps = ctx.control("steps", gr.Slider(1, _parts.STEPS_MAX, 20, step=1, label=ctx.t("steps")))
        guidance = ctx.control("guidance", gr.Slider(0, _parts.GUIDANCE_MAX, 3, step=0.5, label=ctx.t("guidance")))
        kinds = [
            (ctx.t(f"scheduler.{s}"), s) for s in dict.fromkeys(s for own in SETTINGS.values() for s in own.schedulers)
        ]
        scheduler = ctx.control("scheduler", gr.Dropdown(kinds, value="ddim", label=ctx.t("scheduler")))
        negative = ctx.control("negative", gr.Textbox("", label=ctx.t("negative"), max_length=MAX_CHARACTERS))
        count = ctx.control("count", gr.Slider(1, _parts.COUNT_MAX, 1, step=1, label=ctx.t("count")))
        model = ctx.control("model", gr.Dropdown(_models(ctx), value=_parts.TEACHER, label=ctx.t("model")))
        _fetch(ctx, model)
    parts = _parts.Parts(prompt, negative, style, seed, steps, guidance, scheduler, model)
    values = [prompt, negative, style, seed, steps, guidance, scheduler, model, count]
    model.input(_fitting, model, [steps, guidance, scheduler], queue=False, api_visibility="private")
    # Gradio's Textbox.input follows key presses alone: no deleting, pasting, accents by dead keys, nor phones.
    triggers = [prompt.change, negative.change, style.input, seed.change, guidance.input, count.input]
    return Board(parts, values, triggers, live, start, stop, status)


def _models(ctx: _shell.Context) -> list[tuple[Any, str]]:
    """The models that can draw here, with their names."""
    return [(ctx.t(f"model.{card.id}"), card.id) for card in _drawing(ctx.topic.ID) if not registry.unavailable(card)]


def arrived(lang: str) -> Any:
    """The list of models with those that a download brought."""
    here = [card.id for card in _drawing("text_to_image") if not registry.unavailable(card)]
    return gr.update(choices=[(_views.model_name(lang, id), id) for id in here])


def _drawing(topic: str) -> list[registry.ModelCard]:
    """Every model that draws from a prompt, whether it can run here or not."""
    return [card for card in registry.cards(topic) if "generate" in card.can and card.id in SETTINGS]


def _fitting(model: str) -> list[Any]:
    """Steps, guidance and scheduler as the model is meant to be used."""
    own = SETTINGS.get(model)
    return [own.steps, own.guidance_scale, own.scheduler] if own else [gr.skip()] * 3


def _fetch(ctx: _shell.Context, model: gr.Dropdown) -> None:
    """Published models that are not here: why, and a button that downloads one, which `model` then offers."""
    reasons = gr.HTML()
    published = [card.id for card in _drawing(ctx.topic.ID) if card.id not in _parts.EMBEDDED]
    ctx.on_show(lambda lang: _views.unavailable(lang, _absent(lang, published)), [], [reasons])
    _download.offer(ctx, published, run_download, arrived, [model])


def run_download(lang: str, model: str) -> Iterator[tuple[Step, str]]:
    """Fetch a published model of this topic; yields (Step in megabytes, HTML of what is arriving)."""
    offered = [card.id for card in registry.cards("text_to_image")]
    yield from _download.fetched(lang, _views.text, _views.model_name(lang, str(model)), model, offered)


def _absent(lang: str, ids: Sequence[str]) -> list[tuple[str, str]]:
    """(model, why it cannot run here) for each of `ids` that cannot."""
    reasons = ((id, registry.unavailable(registry.card(id))) for id in ids)
    return [(id, _i18n.explain(lang, reason)) for id, reason in reasons if reason]
