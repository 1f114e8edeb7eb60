"""*The losses*: one drawing through the paper's ablation, side by side."""

from __future__ import annotations

import gradio as gr
from gradio.components import Component

from demos import _shell
from demos.translation import _views
from demos.translation._views import Refresh, card, cell, figure, seen, text
from genmodels.translation.report import PAPER

MODEL = "pix2pix-ablation"


def run_losses(lang: str, outline: object) -> str:
    """HTML: the drawing, painted by each variant, with the gradient energy of what it painted."""
    import torch

    from genmodels.translation import sketch
    from genmodels.translation.measures import gradient_energy

    x, model = sketch.outline(outline), _views.load(MODEL)
    figures = [figure(lang, x.expand(-1, 3, -1, -1), text(lang, "losses.alt.input"), text(lang, "losses.input"))]
    with torch.inference_mode():
        for name, variant in model.variants.items():
            made = variant(x)
            said = text(lang, "losses.made", name=text(lang, f"losses.{name}"), energy=float(gradient_energy(made)[0]))
            figures.append(figure(lang, made, said, said, made=True))
    return _views.row(figures)


def run_losses_table(lang: str) -> str:
    """HTML: the paper's accuracy beside what the card says was measured here."""
    found = card(MODEL).get("metrics", {})
    if not found:
        return _views.says(text(lang, "measure.none"))
    keys = {"psnr_db": "{:.2f}", "gradient_energy": "{:.3f}", "frechet": "{:.2f}"}
    rows = []
    for name, paper in PAPER.items():
        own = [cell(lang, form, found[name].get(key)) for key, form in keys.items()]
        rows.append([text(lang, f"losses.{name}"), cell(lang, "{:.2f}", paper), *own])
    head = [text(lang, f"losses.head.{key}") for key in ("what", "paper", "psnr", "energy", "frechet")]
    table = _shell.measure_table(lang, rows, head)
    real = found.get("baselines", {}).get("real", {}).get("gradient_energy")
    if real is None:
        return table
    said = text(
        lang,
        "losses.read",
        l1=found["l1"]["gradient_energy"],
        both=found["patch-70"]["gradient_energy"],
        cgan=found["cgan"]["gradient_energy"],
        real=real,
        variant=seen(MODEL),
        main=seen("pix2pix-outline"),
    )
    return table + _views.says(said)


def build(ctx: _shell.Context, outline: Component) -> list[Refresh]:
    """Lay the part out; the pictures follow the drawing."""
    gr.Markdown(ctx.t("losses.intro"), latex_delimiters=_shell.LATEX)
    made, table = gr.HTML(elem_id="tr-losses", min_height=220), gr.HTML(elem_id="tr-losses-table")
    ctx.on_show(run_losses_table, [], [table])
    return [(run_losses, [outline], [made])]
