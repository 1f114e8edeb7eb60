"""`evaluate masking`: how well hidden patches are rebuilt, by strategy and ratio, beside what needs no learning."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from genmodels import registry, weights
from genmodels.data import photographs
from genmodels.evaluate import show
from genmodels.images import grid, png
from genmodels.masking import masks
from genmodels.masking.baselines import BASELINES
from genmodels.masking.panels import GREY
from genmodels.masking.patches import on_pixels, paste
from genmodels.masking.quality import psnr_hidden, ssim_hidden

RATIOS = (0.25, 0.5, 0.75, 0.9)
BATCH, LIMIT, SHEET = 50, 200, 32
SIDE = 8
Fill = Callable[[Tensor, Tensor], Tensor]


def pictures(images: Path | None, data: Path | None, limit: int) -> Tensor:
    """At most `limit` pictures (N, 3, 64, 64) in [-1, 1]: of the file, else held-out photographs; thinned by a seed.

    Raises Refusal: data_needed when no photographs are here, photographs_file for a malformed file.
    """
    if images is not None:
        found = photographs.read_file(images)["images"]
    else:
        held = photographs.load(data)
        found = held.images[held.held_out]
    return thinned(found, limit)


def thinned(images: np.ndarray, limit: int) -> Tensor:
    """At most `limit` of uint8 (N, H, W, 3), chosen by a fixed seed -> (n, 3, H, W) in [-1, 1]."""
    order = np.random.default_rng(0).permutation(len(images))[:limit]
    return torch.from_numpy(images[np.sort(order)]).permute(0, 3, 1, 2).float() / 127.5 - 1


def figures(fill: Fill, truth: Tensor, hidden: Tensor) -> dict[str, float]:
    """Mean over pictures of PSNR and SSIM on hidden pixels. fill(pictures, hidden) -> pictures."""
    psnr, ssim = [], []
    for x, mask in zip(truth.split(BATCH), hidden.split(BATCH), strict=True):
        predicted = fill(x, mask)
        psnr.append(psnr_hidden(predicted, x, mask))
        ssim.append(ssim_hidden(predicted, x, mask))
    return {
        "psnr_hidden": round(float(torch.cat(psnr).mean()), 3),
        "ssim_hidden": round(float(torch.cat(ssim).mean()), 4),
    }


def sweep(fill: Fill, truth: Tensor, strategies: tuple[str, ...], ratios: tuple[float, ...]) -> dict[str, Any]:
    """-> {strategy: {ratio: figures}}. Every `fill` meets the same masks; a higher ratio only hides more."""
    return {
        strategy: {
            f"{ratio:g}": figures(
                fill, truth, masks.draw(strategy, ratio, len(truth), SIDE, torch.Generator().manual_seed(0))
            )
            for ratio in ratios
        }
        for strategy in strategies
    }


def rebuilders() -> dict[str, Fill]:
    """Every model of this topic that ships here and rebuilds pictures of 64x64, by id."""
    from genmodels.masking.mae import reconstruct

    found = {}
    for card in registry.cards("masking"):
        ships = isinstance(card.weights, weights.Embedded) and registry.unavailable(card) is None
        if ships and "reconstruct" in card.can:
            model = registry.load(card.id, "cpu")
            found[card.id] = lambda x, hidden, model=model: reconstruct(model, x, hidden)
    return found


def evaluate(
    truth: Tensor,
    strategies: tuple[str, ...] = tuple(masks.STRATEGIES),
    ratios: tuple[float, ...] = RATIOS,
) -> dict[str, Any]:
    """-> {"pictures", "models": {id: {strategy: {ratio: figures}}}, "baselines": {name: the same}}."""
    return {
        "pictures": len(truth),
        "models": {id: sweep(fill, truth, strategies, ratios) for id, fill in rebuilders().items()},
        "baselines": {name: sweep(fill, truth, strategies, ratios) for name, fill in BASELINES.items()},
    }


def sheet(truth: Tensor) -> Image.Image:
    """Of each picture (N, 3, 64, 64), 75 % hidden at random: masked, rebuilt by every model and pasted, original."""
    hidden = masks.draw("random", 0.75, len(truth), SIDE, torch.Generator().manual_seed(0))
    masked = torch.where(on_pixels(hidden, truth.shape[-1]), GREY, truth)
    rebuilt = [paste(truth, fill(truth, hidden), hidden) for fill in rebuilders().values()]
    return grid(torch.cat([masked, *rebuilt, truth], 3), 4, gap=8)


def markdown() -> str:
    """README's tables of this topic."""
    from genmodels.masking import report

    return report.markdown()


@click.command()
@click.option("--images", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="npz of 64x64 pictures.")
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="Folder of Tiny ImageNet's npz files.")
@click.option(
    "--strategy", "strategies", type=click.Choice(list(masks.STRATEGIES)), multiple=True, help="Default: all."
)
@click.option("--ratio", "ratios", type=click.FloatRange(0.01, masks.MAX_RATIO), multiple=True, help="Several allowed.")
@click.option("--limit", type=click.IntRange(1), default=LIMIT, show_default=True, help="Pictures at most.")
@click.option("--sheet", "out", type=click.Path(dir_okay=False, path_type=Path), help="PNG of 32 pictures to write.")
@click.option("--write", is_flag=True, help="Write the figures into the models' cards.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def command(
    images: Path | None,
    data: Path | None,
    strategies: tuple[str, ...],
    ratios: tuple[float, ...],
    limit: int,
    out: Path | None,
    write: bool,
    as_json: bool,
) -> None:
    """PSNR and SSIM on hidden pixels: models, mean colour, means of near patches, biharmonic inpainting."""
    truth = pictures(images, data, limit)
    if out:
        out.write_bytes(png(sheet(truth[:SHEET])))
        click.echo(f"{out}: masked, {', '.join(rebuilders())}, original")
        return
    found = evaluate(truth, strategies or tuple(masks.STRATEGIES), ratios or RATIOS)
    if write:
        for id, rebuilt in found["models"].items():
            shared = {"pictures": found["pictures"], "baselines": found["baselines"]}
            weights.write_card(id, metrics={"rebuilt": rebuilt, **shared})
    show(found, as_json)
