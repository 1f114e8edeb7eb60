"""Light events that begin in the browser, with values that only the browser knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from demos import _shell


def on(
    ctx: _shell.Context,
    trigger: Any,
    fn: Callable[..., Any],
    inputs: Sequence[Component],
    outputs: Sequence[Component],
    js: str,
    queue: bool = True,
) -> Dependency:
    """fn(lang, *inputs) -> outputs, the last state wins; js puts in what only the browser knows.

    Past the queue an answer comes sooner, but Gradio drops warnings there: `fn` has to say itself what it refuses.
    """
    limits = {"concurrency_limit": 4} if queue else {}
    return gr.on(
        [trigger],
        _shell._guarded(fn, len(outputs)),
        [ctx.lang, *inputs],
        list(outputs),
        js=js,
        queue=queue,
        trigger_mode="always_last",
        show_progress="hidden",
        api_visibility="private",
        **limits,
    )


def known(calls: dict[int, str]) -> str:
    """A script that hands an event's inputs on, but for those, by place, that `window.genlabMasking` knows."""
    puts = "".join(f"values[{i}] = genlabMasking.{call};" for i, call in calls.items())
    return f"(...values) => {{ {puts} return values; }}"
