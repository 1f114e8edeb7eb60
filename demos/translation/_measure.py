"""*Measure* and *Predict*: the papers beside what the cards say was measured here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from demos import _shell
from demos.translation import _views
from demos.translation._views import card, cell, text

GUESSES = ("input", "cycle", "paired")
HELD = {"line": "openmoji-line", "colour": "openmoji"}  # styles that FUNIT never learned from


def run_tables(lang: str) -> str:
    """HTML: painting beside what needs no learning; then each paper's claim beside what was measured here."""
    if not _metrics("pix2pix-outline"):
        return _views.says(text(lang, "measure.none"))
    intro = _views.says(text(lang, "measure.intro"))
    return intro + _painting(lang) + _claims(lang)


def run_answer(lang: str) -> str:
    """The answer to the question, in dB to the hidden truth -> Markdown."""
    found = distances()
    return text(lang, "answer", **found) if found else text(lang, "answer_none")


def distances() -> dict[str, float] | None:
    """PSNR to the hidden truth of the input, of CycleGAN and of the paired reference, None where not measured."""
    main, variants = _metrics("cyclegan-styles"), _metrics("cyclegan-ablation")
    try:
        return {
            "base": main["untranslated"]["psnr_db"],
            "cycle": main["there"]["psnr_db"],
            "paired": variants["paired"]["there"]["psnr_db"],
        }
    except KeyError:
        return None


def build(ctx: _shell.Context) -> None:
    """Lay the section out and wire it."""
    tables = gr.HTML(elem_id="tr-tables", min_height=240)
    ctx.on_show(run_tables, [], [tables])


def _metrics(id: str) -> dict[str, Any]:
    return card(id).get("metrics", {})


def _painting(lang: str) -> str:
    """Models and baselines on held-out outlines."""
    one = _metrics("pix2pix-outline")
    base = one.get("baselines", {})
    rows = {name: base.get(name, {}) for name in ("outline itself", "mean colouring")}
    rows |= {id: _metrics(id) for id in ("pix2pix-outline", "bicycle-outline")}
    keys = {"psnr_db": "{:.2f}", "feature_distance": "{:.3f}", "gradient_energy": "{:.3f}", "frechet": "{:.2f}"}
    cells = [
        [text(lang, f"measure.row.{name}"), *(cell(lang, form, found.get(key)) for key, form in keys.items())]
        for name, found in rows.items()
        if found
    ]
    real = base.get("real", {}).get("gradient_energy", float("nan"))
    head = [
        text(lang, "measure.paint", count=one.get("pictures", 0)),
        text(lang, "measure.psnr"),
        text(lang, "measure.feature"),
        text(lang, "measure.energy", real=real),
        text(lang, "measure.frechet"),
    ]
    return _shell.measure_table(lang, cells, head)


def _claims(lang: str) -> str:
    """What a paper says | what was measured here, a question a row; a row not measured is left out."""
    rows = []
    for name, values in CLAIMS.items():
        try:
            found = values()
        except (KeyError, TypeError):
            continue
        paper = text(lang, f"measure.{name}.paper", **found)
        rows.append([text(lang, f"measure.{name}"), paper, text(lang, f"measure.{name}.here", **found)])
    head = [text(lang, f"measure.{key}") for key in ("what", "paper", "here")]
    return f'<div class="tr-claims">{_shell.measure_table(lang, rows, head)}</div>'


def _real() -> dict[str, float]:
    return {"many": _metrics("bicycle-outline")["frechet"], "one": _metrics("pix2pix-outline")["frechet"]}


def _diverse() -> dict[str, float]:
    return {
        "many": _metrics("bicycle-outline")["diversity"],
        "noise": _metrics("pix2pix-noise")["diversity"],
        "dropout": _metrics("pix2pix-outline")["noise_diversity"],
    }


def _few() -> dict[str, float]:
    found = _metrics("funit-styles")
    return {f"{name}{k}": 100 * found[style][f"k={k}"]["accepted"] for name, style in HELD.items() for k in (1, 5, 20)}


def _time() -> dict[str, float]:
    ms = card("pix2pix-outline")["bench"]["picture_ms"]
    names = {
        "one": "pix2pix-outline",
        "eight": "bicycle-outline, 8 answers",
        "cycle": "cyclegan-styles",
        "unet": "published U-Net 256, enlarged",
        "resnet": "published ResNet, 9 blocks",
    }
    return {key: ms[name] for key, name in names.items()}


CLAIMS: dict[str, Callable[[], dict[str, float] | None]] = {
    "real": _real,
    "diverse": _diverse,
    "cycle": distances,
    "few": _few,
    "time": _time,
}
