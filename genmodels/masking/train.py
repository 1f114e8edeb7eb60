"""Recipes: masked autoencoders on photographs of 64x64 pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor
from transformers import ViTMAEConfig

from genmodels import registry, train, weights
from genmodels.data import cifar10, photographs
from genmodels.masking import fcmae, mae, masks
from genmodels.masking.evaluate import figures, thinned
from genmodels.masking.fcmae import ConvMaskedAutoencoder
from genmodels.masking.mae import MaskedAutoencoder, reconstruct
from genmodels.step import Step
from genmodels.train import Budget, Trained

MAE, FCMAE = "mae-photos", "fcmae-photos"
CONFIG = ViTMAEConfig(
    image_size=64,
    patch_size=8,
    hidden_size=192,
    num_hidden_layers=8,
    num_attention_heads=4,
    intermediate_size=768,
    decoder_hidden_size=128,
    decoder_num_hidden_layers=4,
    decoder_num_attention_heads=4,
    decoder_intermediate_size=512,
    layer_norm_eps=1e-6,
    attn_implementation="eager",  # the fused kernel's backward pass took 43 % of a step on a CPU
)
PICTURES = {MAE: {"cpu": 1_500_000, "cuda": 20_000_000}, FCMAE: {"cpu": 128_000, "cuda": 20_000_000}}
BATCH = {"cpu": 32, "cuda": 512}  # 32 with AdamW led 64 with Muon in one short run of each (a minute of CPU)
RATE = {"lr": 1.5e-3, "warmup": 200, "weight_decay": 0.02, "average": 0.998}
HELD_OUT = 500  # held-out photographs that the card's figures are measured on
SMALL = 0.02  # below this mean square error, in the network's scale, a picture counts as solved

CIFAR_EVERY = 3  # one of so many of CIFAR-10's training pictures is added, enlarged: a quarter of the whole
SHIFT = 4  # pixels that a picture moves at most, mirrored at its borders
USUAL = (0.7, "random", 0.75)  # share of batches that are masked as in the paper; the others at random


def training_pictures(found: photographs.Photographs) -> np.ndarray:
    """(N, 64, 64, 3) uint8: the photographs that are not held out, then those from CIFAR-10."""
    return np.concatenate([found.images[~found.held_out], cifar10.enlarged(cifar10.load("train")[0][::CIFAR_EVERY])])


def photograph_batches(images: np.ndarray, size: int, step: int, side: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless batches from `step` on: pictures (B, 3, H, W) in [-1, 1], mirrored and shifted at random, and their mask.

    images: (N, H, W, 3) uint8; a mask is (B, side * side) bool and hides equally many patches of each picture.
    """
    pictures = torch.from_numpy(images)
    while True:
        generator = torch.Generator().manual_seed(step)
        pick = torch.randint(len(pictures), (size,), generator=generator)
        yield augmented(pictures, pick, generator), training_masks(size, side, generator)
        step += 1


def augmented(pictures: Tensor, pick: Tensor, generator: torch.Generator) -> Tensor:
    """Those picked (B,) of uint8 (N, H, W, 3), mirrored and shifted at random -> (B, 3, H, W) in [-1, 1]."""
    size, extent = len(pick), pictures.shape[1]
    last = extent - 1
    shift = torch.randint(-SHIFT, SHIFT + 1, (2, size, 1), generator=generator)
    rows, columns = last - (last - (torch.arange(extent) + shift).abs()).abs()  # mirrored at both ends
    mirrored = torch.rand(size, 1, generator=generator) < 0.5
    columns = torch.where(mirrored, last - columns, columns)
    x = pictures[pick[:, None, None], rows.unsqueeze(2), columns.unsqueeze(1)].permute(0, 3, 1, 2)
    return x.float() / 127.5 - 1


def training_masks(count: int, side: int, generator: torch.Generator) -> Tensor:
    """Mostly the paper's masks, random at 75 %; else any strategy at a ratio from 30 to 95 %."""
    share, strategy, ratio = USUAL
    if torch.rand((), generator=generator) > share:
        names = list(masks.STRATEGIES)
        strategy = names[int(torch.randint(len(names), (), generator=generator))]
        ratio = 0.3 + (masks.MAX_RATIO - 0.3) * float(torch.rand((), generator=generator))
    return masks.draw(strategy, ratio, count, side, generator)


def relative_loss(model: MaskedAutoencoder | ConvMaskedAutoencoder, pictures: Tensor, hidden: Tensor) -> Tensor:
    """The logarithm of each picture's mean square error, averaged: what the mean PSNR over pictures measures."""
    return (model.errors(pictures, hidden) + SMALL).log().mean()


def photographs_mae(budget: Budget) -> Iterator[Step]:
    """A small ViT-MAE on photographs of 64x64. Raises Refusal("data_needed") without --data on the first run."""
    trained, model = Trained(), mae.fresh(CONFIG, 0)
    if budget.resume and not train.checkpoint(MAE).is_file():
        model.network.load_state_dict(weights.read(registry.folder(MAE)))
        trained = Trained(**weights.read_card(MAE)["trained"])
        budget = replace(budget, resume=False)
    found = photographs.load(budget.data)
    yield from _fit(MAE, model, found, trained, budget)
    model.write(registry.folder(MAE))
    weights.write(MAE, model.network)
    train.write_card(MAE, trained, budget, held_out=held_out(model, found))


def photographs_fcmae(budget: Budget) -> Iterator[Step]:
    """A small ConvNeXt V2 with a decoder on the same pictures and masks. Raises Refusal("data_needed") likewise."""
    trained, model = Trained(), fcmae.fresh(0)
    found = photographs.load(budget.data)
    yield from _fit(FCMAE, model, found, trained, budget)
    weights.write(FCMAE, model, small=True)
    model.load_state_dict(weights.read(registry.folder(FCMAE)))  # figures are of what ships
    train.write_card(FCMAE, trained, budget, held_out=held_out(model, found))


def _fit(
    id: str,
    model: MaskedAutoencoder | ConvMaskedAutoencoder,
    found: photographs.Photographs,
    trained: Trained,
    budget: Budget,
) -> Iterator[Step]:
    images, size = training_pictures(found), BATCH[budget.device]
    yield from train.fit(
        id,
        model,
        lambda step: photograph_batches(images, size, step, model.side),
        relative_loss,
        budget=budget,
        steps=PICTURES[id][budget.device] // size,
        decay=train.cooldown,
        trained=trained,
        **RATE,
    )
    model.cpu()


def held_out(model: MaskedAutoencoder | ConvMaskedAutoencoder, found: photographs.Photographs) -> dict[str, float]:
    """PSNR and SSIM on held-out photographs, 75 % hidden at random."""
    held = thinned(found.images[found.held_out], HELD_OUT)
    hidden = masks.draw("random", 0.75, len(held), model.side, torch.Generator().manual_seed(0))
    return figures(partial(reconstruct, model), held, hidden)


def cifar_codes(budget: Budget) -> Iterator[Step]:
    """What the page's live probe learns from: see `codes`."""
    from genmodels.masking import codes

    return codes.recipe(budget)


RECIPES = {MAE: photographs_mae, FCMAE: photographs_fcmae, "cifar-codes": cifar_codes}
