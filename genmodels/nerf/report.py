"""README's tables of this topic, from the cards."""

from __future__ import annotations

from typing import Any

from genmodels import registry, weights
from genmodels.nerf import DATA
from genmodels.nerf.ablation import ID, PUBLISHED, ROWS
from genmodels.nerf.bench import SCENE
from genmodels.nerf.evaluate import OTHERS
from genmodels.tables import table

LEGO = "lego_train_100"
NOTEBOOK_DB = 22.7  # where the paper's notebook ends on lego at 100x100
TARGETS = {"psnr": 28.0, "bake_loss": 0.5, "frame_ms": 20.0, "times": 1000, "fps_gpu": 60, "fps_software": 15}
NONE = "–"


def markdown() -> str:
    """Targets, every scene's figures, and the ablation beside the paper's; each part only where its figures are."""
    parts = [_targets(), _scenes(), _ablation()]
    return "\n\n".join(part for part in parts if part) or "Not measured yet."


def _card(id: str) -> dict[str, Any]:
    return {} if registry.unavailable(registry.card(id)) else weights.read_card(id)


def _targets() -> str:
    rows = []
    baked = _card(f"nerf-{SCENE}-baked")
    if lego := _card(OTHERS).get("others", {}).get(LEGO):
        minutes = lego["train_seconds"] / 60
        said = f"lego at 100x100, held out: PSNR of the fast field after {minutes:.1f} minutes (dB)"
        rows.append(_row(said, lego["psnr"], TARGETS["psnr"], True, f"{NOTEBOOK_DB} (tiny NeRF's notebook)"))
        lost = lego["psnr"] - lego["baked_psnr"]
        rows.append(_row("lego: what the bake loses (dB)", round(lost, 2), TARGETS["bake_loss"], False))
    if timed := baked.get("bench"):
        size = "200"
        rows.append(_row("bake, 200x200 on the CPU (ms)", timed["frame_ms"][size]["baked"], TARGETS["frame_ms"], False))
        said = "bake: frames a second over the tiny NeRF's, 200x200 on the CPU"
        rows.append(_row(said, timed["times"][size]["baked"], TARGETS["times"], True))
    if browser := baked.get("browser"):
        said = f"400x400 in the browser, {browser['renderer']} (frames/s)"
        rows.append(_row(said, browser["frames_per_second"], TARGETS[f"fps_{browser['kind']}"], True))
    return table(["figure", "target", "measured", "reached", "paper"], rows) if rows else ""


def _row(label: str, value: float, target: float, at_least: bool, paper: str = NONE) -> list[str]:
    missing = target - value if at_least else value - target
    reached = "yes" if missing <= 0 else f"no, by {missing:.3g}"
    return [label, f"{'≥' if at_least else '≤'} {target:g}", f"{value:g}", reached, paper]


def _scenes() -> str:
    rows = []
    for name in DATA:
        fast, tiny = _card(f"nerf-{name}-fast"), _card(f"nerf-{name}-tiny")
        if "metrics" in fast:
            rows.append(_scene(name, fast["metrics"] | {"train_seconds": fast["trained"]["seconds"]}))
        if "metrics" in tiny:
            m, seconds = tiny["metrics"], tiny["trained"]["seconds"]
            size = f"{m['size']}x{m['size']}"
            rows.append([f"{name}, tiny NeRF", size, str(m["psnr"]), str(m["ssim"]), NONE, NONE, f"{seconds:.0f}"])
    rows += [_scene(f"{name} (by path)", found) for name, found in _card(OTHERS).get("others", {}).items()]
    head = ["scene", "size", "PSNR (dB)", "SSIM", "bake: PSNR", "bake: MB", "training (s)"]
    return table(head, rows) if rows else ""


def _scene(name: str, m: dict[str, Any]) -> list[str]:
    figures = (m["psnr"], m["ssim"], m["baked_psnr"], m["megabytes"])
    return [name, f"{m['size']}x{m['size']}", *map(str, figures), f"{m['train_seconds']:.0f}"]


def _ablation() -> str:
    card = _card(ID)
    if "held_out" not in card:
        return ""
    rows = []
    for name in dict.fromkeys([*ROWS, *PUBLISHED]):
        here, paper = card["held_out"].get(name), PUBLISHED.get(name)
        cells = [f"{found[key]:g}" if found else NONE for found in (here, paper) for key in ("psnr", "ssim")]
        rows.append([name.replace("_", " "), *cells])
    head = [f"ablation, {card['scene']} at {card['size']}x{card['size']}", "PSNR here", "SSIM here"]
    return table([*head, "PSNR in the paper", "SSIM in the paper"], rows)
