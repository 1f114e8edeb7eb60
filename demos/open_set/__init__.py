"""Open set: draw a digit or anything else, and see which methods notice that it is unknown."""

from __future__ import annotations

import base64
import functools
import zlib
from collections.abc import Iterator
from html import escape
from pathlib import Path

import gradio as gr
import numpy as np

from demos import _quick, _shell
from demos._i18n import fill
from demos.open_set import _views
from demos.open_set._text import TEXT
from genmodels import images, registry
from genmodels.errors import Refusal, in_range, one_of
from genmodels.step import Step

__all__ = ["ID", "ORDER", "TEXT", "build", "run_measure"]
ID, ORDER = "open_set", 80
HERE = Path(__file__).parent
METHODS = ("gmm", "pca", "flow", "softmax", "logit", "energy", "openmax", "mahalanobis", "vim", "knn", "exposure")
SETS = ("omniglot_28", "quickdraw", "letters", "fashion", "mnist-noise", "noise")
BLANK = base64.b64encode(bytes(784)).decode()
LIVE = 300
PICK = """
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-code]");
  if (button) document.dispatchEvent(new CustomEvent("genlab-draw", { detail: button.dataset.code }));
});
"""
text = _views.text


def run_judge(lang: str, drawing: str, method: str, other: str, kept: float, against: str) -> tuple[str, str]:
    """Judge a drawing by two methods.

    drawing: base64 of 28x28 grey pixels, white on black; method, other: two of METHODS; kept: percent of known
    digits that the threshold keeps, 80 to 99.9; against: one of SETS. -> HTML of the verdicts, and of the plots.
    """
    for name, value, choices in (("method", method, METHODS), ("compare", other, METHODS), ("against", against, SETS)):
        one_of(name, value, choices)
    fraction = in_range("kept", kept, 80, 99.9) / 100
    pixels = images.from_canvas(drawing or BLANK).numpy()
    if not pixels.any():
        return f'<div class="os-verdicts"><p class="os-word">{escape(text(lang, "empty"))}</p></div>', ""
    found = [_views.judge(pixels, one, fraction) for one in (method, other)]
    cards = "".join(_views.verdict(lang, one, pixels) for one in found)
    settings = f'{{"model": "{_views.PAGE_MODEL}", "methods": ["{method}", "{other}"], "kept": {kept}}}'
    result = f"<div class='os-verdicts' data-settings='{settings}'>{cards}</div>"
    return result, _views.inside(lang, found[0], fraction, against)


def run_examples(lang: str, seed: int) -> str:
    """Ten digits of our VAE and ten drawings that are no digits, as buttons; seed 0 to 2**31 - 1."""
    digits = draw_digits(int(in_range("seed", seed, 0, _shell.SEED_MAX)), 10)
    known = "".join(_views.thumbnail(p, text(lang, "digit", digit=c)) for c, p in enumerate(digits))
    strange = "".join(_views.thumbnail(p, text(lang, "strange")) for p in draw_strange(seed, 10))
    settings = f'{{"model": "digits-vae", "seed": {int(seed)}}}'
    return (
        f"<div class='os-examples' data-settings='{settings}'><p>{escape(text(lang, 'digits'))} "
        f"{_shell.generated_label(lang)}</p><div>{known}</div>"
        f"<p>{escape(text(lang, 'strange'))}</p><div>{strange}</div></div>"
    )


def draw_digits(seed: int, count: int) -> np.ndarray:
    """-> (count, 28, 28) uint8: digits 0, 1, 2, ... of our VAE."""
    import torch

    drawn = registry.load("digits-vae", "cpu").sample(torch.arange(count) % 10, seed)
    return ((drawn[:, 0] + 1) * 127.5).round().clamp(0, 255).byte().numpy()


def draw_strange(seed: int, count: int) -> np.ndarray:
    """-> (count, 28, 28) uint8: scribbles, runes, shapes, blobs and noise in turn."""
    from genmodels.open_set import strokes

    rng = np.random.default_rng(seed)
    kinds = (strokes.scribble, strokes.rune, strokes.shapes, strokes.blob, strokes.noise)
    return np.stack([kinds[i % len(kinds)](rng) for i in range(count)])


def run_noise(lang: str, seed: int) -> tuple[str, str]:
    """Uniform noise, nudged until softmax is surer of it than of any digit -> its drawing, and a sentence on both."""
    import torch

    from genmodels.open_set.fooling import fool, log_odds
    from genmodels.open_set.train import to_input

    network = registry.load(_views.PAGE_MODEL, "cpu").network
    rng = np.random.default_rng(int(in_range("seed", seed, 0, _shell.SEED_MAX)))
    noise = to_input(rng.integers(0, 256, (1, 28, 28)).astype(np.uint8))
    digits = to_input(draw_digits(seed, 200))
    with torch.no_grad():
        before, surest = float(log_odds(network(noise))), float(log_odds(network(digits)).amax())
        nudged, taken = fool(network, noise, surest)
        after = network(nudged)
    sentence = text(
        lang, "noise_done", steps=taken, levels=2 * taken, digit=int(after.argmax()), before=_one_in(lang, before),
        after=_one_in(lang, float(log_odds(after))), n=len(digits), surest=_one_in(lang, surest),
    )  # fmt: skip
    drawing = ((nudged[0, 0] + 1) * 127.5).round().byte().numpy()
    return base64.b64encode(drawing.tobytes()).decode(), sentence


def _one_in(lang: str, log_odds: float) -> str:
    """The chance that softmax leaves to every other class, as the N of "1 in N", two digits kept."""
    count = 1 + float(np.exp(log_odds))
    scale = 10 ** max(0, int(np.log10(count)) - 1)
    shown = f"{round(count / scale) * scale:,}"
    return shown.replace(",", ".") if lang == "pt" else shown


def run_leak(lang: str) -> tuple[str, str]:
    """The mean pixel under both orders of preprocessing -> a paragraph and two histograms."""
    from sklearn.metrics import roc_auc_score

    mean, std = 0.1307, 0.3081
    known, other = _views.mean_pixels("known"), _views.mean_pixels("omniglot_28")
    truth = np.r_[np.ones(len(known)), np.zeros(len(other))]
    leaking = 1 - (1 - other - mean) / std  # black ink on white, normalised, then inverted
    proper, ours = (other - mean) / std, (known - mean) / std
    areas = [max(a, 1 - a) for a in (roc_auc_score(truth, np.r_[ours, x]) for x in (leaking, proper))]
    plots = _views.two_histograms(
        lang,
        [(text(lang, "leak_published"), ours, leaking), (text(lang, "leak_proper"), ours, proper)],
        text(lang, "leak_x"),
        text(lang, "leak_alt"),
    )
    return text(lang, "leak_text", leak=areas[0], proper=areas[1]), plots


def run_measure(lang: str, seed: int, kept: float) -> Iterator[tuple[Step, str]]:
    """Measure every method on fresh digits of our VAE and fresh strokes; yields (Step, HTML table)."""
    from genmodels.open_set.evaluate import figures
    from genmodels.open_set.train import to_input

    fraction = in_range("kept", kept, 80, 99.9) / 100
    known = draw_digits(int(in_range("seed", seed, 0, _shell.SEED_MAX)), LIVE)
    other = draw_strange(seed, LIVE)
    rows = []
    for i, method in enumerate(METHODS):
        model = registry.load("digits-exposure" if method == "exposure" else _views.PAGE_MODEL, "cpu")
        (mine, score), (theirs, outer) = (
            model.decide(model.features(to_input(x)), method, fraction) for x in (known, other)
        )
        found = figures(score.numpy(), outer.numpy(), (mine.numpy(), theirs.numpy()), np.arange(LIVE) % 10)
        rows.append(
            [text(lang, f"method.{method}"), *(fill(lang, "{:.4f}", found[k]) for k in ("auroc", "macro_f1", "fpr95"))]
        )
        head = [text(lang, "measure_method"), "AUROC", "macro-F1", "FPR95"]
        table = _shell.measure_table(lang, rows, head)
        yield Step(i + 1, len(METHODS)), f"<p>{escape(text(lang, 'measure_live', n=LIVE, seed=seed))}</p>{table}"


def published_table(lang: str) -> str:
    """HTML: macro-F1 of the papers beside what every trained network measured here, from the cards."""
    from genmodels.open_set.evaluate import KEPT, PUBLISHED, from_cards

    measured = from_cards()
    found = measured["sets"]["omniglot_28"]
    paper = {"openmax": PUBLISHED["OpenMax"]}
    rows = []
    for method in (m for m in METHODS if m in found):
        f = found[method]
        source = fill(lang, "{:.3f} ({})", *paper[method]) if method in paper else text(lang, "none")
        cells = (fill(lang, "{:.4f} ± {:.4f}", f[k], f[f"{k}_std"]) for k in ("auroc", "macro_f1", "fpr95"))
        rows.append([text(lang, f"method.{method}"), source, *cells])
    for name in ("CROSR", "AOSR"):
        rows.append([name, fill(lang, "{:.3f} ({})", *PUBLISHED[name]), "–", "–", "–"])
    intro = text(
        lang, "measure_intro", seeds=measured["n_seeds"], kept=100 * KEPT,
        accuracy=100 * measured["closed_set_accuracy"],
    )  # fmt: skip
    head = [text(lang, "measure_method"), text(lang, "measure_paper"), "AUROC", "macro-F1", "FPR95"]
    return f"<p>{escape(intro)}</p>{_shell.measure_table(lang, rows, head)}"


def run_answer(lang: str) -> str:
    """The answer to the question, from the stored scores of noise."""
    passed = {m: 100 * _views.accepted(m, _views.scores("omniglot_28", m), 0.98) for m in ("softmax", "gmm")}
    return text(lang, "answer", **passed)


def snippet(drawing: str, method: str, kept: float) -> str:
    """A short program that judges the same picture."""
    return f'''import base64

import numpy as np

import genmodels
from genmodels.open_set.train import to_input

drawing = "{drawing or BLANK}"
picture = np.frombuffer(base64.b64decode(drawing), np.uint8).reshape(1, 28, 28)
model = genmodels.load("{"digits-exposure" if method == "exposure" else _views.PAGE_MODEL}")
answer, score = model.decide(model.features(to_input(picture)), "{method}", kept={kept / 100:.4f})
print("unknown" if answer == 10 else f"digit {{int(answer)}}", float(score))
'''


def pack(drawing: str | None) -> str:
    """A drawing as short text for a link."""
    return base64.urlsafe_b64encode(zlib.compress(base64.b64decode(drawing or BLANK), 9)).decode()


def unpack(code: str) -> str:
    """A link's text as a drawing. Raises Refusal("drawing") for anything else."""
    try:
        raw = zlib.decompressobj().decompress(base64.urlsafe_b64decode(code[:3000]), 785)
    except (ValueError, zlib.error) as error:
        raise Refusal("drawing", "the link's drawing does not unpack", size=28) from error
    drawing = base64.b64encode(raw).decode()
    images.from_canvas(drawing)
    return drawing


@functools.cache
def first_drawing() -> str:
    """What lies on the pad at first: a rune that softmax takes for a digit."""
    return (HERE / "first.txt").read_text(encoding="ascii").strip()


def build(ctx: _shell.Context) -> None:
    """Lay the tab out and wire it."""
    methods = [(ctx.t(f"method.{m}"), m) for m in METHODS]
    with ctx.section("idea"), gr.Row():
        with gr.Column(scale=3, min_width=320):
            gr.Markdown(ctx.t("idea"), latex_delimiters=_shell.LATEX)
        with gr.Column(scale=2, min_width=320):
            gr.HTML(ctx.t("drawing"))
    with ctx.section("try"), gr.Row(elem_classes="gl-stage"):
        with gr.Column(scale=7, elem_classes="gl-output"):
            with gr.Row(equal_height=False):
                with gr.Column(scale=2, min_width=220):
                    gr.Markdown(ctx.t("pad"), elem_classes="gl-label", elem_id="pad-label")
                    pad = gr.HTML(
                        first_drawing(),
                        html_template=(
                            '<canvas width="280" height="280" tabindex="0" role="img" aria-labelledby="pad-label">'
                            '</canvas><button type="button" class="pad-clear" aria-label="Limpar · Clear">×</button>'
                        ),
                        css_template=(HERE / "pad.css").read_text(encoding="utf-8"),
                        js_on_load=(HERE / "pad.js").read_text(encoding="utf-8"),
                        elem_id="pad",
                    )
                with gr.Column(scale=5, min_width=320):
                    verdicts = gr.HTML(elem_id="verdicts", min_height=270)
            ctx.control("x", pad, pack, unpack)
        with gr.Column(scale=2, min_width=260, elem_classes="gl-controls"):
            method = ctx.control("method", gr.Dropdown(methods, value="gmm", label=ctx.t("method_a")))
            other = ctx.control("compare", gr.Dropdown(methods, value="softmax", label=ctx.t("method_b")))
            kept = ctx.control("kept", gr.Slider(80, 99.9, 98, step=0.1, label=ctx.t("kept")))
            examples = gr.HTML(
                elem_id="examples",
                min_height=120,
                js_on_load=PICK,
            )
            seed = ctx.seed_row(7)
    against = gr.Dropdown([(ctx.t(f"set.{s}"), s) for s in SETS], value=SETS[0], label=ctx.t("against"), render=False)
    ctx.control("against", against)
    ctx.actions("#verdicts", snippet, [pad, method, kept])
    with ctx.section("inside"):
        against.render()
        plots = gr.HTML(elem_id="plots", min_height=330)
        with gr.Row():
            noise = gr.Button(ctx.t("noise_button"), size="md")
            leak = gr.Button(ctx.t("leak_button"), size="md")
        told = gr.Markdown(elem_id="told")
        leak_plots = gr.HTML()
    inputs, outputs = [pad, method, other, kept, against], [verdicts, plots]
    with ctx.section("measure"):
        table = gr.HTML(elem_id="measured")
        with gr.Row():
            start = gr.Button(ctx.t("measure_button"), variant="primary")
            stop = gr.Button(ctx.shell("stop"))
        status = gr.HTML()
        live = gr.HTML(elem_id="live")
    with ctx.section("predict"):
        gr.Markdown(ctx.t("question"))
        guess = gr.Radio([(ctx.t(f"guess.{g}"), g) for g in ("low", "mid", "high")], show_label=False, container=False)
        answer = gr.Markdown(elem_id="answer")

    def show(lang: str, seed: int, *values: object) -> list[str]:
        return [run_examples(lang, seed), published_table(lang), *run_judge(lang, *values)]

    ctx.on_show(show, [seed, *inputs], [examples, table, *outputs])
    moved = [pad.change, method.input, other.input, kept.input, against.input]
    _quick.on(ctx, moved, run_judge, inputs, outputs, 0, api_name="open_set_judge")
    ctx.live([seed.change], run_examples, [seed], [examples], "open_set_examples")
    ctx.live([noise.click], run_noise, [seed], [pad, told])
    ctx.live([leak.click], run_leak, [], [told, leak_plots])
    ctx.live([guess.input], lambda lang, guess: run_answer(lang), [guess], [answer])
    ctx.run(start, stop, run_measure, [seed, kept], [live], status)
