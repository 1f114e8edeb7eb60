"""`evaluate open_set`: the published protocol on held-out pictures, over every trained seed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from genmodels import registry, weights
from genmodels.data import npz
from genmodels.errors import Refusal
from genmodels.evaluate import show

KEPT = 0.98  # fraction of knowns that a threshold lets pass: near the best macro-F1 on letters, in sweeps that
# also showed Omniglot and the noises; no threshold is ever fitted to unknown pictures
LIMIT = 10_000
PUBLISHED = {  # macro-F1 on MNIST against Omniglot, 11 classes
    "OpenMax": (0.780, "Yoshihashi et al. 2019, arXiv:1812.04246"),
    "CROSR": (0.793, "Yoshihashi et al. 2019, arXiv:1812.04246"),
    "AOSR": (0.85, "Fang et al. 2021, arXiv:2106.15792"),
}


def read_unknowns(path: Path) -> np.ndarray:
    """Pictures from an npz with `images`, uint8 (N, 28, 28), white on black; at most 10,000.

    Where the file marks an evaluation split (`is_evaluation`), that split comes first; a larger set is thinned with
    a fixed seed. Raises Refusal("unknown_file") for anything else.
    """
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            images = file["images"]
            first = file["is_evaluation"] if "is_evaluation" in file else np.ones(len(images), bool)
    except npz.UNREADABLE as error:
        raise Refusal("unknown_file", f"{path.name} is not an npz with an array `images`", name=path.name) from error
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (28, 28) or not len(images):
        found = f"{path.name}: images are {images.dtype} {images.shape}, not uint8 (N, 28, 28)"
        raise Refusal("unknown_file", found, name=path.name)
    if first.dtype != bool or first.shape != images.shape[:1]:
        found = f"{path.name}: is_evaluation is {first.dtype} {first.shape}, not bool ({len(images)},)"
        raise Refusal("unknown_file", found, name=path.name)
    rng = np.random.default_rng(0)
    order = np.concatenate([rng.permutation(np.flatnonzero(first)), rng.permutation(np.flatnonzero(~first))])
    return images[np.sort(order[:LIMIT])]


def noises(digits: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """The protocol's two noises for (N, 28, 28) digits: uniform pixels alone, and a digit on top of them."""
    uniform = np.random.default_rng(seed).integers(0, 256, digits.shape).astype(np.uint8)
    return {"mnist-noise": np.maximum(digits, uniform), "noise": uniform}


def built_in() -> dict[str, np.ndarray]:
    """Unknown sets that come by package name: QuickDraw, letters of scripts, Fashion-MNIST."""
    from genmodels.data import fashion_mnist, letters, quickdraw

    sets = {"quickdraw": quickdraw.load()[0], "letters": letters.load()[0], "fashion": fashion_mnist.load("test")[0]}
    return {name: images[np.random.default_rng(0).permutation(len(images))[:LIMIT]] for name, images in sets.items()}


def figures(known: np.ndarray, unknown: np.ndarray, answers: tuple, labels: np.ndarray) -> dict[str, float]:
    """AUROC and FPR at 95 % kept of two sets of scores; macro-F1 over 11 classes of the answers on both sets."""
    from sklearn.metrics import f1_score, roc_auc_score

    is_known = np.r_[np.ones(len(known)), np.zeros(len(unknown))]
    truth = np.r_[labels, np.full(len(unknown), 10)]
    return {
        "auroc": float(roc_auc_score(is_known, np.r_[known, unknown])),
        "macro_f1": float(f1_score(truth, np.concatenate(answers), average="macro")),
        "fpr95": float((unknown >= np.quantile(known, 0.05)).mean()),
    }


def measure(id: str, sets: dict[str, np.ndarray], kept: float = KEPT) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """One model on MNIST's test set against every unknown set.

    -> figures {"closed_set_accuracy", "sets": {set: {method: {...}}}}, and the scores behind them:
    {"known.<method>": (10000,), "<set>.<method>": (N,), "known.predicted": (10000,), ...}.
    """
    from genmodels.data import mnist
    from genmodels.open_set.train import to_input

    model = registry.load(id)
    images, labels = mnist.load("test")
    known = model.features(to_input(images))
    scores = {"known.predicted": known.predicted.numpy().astype(np.uint8), "known.label": labels}
    result: dict[str, Any] = {"closed_set_accuracy": float((scores["known.predicted"] == labels).mean()), "sets": {}}
    for name, pictures in sets.items():
        features = model.features(to_input(pictures))
        scores[f"{name}.predicted"] = features.predicted.numpy().astype(np.uint8)
        result["sets"][name] = {}
        for method in model.detectors:
            (own, score), (other, outer) = (model.decide(f, method, kept) for f in (known, features))
            scores[f"known.{method}"], scores[f"{name}.{method}"] = score.numpy(), outer.numpy()
            result["sets"][name][method] = figures(score.numpy(), outer.numpy(), (own.numpy(), other.numpy()), labels)
    return result, scores


def spread(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean over runs of every figure that all of them have, with its standard deviation beside it as <name>_std."""
    merged: dict[str, Any] = {}
    for key, value in runs[0].items():
        if not all(key in run for run in runs):
            continue
        if isinstance(value, dict):
            merged[key] = spread([run[key] for run in runs])
        else:
            values = np.array([run[key] for run in runs])
            merged[key] = round(float(values.mean()), 5)
            merged[f"{key}_std"] = round(float(values.std(ddof=1)) if len(values) > 1 else 0.0, 5)
    return merged


def trained() -> Iterator[str]:
    """Ids of this topic's models whose weights are here."""
    for card in registry.cards("open_set"):
        if "classify" in card.can and registry.unavailable(card) is None:
            yield card.id


def evaluate(unknown: Path | None = None, write: bool = False) -> dict[str, Any]:
    """All figures: over every seed for detectors on a network that saw no outliers, and for outlier exposure.

    `methods` are those on the file given, or on QuickDraw; `sets` holds every set measured.
    """
    from genmodels.data import mnist

    digits = mnist.load("test")[0]
    sets = {unknown.stem: read_unknowns(unknown)} if unknown else built_in()
    sets |= noises(digits)
    headline = next(iter(sets))
    runs, exposed = [], []
    for id in trained():
        result, scores = measure(id, sets)
        (exposed if id == "digits-exposure" else runs).append(result)
        if write:
            _write(id, result, scores, sets)
    closed = spread(runs)
    for other in exposed:
        extra = spread([other])
        for name in sets:
            closed["sets"][name] |= extra["sets"][name]
        closed["exposure_closed_set_accuracy"] = extra["closed_set_accuracy"]
    return {
        "closed_set_accuracy": closed.pop("closed_set_accuracy"),
        "n_seeds": len(runs),
        "kept": KEPT,
        "unknown": headline,
        "methods": closed["sets"][headline],
        **closed,
    }


def from_cards() -> dict[str, Any]:
    """The figures that `evaluate --write` left in the cards: mean and spread over seeds, and outlier exposure."""
    metrics = {id: card["metrics"] for id in trained() if "metrics" in (card := weights.read_card(id))}
    runs = [
        {"closed_set_accuracy": m["closed_set_accuracy"], "sets": _plain(m["sets"])}
        for id, m in metrics.items()
        if id != "digits-exposure"
    ]
    merged = spread(runs)
    for name, methods in metrics.get("digits-exposure", {"sets": {}})["sets"].items():
        merged["sets"][name] |= methods
    return {"n_seeds": len(runs), **merged}


TARGETS = {"auroc": 0.985, "macro_f1": 0.955}  # on Omniglot, no outlier in training
EXPOSED_TARGETS = {"auroc": 0.995, "macro_f1": 0.97}  # on Omniglot, with synthetic outliers in training
NOISE_TARGET = 0.98  # macro-F1 on both noises, by the same rule for thresholds


def markdown() -> str:
    """README's figures of this topic, from the cards: every method and set, and which targets were reached."""
    from genmodels.tables import table

    found = from_cards()
    sets = found["sets"]
    paper = {"openmax": PUBLISHED["OpenMax"]}
    rows = []
    for method, f in sets["omniglot_28"].items():
        published = "{:.3f} ({})".format(*paper[method]) if method in paper else "–"
        others = (f"{sets[name][method]['macro_f1']:.3f}" for name in ("mnist-noise", "noise"))
        aurocs = (f"{sets[name][method]['auroc']:.4f}" for name in ("quickdraw", "letters", "fashion"))
        cells = (f"{f[key]:.4f} ± {f[f'{key}_std']:.4f}" for key in ("auroc", "macro_f1", "fpr95"))
        rows.append([method, published, *cells, *others, *aurocs])
    rows += [[name, "{:.3f} ({})".format(*PUBLISHED[name]), *["–"] * 8] for name in ("CROSR", "AOSR")]
    head = ["method", "paper: macro-F1, Omniglot", "AUROC, Omniglot", "macro-F1, Omniglot", "FPR95, Omniglot"]
    head += ["macro-F1, MNIST-noise", "macro-F1, noise", "AUROC, QuickDraw", "AUROC, letters", "AUROC, Fashion-MNIST"]
    accuracy = f"{100 * found['closed_set_accuracy']:.2f} ± {100 * found['closed_set_accuracy_std']:.2f} %"
    intro = (
        f"MNIST's test set against 10,000 of each set; {found['n_seeds']} seeds (exposure: one). Every threshold "
        f"keeps {100 * KEPT:.0f} % of 5,000 training pictures that the network saw but no detector was fitted on, so "
        f"of the test pictures slightly fewer stay. Closed-set accuracy {accuracy} (target 99.4 %)."
    )
    return "\n\n".join(
        [intro, table(head, rows), table(["figure", "target", "measured", "reached"], _targets(found)), _bench()]
    )


def _targets(found: dict[str, Any]) -> list[list[str]]:
    sets = found["sets"]
    asked = [("GeMOS mixture, Omniglot", sets["omniglot_28"]["gmm"], TARGETS)]
    asked += [(f"GeMOS mixture, {n}", sets[n]["gmm"], {"macro_f1": NOISE_TARGET}) for n in ("mnist-noise", "noise")]
    if "exposure" in sets["omniglot_28"]:
        asked.append(("synthetic outlier exposure, Omniglot", sets["omniglot_28"]["exposure"], EXPOSED_TARGETS))
    rows = [
        [
            "closed-set accuracy",
            "0.9940",
            f"{found['closed_set_accuracy']:.4f}",
            _mark(found["closed_set_accuracy"], 0.994),
        ]
    ]
    for name, f, targets in asked:
        rows += [[f"{name}: {k}", f"{t:.4f}", f"{f[k]:.4f}", _mark(f[k], t)] for k, t in targets.items()]
    return rows


def _mark(value: float, target: float) -> str:
    return "yes" if value >= target else f"no, by {target - value:.4f}"


def _bench() -> str:
    from genmodels.tables import table

    timed = weights.read_card("digits-cnn-1")["bench"]
    rows = [[f"a drawn digit judged by {m}", f"{ms:.2f} ms"] for m, ms in timed["judge_ms"].items()]
    rows += [[f"time of {name}, over ours", f"{ratio:.2f}×"] for name, ratio in timed["ratio"].items()]
    rows.append(["the machine's measured peak (fp32 matrix product)", f"{timed['peak_gflops']:.0f} GFLOP/s"])
    return table(["`bench open_set`", "measured"], rows)


def _plain(sets: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {method: {k: v for k, v in f.items() if not k.endswith("_std")} for method, f in methods.items()}
        for name, methods in sets.items()
    }


def _write(id: str, result: dict[str, Any], scores: dict[str, np.ndarray], sets: dict[str, np.ndarray]) -> None:
    """Figures into the model's card; for the page's models the scores too, beside their weights."""
    from genmodels.data import mnist

    card = weights.read_card(id)
    metrics = card.get("metrics", {"sets": {}})
    metrics["closed_set_accuracy"] = round(result["closed_set_accuracy"], 5)
    metrics["kept"] = KEPT
    metrics["sets"] |= spread([result])["sets"]
    if id in ("digits-cnn-1", "digits-exposure"):
        path = registry.folder(id) / "scores" / "scores.safetensors"
        path.parent.mkdir(exist_ok=True)
        pictures = {"known": mnist.load("test")[0], **sets}
        means = {f"{name}.mean_pixel": (x.mean((1, 2)) / 255).astype(np.float32) for name, x in pictures.items()}
        save_file({**(load_file(path) if path.is_file() else {}), **scores, **means}, path)
    weights.write_card(id, metrics=metrics)


@click.command()
@click.option("--unknown", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="npz with `images`.")
@click.option("--write", is_flag=True, help="Write the figures into the models' cards.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def command(unknown: Path | None, write: bool, as_json: bool) -> None:
    """Closed-set accuracy, and per method AUROC, macro-F1 and FPR95 against unknown pictures."""
    with torch.no_grad():
        show(evaluate(unknown, write), as_json)
