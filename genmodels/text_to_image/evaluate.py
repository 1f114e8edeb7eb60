"""What the miniature reaches on pictures that it never saw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from torch import nn

from genmodels import evaluate, registry, weights
from genmodels.data import emoji
from genmodels.text_to_image.autoencoder import PatchAutoencoder
from genmodels.text_to_image.batches import DiffusionBatches, velocity_loss
from genmodels.text_to_image.captions import LANGUAGES
from genmodels.text_to_image.denoiser import EmojiTransformer2DModel
from genmodels.text_to_image.latents import picture_vectors, variants

SIDES = {"seen": emoji.TRAIN, "unseen_pairs": emoji.HELD_PAIR, "unseen_subjects": emoji.HELD_SUBJECT}


@torch.no_grad()
def held_out_loss(
    model: EmojiTransformer2DModel,
    autoencoder: PatchAutoencoder,
    data: emoji.Emoji,
    clip: nn.Module,
    count: int = 320,
) -> dict[str, float]:
    """Mean square error of v by side of the split and by language, captions never dropped; and where the vector
    that the picture encoder `clip` gives the picture stands for its caption.

    The same `count` pictures, captions, noise and times of each side at each call, so that figures of different
    checkpoints compare.
    """
    model.eval()
    figures: dict[str, float] = {}
    for side, split in SIDES.items():
        stream = DiffusionBatches(data, variants(data, autoencoder, split, copies=False), 64, no_caption=0.0)
        for language in LANGUAGES:
            figures[f"loss_{side}_{language}"] = mean_loss(model, stream, count, language)
        stream.pictures, stream.share = picture_vectors(data, clip, split, copies=False), 1.0
        figures[f"loss_{side}_picture"] = mean_loss(model, stream, count, LANGUAGES[0])
    return figures


@torch.no_grad()
def mean_loss(model: EmojiTransformer2DModel, stream: DiffusionBatches, count: int, language: str) -> float:
    """Over `count` pictures of the stream's set, some more than once where it has fewer; always the same ones."""
    rng, generator = np.random.default_rng(7), torch.Generator().manual_seed(7)
    have = len(stream.chosen.subject)
    rows = rng.choice(have, count, replace=have < count)
    losses = []
    for part in np.array_split(rows, max(1, len(rows) // 64)):
        batch = stream.batch(part, stream.times(len(part), generator), rng, generator, language)
        losses.append(float(velocity_loss(model, *batch)))
    return round(float(np.mean(losses)), 4)


def measure(count: int = 500) -> dict[str, Any]:
    """Every figure: the autoencoder's round trip, the denoiser's loss, and what the judge says of `count` pictures of
    each sampler, language and side (see alignment.measure) where there is a judge."""
    from genmodels.text_to_image import alignment
    from genmodels.text_to_image.train import psnr

    data = emoji.load()
    model = registry.load("emoji-diffusion", "cpu")
    pictures = torch.from_numpy(data.images).permute(0, 3, 1, 2)
    split = torch.from_numpy(data.split)
    return {
        "autoencoder": {
            f"psnr_db_{side}": round(psnr(model.autoencoder, pictures[split == number][:400]), 2)
            for side, number in SIDES.items()
        },
        "denoiser": held_out_loss(model.transformer, model.autoencoder, data, registry.load("emoji-clip", "cpu")),
        "alignment": alignment.measure(count, data),
    }


def write(figures: dict[str, Any]) -> None:
    """Each figure into the card of the model that it measures: as "metrics", and a sampler's rows by side and name."""
    from genmodels.text_to_image.alignment import SAMPLERS

    judged = figures["alignment"]
    metrics: dict[str, dict[str, Any]] = {
        "emoji-autoencoder": dict(figures["autoencoder"]),
        "emoji-diffusion": dict(figures["denoiser"]),
        "emoji-judge": judged["judge"] | {"styles": judged.get("styles", [])},
    }
    for side in SIDES:
        for name, row in judged.get(side, {}).items():
            id = SAMPLERS[name].model if name in SAMPLERS else "emoji-judge"
            metrics.setdefault(id, {}).setdefault(side, {})[name] = row
    for id, found in metrics.items():
        weights.write_card(id, metrics=found)


@click.command()
@click.option("--count", type=click.IntRange(70, 775), default=500, show_default=True, help="Pictures a row.")
@click.option("--write", "write_cards", is_flag=True, help="Write the figures into the models' cards.")
@click.option("--sheet", type=click.Path(dir_okay=False, path_type=Path), help="Draw the sheet of 64 prompts instead.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def command(count: int, write_cards: bool, sheet: Path | None, as_json: bool) -> None:
    """Held-out figures of the emoji models, or their contact sheet."""
    if sheet is not None:
        from genmodels.text_to_image.sheet import draw

        draw(sheet)
        click.echo(str(sheet))
        return
    figures = measure(count)
    if write_cards:
        write(figures)
    evaluate.show(figures, as_json)


def markdown() -> str:
    """README's figures of this topic, from the cards."""
    from genmodels.text_to_image import report

    return report.markdown()
