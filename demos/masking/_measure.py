"""*Measure* and *Predict*: the paper beside the cards, and PSNR against ratio measured here and now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos import _shell
from demos._plots import Plot
from demos.masking import _photos, _views
from demos.masking._rebuild import STRATEGIES
from demos.masking._views import cell, text
from genmodels.step import Step

if TYPE_CHECKING:
    from torch import Tensor

COUNT, SIZE, SIDE = 24, 64, 8  # crops, their pixels, patches along a side
RATIOS = (0.25, 0.5, 0.75, 0.9)
CARD_RATIOS = (0.5, 0.75, 0.9)
FIRST = "mae-photos"
COLORS = ("c0", "c1", "c2", "c3", "c5", "c6", "c9")
# He et al. 2022, table 1f: ViT-L, ImageNet-1K, accuracy in % after fine-tuning and of a linear probe.
PAPER = {
    ("random", 0.75): (84.9, 73.5),
    ("block", 0.5): (83.9, 72.3),
    ("block", 0.75): (82.8, 63.9),
    ("grid", 0.75): (84.0, 66.0),
}
LOWEST_RATIO = (10, 54.6)  # their figure 5: ratio and linear-probe accuracy, both in %


def run_tables(lang: str) -> str:
    """HTML: what the paper reports of each masking and what the cards say was measured here; then times."""
    base = _views.card(FIRST).get("metrics", {})
    models = [card.id for card in _views.cards("reconstruct") if _views.ships(card)]
    own = {id: _views.card(id).get("metrics", {}).get("rebuilt", {}) for id in models}
    baselines = base.get("baselines", {})
    columns = {**own, **baselines}
    rows = []
    for strategy in STRATEGIES:
        for ratio in CARD_RATIOS:
            tuned, linear = PAPER.get((strategy, ratio), (None, None))
            cells = [cell(lang, "{:.1f} %", tuned), cell(lang, "{:.1f} %", linear)]
            cells += [cell(lang, "{:.2f}", _views.rebuilt(found, strategy, ratio)) for found in columns.values()]
            rows.append(
                [text(lang, "table.row", strategy=text(lang, f"strategy.{strategy}"), percent=100 * ratio), *cells]
            )
    head = [text(lang, f"table.{key}") for key in ("masking", "tuned", "linear")]
    head += [text(lang, "table.psnr", name=_views.short(lang, id)) for id in columns]
    known = text(lang, "measure.intro", count=base["pictures"]) if "pictures" in base else text(lang, "measure.none")
    fifth = text(
        lang, "measure.ratio", low=float(LOWEST_RATIO[0]), accuracy=LOWEST_RATIO[1], best=PAPER["random", 0.75][1]
    )
    table = _shell.measure_table(lang, rows, head)
    return f"<p>{escape(known)}</p>{table}{_views.says(fifth, 'mk-small')}{_times(lang)}"


def crops() -> Tensor:
    """COUNT crops of the example photographs, the same each time: (COUNT, 3, SIZE, SIZE) in [-1, 1]."""
    import torch

    generator, names = torch.Generator().manual_seed(0), list(_photos.EXAMPLES)
    found = []
    for i in range(COUNT):
        across, along, part = torch.rand(3, generator=generator).tolist()
        found.append(_photos.Crop(across, along, 0.35 + 0.65 * part).cut(_photos.example(names[i % len(names)]), SIZE))
    return torch.cat(found)


def run_measure(lang: str) -> Iterator[tuple[Step, str]]:
    """PSNR against ratio of every method and strategy, on the same crops. Yields (Step, HTML of three plots)."""
    import torch

    from genmodels.masking import masks
    from genmodels.masking.quality import psnr_hidden

    pictures, ways = crops(), methods()
    n = len(ways) * len(STRATEGIES) * len(RATIOS)
    found: dict[str, dict[str, dict[float, float]]] = {}
    done = 0
    for name, (fill, batch) in ways.items():
        for strategy in STRATEGIES:
            for ratio in RATIOS:
                hidden = masks.draw(strategy, ratio, COUNT, SIDE, torch.Generator().manual_seed(0))
                psnr = []
                for x, mask in zip(pictures.split(batch), hidden.split(batch), strict=True):
                    psnr.append(psnr_hidden(fill(x, mask), x, mask))
                    if batch == 1:
                        yield Step(done, n), gr.skip()
                done += 1
                found.setdefault(name, {}).setdefault(strategy, {})[ratio] = float(torch.cat(psnr).mean())
                yield Step(done, n), _plots(lang, found)


def methods() -> dict[str, tuple[Callable[[Any, Any], Any], int]]:
    """What is measured, by name, with the crops that it takes at once; the slowest last."""
    from genmodels.masking.baselines import BASELINES
    from genmodels.masking.evaluate import rebuilders

    fast = {name: (fill, 6) for name, fill in rebuilders().items()}
    return fast | {name: (fill, 1 if name == "biharmonic" else COUNT) for name, fill in BASELINES.items()}


def run_answer(lang: str) -> str:
    """The answer to the question: PSNR of each strategy here, accuracy in the paper -> Markdown."""
    own = _views.card(FIRST).get("metrics", {}).get("rebuilt", {})
    here = {strategy: _views.rebuilt(own, strategy, 0.75) for strategy in STRATEGIES}
    paper = {f"paper_{strategy}": PAPER[strategy, 0.75][1] for strategy in STRATEGIES}
    if None in here.values():
        return text(lang, "answer_none", **paper)
    return text(lang, "answer", **here, **paper)


def build(ctx: _shell.Context) -> None:
    """Lay the section out and wire it."""
    tables = gr.HTML(elem_id="mk-tables", min_height=240)
    with gr.Row(elem_classes="gl-actions"):
        start = gr.Button(ctx.t("measure.button"), variant="primary", size="md")
        stop = gr.Button(ctx.shell("stop"), size="md")
    status = gr.HTML(min_height=24)
    live = gr.HTML(elem_id="mk-measured")
    ctx.on_show(run_tables, [], [tables])
    ctx.run(start, stop, run_measure, [], [live], status)


def _plots(lang: str, found: dict[str, dict[str, dict[float, float]]]) -> str:
    every = [value for own in found.values() for curve in own.values() for value in curve.values()]
    low, high = min(every) - 0.5, max(every) + 0.5
    cells = []
    for strategy in STRATEGIES:
        plot = Plot((20, 95), (low, high), text(lang, "measure.x"), "PSNR (dB)", 340, 250)
        said = []
        for color, (name, own) in zip(COLORS, found.items(), strict=False):
            points = [(100 * ratio, value) for ratio, value in own.get(strategy, {}).items()]
            if points:
                plot.line(points, color)
                said.append(
                    text(lang, "measure.end", name=_views.name(lang, name), ratio=points[-1][0], psnr=points[-1][1])
                )
        title = text(lang, f"strategy.{strategy}")
        alt = text(lang, "measure.alt", strategy=title, found="; ".join(said))
        cells.append(f"<figure class='mk-figure'><figcaption>{escape(title)}</figcaption>{plot.svg(alt)}</figure>")
    keys = _views.legend([(c, _views.short(lang, n)) for c, n in zip(COLORS, found, strict=False)])
    return f'{_views.says(text(lang, "measure.live", count=COUNT))}<div class="mk-three">{"".join(cells)}</div>{keys}'


def _times(lang: str) -> str:
    """What `bench masking` measured, from the card; nothing where it was not."""
    bench = _views.card(FIRST).get("bench", {})
    if "picture_ms" not in bench:
        return ""
    ms, ratio = bench["picture_ms"], bench.get("ratio", {})
    rows = []
    for name, value in sorted(ms.items(), key=lambda pair: pair[1]):
        key = f"bench.{name}"
        label = text(lang, key) if key in _views.TEXT["en"] else name
        rows.append([label, cell(lang, "{:.1f} ms", value), cell(lang, "{:.1f} ×", ratio.get(name))])
    head = [text(lang, f"bench.{key}") for key in ("what", "ms", "ratio")]
    intro = text(lang, "bench.intro", threads=bench.get("threads", 1))
    return f"<p>{escape(intro)}</p>{_shell.measure_table(lang, rows, head)}"
