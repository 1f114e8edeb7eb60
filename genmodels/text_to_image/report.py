"""README's tables of this topic, from the cards that `evaluate --write` and `bench --write` filled."""

from __future__ import annotations

from typing import Any

from genmodels import registry, weights
from genmodels.tables import table
from genmodels.text_to_image.alignment import REFERENCE, SAMPLERS, SIDES, TRUSTED
from genmodels.text_to_image.captions import LANGUAGES

KEPT = 0.95  # of what the judge gives the real pictures
LANGUAGES_APART = 0.03
FRECHET_RATIO = {"fewstep_4": 1.15, "fewstep_1": 1.5}
SECONDS = {"fewstep_1": 0.060, "fewstep_4": 0.150, "teacher_20": 1.0, "cascade_256": 2.0}
PEER, PEER_TIMES = "denoising-diffusion-pytorch", 250
OVER = ("times", "architecture", "steps")
NONE = "–"


def cards() -> dict[str, dict[str, Any]]:
    """The card of each of this topic's embedded models that is here."""
    found = registry.cards("text_to_image")
    embedded = [card.id for card in found if isinstance(card.weights, weights.Embedded)]
    return {id: weights.read_card(id) for id in embedded if registry.unavailable(registry.card(id)) is None}


def rows_of(read: dict[str, dict[str, Any]], side: str) -> dict[str, dict[str, Any]]:
    """What evaluate.write spread over the cards, together again: row's name -> its figures."""
    order = ["real", "autoencoder", *SAMPLERS]
    found = {k: v for card in read.values() for k, v in card.get("metrics", {}).get(side, {}).items()}
    return {name: found[name] for name in order if name in found}


def markdown() -> str:
    """Targets, the judge's figures by sampler, and the times; each part only where its figures are."""
    read = cards()
    parts = [_intro(read), _targets(read), *(_side(rows_of(read, side), side) for side in SIDES), _peers(read)]
    return "\n\n".join(part for part in parts if part) or "Not measured yet."


def _intro(read: dict[str, dict[str, Any]]) -> str:
    judged = read.get("emoji-judge", {}).get("metrics", {})
    if "styles" not in judged:
        return ""
    if not judged["styles"]:
        return "What the judge says of generated pictures is withheld: it misses its own target, see below."
    return (
        "Rank of the own name among 100 by `emoji-judge`; Fréchet distance and diversity in 64 principal components of "
        f"its features. Over the styles in which it reaches its target: {', '.join(judged['styles'])}. The real "
        "pictures of the same subjects and styles stand in the same columns."
    )


def _targets(read: dict[str, dict[str, Any]]) -> str:
    metrics = {id: card.get("metrics", {}) for id, card in read.items()}
    rows: list[list[str]] = []
    judged = metrics.get("emoji-judge", {})
    if "top5_unseen_pairs_en" in judged:
        worst = min(judged[f"top5_unseen_pairs_{lang}"] for lang in LANGUAGES)
        rows.append(_at_least("judge: real held-out pictures, own name in the first 5 of 100", TRUSTED, worst))
    found = rows_of(read, "unseen_pairs")
    if "teacher_20" in found:
        real, made = found["real"], found["teacher_20"]
        for key in ("top1", "top5"):
            kept = min(made[lang][key] / real[lang][key] for lang in LANGUAGES)
            rows.append(_at_least(f"20 guided steps, unseen pairs: {key} over the real ones'", KEPT, kept))
        apart = max(abs(made["en"][key] - made["pt"][key]) for key in ("top1", "top5"))
        rows.append(_at_most("English and Portuguese apart, top-1 or top-5", LANGUAGES_APART, apart))
    for name, target in FRECHET_RATIO.items():
        if f"frechet_over_{REFERENCE}" in found.get(name, {}):
            label = f"{_label(name)}: Fréchet distance over that of 50 steps"
            rows.append(_at_most(label, target, found[name][f"frechet_over_{REFERENCE}"]))
    timed = read.get("emoji-diffusion", {}).get("bench", {})
    for name, target in SECONDS.items():
        if name in timed.get("seconds", {}):
            rows.append(_at_most(f"{_label(name)}: seconds", target, timed["seconds"][name]))
    over = timed.get("peer", {}).get(PEER, {}).get("over", {})
    if over:
        name, best = max(over.items(), key=lambda item: item[1]["times"])
        rows.append(_at_least(f"{_label(name)}: times as fast as {PEER}'s 250 steps", PEER_TIMES, best["times"]))
    return table(["figure", "target", "measured", "reached", "paper"], rows) if rows else ""


def _at_least(label: str, target: float, value: float) -> list[str]:
    return [label, f"≥ {target:g}", f"{value:.3g}", _mark(target - value), NONE]


def _at_most(label: str, target: float, value: float) -> list[str]:
    return [label, f"≤ {target:g}", f"{value:.3g}", _mark(value - target), NONE]


def _mark(missing: float) -> str:
    return "yes" if missing <= 0 else f"no, by {missing:.3g}"


def _label(name: str) -> str:
    named = {
        "real": "real pictures",
        "autoencoder": "real ones through the autoencoder",
        "cascade_256": "cascade to 256",
    }
    if name in named:
        return named[name]
    sampler = SAMPLERS[name]
    return f"{sampler.model}, {sampler.steps} step{'s' if sampler.steps > 1 else ''}"


def _side(found: dict[str, dict[str, Any]], side: str) -> str:
    if not found:
        return ""
    head = [
        side.replace("_", " "),
        "top-1 en",
        "top-1 pt",
        "top-5 en",
        "top-5 pt",
        "Fréchet",
        "over 50 steps",
        "diversity",
    ]
    rows = []
    for name, row in found.items():
        shares = [f"{100 * row[lang][key]:.1f} %" for key in ("top1", "top5") for lang in LANGUAGES]
        others = (row.get(key) for key in ("frechet", f"frechet_over_{REFERENCE}", "diversity"))
        rows.append([_label(name), *shares, *(NONE if value is None else f"{value:.3g}" for value in others)])
    return table(head, rows)


def _peers(read: dict[str, dict[str, Any]]) -> str:
    timed = read.get("emoji-diffusion", {}).get("bench", {})
    rows = [
        [name, peer["timed"], f"{peer['seconds']:.3g} s", _label(own), *(f"{over[key]:.4g}×" for key in OVER)]
        for name, peer in timed.get("peer", {}).items()
        for own, over in peer["over"].items()
    ]
    head = ["`bench text_to_image`: peer", "timed", "one picture", "ours", "times as fast", "architecture", "steps"]
    return table(head, rows) if rows else ""
