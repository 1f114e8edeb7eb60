"""How the open-set tab shows one judgement: verdicts, histogram, ROC, map and rates, as HTML with inline SVG."""

from __future__ import annotations

import base64
import functools
import io
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from demos._i18n import fill
from demos._plots import Plot
from demos.open_set._text import TEXT
from genmodels import registry

UNKNOWN = 10
PAGE_MODEL = "digits-cnn-1"


def text(lang: str, key: str, **values: object) -> str:
    """A text of this topic in the visitor's language."""
    return fill(lang, TEXT[lang if lang in TEXT else "en"][key], **values)


@dataclass(frozen=True)
class Judgement:
    """What one method says about one picture.

    answer: 0 to 9, or 10 for unknown; predicted: the network's digit; bars: (10,) what to draw for each class;
    likelihood: whether the bars are log-likelihoods (else softmax probabilities).
    """

    method: str
    answer: int
    predicted: int
    score: float
    limit: float
    softmax: float
    bars: np.ndarray
    likelihood: bool
    spot: tuple[float, float]


def judge(pixels: np.ndarray, method: str, kept: float) -> Judgement:
    """Ask one method about a (28, 28) uint8 picture; kept is a fraction of known pictures, 0.5 to 0.9999."""
    from genmodels.open_set.detector import ClassModels
    from genmodels.open_set.train import to_input

    model = registry.load("digits-exposure" if method == "exposure" else PAGE_MODEL, "cpu")
    features = model.features(to_input(pixels[None]))
    answer, score = model.decide(features, method, kept)
    predicted = int(features.predicted)
    softmax = features.logits.softmax(1)[0]
    detector = model.detectors[method]
    likelihood = isinstance(detector, ClassModels)
    bars = detector.log_likelihood(features)[0] if likelihood else softmax
    spot = _project(features)[0] if method != "exposure" else (0.0, 0.0)
    return Judgement(
        method=method,
        answer=int(answer),
        predicted=predicted,
        score=float(score),
        limit=float(model.threshold(method, kept)[predicted]),
        softmax=float(softmax[predicted]),
        bars=bars[:UNKNOWN].numpy(),
        likelihood=likelihood,
        spot=(float(spot[0]), float(spot[1])),
    )


def verdict(lang: str, found: Judgement, pixels: np.ndarray) -> str:
    """One method's card: what it saw, the word, the bars of the ten classes, the score beside its limit."""
    known = found.answer != UNKNOWN
    word = text(lang, "digit", digit=found.answer) if known else text(lang, "unknown")
    label = text(lang, "bars.loglik" if found.likelihood else "bars.logit")
    score = text(lang, "score", score=number(lang, found.score), limit=number(lang, found.limit))
    return (
        f'<section class="os-verdict {"os-known" if known else "os-unknown"}">'
        f"<h3>{escape(text(lang, f'method.{found.method}'))}</h3>{picture(pixels, text(lang, 'seen'))}"
        f'<p class="os-word">{escape(word)}</p>{_bars(lang, found, label)}'
        f'<p class="os-small">{escape(label)}</p>'
        f'<p class="os-small">{escape(score)}</p>'
        f'<p class="os-small">{escape(text(lang, "closed", digit=found.predicted, percent=100 * found.softmax))}</p>'
        "</section>"
    )


def inside(lang: str, found: Judgement, kept: float, against: str) -> str:
    """Histogram, ROC, map and rates for one method against one set of unknowns."""
    known, other = scores("known", found.method), scores(against, found.method)
    if known is None or other is None:
        return f'<p class="os-small">{escape(text(lang, "no_scores"))}</p>'
    cells = [_histogram(lang, found, known, other), _roc(lang, found, known, other, kept, against), _map(lang, found)]
    return f'<div class="os-plots">{"".join(cells)}</div>{_rates(lang, found, known, other, kept)}'


@functools.cache
def _stored(model: str) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    found: dict[str, np.ndarray] = {}
    for path in sorted((registry.folder(model) / "scores").glob("*.safetensors")):
        found |= load_file(path)
    return found


def scores(name: str, method: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Stored scores and predicted digits of a measured set ("known", "omniglot_28", ...), None if not stored."""
    stored = _stored("digits-exposure" if method == "exposure" else PAGE_MODEL)
    if f"{name}.{method}" not in stored:
        return None
    return stored[f"{name}.{method}"].astype(np.float32), stored[f"{name}.predicted"]


def mean_pixels(name: str) -> np.ndarray:
    """Mean pixel, 0 to 1, of each picture of a measured set."""
    return _stored(PAGE_MODEL)[f"{name}.mean_pixel"].astype(np.float32)


def number(lang: str, value: float) -> str:
    """A score for reading: whole above 100, else four significant digits."""
    return fill(lang, "{:.0f}" if abs(value) >= 100 else "{:.4g}", value)


def short(value: float) -> str:
    """A log-likelihood in at most five characters: -181, -2.3k, -26k."""
    if abs(value) < 1000:
        return f"{value:.0f}"
    return f"{value / 1000:.1f}k" if abs(value) < 10_000 else f"{value / 1000:.0f}k"


def thumbnail(pixels: np.ndarray, label: str) -> str:
    """A button that puts a (28, 28) uint8 picture on the pad."""
    code = base64.b64encode(pixels.tobytes()).decode()
    says = f'title="{escape(label)}" aria-label="{escape(label)}"'
    return f'<button type="button" data-code="{code}" {says}>{picture(pixels)}</button>'


def picture(pixels: np.ndarray, alt: str = "") -> str:
    """An <img> of a (28, 28) uint8 picture, as it is."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    source = base64.b64encode(file.getvalue()).decode()
    says = f'alt="{escape(alt)}" title="{escape(alt)}"'
    return f'<img {says} width="28" height="28" src="data:image/png;base64,{source}">'


def two_histograms(lang: str, groups: list[tuple[str, np.ndarray, np.ndarray]], xlabel: str, alt: str) -> str:
    """Known and unknown values in one small histogram for each (title, known, unknown)."""
    cells = []
    for title, known, other in groups:
        low, high = float(min(known.min(), other.min())), float(max(known.max(), other.max()))
        plot = _two_bars(lang, known, other, low, high, xlabel, width=360, height=190)
        cells.append(f'<figure class="os-plot"><figcaption>{escape(title)}</figcaption>{plot.svg(alt)}</figure>')
    return f'<div class="os-plots">{"".join(cells)}</div>'


def _bars(lang: str, found: Judgement, label: str) -> str:
    values = found.bars
    if found.likelihood:
        low, high = float(np.sort(values)[0]), float(values.max())
        heights = 1 / (1 + (high - values) / max(40.0, abs(high) * 0.25)) if high > low else np.ones(10)
        shown = [short(v) for v in values]
    else:
        heights, shown = values, [f"{100 * v:.1f}" for v in values]
    marks = []
    for digit, (height, value) in enumerate(zip(heights, shown, strict=True)):
        x, tall = digit * 32 + 4, max(1.5, float(height) * 74)
        color = "accent" if digit == found.predicted else "soft"
        marks.append(
            f'<rect x="{x}" y="{88 - tall:.1f}" width="24" height="{tall:.1f}" rx="2" fill="var(--gl-{color})"/>'
            f'<text x="{x + 12}" y="102" text-anchor="middle" class="gl-strong" fill="var(--gl-ink)">{digit}</text>'
            f'<text x="{x + 12}" y="114" text-anchor="middle" class="os-tiny" fill="var(--gl-soft)">{value}</text>'
        )
    alt = text(lang, "bars.alt", label=label, digit=int(values.argmax()))
    return f'<svg class="os-bars" viewBox="0 0 324 118" role="img" aria-label="{escape(alt)}">{"".join(marks)}</svg>'


def _two_bars(
    lang: str,
    known: np.ndarray,
    other: np.ndarray,
    low: float,
    high: float,
    xlabel: str,
    width: int = 420,
    height: int = 250,
) -> Plot:
    high = high if high > low else low + 1
    edges = np.linspace(low, high, 41)
    share = [np.histogram(np.clip(v, low, high), edges)[0] / max(1, len(v)) for v in (known, other)]
    top = max(0.05, float(max(share[0].max(), share[1].max())) * 1.1)
    plot = Plot((low, high), (0, top), xlabel, text(lang, "histogram.y"), width, height)
    plot.bars(edges, share[0], "known").bars(edges, share[1], "unknown")
    return plot


def _histogram(lang: str, found: Judgement, known: tuple, other: tuple) -> str:
    own, theirs = (values[digits == found.predicted] for values, digits in (known, other))
    pool = np.concatenate([own, theirs]) if len(own) + len(theirs) else np.zeros(1)
    low = min(float(np.quantile(pool, 0.03)), found.limit)
    high = max(float(pool.max()), found.limit)
    margin = 0.04 * (high - low or 1)
    plot = _two_bars(lang, own, theirs, low - margin, high + margin, text(lang, "histogram.x"))
    plot.vline(found.limit, text(lang, "limit"))
    plot.point(min(max(found.score, low - margin), high + margin), 0, "accent", label=text(lang, "you"))
    title = text(lang, "histogram", digit=found.predicted)
    return _figure(title, plot.svg(text(lang, "histogram.alt", digit=found.predicted)), _legend(lang))


@functools.cache
def _curve(method: str, against: str) -> tuple[list[tuple[float, float]], float]:
    """Points (unknowns let in, knowns kept) of the ROC curve over stored scores, and the area below it."""
    from sklearn.metrics import roc_auc_score, roc_curve

    known, other = scores("known", method)[0], scores(against, method)[0]
    truth, values = np.r_[np.ones(len(known)), np.zeros(len(other))], np.r_[known, other]
    fpr, tpr, _ = roc_curve(truth, values)
    every = max(1, len(fpr) // 300)
    points = [*zip(fpr[::every].tolist(), tpr[::every].tolist(), strict=True), (1.0, 1.0)]
    return points, float(roc_auc_score(truth, values))


def _roc(lang: str, found: Judgement, known: tuple, other: tuple, kept: float, against: str) -> str:
    points, auroc = _curve(found.method, against)
    keep, miss = accepted(found.method, known, kept), accepted(found.method, other, kept)
    plot = Plot((0, 1), (0, 1), text(lang, "roc.x"), text(lang, "roc.y"), height=250)
    plot.line([(0, 0), (1, 1)], "soft", dash=True).line(points)
    plot.point(miss, keep, "unknown").text(0.62, 0.2, fill(lang, "AUROC {:.4f}", auroc))
    alt = text(lang, "roc.alt", auroc=auroc, kept=100 * keep, caught=100 * (1 - miss))
    return _figure(text(lang, "roc"), plot.svg(alt))


def accepted(method: str, measured: tuple[np.ndarray, np.ndarray], kept: float) -> float:
    """Fraction of a measured set that the thresholds let pass as digits."""
    model = registry.load("digits-exposure" if method == "exposure" else PAGE_MODEL, "cpu")
    values, predicted = measured
    return float((values >= model.threshold(method, kept).numpy()[predicted]).mean())


def _rates(lang: str, found: Judgement, known: tuple, other: tuple, kept: float) -> str:
    keep, miss = accepted(found.method, known, kept), accepted(found.method, other, kept)
    cells = {"rates.kept": keep, "rates.rejected": 1 - keep, "rates.caught": 1 - miss, "rates.missed": miss}
    body = "".join(
        f"<div><dt>{escape(text(lang, key))}</dt><dd>{fill(lang, '{:.1f}', 100 * v)} %</dd></div>"
        for key, v in cells.items()
    )
    return f'<dl class="os-rates" aria-label="{escape(text(lang, "rates"))}">{body}</dl>'


@functools.cache
def _plane() -> tuple[Any, Any, list[tuple[int, np.ndarray, np.ndarray]]]:
    """A linear view of the ten mixtures from which the classes' means lie on a circle, and each Gaussian's shadow.

    Of all such views it is the one that stretches the scatter within classes least (least squares in its metric).
    """
    import torch

    gmm = registry.load(PAGE_MODEL, "cpu").detectors["gmm"]
    weight = gmm.log_weight.exp()
    centres = (weight[..., None] * gmm.mean).sum(1).double()  # (10, D)
    origin = centres.mean(0)
    inverse = torch.linalg.inv(gmm.precision_chol.double())
    covariance = inverse.mT @ inverse  # (10, K, D, D)
    within = torch.linalg.cholesky((weight[..., None, None] * covariance).sum(1).mean(0))
    angle = torch.arange(10).double() * 2 * torch.pi / 10 + torch.pi / 2
    circle = torch.stack([angle.cos(), angle.sin()], 1)
    white = torch.linalg.solve_triangular(within, (centres - origin).T, upper=False).T
    axes = torch.linalg.solve_triangular(within.T, torch.linalg.pinv(white, rtol=1e-6) @ circle, upper=True)  # (D, 2)
    shadows = [
        (c, ((gmm.mean[c, k] - origin) @ axes).numpy(), (axes.T @ covariance[c, k] @ axes).numpy())
        for c in range(10)
        for k in range(weight.shape[1])
    ]
    return origin, axes, shadows


def _project(features: Any) -> np.ndarray:
    origin, axes, _ = _plane()
    gmm = registry.load(PAGE_MODEL, "cpu").detectors["gmm"]
    return ((gmm.whiten(features.depths).double() - origin) @ axes).numpy()


@functools.cache
def _mixtures(lang: str) -> Plot:
    plot = Plot((-1.9, 1.9), (-1.25, 1.25), text(lang, "map.x"), "", height=250)
    for c, mean, spread in _plane()[2]:
        plot.ellipse(mean, spread, f"c{c}", sigmas=1.0)
    for c in range(10):
        angle = np.pi * (c / 5 + 0.5)
        plot.text(1.12 * float(np.cos(angle)), 1.12 * float(np.sin(angle)), str(c))
    return plot


def _map(lang: str, found: Judgement) -> str:
    plot = _mixtures(lang).copy()
    if found.method != "exposure":
        plot.point(*found.spot, "accent", label=text(lang, "you"))
    return _figure(text(lang, "map"), plot.svg(text(lang, "map.alt")))


def _figure(title: str, svg: str, below: str = "") -> str:
    return f'<figure class="os-plot"><figcaption>{escape(title)}</figcaption>{svg}{below}</figure>'


def _legend(lang: str) -> str:
    keys = (("known", "known"), ("unknown", "unknowns"))
    return (
        '<p class="gl-legend">'
        + "".join(
            f'<span><i style="background:var(--gl-{color})"></i>{escape(text(lang, key))}</span>' for color, key in keys
        )
        + "</p>"
    )
