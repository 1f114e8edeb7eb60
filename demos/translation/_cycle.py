"""*Without pairs*: CycleGAN there and back, beside the truth that it never saw, and what its judge sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.components import Component

from demos import _pictures, _shell
from demos._quick import on
from demos.translation import _gallery, _views
from demos.translation._views import Refresh, card, cell, figure, seen, text
from genmodels.errors import Refusal, one_of

if TYPE_CHECKING:
    from torch import Tensor

MODELS = ("cyclegan-styles", "cyclegan-fruit")
DIRECTIONS = ("there", "back")
STYLES = {"there": ("twemoji", "fluent-3d"), "back": ("fluent-3d", "twemoji")}
FIRST = "1f980"  # the crab
WORST = 0.4  # difference of a pixel, of 1, that the error map shows brightest
ROWS = ("untranslated", "cyclegan-styles", "full", "no-cycle", "no-identity", "paired")


def run_cycle(lang: str, own: object, key: object, model: object, direction: object) -> tuple[str, str, str]:
    """Translate a picture and translate it back.

    own: the visitor's picture (1, 3, 64, 64) or None; key: a shipped subject, or "own"; model: one of MODELS;
    direction: "there" or "back". -> the shelf's value, HTML of what was made, the key.
    """
    id = one_of("model", model, MODELS)
    way = one_of("direction", direction, DIRECTIONS)
    photographs = id == "cyclegan-fruit"
    shown = [] if photographs else _gallery.items(lang, STYLES[way][0])
    if own is not None:
        shown.append((_gallery.OWN, text(lang, "cycle.own"), _views.uri(own)))
    chosen = _gallery.OWN if photographs else key
    shelf = _gallery.value(shown, str(chosen))
    if photographs and own is None:
        return shelf, _views.says(text(lang, "cycle.needs")), str(key)
    truth = None
    if chosen == _gallery.OWN:
        if own is None:
            raise Refusal("no_photo", "no picture of the visitor's own is here")
        x = own
    else:
        x, truth = (_gallery.example(style, str(chosen)) for style in STYLES[way])
    return shelf, _made(lang, id, way, x, truth), str(key)


def run_cycle_own(lang: str, data: object, model: object, direction: object) -> tuple[Any, ...]:
    """As `run_cycle` with the visitor's file, base64 -> the picture, then what `run_cycle` gives."""
    own = _gallery.own(data)
    return own, *run_cycle(lang, own, _gallery.OWN, model, direction)


def run_cycle_table(lang: str) -> str:
    """HTML: distances to the hidden truth from the cards, and the round trip's error."""
    main, variants = (card(id).get("metrics", {}) for id in ("cyclegan-styles", "cyclegan-ablation"))
    if not main:
        return _views.says(text(lang, "measure.none"))
    found = variants | {"untranslated": {"there": main.get("untranslated", {})}, "cyclegan-styles": main}
    rows = []
    for name in ROWS:
        there = found.get(name, {}).get("there", {})
        if there:
            cells = [there.get("psnr_db"), there.get("feature_distance"), found[name].get("cycle_error")]
            cells[2] = None if cells[2] is None else 50 * cells[2]  # in percent of a range of 2
            forms = ("{:.2f}", "{:.3f}", "{:.1f} %")
            rows.append(
                [text(lang, f"cycle.row.{name}"), *(cell(lang, f, v) for f, v in zip(forms, cells, strict=True))]
            )
    head = [text(lang, f"cycle.head.{key}") for key in ("what", "psnr", "feature", "trip")]
    intro = _views.says(text(lang, "cycle.table", variant=seen("cyclegan-ablation"), main=seen("cyclegan-styles")))
    return intro + _shell.measure_table(lang, rows, head) + _views.says(text(lang, "cycle.paper"), "tr-small")


def build(ctx: _shell.Context, outline: Component) -> list[Refresh]:
    """Lay the part out and wire it."""
    gr.Markdown(ctx.t("cycle.intro"), latex_delimiters=_shell.LATEX)
    with gr.Row():
        models = [(ctx.t(f"cycle.model.{one}"), one) for one in MODELS]
        model = ctx.control("cycle_model", gr.Radio(models, value=MODELS[0], label=ctx.t("cycle.model")))
        ways = [(ctx.t(f"cycle.{one}"), one) for one in DIRECTIONS]
        direction = ctx.control("direction", gr.Radio(ways, value="there", label=ctx.t("cycle.direction")))
    shelf = _gallery.shelf("cycle")
    made = gr.HTML(elem_id="tr-cycle", min_height=260)
    table = gr.HTML(elem_id="tr-cycle-table")
    own, sent = _gallery.kept(), gr.Textbox(visible="hidden")
    key = ctx.control("cycle", gr.Textbox(FIRST, visible="hidden"), decode=checked)
    values, outputs = [own, key, model, direction], [shelf, made, key]
    on(ctx, [model.input, direction.input], run_cycle, values, outputs, 1, api_name="translation_cycle")
    picked = "(lang, own, key, ...rest) => [lang, own, genlabGallery.cycle.key(), ...rest]"
    on(ctx, [shelf.select], run_cycle, values, outputs, 1, picked)
    on(ctx, [shelf.upload], run_cycle_own, [sent, model, direction], [own, *outputs], 2, _gallery.sent("cycle"))
    ctx.on_show(run_cycle, values, outputs)
    ctx.on_show(run_cycle_table, [], [table])
    return []


def checked(key: str) -> str:
    """A link's subject. Raises Refusal("choice") for one that does not ship, the visitor's own among them."""
    from genmodels.translation import examples

    return one_of("cycle", key, examples.load().keys)


def _made(lang: str, id: str, way: str, x: Tensor, truth: Tensor | None) -> str:
    import torch

    from genmodels.translation.cyclegan import cycle_error
    from genmodels.translation.measures import psnr

    model, back = _views.load(id), way == "back"
    with torch.inference_mode():
        there, again, error = cycle_error(model, x, back)
        scores = (model.D_a if back else model.D_b)(there)[0, 0]
    figures = [
        figure(lang, x, text(lang, "cycle.alt.input"), text(lang, "cycle.input")),
        figure(lang, there, text(lang, "cycle.alt.there"), "G(x)" if not back else "F(x)", made=True),
        figure(lang, again, text(lang, "cycle.alt.again"), "F(G(x))" if not back else "G(F(x))", made=True),
        figure(
            lang,
            _heat(((again - x) / 2).abs().mean(1)[0] / WORST),
            text(lang, "cycle.alt.error"),
            text(lang, "cycle.error", error=100 * float(error[0]) / 2),
        ),
        figure(
            lang, _heat(scores), text(lang, "cycle.alt.judge"), text(lang, "cycle.judge", mean=float(scores.mean()))
        ),
    ]
    said = text(lang, "cycle.size")
    if truth is not None:
        caption = text(lang, "cycle.truth")
        figures.insert(2, figure(lang, truth, text(lang, "cycle.alt.truth"), caption))
        before, after = (float(psnr(one, truth)[0]) for one in (x, there))
        said = f"{text(lang, 'cycle.distance', before=before, after=after)} {said}"
    return f'<div class="tr-row tr-cycle">{"".join(figures)}</div>{_views.says(said, "tr-small")}'


def _heat(values: Tensor) -> Tensor:
    """(H, W), 0 to 1 -> (1, 3, 8 H, 8 W) in [-1, 1]: viridis, each value a square."""
    color = _pictures.viridis(values)
    return (color.permute(2, 0, 1)[None] * 2 - 1).repeat_interleave(8, 2).repeat_interleave(8, 3)
