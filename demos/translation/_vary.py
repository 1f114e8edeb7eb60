"""*Many answers*: BicycleGAN on the visitor's drawing, its code by hand, and another picture's manner."""

from __future__ import annotations

import json
import math
import time
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr
from gradio.components import Component

from demos import _pictures, _quick, _shell
from demos._quick import on
from demos.translation import _gallery, _views
from demos.translation._views import Refresh, text
from genmodels.errors import Refusal, in_range

if TYPE_CHECKING:
    from torch import Tensor

MODEL = "bicycle-outline"
ANSWERS, CODES, REACH = 8, 8, 4.0  # pictures; numbers of a code; how far from 0 one may be
STEP = 2.0  # of each number, either way, to see what it does to this drawing
BOARD = (
    '<div class="tr-vary"><div><p class="tr-small" data-says="answers"></p><div class="tr-answers"></div>'
    '<p class="tr-small" data-says="manners"></p><div class="tr-manners"></div><div class="tr-manner"></div></div>'
    '<figure class="tr-one"><img alt=""><figcaption data-says="one"></figcaption></figure>'
    '<div><p class="tr-small" data-says="hint"></p><div class="tr-pad" tabindex="0" role="slider" aria-valuenow="0">'
    '<span data-axis="0"></span><span data-axis="1"></span><i></i></div><div class="tr-sliders"></div></div></div>'
)
CODE = "(lang, outline, seed, z) => [lang, outline, seed, genlabCode.z()]"
PICKED = "(lang, key, outline, seed) => [lang, genlabCode.key(), outline, seed]"
SENT = "(lang, file, outline, seed) => [lang, genlabCode.file(), outline, seed]"


def run_vary(lang: str, outline: object, seed: object, z: object) -> tuple[str, str, str]:
    """Eight answers to one drawing, and the answer to the code in hand.

    outline: a drawing as text; seed: draws the eight codes; z: eight numbers with commas between, "" takes the first
    answer's. -> the component's value, HTML of the caption, z.
    """
    import torch

    from genmodels.translation import sketch
    from genmodels.translation.bicyclegan import draw_codes

    model, x = _views.load(MODEL), sketch.outline(outline)
    drawn = draw_codes(ANSWERS, CODES, int(in_range("seed", seed, 0, _shell.SEED_MAX)))
    mine = code(z) if z else drawn[:1]
    probes = torch.cat([mine + side * STEP * torch.eye(CODES) for side in (1, -1)])
    codes = torch.cat([drawn, mine, probes])
    began = time.perf_counter()
    with torch.inference_mode():
        made = model(x.expand(len(codes), -1, -1, -1), codes)
    ms = 1000 * (time.perf_counter() - began) * ANSWERS / len(codes)
    answers, one, probed = made.split([ANSWERS, 1, 2 * CODES])
    effects = (probed[:CODES] - probed[CODES:]).abs().mean((1, 2, 3)).tolist()
    line = text(lang, "vary.caption", count=ANSWERS, ms=ms, apart=_views.apart(answers))
    caption = f'<p class="tr-caption"><b>{escape(line)}</b> {_shell.generated_label(lang)}</p>'
    return _board(lang, answers, drawn, one, mine, effects), caption, _written(mine)


def run_inject(lang: str, picture: object, outline: object, seed: object) -> tuple[str, str, str]:
    """Paint the drawing in the manner of a picture: its code by the encoder.

    picture: an example's name, or base64 of a PNG, JPEG, WebP or GIF. -> as `run_vary`.
    """
    import torch

    from genmodels.translation import drawing

    known = manners()
    x = known[picture] if picture in known else drawing.square(_pictures.decoded(picture))
    with torch.inference_mode():
        z = _views.load(MODEL).encode(x)
    return run_vary(lang, outline, seed, _written(z.clamp(-REACH, REACH)))


def manners() -> dict[str, Tensor]:
    """Pictures to take the manner of, by key: held-out OpenMoji, (1, 3, 64, 64) in [-1, 1]."""
    from genmodels.translation import examples

    found = examples.load()
    return dict(zip(found.keys, found.pictures["openmoji"].split(1), strict=True))


def code(z: object) -> Tensor:
    """Eight numbers with commas between -> (1, 8). Raises Refusal: code for another text, range for another number."""
    import torch

    try:
        numbers = [float(one) for one in str(z)[:200].split(",")]
    except ValueError as error:
        raise Refusal("code", "a code is eight numbers with commas between", count=CODES) from error
    if len(numbers) != CODES or not all(map(math.isfinite, numbers)):
        raise Refusal("code", "a code is eight numbers with commas between", count=CODES)
    return torch.tensor([[in_range("z", one, -REACH, REACH) for one in numbers]])


def checked(z: str) -> str:
    """A link's code, or "". Raises Refusal as `code` does."""
    return _written(code(z)) if z else ""


def build(ctx: _shell.Context, outline: Component) -> list[Refresh]:
    """Lay the part out and wire it; returns what is to be shown anew after each stroke."""
    gr.Markdown(ctx.t("vary.intro"), latex_delimiters=_shell.LATEX)
    script = _pictures.picker() + _quick.script() + (Path(__file__).parent / "vary.js").read_text(encoding="utf-8")
    board = gr.HTML(html_template=BOARD, js_on_load=script, elem_id="tr-vary", padding=False)
    caption = gr.HTML(elem_id="tr-vary-caption", min_height=32)
    seed = ctx.seed_row(7)
    z = ctx.control("z", gr.Textbox("", visible="hidden"), decode=checked)
    sent = gr.Textbox(visible="hidden")
    outputs = [board, caption, z]
    on(ctx, [board.input], run_vary, [outline, seed, z], outputs, 1, CODE, api_name="translation_vary")
    on(ctx, [board.select], run_inject, [sent, outline, seed], outputs, 1, PICKED)
    on(ctx, [board.upload], run_inject, [sent, outline, seed], outputs, 1, SENT)
    on(ctx, [seed.change], run_vary, [outline, seed, z], outputs, 1)
    return [(run_vary, [outline, seed, z], outputs)]


def _board(lang: str, answers: Tensor, codes: Tensor, one: Tensor, z: Tensor, effects: list[float]) -> str:
    words = ("answers", "manners", "one", "hint", "pad", "effect", "alt")
    axes = sorted(range(CODES), key=lambda i: -effects[i])[:2]
    shown = [
        {"uri": _pictures.uri(a), "z": c.tolist(), "name": text(lang, "vary.answer", i=i + 1)}
        for i, (a, c) in enumerate(zip(answers, codes, strict=True))
    ]
    return json.dumps(
        {
            "answer": time.monotonic_ns(),
            "answers": shown,
            "manners": [{"key": key, "uri": uri, "name": name} for key, name, uri in _gallery.items(lang, "openmoji")],
            "picture": _pictures.uri(one),
            "z": z[0].tolist(),
            "axes": axes,
            "effects": effects,
            "says": {key: text(lang, f"vary.{key}") for key in words},
        }
    )


def _written(z: Tensor) -> str:
    return ",".join(f"{one:.2f}" for one in z[0].tolist())
