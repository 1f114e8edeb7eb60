"""Need for data: the same small denoiser from 1 %, 10 % and 100 % of the training subjects, as many steps for each.

With few pictures it learns them by heart: its loss on them falls far below its loss on pictures it never saw, and it
draws them for whatever it is asked (Carlini et al. 2023, "Extracting training data from diffusion models",
arXiv:2301.13188). On disk each is a diffusers model folder; the autoencoder is the one that all share.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from genmodels import registry, train, weights
from genmodels.data import emoji
from genmodels.step import Step
from genmodels.text_to_image.autoencoder import PatchAutoencoder
from genmodels.text_to_image.batches import DiffusionBatches, velocity_loss
from genmodels.text_to_image.captions import LANGUAGES
from genmodels.text_to_image.denoiser import EmojiTransformer2DModel
from genmodels.text_to_image.evaluate import mean_loss
from genmodels.text_to_image.latents import Variants, variants
from genmodels.text_to_image.pipeline import EmojiPipeline
from genmodels.train import Budget, Trained

SHARES = (1, 10, 100)  # percent of the training subjects; the smaller sets lie inside the larger ones
PICTURES = 45_600
BATCH = 24
NAMED = 100  # the card lists the subjects where there are at most so many


def new_model() -> EmojiTransformer2DModel:
    """The denoiser in small, 1.9 million parameters; begins as the same for every share."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return EmojiTransformer2DModel(dim=128, num_layers=4)


def read(folder: Path) -> EmojiPipeline:
    """The denoiser of that folder with the shared autoencoder; half precision is widened to float32."""
    shared = registry.folder("emoji-autoencoder")
    autoencoder = PatchAutoencoder.from_pretrained(shared, torch_dtype=torch.float32)
    return EmojiPipeline(autoencoder, EmojiTransformer2DModel.from_pretrained(folder, torch_dtype=torch.float32))


def subjects(data: emoji.Emoji, share: int) -> np.ndarray:
    """Indices into data.subjects of `share` percent of those with training pictures, rising; the choice is by hash."""
    known = np.unique(data.subject[data.split == emoji.TRAIN])
    order = sorted(known.tolist(), key=lambda s: hashlib.sha256(f"share {data.subjects[s].key}".encode()).digest())
    return np.sort(order[: round(len(order) * share / 100)])


def only(chosen: Variants, kept: np.ndarray) -> Variants:
    """The pictures of those subjects, each as likely as the other."""
    rows = np.flatnonzero(np.isin(chosen.subject, kept))
    columns = {name: getattr(chosen, name)[rows] for name in ("subject", "style", "color", "natural")}
    chance = np.full(len(rows), 1 / len(rows))
    return replace(chosen, latents=chosen.latents[torch.from_numpy(rows)], chance=chance, **columns)


def recipe(share: int, budget: Budget) -> Iterator[Step]:
    """v-prediction as for "emoji-diffusion", on plain pictures of `share` percent of the subjects."""
    id = f"emoji-data-{share}"
    data = emoji.load()
    autoencoder = registry.load("emoji-autoencoder", "cpu")
    kept = subjects(data, share)
    own = only(variants(data, autoencoder, copies=False), kept)
    model, trained = new_model(), Trained()
    yield from train.fit(
        id,
        model,
        DiffusionBatches(data, own, BATCH),
        velocity_loss,
        budget=budget,
        steps=PICTURES // BATCH,
        lr=2e-3,
        warmup=100,
        average=0.99,
        optimizers=train.muon,
        trained=trained,
    )
    write(id, model.cpu(), data, autoencoder, kept, own, trained, budget)


def write(
    id: str,
    model: EmojiTransformer2DModel,
    data: emoji.Emoji,
    autoencoder: PatchAutoencoder,
    kept: np.ndarray,
    own: Variants,
    trained: Trained,
    budget: Budget,
) -> None:
    """Weights and card: which subjects it knows, its loss on its own pictures and on those that no model saw."""
    place = weights.ASSETS / id
    model.half().save_pretrained(place, max_shard_size=weights.SHARD)
    model.float()
    unseen = {"unseen_pairs": emoji.HELD_PAIR, "unseen_subjects": emoji.HELD_SUBJECT}
    sets = {"own": own} | {name: variants(data, autoencoder, side, copies=False) for name, side in unseen.items()}
    losses = {f"loss_{name}": _loss(model, data, chosen) for name, chosen in sets.items()}
    names = {lang: [data.subjects[s].names[lang] for s in kept] for lang in LANGUAGES}
    card = registry.card(id)
    weights.write_card(
        id,
        trained=vars(trained),
        device=budget.device,
        recipe=f"python -m genmodels train {id}",
        data=card.data,
        license=card.license,
        params=sum(p.numel() for part in (model, autoencoder) for p in part.parameters()),
        held_out={"subjects": len(kept), "pictures": len(own.subject), **losses},
        subjects=names if len(kept) <= NAMED else {},
    )


def _loss(model: EmojiTransformer2DModel, data: emoji.Emoji, chosen: Variants, count: int = 640) -> float:
    stream = DiffusionBatches(data, chosen, 64, no_caption=0.0)
    return round(float(np.mean([mean_loss(model, stream, count, language) for language in LANGUAGES])), 4)
