"""Few labels: the curves that the repository measured, and a linear probe on CIFAR-10 trained here and now."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos import _i18n, _shell
from demos.masking import _views
from demos.masking._plotting import NamedPlot
from demos.masking._views import cell, says, text
from genmodels import registry
from genmodels.errors import in_range, one_of
from genmodels.step import Step

if TYPE_CHECKING:
    import numpy as np

COUNTS = ("1", "5", "10", "50", "100", "all")  # labels per class
LADDER = (1, 2, 5, 10, 20, 50, 100)
EACH = (1, 100)
CODES = "cifar-codes"
MAE, FCMAE = "mae-photos", "fcmae-photos"
# (key of the label, card, key in the card's "few_shot", colour, dashed)
CURVES = (
    ("mae_finetune", MAE, "finetune", "c0", False),
    ("mae_probe", MAE, "probe", "c0", True),
    ("fcmae_finetune", FCMAE, "finetune", "c1", False),
    ("fcmae_probe", FCMAE, "probe", "c1", True),
    ("scratch", MAE, "scratch", "c7", False),
    ("random", MAE, "random", "c7", True),
)


def measured() -> dict[str, dict[str, dict[str, float]]]:
    """The cards' curves: {curve: {labels per class: {"mean", "std"}}}, those that were measured."""
    found = {}
    for name, id, key, _, _ in CURVES:
        if curve := _views.card(id).get("few_shot", {}).get(key):
            found[name] = {count: curve[count] for count in COUNTS if count in curve}
    return found


def run_curves(lang: str) -> str:
    """HTML: accuracy on CIFAR-10 against labels per class, from the cards, as a plot and a table."""
    found = measured()
    if not found:
        return says(text(lang, "few.none"))
    names = [*COUNTS[:-1], text(lang, "few.all")]
    plot = NamedPlot(names, (0, 100), text(lang, "few.x"), text(lang, "few.y"), 560, 300)
    styles = {name: (color, dash) for name, _, _, color, dash in CURVES}
    rows, said = [], []
    for name, curve in found.items():
        color, dash = styles[name]
        points = [(COUNTS.index(count), 100 * value["mean"]) for count, value in curve.items()]
        plot.line(points, color, dash)
        label = text(lang, f"few.{name}")
        said.append(text(lang, "few.end", name=label, accuracy=points[-1][1]))
        cells = []
        for count in COUNTS:
            value = curve.get(count)
            if value is None:
                cells.append(_views.NONE)
            elif value.get("std"):
                cells.append(text(lang, "few.spread", mean=100 * float(value["mean"]), std=100 * float(value["std"])))
            else:
                cells.append(cell(lang, "{:.1f}", 100 * float(value["mean"])))
        rows.append([label, *cells])
    keys = "".join(_key(styles[name], text(lang, f"few.{name}")) for name in found)
    table = _shell.measure_table(lang, rows, [text(lang, "few.method"), *names])
    drawing = plot.svg(text(lang, "few.alt", found="; ".join(said)))
    return f'<div class="mk-curves"><div>{drawing}<p class="gl-legend mk-legend">{keys}</p></div>{table}</div>'


def run_probe(lang: str, model: object, count: object, seed: object) -> Iterator[tuple[Step, str]]:
    """A linear probe learns from more and more labels per class, up to `count`. Yields (Step, HTML).

    model: an encoder that ships here; count: 1 to 100; seed: which pictures are labelled.
    """
    import torch

    from genmodels.masking.probe import Probe

    one_of("model", model, [card.id for card in encoders()])
    count = int(in_range("count", count, *EACH))
    seed = int(in_range("seed", seed, 0, _shell.SEED_MAX))
    known, labels, held, truth = registry.load(CODES, "cpu").of(model)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    ladder = [n for n in LADDER if n < count] + [count]
    reached: list[tuple[int, float]] = []
    for i, n in enumerate(ladder):
        pick = torch.cat([order[labels[order] == c][:n] for c in labels.unique()])
        predicted = Probe.fit(known[pick], labels[pick], known).probabilities(held).argmax(1)
        reached.append((n, float((predicted == truth).float().mean())))
        yield Step(i + 1, len(ladder)), _learned(lang, reached, confusion(truth, predicted))


def run_probe_first(lang: str) -> str:
    """What stands there before a Start -> HTML."""
    if reason := registry.unavailable(registry.card(CODES)):
        return says(_i18n.explain(lang, reason))
    return says(text(lang, "probe.idle"))


def confusion(truth: Any, predicted: Any) -> np.ndarray:
    """(classes, classes): rows are the truth, columns the answer; a row sums to 1."""
    import numpy as np

    classes = int(truth.max()) + 1
    table = np.zeros((classes, classes))
    np.add.at(table, (truth.numpy(), predicted.numpy()), 1)
    return table / table.sum(1, keepdims=True)


def encoders() -> list[registry.ModelCard]:
    """The encoders that ship with this repository."""
    return [card for card in _views.cards("encode") if _views.ships(card)]


def encoder_list(ctx: _shell.Context, control: str | None = None) -> gr.Dropdown:
    """The encoders that can run here."""
    ready = _views.here(encoders()) or [MAE]
    choices = [(ctx.t(f"model.{id}"), id) for id in ready]
    found = gr.Dropdown(choices, value=ready[0], label=ctx.t("encoder"), filterable=False)
    return ctx.control(control, found) if control else found


def build(ctx: _shell.Context) -> None:
    """Lay the curves and the live probe out, and wire them."""
    gr.Markdown(ctx.t("few.intro"))
    curves = gr.HTML(elem_id="mk-curves", min_height=80)
    gr.Markdown(ctx.t("probe.intro"))
    with gr.Row(elem_classes="gl-actions mk-bar"):
        encoder = encoder_list(ctx, "encoder")
        count = ctx.control("labels", gr.Slider(*EACH, 10, step=1, label=ctx.t("probe.count"), min_width=220))
        seed = gr.Number(0, precision=0, minimum=0, maximum=_shell.SEED_MAX, label=ctx.shell("seed"), min_width=110)
        start = gr.Button(ctx.t("probe.start"), variant="primary", size="md")
        stop = gr.Button(ctx.shell("stop"), size="md")
    status = gr.HTML(min_height=24)
    learned = gr.HTML(elem_id="mk-probe", min_height=60)
    ctx.on_show(run_curves, [], [curves])
    ctx.on_show(run_probe_first, [], [learned])
    ctx.run(start, stop, run_probe, [encoder, count, ctx.control("draw", seed)], [learned], status, "masking_probe")


def _key(style: tuple[str, bool], label: str) -> str:
    color, dash = style
    line = "dashed" if dash else "solid"
    return f'<span><i class="mk-line" style="border-top:3px {line} var(--gl-{color})"></i>{escape(label)}</span>'


def _learned(lang: str, reached: list[tuple[int, float]], table: np.ndarray) -> str:
    count, accuracy = reached[-1]
    plot = NamedPlot([str(n) for n, _ in reached], (0, 100), text(lang, "few.x"), text(lang, "few.y"), 380, 300)
    if len(reached) > 1:
        plot.line([(i, 100 * value) for i, (_, value) in enumerate(reached)])
    plot.point(len(reached) - 1, 100 * accuracy, label=_views.cell(lang, "{:.1f} %", 100 * accuracy))
    sentence = text(lang, "probe.says", count=count, accuracy=100 * accuracy)
    return (
        f"{says(sentence)}<div class='mk-learned'>{plot.svg(sentence)}"
        f"<figure class='mk-figure'>{_matrix(lang, table)}"
        f"<figcaption>{escape(text(lang, 'probe.matrix'))}</figcaption></figure></div>"
    )


def _matrix(lang: str, table: np.ndarray) -> str:
    """The confusion matrix as inline SVG, a number in each cell of 5 % or more."""
    from genmodels.data.cifar10 import NAMES

    names, marks = [text(lang, f"class.{name}") for name in NAMES], []
    word = '<text x="{x}" y="{y}" text-anchor="{anchor}" fill="var(--gl-ink)"{turn}>{said}</text>'
    for i, row in enumerate(table):
        marks.append(word.format(x=88, y=30 * i + 20, anchor="end", turn="", said=escape(names[i])))
        for j, value in enumerate(row):
            x, y, color = 94 + 36 * j, 30 * i, "known" if i == j else "unknown"
            paint = f'fill="var(--gl-{color})" fill-opacity="{0.7 * value:.3f}" stroke="var(--gl-grid)"'
            marks.append(f'<rect x="{x}" y="{y}" width="35" height="29" {paint} stroke-width="0.5"/>')
            if value >= 0.05:
                marks.append(word.format(x=x + 17.5, y=y + 19, anchor="middle", turn="", said=f"{100 * value:.0f}"))
        x, turn = 94 + 36 * i + 20, f' transform="rotate(-40 {94 + 36 * i + 20} 314)"'
        marks.append(word.format(x=x, y=314, anchor="end", turn=turn, said=escape(names[i])))
    mistakes = table.copy()
    mistakes[range(len(names)), range(len(names))] = -1
    i, j = divmod(int(mistakes.argmax()), len(names))
    alt = text(lang, "probe.alt", true=names[i], said=names[j], percent=100 * float(table[i, j]))
    return f'<svg class="gl-plot" viewBox="0 0 458 372" role="img" aria-label="{escape(alt)}">{"".join(marks)}</svg>'
