"""*Measure*: the papers' figures beside the cards', and what this machine does now."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html import escape

import gradio as gr
from gradio.components import Component

from demos import _shell
from demos._i18n import fill
from demos.text_to_image._settings import FEWSTEP, TEACHER, Settings, has_fewstep
from demos.text_to_image._views import text
from genmodels import weights
from genmodels.step import Step

REPEATS = 3
PAPERS_FID = (12.63, 7.27, 10.39)  # COCO, zero-shot, each paper's own table
PICTURES = 7679  # in eight styles, all sides of the split


def table(lang: str) -> str:
    """HTML: figures of the papers beside those of this repository's cards."""
    card, coder = weights.read_card(TEACHER), weights.read_card("emoji-autoencoder")
    held, none = card["held_out"], text(lang, "none")

    def losses(*names: str) -> str:
        return " / ".join(fill(lang, "{:.3f}", float(held[f"loss_{name}"])) for name in names)

    pairs = card.get("metrics", {}).get("unseen_pairs", {})
    frechet = fill(lang, "{:.1f}", float(pairs["teacher_20"]["frechet"])) if "teacher_20" in pairs else none
    psnr = [v for k, v in coder.get("held_out", {}).items() if "unseen_subjects" in k]
    rows = [
        [text(lang, "row_params"), fill(lang, "{:.2f} × 10⁹ (LDM)", 1.45), _thousands(lang, card["params"])],
        [text(lang, "row_data"), "400 × 10⁶ (LAION-400M)", _thousands(lang, PICTURES)],
        [text(lang, "row_fid"), fill(lang, "LDM {:.2f} · Imagen {:.2f} · DALL-E 2 {:.2f}", *PAPERS_FID), frechet],
        [text(lang, "row_psnr"), none, fill(lang, "{:.1f} dB", float(psnr[0])) if psnr else none],
        [text(lang, "row_loss"), none, losses("seen_en", "unseen_pairs_en", "unseen_subjects_en")],
        [text(lang, "row_language"), none, losses("unseen_pairs_en", "unseen_pairs_pt")],
    ]
    params, seen = _thousands(lang, card["params"]), _thousands(lang, card["trained"]["images"])
    intro = text(lang, "measure_intro", params=params, images=seen)
    head = [text(lang, key) for key in ("measure_what", "measure_paper", "measure_here")]
    return f"<p>{escape(intro)}</p>{_shell.measure_table(lang, rows, head)}"


def run_measure(lang: str, *values: object) -> Iterator[tuple[Step, str]]:
    """Time each way of drawing the present prompt; yields (Step, HTML table)."""
    settings = replace(Settings.read(*values), count=1)
    ways = (
        [replace(settings, model=FEWSTEP, steps=n, scheduler="lcm", guidance=1.0) for n in (1, 4)]
        if has_fewstep()
        else []
    )
    teacher = replace(settings, model=TEACHER, scheduler="ddim", guidance=3.0)
    ways += [settings.teacher(), teacher, replace(teacher, steps=50)]
    rows: list[list[str]] = []
    for i, way in enumerate(ways):
        times = []
        for k in range(REPEATS):
            began = time.perf_counter()
            way.pictures()
            times.append(time.perf_counter() - began)
            yield Step(i * REPEATS + k + 1, len(ways) * REPEATS), _timed(lang, rows)
        name = f"{text(lang, f'model.{way.model}')}, {text(lang, f'scheduler.{way.scheduler}')}"
        calls = way.steps * (1 if way.guidance == 1 else 2)
        steps = text(lang, "steps_one") if way.steps == 1 else text(lang, "steps_many", n=way.steps)
        rows.append([f"{name}, {steps}", str(calls), fill(lang, "{:.3f}", min(times))])
    yield Step(len(ways) * REPEATS, len(ways) * REPEATS), _timed(lang, rows)


def build(ctx: _shell.Context, values: Sequence[Component]) -> None:
    """Lay the section out and wire it."""
    figures = gr.HTML(elem_id="ti-measured", min_height=240)
    with gr.Row():
        start = gr.Button(ctx.t("measure_button"), variant="primary")
        stop = gr.Button(ctx.shell("stop"))
    status = gr.HTML()
    timed = gr.HTML(elem_id="ti-timed")
    ctx.on_show(table, [], [figures])
    ctx.run(start, stop, run_measure, values, [timed], status)


def _timed(lang: str, rows: Sequence[Sequence[str]]) -> str:
    head = [text(lang, key) for key in ("measure_head", "measure_calls", "measure_seconds")]
    return _shell.measure_table(lang, rows, head) if rows else ""


def _thousands(lang: str, value: int) -> str:
    return f"{value:,}".replace(",", ".") if lang == "pt" else f"{value:,}"
