"""Which model rebuilds: those that ship here, and the published ones, downloaded on request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from demos import _shell
from demos.masking import _views
from demos.masking._views import text
from genmodels import registry
from genmodels.errors import Refusal
from genmodels.step import Step

FIRST = "mae-photos"


def run_download(lang: str, model: str) -> Iterator[tuple[Step, str]]:
    """Fetch a published model of this topic; yields (Step in megabytes, HTML of what is arriving)."""
    if model not in [card.id for card in _views.cards("reconstruct")]:
        raise Refusal("unknown_model", f"there is no model {str(model)[:60]!r}", id=str(model)[:60])
    for step in registry.fetch(model):
        here, total = step.i / 1e6, step.n / 1e6
        said = text(lang, "downloading", file=step.info["file"], here=here, total=total)
        yield Step(round(here), max(1, round(total))), _shell.status_line(said)
    yield Step(1, 1), _shell.status_line(text(lang, "downloaded", model=_views.name(lang, model)))


def chooser(ctx: _shell.Context) -> gr.Dropdown:
    """The models that rebuild pictures on this machine."""
    ready = _views.here(_views.cards("reconstruct")) or [FIRST]
    choices = [(ctx.t(f"model.{id}"), id) for id in ready]
    return gr.Dropdown(choices, value=ready[0], label=ctx.t("model"), filterable=False)


def more(ctx: _shell.Context, model: gr.Dropdown) -> None:
    """Models that are not here, each with the reason, and a button that downloads one, which `model` then offers."""
    found = _views.cards("reconstruct")
    reasons = gr.HTML(elem_id="mk-absent")
    ctx.on_show(lambda lang: _views.absent(lang, found), [], [reasons])
    wanting = {card.id: registry.unavailable(card) for card in found}
    missing = [id for id, reason in wanting.items() if reason and reason.code == "not_downloaded"]
    if not missing:
        return
    which = gr.Dropdown([(ctx.t(f"model.{id}"), id) for id in missing], value=missing[0], label=ctx.t("published"))
    with gr.Row():
        start, stop = gr.Button(ctx.t("download"), size="sm"), gr.Button(ctx.shell("stop"), size="sm")
    status, arriving = gr.HTML(), gr.HTML()
    event = ctx.run(start, stop, run_download, [which], [arriving], status)
    ctx.follow(event, arrived, [], [model, reasons])


def arrived(lang: str) -> tuple[Any, str]:
    """The list of models with those that a download brought, and what is still not here."""
    found = _views.cards("reconstruct")
    return gr.update(choices=[(_views.name(lang, id), id) for id in _views.here(found)]), _views.absent(lang, found)
