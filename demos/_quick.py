"""Light events past the queue: their answers come sooner, and many short ones leave no stream of the queue's open.

Gradio drops warnings there, so what is refused is said in one of the event's own outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from demos import _i18n, _shell

QUICK = {"queue": False, "trigger_mode": "always_last", "show_progress": "hidden"}


def on(
    ctx: _shell.Context,
    triggers: Sequence[Any],
    fn: Callable[..., Any],
    inputs: Sequence[Component],
    outputs: Sequence[Component],
    said: int,
    js: str | None = None,
    api_name: str | None = None,
) -> Dependency:
    """fn(lang, *inputs) -> outputs, the last state wins.

    said: the output that a refusal is said in; js: a script that puts in what only the browser knows.
    """
    named = {"api_name": api_name} if api_name else {"api_visibility": "private"}
    told = _told(fn, len(outputs), said)
    return gr.on(triggers, told, [ctx.lang, *inputs], list(outputs), js=js, **QUICK, **named)


def after(
    ctx: _shell.Context,
    event: Dependency,
    fn: Callable[..., Any],
    inputs: Sequence[Component],
    outputs: Sequence[Component],
    said: int = 0,
) -> None:
    """After another event: fn(lang, *inputs) -> outputs."""
    told = _told(fn, len(outputs), said)
    event.then(told, [ctx.lang, *inputs], list(outputs), api_visibility="private", **QUICK)


def _told(fn: Callable[..., Any], outputs: int, said: int) -> Callable[..., Any]:
    def call(lang: str, *values: Any) -> Any:
        try:
            return fn(lang, *values)
        except Exception as error:
            line = _shell.status_line(_i18n.explain(lang, error))
            return [line if i == said else gr.skip() for i in range(outputs)] if outputs > 1 else line

    return call


def script() -> str:
    """The browser's side, to go before a component's own script: it says there how it is called."""
    return (Path(__file__).parent / "_quick.js").read_text(encoding="utf-8")
