"""README's tables of this topic, from the cards."""

from __future__ import annotations

from typing import Any

from genmodels import weights
from genmodels.errors import Refusal
from genmodels.tables import table

OVER_DB, DIVERSITY, REALISM, ACCEPTED = 3.0, 50.0, 1.1, 0.7
PICTURE_MS, ANSWERS_MS = 30.0, 200.0
NONE = "–"
PAPER = {  # Isola et al. 2017, tables 1 and 3: per-pixel accuracy of FCN-8s on Cityscapes, labels to photos
    "l1": 0.42,
    "cgan": 0.57,
    "patch-1": 0.39,
    "patch-16": 0.65,
    "patch-70": 0.66,
    "patch-whole": 0.42,
}


def card(id: str) -> dict[str, Any]:
    """The measured card of a model, empty where it does not ship."""
    try:
        return weights.read_card(id)
    except Refusal:
        return {}


def markdown() -> str:
    """Targets, painting by model and variant, facades, styles and the hidden truth, fruit, styles from K examples."""
    parts = [_targets(), _painting(), _facades(), _styles(), _fruit(), _few_shot()]
    return "\n\n".join(part for part in parts if part) or "Not measured yet."


def _metrics(id: str) -> dict[str, Any]:
    return card(id).get("metrics", {})


def _targets() -> str:
    rows, one, many = [], _metrics("pix2pix-outline"), _metrics("bicycle-outline")
    deaf = _metrics("pix2pix-noise")
    if "baselines" in one:
        for name in ("outline itself", "mean colouring"):
            base = one["baselines"][name]
            rows.append(_row(f"pix2pix-outline: dB over the {name}", one["psnr_db"] - base["psnr_db"], OVER_DB, True))
            nearer = base["feature_distance"] / max(1e-9, one["feature_distance"])
            rows.append(_row(f"pix2pix-outline: feature distance of the {name} over its own", nearer, 1.0, True))
    if deaf and many:
        times = many["diversity"] / deaf["diversity"]
        rows.append(_row("bicycle-outline: diversity over pix2pix-noise's", times, DIVERSITY, True))
    if one and many:
        worse = many["frechet"] / one["frechet"]
        rows.append(_row("bicycle-outline: Fréchet distance over pix2pix's", worse, REALISM, False))
    for style, found in _metrics("funit-styles").items():
        said = f"funit-styles: taken for the held-out style {style} at K = 5"
        rows.append(_row(said, found["k=5"]["accepted"], ACCEPTED, True))
    times = card("pix2pix-outline").get("bench", {}).get("picture_ms", {})
    limits = {"pix2pix-outline": PICTURE_MS, "bicycle-outline, 8 answers": ANSWERS_MS}
    rows += [_row(f"{name} (ms)", times[name], limit, False) for name, limit in limits.items() if name in times]
    return table(["figure", "target", "measured", "reached"], rows) if rows else ""


def _row(label: str, value: float, target: float, at_least: bool) -> list[str]:
    missing = target - value if at_least else value - target
    reached = "yes" if missing <= 0 else f"no, by {missing:.2g}"
    return [label, f"{'≥' if at_least else '≤'} {target:g}", f"{value:.3g}", reached]


def _painting() -> str:
    """Models, variants and baselines on held-out outlines; the paper's accuracies beside, for the ordering."""
    found = {id: _metrics(id) for id in ("pix2pix-outline", "pix2pix-noise", "bicycle-outline") if _metrics(id)}
    variants = _metrics("pix2pix-ablation")
    base = variants.get("baselines") or _metrics("pix2pix-outline").get("baselines") or {}
    found |= {name: figures for name, figures in variants.items() if name != "baselines"} | base
    rows = [
        [name, *(_number(figures.get(key)) for key in ("psnr_db", "feature_distance", "gradient_energy", "frechet"))]
        + [_number(figures.get("diversity", figures.get("noise_diversity")))]
        + [f"{PAPER[name]:.2f}" if name in PAPER else NONE]
        for name, figures in found.items()
    ]
    head = ["held-out outlines", "PSNR (dB)", "feature distance", "gradient energy", "Fréchet", "diversity"]
    return table([*head, "paper: accuracy"], rows) if rows else ""


def _facades() -> str:
    """Held-out label maps, built, beside the mean photograph of training."""
    found = _metrics("pix2pix-facades")
    if not found:
        return ""
    keys = ("psnr_db", "feature_distance", "gradient_energy")
    named = {"pix2pix-facades": found, "mean photograph": found["mean photograph"], "real": found["real"]}
    rows = [[name, *(_number(figures.get(key)) for key in keys)] for name, figures in named.items()]
    return table(["held-out facades", "PSNR (dB)", "feature distance", "gradient energy"], rows)


def _fruit() -> str:
    """Held-out photographs that a classifier takes for the other fruit."""
    rows = [
        [
            name,
            str(figures["pictures"]),
            f"{100 * figures['taken_for_other_before']:.0f} %",
            f"{100 * figures['taken_for_other_after']:.0f} %",
            _number(figures["cycle_error"]),
        ]
        for name, figures in _metrics("cyclegan-fruit").items()
    ]
    head = ["cyclegan-fruit", "photographs", "taken for the other before", "and after", "round trip's error"]
    return table(head, rows) if rows else ""


def _styles() -> str:
    """Distances to the truth that unpaired training never saw."""
    ablated, main = _metrics("cyclegan-ablation"), _metrics("cyclegan-styles")
    base = main.get("untranslated") or ablated.get("untranslated")
    if not base:
        return ""
    rows = [["untranslated", _number(base["psnr_db"]), _number(base["feature_distance"]), NONE]]
    found = ({"cyclegan-styles": main} if main else {}) | {k: v for k, v in ablated.items() if k != "untranslated"}
    for name, figures in found.items():
        there = figures["there"]
        error = _number(figures.get("cycle_error"))
        rows.append([name, _number(there["psnr_db"]), _number(there["feature_distance"]), error])
    return table(["Twemoji → Fluent 3D, hidden truth", "PSNR (dB)", "feature distance", "round trip's error"], rows)


def _few_shot() -> str:
    rows = []
    for style, figures in _metrics("funit-styles").items():
        shots = sorted((key for key in figures if key.startswith("k=")), key=lambda key: int(key[2:]))
        cells = [f"{100 * figures[key]['accepted']:.0f} %" for key in shots]
        rows.append(
            [style, f"{100 * figures['untranslated']['accepted']:.0f} %", *cells, f"{100 * figures['real']:.0f} %"]
        )
    if not rows:
        return ""
    return table(
        ["taken for the style", "untranslated", *(f"K = {key[2:]}" for key in shots), "its real pictures"], rows
    )


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:.4g}"
