"""Downloading a published model from the page.

A tab that has some says in its texts: downloading, downloaded, download, published, and model.<id>.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component

from demos import _shell
from genmodels import registry
from genmodels.errors import Refusal
from genmodels.step import Step


def fetched(
    lang: str, text: Callable[..., str], name: str, model: object, offered: Sequence[str]
) -> Iterator[tuple[Step, str]]:
    """Fetch one of the `offered` models; yields (Step in megabytes, HTML of what is arriving).

    text(lang, key, **values): the tab's; name: what the page calls the model. Raises Refusal("unknown_model") for
    another model.
    """
    if model not in offered:
        raise Refusal("unknown_model", f"there is no model {str(model)[:60]!r}", id=str(model)[:60])
    for step in registry.fetch(str(model)):
        here, total = step.i / 1e6, step.n / 1e6
        said = text(lang, "downloading", file=step.info["file"], here=here, total=total)
        yield Step(round(here), max(1, round(total))), _shell.status_line(said)
    yield Step(1, 1), _shell.status_line(text(lang, "downloaded", model=name))


def offer(
    ctx: _shell.Context,
    ids: Sequence[str],
    run: Callable[..., Iterator[Any]],
    arrived: Callable[..., Any],
    outputs: Sequence[Component],
) -> None:
    """A button that downloads one of the `ids` not here yet, if any; then arrived(lang) -> outputs."""
    wanting = {id: registry.unavailable(registry.card(id)) for id in ids}
    absent = [id for id, reason in wanting.items() if reason and reason.code == "not_downloaded"]
    if not absent:
        return
    which = gr.Dropdown([(ctx.t(f"model.{id}"), id) for id in absent], value=absent[0], label=ctx.t("published"))
    with gr.Row():
        start, stop = gr.Button(ctx.t("download"), size="sm"), gr.Button(ctx.shell("stop"), size="sm")
    status, arriving = gr.HTML(), gr.HTML()
    event = ctx.run(start, stop, run, [which], [arriving], status)
    ctx.follow(event, arrived, [], outputs)
