"""A shelf of pictures to choose from, with the visitor's own beside them."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

from demos import _pictures
from genmodels.errors import one_of

if TYPE_CHECKING:
    from torch import Tensor

OWN = "own"
KEPT_SECONDS = 3600  # that a visitor's picture stays in the session


def shelf(name: str, many: bool = False) -> gr.HTML:
    """The component; `select` and `upload` are its events, `sent` the script that hands over what was uploaded."""
    script = (Path(__file__).parent / "gallery.js").read_text(encoding="utf-8")
    script = script.replace("NAME", name).replace("MANY", "true" if many else "false")
    template = '<div class="tr-shelf"></div><div class="tr-own"></div>'
    return gr.HTML(
        html_template=template, js_on_load=_pictures.picker() + script, elem_id=f"tr-shelf-{name}", padding=False
    )


def sent(name: str) -> str:
    """A script that puts the visitor's file there."""
    return f"(lang, file, ...rest) => [lang, genlabGallery.{name}.file(), ...rest]"


def value(items: Sequence[tuple[str, str, str]], chosen: str) -> str:
    """The component's value. items: (key, name, data address)."""
    shown = [{"key": key, "name": name, "uri": uri} for key, name, uri in items]
    return json.dumps({"answer": time.monotonic_ns(), "items": shown, "chosen": chosen})


def own(data: object, size: int = 64) -> Tensor:
    """A visitor's file, whole on white: (1, 3, size, size) in [-1, 1]. Raises Refusal for what is no picture."""
    from genmodels.translation import drawing

    return drawing.square(_pictures.decoded(data), size)


def kept() -> gr.State:
    """The visitor's own picture or pictures."""
    return gr.State(None, time_to_live=KEPT_SECONDS)


@functools.cache
def thumbnail(style: str, key: str) -> str:
    """Data address of a shipped example."""
    return _pictures.uri(example(style, key))


def example(style: str, key: str) -> Tensor:
    """A shipped example in a style: (1, 3, 64, 64) in [-1, 1]. Raises Refusal("choice") for an unknown subject."""
    from genmodels.translation import examples

    found = examples.load()
    at = found.keys.index(one_of("example", key, found.keys))
    return found.pictures[style][at : at + 1]


def items(lang: str, style: str) -> list[tuple[str, str, str]]:
    """The shipped subjects in a style, as `value` takes them."""
    from genmodels.translation import examples

    found = examples.load()
    return [
        (key, name, thumbnail(style, key))
        for key, name in zip(found.keys, found.names.get(lang, found.names["en"]), strict=True)
    ]
