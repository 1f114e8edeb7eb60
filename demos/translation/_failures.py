"""*When it fails*: four ways to go wrong, computed now by the shipped models, each with its cause."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

import gradio as gr
from gradio.components import Component

from demos import _i18n, _shell
from demos.translation import _examples, _gallery, _views
from demos.translation._views import Refresh, apart, figure, text
from genmodels.errors import Refusal
from genmodels.translation.sketch import DIGITS

if TYPE_CHECKING:
    from torch import Tensor

DRAWS = 4
NOISE = 0.05  # standard deviation, of a range of 2
TRACES = 1.5  # times the error without noise: then the way back lived on what the noise drowned
SUBJECT = "1f980"  # the crab, held out of CycleGAN's training
TAUGHT = "cyclegan-styles"


def run_failures(lang: str) -> str:
    """HTML of the four cases, each with its figures and its cause."""
    return f'<div class="tr-failures">{"".join(_shown(lang, case) for case in (collapse, ghosts, identity, far))}</div>'


def _shown(lang: str, case: Callable[[str], str]) -> str:
    """A case, or why its model cannot run here: the others stay."""
    try:
        return case(lang)
    except Refusal as refusal:
        return f"<section>{_views.says(_i18n.explain(lang, refusal))}</section>"


def collapse(lang: str) -> str:
    """pix2pix and BicycleGAN given the same random codes: answers to one outline, and how far apart they are."""
    import torch

    from genmodels.translation import sketch
    from genmodels.translation.bicyclegan import draw_codes

    x = sketch.outline(_examples.OUTLINES["apple"])
    one, many = _views.load("pix2pix-noise"), _views.load("bicycle-outline")
    codes, asked = draw_codes(DRAWS, many.codes, 7), x.expand(DRAWS, -1, -1, -1)
    with torch.inference_mode():
        same, varied = one(asked, codes), many(asked, codes)
    found = {"noise": apart(same), "code": apart(varied)}
    shown = [_made(lang, part, "collapse.noise") for part in same] + [_made(lang, p, "collapse.code") for p in varied]
    return _case(lang, "collapse", shown, **found)


def ghosts(lang: str) -> str:
    """What the game alone paints where nothing was drawn, beside both losses."""
    import torch

    from genmodels.translation import sketch

    variants = _views.load("pix2pix-ablation").variants
    empty, dot = sketch.outline(""), sketch.outline(scribble(3))
    shown, found = [], {}
    with torch.inference_mode():
        for name in ("cgan", "patch-70"):
            blank = variants[name](empty)
            found[name.replace("-70", "")] = 100 * float((blank.amin(1) < 0.8).float().mean())
            shown += [
                _made(lang, blank, f"ghosts.{name}.empty"),
                _made(lang, variants[name](dot), f"ghosts.{name}.dot"),
            ]
    held = "held" if found["cgan"] > found["patch"] else "not_held"
    return _case(lang, "ghosts", shown, held, **found)


def identity(lang: str) -> str:
    """A translation that changes little, and whether the way back lives on what the eye does not see."""
    import torch

    model, x = _views.load(TAUGHT), _gallery.example("twemoji", SUBJECT)
    noise = NOISE * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        there = model(x)
        back, disturbed = model(there, True), model(there + noise, True)
    found = {
        "changed": 50 * float((there - x).abs().mean()),
        "clean": 50 * float((back - x).abs().mean()),
        "noisy": 50 * float((disturbed - x).abs().mean()),
    }
    pictures = {"input": x, "there": there, "again": back, "noisy": disturbed}
    shown = [_made(lang, part, f"identity.{name}", made=name != "input") for name, part in pictures.items()]
    traces = "traces" if found["noisy"] > TRACES * found["clean"] else "no_traces"
    return _case(lang, "identity", shown, traces, **found)


def far(lang: str) -> str:
    """A drawing near to the training set, and one far from it."""
    import torch

    from genmodels.translation import sketch

    model, shown = _views.load("pix2pix-outline"), []
    for name, drawing in (("near", _examples.OUTLINES["cat"]), ("far", scribble(40))):
        x = sketch.outline(drawing)
        with torch.inference_mode():
            shown += [_made(lang, x, f"far.{name}", made=False), _made(lang, model(x), f"far.{name}.painted")]
    return _case(lang, "far", shown)


def scribble(strokes: int) -> str:
    """Lines from edge to edge, the same every time."""
    numbers = [(37 * i * i + 11 * i) % 64 for i in range(4 * strokes)]
    return ";".join("p" + "".join(DIGITS[n] for n in numbers[4 * i : 4 * i + 4]) for i in range(strokes))


def build(ctx: _shell.Context, outline: Component) -> list[Refresh]:
    """Lay the part out; nothing of it follows the drawing."""
    gr.Markdown(ctx.t("failures.intro"))
    cases = gr.HTML(elem_id="tr-failures", min_height=400)
    ctx.on_show(run_failures, [], [cases])
    return []


def _made(lang: str, picture: Tensor, key: str, made: bool = True) -> str:
    said = text(lang, f"failures.{key}")
    shown = picture if picture.shape[-3] == 3 else picture.expand(-1, 3, -1, -1)
    return figure(lang, shown, said, said, made=made)


def _case(lang: str, name: str, shown: list[str], outcome: str = "", **found: float) -> str:
    """HTML. outcome: the sentence that fits what was measured; "" where there is but one."""
    title, said = text(lang, f"failures.{name}"), text(lang, f"failures.{name}.cause", **found)
    if outcome:
        said = f"{said} {text(lang, f'failures.{name}.{outcome}')}"
    where = _views.says(text(lang, f"failures.{name}.where"), "tr-small")
    return f"<section><h3>{escape(title)}</h3>{_views.row(shown)}{_views.says(said)}{where}</section>"
