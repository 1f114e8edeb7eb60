"""`bench nerf`: the same pose and size drawn by the tiny NeRF, by the fast field and by its bake, in one run."""

from __future__ import annotations

from typing import Any

import click
import torch

from genmodels import registry, weights
from genmodels.bench import interleaved, peak_gflops
from genmodels.evaluate import show
from genmodels.nerf import render, tiny_nerf, voxels
from genmodels.nerf.rays import get_rays, orbit
from genmodels.nerf.turn import FOV

SCENE = "tea"
POSE = orbit(30, 30, 4)
ROWS = 10  # of the picture's rows that the tiny NeRF is timed on, spread over it; its whole picture is scaled from them


def tiny(size: int) -> None:
    """ROWS rows of the tiny NeRF's picture."""
    rays = (torch.from_numpy(r)[:: size // ROWS] for r in get_rays(POSE, FOV * size, size, size))
    model = registry.load(f"nerf-{SCENE}-tiny", "cpu")
    render.render_image(model, *rays, tiny_nerf.NEAR, tiny_nerf.FAR, tiny_nerf.SAMPLES)


def fast(kind: str, size: int) -> None:
    """The whole picture by the field ("fast") or the bake ("baked")."""
    voxels.picture(registry.load(f"nerf-{SCENE}-{kind}", "cpu"), POSE, FOV * size, size, size)


def bench() -> dict[str, Any]:
    """Milliseconds of a frame by model and size, and how many times as many frames a second ours gives."""
    result: dict[str, Any] = {"peak_gflops": round(peak_gflops(), 1), "threads": torch.get_num_threads()}
    result |= {"frame_ms": {}, "times": {}}
    for size in (100, 200, 400):
        work = {kind: lambda kind=kind, size=size: fast(kind, size) for kind in ("baked", "fast")}
        if size < 400:
            work["tiny"] = lambda size=size: tiny(size)
        seconds = interleaved(work, 9)
        if "tiny" in seconds:
            seconds["tiny"] *= size / ROWS
            result["times"][str(size)] = {kind: round(seconds["tiny"] / seconds[kind]) for kind in ("baked", "fast")}
        result["frame_ms"][str(size)] = {kind: round(1e3 * taken, 2) for kind, taken in seconds.items()}
    return result


@click.command()
@click.option("--write", is_flag=True, help="Write the figures into the bake's card.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def command(write: bool, as_json: bool) -> None:
    """Time a frame of the tiny NeRF, the fast field and its bake at one pose."""
    with torch.inference_mode():
        found = bench()
    if write:
        weights.write_card(f"nerf-{SCENE}-baked", bench=found)
    show(found, as_json)
