"""*From a few examples*: FUNIT gives content the style of K pictures, of a style that it never trained on."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.components import Component

from demos import _shell
from demos._plots import Plot
from demos._quick import on
from demos.translation import _gallery, _views
from demos.translation._views import Refresh, card, figure, text
from genmodels.errors import Refusal, in_range

if TYPE_CHECKING:
    from torch import Tensor

MODEL = "funit-styles"
HELD = ("openmoji-line", "openmoji")
MOST = 20  # examples of a style
CONTENTS = (0, 3, 5, 6, 10, 15)  # of the shipped subjects, in Twemoji
KNOWN = (("fluent-3d", "plain"), ("fluent-3d", "blueprint"), ("twemoji", "inked bold"), ("twemoji", "coarse"))
COLORS = ("c0", "c1")
LEARNED = 6  # examples that make a known style


def run_few(lang: str, own: object, k: object) -> str:
    """HTML: content by style. own: the visitor's examples (K, 3, 64, 64) or None; k: OpenMoji examples, 1 to 20."""
    import torch

    from genmodels.translation import examples

    count = int(in_range("k", k, 1, MOST))
    model, found = _views.load(MODEL), examples.load()
    content = found.pictures["twemoji"][list(CONTENTS)]
    columns = {text(lang, f"few.{style}", k=count): found.few[style][:count] for style in HELD}
    if own is not None:
        columns[text(lang, "few.own", k=len(own))] = own
    columns |= {text(lang, f"few.{style}.{look}"): known(style, look) for style, look in KNOWN}
    with torch.inference_mode():
        made = [model(content, model.style(shown[None]).expand(len(content), -1)) for shown in columns.values()]
    truth = [found.pictures[style][list(CONTENTS)] for style in HELD]
    real = text(lang, "few.truth")
    line, colour, *rest = columns
    head = [text(lang, "few.content"), line, real, colour, real, *rest]
    cells = [content, made[0], truth[0], made[1], truth[1], *made[2:]]
    names = [found.names.get(lang, found.names["en"])[i] for i in CONTENTS]
    rows = []
    for i, name in enumerate(names):
        marks = "".join(
            f'<td><img alt="{escape(f"{name}: {title}")}" src="{_views.uri(column[i])}"></td>'
            for title, column in zip(head, cells, strict=True)
        )
        rows.append(f"<tr>{marks}</tr>")
    top = "".join(f'<th scope="col">{escape(title)}</th>' for title in head)
    shelf = "".join(
        figure(lang, one, text(lang, "few.example", i=i + 1))
        for style in HELD
        for i, one in enumerate(found.few[style][:count])
    )
    table = f'<table class="tr-grid"><thead><tr>{top}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    return (
        f'<div class="gl-scroll" tabindex="0">{table}</div>{_shell.generated_label(lang)}'
        f'{_views.says(text(lang, "few.size"), "tr-small")}<div class="tr-few">{shelf}</div>'
    )


def run_few_own(lang: str, data: object, k: object) -> tuple[Any, str, str]:
    """The visitor's pictures as examples of a style. data: JSON list of files in base64, at most 20.

    -> the examples, the shelf's value, and what `run_few` gives.
    """
    import torch

    own = torch.cat([_gallery.own(file) for file in _files(data)])
    shown = [(str(i), text(lang, "few.example", i=i + 1), _views.uri(one)) for i, one in enumerate(own)]
    return own, _gallery.value(shown, ""), run_few(lang, own, k)


def run_few_curve(lang: str) -> str:
    """HTML: the share taken for each held-out style against K, from the card."""
    found = card(MODEL).get("metrics", {})
    if not all(style in found for style in HELD):
        return _views.says(text(lang, "measure.none"))
    plot = Plot((0, MOST), (0, 100), text(lang, "few.x"), text(lang, "few.y"), 480, 260)
    said, keys = [], []
    for color, style in zip(COLORS, HELD, strict=True):
        own = found[style]
        points = sorted((int(key[2:]), 100 * value["accepted"]) for key, value in own.items() if key.startswith("k="))
        plot.line(points, color)
        values = {"real": 100 * own["real"], "before": 100 * own["untranslated"]["accepted"]}
        name = text(lang, f"few.name.{style}")
        curve = "; ".join(f"K = {k}: {value:.0f} %" for k, value in points)
        said.append(text(lang, "few.curve", name=name, found=curve, **values))
        key = escape(text(lang, "few.key", name=name, **values))
        keys.append(f'<span><i style="background:var(--gl-{color})"></i>{key}</span>')
    legend = f'<p class="gl-legend tr-legend">{"".join(keys)}</p>'
    return f'<div class="tr-curve">{plot.svg(" ".join(said))}{legend}</div>'


def known(style: str, look: str) -> Tensor:
    """LEARNED examples of a style that trained: (K, 3, 64, 64) of the shipped subjects, under a look."""
    from genmodels.translation import examples
    from genmodels.translation.looks import LOOKS

    pictures = examples.load().pictures[style]
    others = [i for i in range(len(pictures)) if i not in CONTENTS][:LEARNED]
    return LOOKS[look](pictures[others])


def build(ctx: _shell.Context, outline: Component) -> list[Refresh]:
    """Lay the part out and wire it."""
    gr.Markdown(ctx.t("few.intro"), latex_delimiters=_shell.LATEX)
    k = ctx.control("k", gr.Slider(1, MOST, 5, step=1, label=ctx.t("few.k")))
    made = gr.HTML(elem_id="tr-few", min_height=320)
    gr.Markdown(ctx.t("few.yours"))
    shelf = _gallery.shelf("few", many=True)
    curve = gr.HTML(elem_id="tr-few-curve")
    own, sent = _gallery.kept(), gr.Textbox(visible="hidden")
    on(ctx, [k.input], run_few, [own, k], [made], 0, api_name="translation_few")
    on(ctx, [shelf.upload], run_few_own, [sent, k], [own, shelf, made], 2, _gallery.sent("few"))
    ctx.on_show(run_few, [own, k], [made])
    ctx.on_show(run_few_curve, [], [curve])
    return []


def _files(data: object) -> list[object]:
    """Raises Refusal("no_photo") for what is no list of files."""
    try:
        found = json.loads(data) if isinstance(data, str) else None
    except ValueError:
        found = None
    if not isinstance(found, list) or not 0 < len(found) <= MOST:
        raise Refusal("no_photo", f"examples are a list of 1 to {MOST} files")
    return found
