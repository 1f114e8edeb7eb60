"""How close the held-out views come: of our scenes, or of any scene by path, trained first where it is unknown."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from genmodels import evaluate, registry, weights
from genmodels.nerf import DATA, render, scene, tiny_nerf, voxels
from genmodels.nerf.bake import BakedVolume, bake
from genmodels.nerf.metrics import psnr, ssim
from genmodels.nerf.rays import get_rays
from genmodels.nerf.scene import Scene
from genmodels.nerf.voxels import VoxelField
from genmodels.train import precision

OTHERS = "nerf-tea-fast"  # the card that keeps what was measured on scenes that are not ours


def figures(views: Scene, field: VoxelField, baked: BakedVolume) -> dict[str, Any]:
    """Means over the held-out views at the scene's own size, on black: PSNR (dB) and SSIM of the field and of its bake,
    and the bake's megabytes."""
    found: dict[str, Any] = {"size": views.images.shape[1], "held_out_views": int(views.held_out.sum())}
    for prefix, model in (("", field), ("baked_", baked)):
        rows = []
        for view in np.flatnonzero(views.held_out):
            truth = torch.from_numpy(views.targets([view])[0])
            drawn = voxels.picture(model, views.poses[view], views.focal, *truth.shape[:2])
            drawn = torch.from_numpy(drawn[..., :3]).clamp(0, 1)
            rows.append((psnr(drawn, truth), ssim(drawn, truth)))
        means = np.mean(rows, 0)
        found |= {f"{prefix}psnr": round(float(means[0]), 2), f"{prefix}ssim": round(float(means[1]), 4)}
    held = (*baked.parameters(), *baked.buffers())
    return found | {"megabytes": round(sum(t.numel() * t.element_size() for t in held) / 1e6, 2)}


def tiny_figures(views: Scene, model: tiny_nerf.TinyNeRF) -> dict[str, Any]:
    """The same of the tiny NeRF, which has no bake; minutes of work for 20 views of 100x100."""
    rows = []
    for view in np.flatnonzero(views.held_out):
        truth = torch.from_numpy(views.targets([view])[0])
        rays = map(torch.from_numpy, get_rays(views.poses[view], views.focal, *truth.shape[:2]))
        with precision("cpu"):
            drawn = render.render_image(model, *rays, tiny_nerf.NEAR, tiny_nerf.FAR, tiny_nerf.SAMPLES)["rgb"]
        rows.append((psnr(drawn, truth), ssim(drawn, truth)))
    means = np.mean(rows, 0)
    return {"size": views.images.shape[1], "psnr": round(float(means[0]), 2), "ssim": round(float(means[1]), 4)}


def digest(views: Scene) -> str:
    """What a card knows a scene by."""
    return hashlib.sha256(views.images.tobytes() + views.poses.tobytes()).hexdigest()


def write(name: str, views: Scene) -> None:
    """Measure the shipped field and bake of one of our scenes, and put the figures into both cards."""
    found = figures(views, registry.load(f"nerf-{name}-fast", "cpu"), registry.load(f"nerf-{name}-baked", "cpu"))
    for kind in ("fast", "baked"):
        weights.write_card(f"nerf-{name}-{kind}", metrics=found, scene=digest(views))


def write_tiny(name: str, views: Scene) -> None:
    """Measure the shipped tiny NeRF, and put the figures into its card."""
    weights.write_card(f"nerf-{name}-tiny", metrics=tiny_figures(views, registry.load(f"nerf-{name}-tiny", "cpu")))


def shipped(name: str) -> dict[str, Any]:
    """The figures of one of our scenes: measured anew where its full views are in the cache, else on the few that
    ship with the page."""
    from genmodels.data import nerf_scenes

    views = scene.load(name) if nerf_scenes.path(name).is_file() else scene.small(name)
    found = figures(views, registry.load(f"nerf-{name}-fast", "cpu"), registry.load(f"nerf-{name}-baked", "cpu"))
    return found | {"train_seconds": weights.read_card(f"nerf-{name}-fast")["trained"]["seconds"]}


def by_path(path: Path, minutes: float | None) -> dict[str, Any]:
    """The figures of the scene in a file; a field is trained on it, for at most `minutes`, unless it is one of ours.

    Raises Refusal for a file that is not a scene.
    """
    views = scene.read(path)
    for name in DATA:
        if weights.read_card(f"nerf-{name}-fast").get("scene") == digest(views):
            return {"scene": name} | shipped(name)
    trainer = voxels.Trainer(views)
    with click.progressbar(length=trainer.steps, label=views.name, file=click.get_text_stream("stderr")) as bar:
        for step in trainer.run(None if minutes is None else 60 * minutes):
            bar.update(step.i - bar.pos)
    field = trainer.finish()
    found = figures(views, field, bake(field))
    return {"scene": views.name, "train_views": len(trainer.views)} | found | {"train_seconds": round(trainer.seconds)}


@click.command()
@click.option("--scene", "path", type=click.Path(exists=True, path_type=Path), help="A scene as .npz, not one of ours.")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="Training limit for an unknown scene.")
@click.option("--write", "write_cards", is_flag=True, help="Write the figures into the cards.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def command(path: Path | None, minutes: float | None, write_cards: bool, as_json: bool) -> None:
    """PSNR, SSIM, the bake's PSNR and size, and training time, on held-out views."""
    if path is None:
        found = {name: shipped(name) for name in DATA}
        if write_cards:
            for name in DATA:
                write(name, scene.load(name))
    else:
        found = by_path(path, minutes)
        if write_cards and found["scene"] not in DATA:
            others = weights.read_card(OTHERS).get("others", {})
            weights.write_card(OTHERS, others=others | {found["scene"]: found})
    evaluate.show(found, as_json)


def markdown() -> str:
    """README's figures of this topic, from the cards."""
    from genmodels.nerf import report

    return report.markdown()
