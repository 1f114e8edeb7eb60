"""Which model rebuilds: those that ship here, and the published ones, downloaded on request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from demos import _download, _shell
from demos.masking import _views
from genmodels.step import Step

FIRST = "mae-photos"


def run_download(lang: str, model: str) -> Iterator[tuple[Step, str]]:
    """Fetch a published model of this topic; yields (Step in megabytes, HTML of what is arriving)."""
    offered = [card.id for card in _views.cards("reconstruct")]
    yield from _download.fetched(lang, _views.text, _views.name(lang, str(model)), model, offered)


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
    _download.offer(ctx, [card.id for card in found], run_download, arrived, [model, reasons])


def arrived(lang: str) -> tuple[Any, str]:
    """The list of models with those that a download brought, and what is still not here."""
    found = _views.cards("reconstruct")
    return gr.update(choices=[(_views.name(lang, id), id) for id in _views.here(found)]), _views.absent(lang, found)
