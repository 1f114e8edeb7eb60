"""Stable Diffusion, Imagen and DALL-E 2 as drawings whose blocks can be pressed, lit as they run on a prompt."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

import gradio as gr

from demos import _shell
from demos.text_to_image import _architectures_run as running
from demos.text_to_image import _diagram, _papers, _parts
from demos.text_to_image._architectures_text import TEXT, say
from genmodels import registry
from genmodels.errors import Refusal, in_range
from genmodels.step import Step

__all__ = ["TEXT", "build", "run_architecture", "run_more"]
HERE = Path(__file__).parent
FIRST = {"sd": "denoiser", "imagen": "base", "dalle": "prior"}
COUNTS = (2, 4)


def run_architecture(lang: str, name: str, prompt: str, style: str, seed: int) -> Iterator[tuple[Step, str]]:
    """Run one of _papers.NAMES on a prompt; yields (Step, HTML of every part's result so far)."""
    _check(name, prompt, seed)
    yield from running.run(lang, name, prompt, style, int(seed))


def run_more(lang: str, prompt: str, style: str, seed: int, count: int) -> Iterator[tuple[Step, str]]:
    """The picture of a prompt, encoded, and `count` pictures (2 or 4) of its vector from other seeds, as HTML."""
    from genmodels.text_to_image import pipeline, prior

    _check("dalle", prompt, seed)
    if count not in COUNTS:
        raise Refusal("choice", f"count is {count!r}, not one of {COUNTS}", name="count", value=str(count)[:40])
    if not _papers.have(_papers.CLIP):
        yield Step(1, 1), f"<p>{escape(say(lang, 'more_missing'))}</p>"
        return
    model, clip = registry.load(_parts.TEACHER), registry.load(_papers.CLIP, "cpu")
    settings = {"style": style, "steps": running.STEPS, "guidance_scale": running.GUIDANCE}
    *_, asked = running.picture_vectors(prompt, style, int(seed))
    for step in pipeline.sample(model, prior.as_tokens(asked.x0), seed=int(seed), **settings):
        yield Step(step.i, 2 * step.n), gr.skip()
    first = _parts.pictures(step.x_t)
    for step in prior.variations(model, clip, first, count=count, seed=int(seed) + 1, **settings):
        yield Step(step.n + step.i, 2 * step.n), gr.skip()
    others = _parts.pictures(step.x_t)
    yield Step(2 * step.n, 2 * step.n), _family(lang, prompt, [first[0], *others])


def _family(lang: str, prompt: str, pictures: list) -> str:
    """A picture and, after an arrow, its variations."""
    alt = say(lang, "picture_alt", size=64, prompt=prompt)
    drawn = [_parts.picture(picture, alt, 128) for picture in pictures]
    return (
        f"<p>{escape(say(lang, 'more_title'))} {_shell.generated_label(lang)}</p><div class='ti-family'>{drawn[0]}"
        f"<span aria-hidden='true'>→</span><div>{''.join(drawn[1:])}</div></div>"
    )


def _check(name: str, prompt: str, seed: int) -> None:
    if name not in _papers.NAMES:
        raise Refusal("choice", f"{name!r} is no drawing", name="architecture", value=str(name)[:40])
    if not isinstance(prompt, str):
        raise Refusal("choice", "a prompt must be a text", name="prompt", value=str(prompt)[:40])
    in_range("seed", seed, 0, _shell.SEED_MAX)


def drawing(lang: str, name: str) -> str:
    """HTML: the diagram, and what the two sizes in its blocks are."""
    shown = _papers.diagram(lang, name)
    svg = _diagram.draw(shown, lambda key: _label(lang, name, key), say(lang, f"{name}.alt"))
    key, here = (escape(say(lang, part)) for part in ("legend", "legend_here"))
    legend = f'<p class="ti-key">{key} <b>{here}</b></p>'
    return f'<div class="ti-drawn" data-first="{FIRST[name]}">{svg}{legend}</div>'


def panels(lang: str, name: str) -> str:
    """HTML: a panel for each block, which says what it is, there and here; the pressed block's is shown."""
    blocks = _papers.diagram(lang, name).blocks
    told = "".join(_panel(lang, name, block) for block in blocks)
    return f'<div class="ti-panels" aria-live="polite">{told}<p class="ti-press">{escape(say(lang, "empty"))}</p></div>'


def _label(lang: str, name: str, key: str) -> str:
    table = TEXT[lang if lang in TEXT else "en"]
    return table.get(f"arch.{name}.{key}") or table[f"arch.edge.{key}"]


def _panel(lang: str, name: str, block: _diagram.Block) -> str:
    key = f"{name}.{block.id}"
    card = _papers.PLAYED_BY.get(key)
    values = {"steps": running.STEPS, "size": _papers.final_size()}
    if card and not block.absent:
        values["params"] = say(lang, "million", count=_papers.parameters(card) / 1e6)
    ours = say(lang, f"{key}.{'none' if block.absent else 'ours'}", **values)
    author, url = _papers.PAPERS[name]
    title = escape(say(lang, key).replace("|", " "))
    return (
        f'<section data-panel="{block.id}" hidden><h3>{title}</h3><dl><dt>{escape(say(lang, "original"))}</dt>'
        f'<dd>{escape(say(lang, f"{key}.text"))} <a href="{url}" target="_blank" rel="noopener">{author}</a></dd>'
        f"<dt>{escape(say(lang, 'ours'))}</dt><dd>{escape(ours)}</dd></dl></section>"
    )


def build(ctx: _shell.Context, parts: _parts.Parts) -> None:
    """Lay the drawings out and wire them."""
    gr.Markdown(ctx.t("arch.intro"))
    with gr.Column(elem_classes="ti-arch"):
        with gr.Row(elem_classes="ti-runbar"):
            choices = [(ctx.t(f"arch.{name}"), name) for name in _papers.NAMES]
            which = ctx.control("arch", gr.Radio(choices, value="sd", label=ctx.t("arch.which"), container=False))
            start = gr.Button(ctx.t("arch.run"), variant="primary", min_width=120)
            stop = gr.Button(ctx.shell("stop"), min_width=80)
            status = gr.HTML(min_height=24)
        drawn = gr.HTML(js_on_load=(HERE / "arch.js").read_text(encoding="utf-8"), elem_id="arch-drawing")
        with gr.Row():
            with gr.Column(min_width=320):
                told = gr.HTML(elem_id="arch-panels")
            with gr.Column(min_width=320):
                results = gr.HTML(elem_id="arch-results")
    with gr.Column(visible=False) as more:
        with gr.Row(elem_classes="ti-runbar"):
            count = gr.Radio(list(COUNTS), value=4, label=ctx.t("arch.more_count"), container=False)
            again = gr.Button(ctx.t("arch.more"), min_width=120)
            stop_again = gr.Button(ctx.shell("stop"), min_width=80)
            more_status = gr.HTML(min_height=24)
        family = gr.HTML(elem_id="arch-family")
    gr.Markdown(ctx.t("arch.since"))

    def show(lang: str, name: str) -> list[object]:
        _check(name, "", 0)
        return [drawing(lang, name), panels(lang, name), gr.update(visible=name == "dalle")]

    ctx.on_show(show, [which], [drawn, told, more])
    ctx.live(
        [which.input], lambda lang, name: [*show(lang, name), "", ""], [which], [drawn, told, more, results, family]
    )
    chosen = [parts.prompt, parts.style, parts.seed]
    ctx.run(start, stop, run_architecture, [which, *chosen], [results], status)
    ctx.run(again, stop_again, run_more, [*chosen, count], [family], more_status)
