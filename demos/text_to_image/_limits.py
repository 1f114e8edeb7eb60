"""The limits that the lecture names, shown live: compute, dependence on the text model, need for data."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

from demos import _quick, _shell
from demos._i18n import fill
from demos.text_to_image import _papers, _parts, _space
from demos.text_to_image._limits_text import TEXT, amount, grouped, say
from demos.text_to_image._settings import Settings
from genmodels import registry, weights
from genmodels.errors import Refusal, in_range
from genmodels.step import Step

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["TEXT", "build", "run_both", "run_compute", "run_data", "run_phrases"]
HERE = Path(__file__).parent
SHARES = (1, 10, 100)
ENCODER_PARAMS = 68_927_268  # of the multilingual Universal Sentence Encoder
SCOPE = 50  # guided steps of the published model's picture
# Stable Diffusion 1.5 by diffusers' UNet2DConditionModel, AutoencoderKL and CLIP ViT-L/14, one 512 x 512 picture;
# multiply-adds by torch.utils.flop_counter on those networks' shapes.
SD = {"params": 859_520_964 + 83_653_863 + 123_060_480, "pass": 401.637e9, "decode": 1257.259e9, "area": 512 * 512}


def run_compute(lang: str, *values: object) -> Iterator[tuple[Step, str]]:
    """Draw a picture, timed and counted; values in the order of `Parts`. Yields (Step, HTML table beside SD 1.5).

    A published model chosen under *Try* gives way to the teacher: the table is about what is drawn here.
    """
    settings = Settings.read(*values, 1)
    if settings.model not in _parts.EMBEDDED:
        settings = replace(settings, model=_parts.TEACHER).fitting()
    began = time.perf_counter()
    for step in settings.run():
        yield step, gr.skip()
    side = _parts.finished(step, settings.model).shape[-1]
    seconds = time.perf_counter() - began
    yield step, _compute_table(lang, settings.model, step.n, 1 + (settings.guidance != 1), seconds, side)


def _compute_table(lang: str, model: str, steps: int, each: int, seconds: float, side: int) -> str:
    from genmodels.text_to_image import cost

    one, decode = cost.parts(registry.load(model), each)
    total, published = steps * one + decode, 2 * SCOPE * SD["pass"] + SD["decode"]
    card = weights.read_card(model)
    params = registry.card(model).params + ENCODER_PARAMS
    trained, here = card["trained"], say(lang, "not_here")
    hours = say(lang, "hours_here", hours=trained["seconds"] / 3600, device=card["device"].upper())

    def row(key: str, ours: float, theirs: float) -> list[str]:
        return [say(lang, key), amount(lang, ours), amount(lang, theirs), "× " + grouped(lang, theirs / ours)]

    calls = [say(lang, "calls", steps=n, each=k) for n, k in ((steps, each), (SCOPE, 2))]
    rows = [
        [say(lang, "row_size"), f"{side} × {side}", "512 × 512", "× " + grouped(lang, SD["area"] / side**2)],
        [size.replace("G", "B") for size in row("row_params", params, SD["params"])],
        [say(lang, "row_calls"), *calls, "× " + grouped(lang, 2 * SCOPE / (steps * each))],
        row("row_call", one / each, SD["pass"]),
        row("row_decode", decode, SD["decode"]),
        row("row_total", total, published),
        [say(lang, "row_seconds"), fill(lang, "{:.2f}", seconds), here, ""],
        [say(lang, "row_pictures"), grouped(lang, 7679), say(lang, "pictures_sd"), "× " + grouped(lang, 2.3e9 / 7679)],
        [say(lang, "row_training"), hours, say(lang, "hours_sd"), ""],
    ]
    head = [say(lang, "what"), say(lang, "this", model=model), say(lang, "sd"), say(lang, "times")]
    area, ratio = grouped(lang, SD["area"] / side**2), grouped(lang, published / total)
    note = escape(say(lang, "compute_note", area=area, ratio=ratio))
    return f"<div class='ti-compute'>{_shell.measure_table(lang, rows, head)}<p>{note}</p></div>"


def run_phrases(lang: str, first: str, second: str) -> str:
    """HTML: how far apart the text encoder puts two phrases, with their nearest names and a map."""
    for phrase in (first, second):
        if not isinstance(phrase, str):
            raise Refusal("choice", "a phrase must be a text", name="prompt", value=str(phrase)[:40])
    return _space.compare(lang, first, second)


def run_both(lang: str, first: str, second: str, style: str, seed: int) -> Iterator[tuple[Step, str]]:
    """Draw two phrases from the same noise; yields (Step, HTML of both pictures)."""
    in_range("seed", seed, 0, _shell.SEED_MAX)
    drawn: list[Tensor] = []
    for k, prompt in enumerate((first, second)):
        for step in _parts.draw([prompt], style=style, seed=int(seed)):
            yield Step(k * step.n + step.i, 2 * step.n), gr.skip()
        drawn.append(_parts.pictures(step.x_t)[0])
    yield Step(2 * step.n, 2 * step.n), _both(lang, (first, second), drawn, int(seed))


def _both(lang: str, phrases: tuple[str, str], pictures: list[Tensor], seed: int) -> str:
    shown = "".join(
        f"<figure>{_parts.picture(picture, say(lang, 'both_alt', phrase=phrase, seed=seed), 224)}"
        f"<figcaption><i class='ti-mark ti-mark-{letter}'>{letter}</i> {escape(phrase)}</figcaption></figure>"
        for letter, phrase, picture in zip("AB", phrases, pictures, strict=True)
    )
    return f"<div class='ti-two'>{shown}</div><p>{_shell.generated_label(lang)}</p>"


def run_data(lang: str, prompt: str, style: str, seed: int) -> Iterator[tuple[Step, str]]:
    """Three prompts by the models trained on 1, 10 and 100 % of the subjects; yields (Step, HTML table of pictures)."""
    from genmodels.text_to_image import pipeline

    in_range("seed", seed, 0, _shell.SEED_MAX)
    if not isinstance(prompt, str):
        raise Refusal("choice", "a prompt must be a text", name="prompt", value=str(prompt)[:40])
    ids = [f"emoji-data-{share}" for share in SHARES]
    if not all(map(_papers.have, ids)):
        yield Step(1, 1), f"<p>{escape(say(lang, 'data_missing'))}</p>"
        return
    prompts = [*examples(lang, int(seed)), prompt]
    columns: list[Tensor] = []
    for k, id in enumerate(ids):
        noise = pipeline.start_noise(1, int(seed), registry.load(id)).expand(len(prompts), -1, -1, -1)
        for step in pipeline.sample(registry.load(id), prompts, style=style, seed=int(seed), noise=noise):
            yield Step(k * step.n + step.i, len(ids) * step.n), gr.skip()
        columns.append(_parts.pictures(step.x_t, id))
        yield Step((k + 1) * step.n, len(ids) * step.n), _data_table(lang, prompts, columns)


def examples(lang: str, seed: int) -> list[str]:
    """A subject that all three models saw, and one that the 10 % model saw and the 1 % model did not."""
    few, more = (weights.read_card(f"emoji-data-{share}")["subjects"][lang] for share in SHARES[:2])
    others = [name for name in more if name not in few]
    return [few[seed % len(few)], others[seed % len(others)]]


def _data_table(lang: str, prompts: list[str], columns: list[Tensor]) -> str:
    """A row for each prompt, a column for each model that has drawn so far, and the models' losses below."""
    cards = [weights.read_card(f"emoji-data-{share}")["held_out"] for share in SHARES]
    head = "".join(
        f"<th scope='col'>{escape(say(lang, 'data_head', share=share))}<small>"
        f"{escape(say(lang, 'data_subjects', subjects=card['subjects'], pictures=card['pictures']))}</small></th>"
        for share, card in zip(SHARES, cards, strict=True)
    )
    rows = ""
    for i, (key, prompt) in enumerate(zip(("data_all", "data_not_one", "data_yours"), prompts, strict=True)):
        cells = "".join(
            f"<td>{_parts.picture(pictures[i], say(lang, 'data_alt', prompt=prompt, share=share), 128)}</td>"
            for share, pictures in zip(SHARES, columns, strict=False)
        )
        cells += "<td></td>" * (len(SHARES) - len(columns))
        rows += f"<tr><th scope='row'>“{escape(prompt)}”<small>{escape(say(lang, key))}</small></th>{cells}</tr>"
    losses = "".join(
        f"<td>{fill(lang, '{:.2f} / {:.2f}', card['loss_own'], card['loss_unseen_subjects'])}</td>" for card in cards
    )
    rows += f"<tr><th scope='row'>{escape(say(lang, 'data_loss'))}</th>{losses}</tr>"
    note = f"<p>{escape(say(lang, 'data_note'))} {_shell.generated_label(lang)}</p>"
    table = f"<table class='ti-data'><thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f"<div class='gl-scroll' tabindex='0'>{table}</div>{note}"


def build(ctx: _shell.Context, parts: _parts.Parts) -> None:
    """Lay the three limits out and wire them."""
    gr.Markdown(ctx.t("limits.compute"))
    start, stop, status = _bar(ctx, ctx.t("limits.compute_run"))
    table = gr.HTML(elem_id="limits-compute")
    ctx.run(start, stop, run_compute, list(vars(parts).values()), [table], status)

    gr.Markdown(ctx.t("limits.text"))
    gr.HTML(ctx.t("limits.pairs"), js_on_load=(HERE / "limits.js").read_text(encoding="utf-8"), elem_classes="ti-chips")
    other = ctx.control(
        "other",
        gr.Textbox("", label=ctx.t("limits.other"), placeholder=ctx.t("limits.other_hint"), elem_id="ti-other"),
    )
    space = gr.HTML(elem_id="limits-space", min_height=300)
    start, stop, status = _bar(ctx, ctx.t("limits.draw"))
    both = gr.HTML(elem_id="limits-both")
    ctx.on_show(run_phrases, [parts.prompt, other], [space])
    _quick.on(ctx, [parts.prompt.change, other.change], run_phrases, [parts.prompt, other], [space], 0)
    ctx.run(start, stop, run_both, [parts.prompt, other, parts.style, parts.seed], [both], status)

    gr.Markdown(ctx.t("limits.data"))
    start, stop, status = _bar(ctx, ctx.t("limits.data_run"))
    drawn = gr.HTML(elem_id="limits-data")
    ctx.run(start, stop, run_data, [parts.prompt, parts.style, parts.seed], [drawn], status)


def _bar(ctx: _shell.Context, label: object) -> tuple[gr.Button, gr.Button, gr.HTML]:
    """A button that starts, one that stops, and the status beside them."""
    with gr.Row(elem_classes="ti-runbar"):
        return gr.Button(label, min_width=120), gr.Button(ctx.shell("stop"), min_width=80), gr.HTML(min_height=24)
