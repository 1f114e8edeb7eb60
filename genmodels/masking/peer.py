"""The published design of github.com/IcarusWizard/MAE, written again, and ours, both trained alike.

Data, masks, number of pictures and optimiser are the same. The published design's own are: an encoder as wide as the
decoder (192, three heads), positions that are learned from small random ones, and the mean square error over all
hidden pixels as loss. Its twelve encoder layers are six here, so that it has about as many parameters (3 % more).
`python -m genmodels.masking.peer --data FOLDER` trains both and writes the figures into our card.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import click
import torch
from torch import Tensor, nn
from transformers import ViTMAEConfig

from genmodels import train, weights
from genmodels.data import photographs
from genmodels.masking import mae
from genmodels.masking.mae import MaskedAutoencoder
from genmodels.masking.train import (
    BATCH,
    CONFIG,
    MAE,
    RATE,
    held_out,
    photograph_batches,
    relative_loss,
    training_pictures,
)
from genmodels.step import Step
from genmodels.train import Budget, Trained

PICTURES = 64_000
PUBLISHED = ViTMAEConfig(
    image_size=64,
    patch_size=8,
    hidden_size=192,
    num_hidden_layers=6,
    num_attention_heads=3,
    intermediate_size=768,
    decoder_hidden_size=192,
    decoder_num_hidden_layers=4,
    decoder_num_attention_heads=3,
    decoder_intermediate_size=768,
    attn_implementation="eager",
)
Loss = Callable[[MaskedAutoencoder, Tensor, Tensor], Tensor]


def published(seed: int) -> MaskedAutoencoder:
    """Untrained, with its own start: PyTorch's default matrices, positions and tokens from normals of 0.02."""
    model = mae.fresh(PUBLISHED, seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for part in model.modules():
            if isinstance(part, nn.Linear | nn.Conv2d):
                part.reset_parameters()
        for position in (model.network.vit.embeddings.position_embeddings, model.network.decoder.decoder_pos_embed):
            nn.init.trunc_normal_(position, std=0.02)
            position.requires_grad_(True)
    return model


DESIGNS: dict[str, tuple[Callable[[int], MaskedAutoencoder], Loss]] = {
    "published": (published, MaskedAutoencoder.loss),
    "ours": (partial(mae.fresh, CONFIG), relative_loss),
}


def fit(name: str, found: photographs.Photographs, pictures: int) -> Iterator[Step]:
    """Train one of DESIGNS; the last Step's info holds `psnr_hidden` on held-out photographs, 75 % hidden."""
    start, loss = DESIGNS[name]
    model, images, size = start(0), training_pictures(found), BATCH["cpu"]
    yield from train.fit(
        f"mae-peer-{name}",
        model,
        lambda step: photograph_batches(images, size, step, model.side),
        loss,
        budget=Budget(),
        steps=pictures // size,
        decay=train.cooldown,
        trained=Trained(),
        **RATE,
    )
    parameters = sum(p.numel() for p in model.parameters())
    yield Step(pictures, pictures, info=held_out(model, found) | {"parameters": parameters})


@click.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="Folder of Tiny ImageNet's npz files.")
@click.option("--pictures", type=click.IntRange(1), default=PICTURES, show_default=True, help="For each design.")
def command(data: Path | None, pictures: int) -> None:
    """Train both designs and write what each reached into our card."""
    found = photographs.load(data)
    result = {"pictures": pictures}
    for name in DESIGNS:
        for step in fit(name, found, pictures):
            last = step
        result[name] = last.info
        click.echo(f"{name}: {last.info}")
    weights.write_card(MAE, peer=result)


if __name__ == "__main__":
    command()
