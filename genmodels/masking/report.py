"""README's tables of this topic, from the cards."""

from __future__ import annotations

from typing import Any

from genmodels import registry, weights
from genmodels.tables import table

RATIO, STRATEGY = "0.75", "random"
OVER = {"mean_colour": 3.5, "near_means": 1.8, "biharmonic": 1.8}
PICTURE_MS, PEER_DB, PROBE, OVER_SCRATCH = 20.0, 0.5, 0.6, 1.4
ENCODERS = ("mae-photos", "fcmae-photos")
SAMPLING = {  # He et al. 2022, table 1f: ViT-L on ImageNet, fine-tuned and linear probe, per cent
    ("random", "0.75"): (84.9, 73.5),
    ("block", "0.5"): (83.9, 72.3),
    ("block", "0.75"): (82.8, 63.9),
    ("grid", "0.75"): (84.0, 66.0),
}
NONE = "–"


def markdown() -> str:
    """Targets, PSNR by strategy and ratio, and accuracy by labels; each part only where its figures are."""
    parts = [_targets(), _rebuilt(), _few_shot()]
    return "\n\n".join(part for part in parts if part) or "Not measured yet."


def card(id: str) -> dict[str, Any]:
    """The measured card of an embedded model, empty where the model does not ship."""
    return {} if registry.unavailable(registry.card(id)) else weights.read_card(id)


def curves() -> dict[str, dict[str, dict[str, float]]]:
    """Accuracy on CIFAR-10 by encoder and method, then by labels per class, of what has been measured."""
    return {f"{id}, {method}": found for id in ENCODERS for method, found in card(id).get("few_shot", {}).items()}


def _targets() -> str:
    rows, ours = [], card("mae-photos")
    if metrics := ours.get("metrics"):
        psnr = metrics["rebuilt"][STRATEGY][RATIO]["psnr_hidden"]
        for name, least in OVER.items():
            gain = psnr - metrics["baselines"][name][STRATEGY][RATIO]["psnr_hidden"]
            rows.append(_row(f"mae-photos, 75 % hidden: dB over {name.replace('_', ' ')}", gain, least, True))
    if timed := ours.get("bench"):
        rows.append(_row("mae-photos: one picture (ms)", timed["picture_ms"]["ours"], PICTURE_MS, False))
    if peer := ours.get("peer"):
        gain = peer["ours"]["psnr_hidden"] - peer["published"]["psnr_hidden"]
        said = f"dB over IcarusWizard/MAE's design after {peer['pictures']:,} pictures each"
        rows.append(_row(said, gain, PEER_DB, True))
    rows += _few_shot_targets(curves())
    return table(["figure", "target", "measured", "reached"], rows) if rows else ""


def _few_shot_targets(found: dict[str, dict[str, dict[str, float]]]) -> list[list[str]]:
    rows = []
    mean = {name: {count: figures["mean"] for count, figures in curve.items()} for name, curve in found.items()}
    probes = [values["all"] for name, values in mean.items() if name.endswith("probe")]
    if probes:
        rows.append(_row("CIFAR-10, linear probe of the better encoder", max(probes), PROBE, True))
    for id in ENCODERS:
        scratch, tuned = mean.get(f"{id}, scratch"), mean.get(f"{id}, finetune")
        learned = [values["10"] for name, values in mean.items() if name in (f"{id}, probe", f"{id}, finetune")]
        if scratch and learned:
            said = f"10 labels a class: {id} over the same network from scratch"
            rows.append(_row(said, max(learned) / scratch["10"], OVER_SCRATCH, True))
        if scratch and tuned:
            least = min(tuned[count] - scratch[count] for count in scratch if count != "all")
            rows.append(_row(f"{id}: fine-tuned minus from scratch, least of all counts", least, 0, True))
    return rows


def _row(label: str, value: float, target: float, at_least: bool) -> list[str]:
    missing = target - value if at_least else value - target
    reached = "yes" if missing <= 0 else f"no, by {missing:.2g}"
    return [label, f"{'≥' if at_least else '≤'} {target:g}", f"{value:.3g}", reached]


def _rebuilt() -> str:
    """dB on hidden pixels of every model and baseline; He et al.'s accuracies below, for the ordering."""
    found = {id: card(id)["metrics"]["rebuilt"] for id in ENCODERS if "metrics" in card(id)}
    if not found:
        return ""
    metrics = card(next(iter(found)))["metrics"]
    found |= metrics["baselines"]
    places = [(strategy, ratio) for strategy in metrics["rebuilt"] for ratio in metrics["rebuilt"][strategy]]
    head = ["PSNR on hidden pixels (dB)", *(f"{strategy} {float(ratio):.0%}" for strategy, ratio in places)]
    rows = [
        [name.replace("_", " "), *(f"{curve[strategy][ratio]['psnr_hidden']:.2f}" for strategy, ratio in places)]
        for name, curve in found.items()
    ]
    for i, said in enumerate(("fine-tuned", "linear probe")):
        cells = [f"{SAMPLING[place][i]} %" if place in SAMPLING else NONE for place in places]
        rows.append([f"paper: accuracy of ViT-L on ImageNet, {said}", *cells])
    return table(head, rows)


def _few_shot() -> str:
    found = curves()
    counts = sorted({count for curve in found.values() for count in curve}, key=lambda n: (n == "all", n.zfill(9)))
    rows = [[name, *(_accuracy(curve.get(count)) for count in counts)] for name, curve in found.items()]
    return table(["CIFAR-10, labels per class", *counts], rows) if rows else ""


def _accuracy(figures: dict[str, float] | None) -> str:
    if figures is None:
        return NONE
    spread = f" ± {100 * figures['std']:.1f}" if figures["draws"] > 1 else ""
    return f"{100 * figures['mean']:.1f}{spread} %"
