"""*Diffusion's way*: SDEdit and inpainting on our text-to-image model, with no translator at all."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.components import Component

from demos import _i18n, _pictures, _shell
from demos._quick import on
from demos.translation import _editors, _gallery, _try, _views
from demos.translation._views import Refresh, figure, text
from genmodels.errors import Refusal, in_range, one_of
from genmodels.step import Step

if TYPE_CHECKING:
    from torch import Tensor

SOURCES = ("painted", "outline", "own")
ROW = (0.2, 0.4, 0.6, 0.8)  # strengths side by side
SHOWN = 6  # of the sampler's steps
OWN_SIZE = 512  # pixels of a visitor's picture's side
LONGEST = 200  # characters of a prompt
CANVAS = (
    '<figure class="tr-inpaint"><canvas width="384" height="384" tabindex="0" role="application"></canvas>'
    '<figcaption></figcaption></figure><button type="button" class="tr-clear"></button>'
)
Result = Iterator[tuple[Step, str]]


def run_sdedit(
    lang: str,
    model: object,
    own: object,
    outline: object,
    source: object,
    prompt: object,
    seed: object,
    strength: object,
) -> Result:
    """Noise a picture up to `strength` (0 to 1) of the way, and denoise it towards the prompt.

    model: an id; own: the visitor's picture or None; source: one of SOURCES. Yields (Step, HTML).
    """
    editor, x, words = _asked(model, own, outline, source, prompt)
    steps = []
    for step in _editors.edit(model, editor, x, words, in_range("strength", strength, 0, 1), seed):
        steps.append(step)
        if step.i < step.n:
            yield step, gr.skip()
    yield steps[-1], _strip(lang, editor, x, steps)


def run_strengths(
    lang: str, model: object, own: object, outline: object, source: object, prompt: object, seed: object
) -> Result:
    """The same from the same noise at each strength of ROW. Yields (Step, HTML)."""
    from genmodels.translation import sdedit

    editor, x, words = _asked(model, own, outline, source, prompt)
    figures = [figure(lang, x, text(lang, "diffuse.alt.input"), text(lang, "diffuse.mine"))]
    for i, one in enumerate(ROW):
        for step in _editors.edit(model, editor, x, words, one, seed):
            yield Step(100 * i + 100 * step.i // step.n, 100 * len(ROW)), gr.skip()
        said = text(lang, "diffuse.strength_is", value=one)
        figures.append(figure(lang, sdedit.paste(editor, x, step), said, said, made=True))
        yield Step(100 * (i + 1), 100 * len(ROW)), _views.row(figures)


def run_inpaint(
    lang: str,
    model: object,
    own: object,
    outline: object,
    source: object,
    prompt: object,
    seed: object,
    mask: object,
) -> Result:
    """Paint what the brush covered anew, for a prompt; every other pixel stays exactly. mask: 64 x 64 bits in hex.

    Yields (Step, HTML).
    """
    from torch.nn import functional as F

    from genmodels.translation import sdedit

    keep = kept(mask)
    editor, x, words = _asked(model, own, outline, source, prompt)
    keep = F.interpolate(keep, x.shape[2:], mode="nearest")
    for step in _editors.edit(model, editor, x, words, 1.0, seed, keep):
        if step.i < step.n:
            yield step, gr.skip()
    shown = {"mine": x, "covered": x * keep, "painted": sdedit.paste(editor, x, step, keep)}
    said = {name: text(lang, f"diffuse.{name}") for name in shown}
    yield (
        step,
        _views.row([figure(lang, one, said[n], said[n], made=n == "painted") for n, one in shown.items()]),
    )


def run_prompt(lang: str, prompt: object) -> object:
    """The prompt to begin with, in the visitor's language; a prompt of their own stays."""
    usual = [text(other, "diffuse.example") for other in _i18n.LANGUAGES]
    return text(lang, "diffuse.example") if prompt in ("", None, *usual) else prompt


def run_canvas(lang: str, own: object, outline: object, source: object) -> str:
    """The brush's canvas: the picture that is painted over."""
    words = {key: text(lang, f"diffuse.canvas.{key}") for key in ("canvas", "clear", "hint")}
    picture = _pictures.uri(chosen(own, outline, source))
    return json.dumps({"answer": time.monotonic_ns(), "picture": picture, "says": words})


def run_own_picture(lang: str, data: object, outline: object) -> tuple[Any, str, str, str]:
    """The visitor's file as the picture -> it, the shelf's value, the source, the canvas's value."""
    own = _gallery.own(data, OWN_SIZE)
    shelf = _gallery.value([(_gallery.OWN, text(lang, "cycle.own"), _views.uri(own))], _gallery.OWN)
    return own, shelf, "own", run_canvas(lang, own, outline, "own")


def chosen(own: object, outline: object, source: object) -> Tensor:
    """The picture that diffusion begins from: (1, 3, 64, 64), the visitor's own larger.

    Raises Refusal: choice, sketch, no_photo.
    """
    kind = one_of("source", source, SOURCES)
    if kind == "own":
        if own is None:
            raise Refusal("no_photo", "no picture of the visitor's own is here")
        return own
    drawn = _try.seen("outline", outline)
    if kind == "outline":
        return drawn.expand(-1, 3, -1, -1).contiguous()
    return _try.painted(_views.load(_try.MODELS["outline"]), drawn).clone()


def kept(mask: object) -> Tensor:
    """(1, 1, 64, 64), 1 where a pixel stays. Raises Refusal("mask") for what no brush made, and for nothing covered."""
    import torch

    if not isinstance(mask, str) or not re.fullmatch("[0-9a-f]{1024}", mask):
        raise Refusal("mask", "cover a part of the picture with the brush first")
    bits = torch.tensor([bit == "0" for bit in f"{int(mask, 16):04096b}"])
    return bits.view(1, 1, 64, 64).float()


def build(ctx: _shell.Context, outline: Component) -> list[Refresh]:
    """Lay the part out and wire it."""
    gr.Markdown(ctx.t("diffuse.intro"), latex_delimiters=_shell.LATEX)
    own, sent, mask = _gallery.kept(), gr.Textbox(visible="hidden"), gr.Textbox(visible="hidden")
    with gr.Row():
        choices = [(ctx.t(f"diffuse.source.{one}"), one) for one in SOURCES]
        radio = gr.Radio(choices, value="painted", label=ctx.t("diffuse.source"))
        source = ctx.control("source", radio, decode=lambda text: one_of("source", text, SOURCES[:2]))
        prompt = ctx.control("prompt", gr.Textbox("", label=ctx.t("diffuse.prompt"), max_length=LONGEST))
    with gr.Row():
        strength = ctx.control("strength", gr.Slider(0, 1, 0.6, step=0.05, label=ctx.t("diffuse.strength")))
        noise = gr.Number(7, precision=0, minimum=0, maximum=_shell.SEED_MAX, label=ctx.shell("seed"))
        seed = ctx.control("noise", noise)
        model = _editors.chooser(ctx)
    shelf = _gallery.shelf("diffuse")
    values = [model, own, outline, source, prompt, seed]
    _heavy(ctx, "edit", run_sdedit, [*values, strength])
    _heavy(ctx, "row", run_strengths, values)
    gr.Markdown(ctx.t("diffuse.inpaint"))
    script = (Path(__file__).parent / "inpaint.js").read_text(encoding="utf-8")
    canvas = gr.HTML(html_template=CANVAS, js_on_load=script, elem_id="tr-canvas", padding=False)
    covered = "() => genlabInpaint.mask()"
    canvas.input(None, None, mask, js=covered, queue=False, show_progress="hidden", api_visibility="private")
    _heavy(ctx, "paint", run_inpaint, [*values, mask])
    _editors.more(ctx, model)
    ctx.on_show(run_prompt, [prompt], [prompt])
    on(ctx, [source.input], run_canvas, [own, outline, source], [canvas], 0)
    on(ctx, [shelf.upload], run_own_picture, [sent, outline], [own, shelf, source, canvas], 1, _gallery.sent("diffuse"))
    return [(run_canvas, [own, outline, source], [canvas])]


def _heavy(ctx: _shell.Context, name: str, run: Any, inputs: list[Component]) -> None:
    with gr.Row(elem_classes="gl-actions"):
        start = gr.Button(ctx.t(f"diffuse.{name}.start"), variant="primary", size="md", elem_id=f"tr-start-{name}")
        stop = gr.Button(ctx.shell("stop"), size="md")
    status, made = gr.HTML(min_height=24), gr.HTML(elem_id=f"tr-diffuse-{name}")
    ctx.run(start, stop, run, inputs, [made], status)


def _prompt(prompt: object) -> str:
    if not isinstance(prompt, str) or len(prompt) > LONGEST:
        raise Refusal("choice", "the prompt is a short text", name="prompt", value=str(prompt)[:40])
    return prompt


def _asked(model: object, own: object, outline: object, source: object, prompt: object) -> tuple[Any, Tensor, str]:
    """The model, the picture at its size, and the prompt."""
    from torch.nn import functional as F

    words = _prompt(prompt)
    x = chosen(own, outline, source)
    editor, size = _editors.load(model)
    if x.shape[-1] != size:
        x = F.interpolate(x, (size, size), mode="bilinear", antialias=True).clamp(-1, 1)
    return editor, x, words


def _strip(lang: str, model: Any, x: Tensor, steps: list[Step]) -> str:
    """HTML: the picture, its noised start, what the model believes in at some of the steps, the result."""
    from genmodels.text_to_image import pipeline
    from genmodels.translation import sdedit

    count = min(SHOWN, len(steps) - 1)
    middle = [steps[i * (len(steps) - 1) // count] for i in range(count)]
    shown = [figure(lang, x, text(lang, "diffuse.alt.input"), text(lang, "diffuse.mine"))]
    start = pipeline.decode(model, steps[-1].info["start"])
    shown.append(figure(lang, start, text(lang, "diffuse.alt.start"), text(lang, "diffuse.start")))
    for step in middle:
        said = text(lang, "diffuse.step", i=step.i, n=step.n)
        shown.append(figure(lang, pipeline.decode(model, step.x0), said, said, made=True))
    result = sdedit.paste(model, x, steps[-1])
    shown.append(figure(lang, result, text(lang, "diffuse.result"), text(lang, "diffuse.result"), made=True))
    return f"{_views.row(shown)}{_views.says(text(lang, 'diffuse.size', size=x.shape[-1]), 'tr-small')}"
