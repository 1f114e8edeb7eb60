"""*Try*: draw, and it is painted while you draw; an outline in colours, or a label map as a house front."""

from __future__ import annotations

import functools
import json
import time
from html import escape
from typing import TYPE_CHECKING, Any

from demos import _pictures, _shell
from demos.translation import _examples, _views
from demos.translation._views import text
from genmodels.errors import one_of

if TYPE_CHECKING:
    from torch import Tensor

TASKS = ("outline", "facade")
MODELS = {"outline": "pix2pix-outline", "facade": "pix2pix-facades"}
EXAMPLES = {"outline": _examples.OUTLINES, "facade": _examples.FACADES}
FIRST = {"outline": _examples.OUTLINES["apple"], "facade": _examples.FACADES["block"]}
THUMB = 64


def run_paint(lang: str, task: object, outline: object, facade: object) -> tuple[str, str, str, str]:
    """Paint the drawing of the task. outline, facade: drawings as text (`genmodels.translation.sketch`).

    -> the easel's value, HTML of the caption, and both drawings.
    """
    kind = one_of("task", task, TASKS)
    drawing = outline if kind == "outline" else facade
    given = seen(kind, drawing)
    model = _views.load(MODELS[kind])
    began = time.perf_counter()
    made = painted(model, given)
    ms = 1000 * (time.perf_counter() - began)
    return board(lang, kind, str(drawing), made), caption(lang, kind, given, ms), str(outline), str(facade)


def run_outline(lang: str, data: object, task: object, outline: object, facade: object) -> tuple[str, str, str, str]:
    """A visitor's picture as an outline, painted. data: base64 of a PNG, JPEG, WebP or GIF; the rest as `run_paint`."""
    from genmodels.translation import drawing, sketch

    return run_paint(lang, "outline", sketch.packed(drawing.outline(_pictures.decoded(data))), facade)


def seen(kind: str, drawing: object) -> Tensor:
    """What the network gets: (1, 1, 64, 64) or (1, 3, 128, 128) in [-1, 1]. Raises Refusal("sketch")."""
    from genmodels.translation import sketch

    return sketch.outline(drawing) if kind == "outline" else sketch.labels(drawing)


def painted(model: Any, x: Tensor) -> Tensor:
    """The model's picture (1, 3, H, W) of x."""
    import torch

    with torch.inference_mode():
        return model(x)


def board(lang: str, kind: str, drawing: str, made: Tensor) -> str:
    """The easel's value: drawing, picture, examples, and the words for them."""
    from genmodels.data.facades import CLASSES, PALETTE
    from genmodels.translation import sketch

    palette = [
        {"name": text(lang, f"label.{name}"), "color": "#{:02x}{:02x}{:02x}".format(*color)}
        for name, color in zip(CLASSES, PALETTE.tolist(), strict=True)
    ]
    examples = [
        {"name": text(lang, f"example.{key}"), "text": one, "uri": thumbnail(kind, key)}
        for key, one in EXAMPLES[kind].items()
    ]
    words = ("p", "e", "b", "s", "undo", "clear", f"drawn.{kind}", f"painted.{kind}")
    return json.dumps(
        {
            "answer": time.monotonic_ns(),
            "kind": kind,
            "drawing": drawing,
            "longest": sketch.LONGEST,
            "widths": {"p": sketch.PEN, "e": sketch.ERASER, "s": sketch.BRUSH},
            "picture": _pictures.uri(made),
            "palette": palette,
            "examples": examples,
            "says": {key.split(".")[0]: text(lang, f"easel.{key}") for key in words},
            "alts": {key: text(lang, f"alt.{key}.{kind}") for key in ("canvas", "picture")},
        }
    )


def caption(lang: str, kind: str, given: Tensor, ms: float) -> str:
    """HTML: what painted it, how fast, how large it truly is, and what the model knows of the world."""
    size = given.shape[-1]
    line = text(lang, f"caption.{kind}", ms=ms, size=size)
    empty = bool((given == given[..., :1, :1]).all())
    hint = text(lang, f"empty.{kind}" if empty else f"world.{kind}")
    settings = escape(json.dumps({"model": MODELS[kind]}))
    return (
        f'<p class="tr-caption" data-settings="{settings}"><b>{escape(line)}</b> {_shell.generated_label(lang)}</p>'
        f"{_views.says(hint, 'tr-small')}"
    )


@functools.cache
def thumbnail(kind: str, key: str) -> str:
    """Data address of an example drawing."""
    shown = seen(kind, EXAMPLES[kind][key])
    step = shown.shape[-1] // THUMB
    return _pictures.uri(shown[..., ::step, ::step])


def checked(kind: str, drawing: str) -> str:
    """A link's drawing. Raises Refusal("sketch") for what is none."""
    from genmodels.translation import sketch

    sketch.read(drawing, sketch.OUTLINE if kind == "outline" else sketch.FACADE)
    return drawing


def snippet(task: object, outline: object, facade: object) -> str:
    """A short program that paints the same drawing."""
    kind = one_of("task", task, TASKS)
    drawing = outline if kind == "outline" else facade
    make = "outline" if kind == "outline" else "labels"
    return f'''import torch

import genmodels
from genmodels import images
from genmodels.translation import sketch

drawing = "{drawing}"
model = genmodels.load("{MODELS[kind]}", "cpu")
x = sketch.{make}(drawing)  # {"1 x 1 x 64 x 64" if kind == "outline" else "1 x 3 x 128 x 128"}, in [-1, 1]
with torch.no_grad():
    picture = model(x)
images.to_pil(picture).save("translation.png")
'''
