"""Recipes: five classifiers on MNIST with every detector, and one network with synthetic outlier exposure."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from genmodels import registry, train, weights
from genmodels.data import mnist
from genmodels.open_set.detector import Features
from genmodels.open_set.network import DigitsCNN
from genmodels.open_set.strokes import pseudo_unknowns
from genmodels.step import Step
from genmodels.train import Budget, Trained, fit

BATCH, STEPS = 128, 2400
OUTLIERS, OUTLIER_BATCH, EXPOSURE_STEPS = 24_000, 64, 1500
GENERATOR_STEPS = 9_000
FITTED = 55_000  # the first of MNIST's training pictures fit detectors, the other 5,000 set thresholds
SEEDS = (1, 2, 3, 4, 5)


def to_input(images: np.ndarray) -> Tensor:
    """(N, 28, 28) uint8 -> (N, 1, 28, 28) float32 in [-1, 1]."""
    return torch.tensor(images).unsqueeze(1).float() / 127.5 - 1


def augment(x: Tensor, generator: torch.Generator) -> Tensor:
    """Small random rotation, shear, scale and shift of each picture; x: (B, 1, H, W) with -1 as background."""
    n = len(x)
    u = torch.rand(n, 6, generator=generator) * 2 - 1  # (n, 6) in [-1, 1]
    angle, shear = u[:, 0] * 0.22, u[:, 1] * 0.18
    sx, sy = 1 + 0.12 * u[:, 2], 1 + 0.12 * u[:, 3]
    cos, sin = angle.cos(), angle.sin()
    theta = torch.stack([sx * cos, -sy * sin + shear, u[:, 4] * 0.12, sx * sin, sy * cos, u[:, 5] * 0.12], 1)
    grid = F.affine_grid(theta.view(n, 2, 3), list(x.shape), align_corners=False)
    return F.grid_sample(x + 1, grid, align_corners=False) - 1


def digit_batches(seed: int, step: int, vary: bool = True) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless batches of MNIST's training set from `step` on, augmented unless told: x (B, 1, 28, 28), y (B,)."""
    images, labels = mnist.load("train")
    x, y = to_input(images), torch.from_numpy(labels.astype(np.int64))
    while True:
        generator = torch.Generator().manual_seed(seed * 10_000_000 + step)
        pick = torch.randint(len(x), (BATCH,), generator=generator)
        yield augment(x[pick], generator) if vary else x[pick], y[pick]
        step += 1


def exposed_batches(seed: int, step: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Digits as above, then drawings of no digit with the label 10."""
    images, labels = mnist.load("train")
    outliers = to_input(pseudo_unknowns(OUTLIERS, seed, images[:FITTED], labels[:FITTED]))
    nothing = torch.full((OUTLIER_BATCH,), 10)
    for x, y in digit_batches(seed, step):
        generator = torch.Generator().manual_seed(seed * 20_000_000 + step)
        pick = torch.randint(len(outliers), (OUTLIER_BATCH,), generator=generator)
        yield torch.cat([x, augment(outliers[pick], generator)]), torch.cat([y, nothing])
        step += 1


def cross_entropy(network: DigitsCNN, x: Tensor, y: Tensor) -> Tensor:
    """The classifier's loss; x: (B, 1, 28, 28), y: (B,)."""
    return F.cross_entropy(network(x), y)


def train_network(id: str, seed: int, budget: Budget, trained: Trained) -> Generator[Step, None, DigitsCNN]:
    """Train a DigitsCNN from scratch; yields the loop's Steps and returns the network."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = DigitsCNN().to(memory_format=torch.channels_last)
    yield from fit(
        id,
        network,
        lambda step: digit_batches(seed, step),
        cross_entropy,
        budget=budget,
        steps=STEPS,
        lr=3e-3,
        weight_decay=0.02,
        average=0.998,
        trained=trained,
    )
    return network


def expose_network(id: str, seed: int, budget: Budget, trained: Trained) -> Generator[Step, None, DigitsCNN]:
    """Fine-tune digits-cnn-1 with an eleventh class of synthetic outliers."""
    network = DigitsCNN(11)
    shipped = registry.load("digits-cnn-1", "cpu").network.state_dict()
    head = network.head.state_dict()
    for key in ("weight", "bias"):
        head[key][:10] = shipped[f"head.{key}"]
        shipped[f"head.{key}"] = head[key]
    network.load_state_dict(shipped)
    yield from fit(
        id,
        network.to(memory_format=torch.channels_last),
        lambda step: exposed_batches(seed, step),
        cross_entropy,
        budget=budget,
        steps=EXPOSURE_STEPS,
        lr=2e-3,
        weight_decay=0.02,
        average=0.998,
        trained=trained,
    )
    return network


def recipe(id: str, seed: int, trainer) -> object:
    """The recipe of one model: its network, then its detectors and thresholds, then weights and card."""

    def run(budget: Budget) -> Iterator[Step]:
        trained = Trained()
        network = yield from trainer(id, seed, budget, trained)
        model = registry.build(id)
        model.network.load_state_dict(network.cpu().state_dict())
        model.eval()
        images, labels = mnist.load("train")
        features, y = model.features(to_input(images)), torch.from_numpy(labels.astype(np.int64))
        known, held = (Features(*(t[part] for t in features)) for part in (slice(FITTED), slice(FITTED, None)))
        for i, name in enumerate(model.fit_detectors(known, y[:FITTED], held)):
            yield Step(i + 1, len(model.detectors), info={"fitted": name})
        weights.write(id, model)
        train.write_card(id, trained, budget, seed=seed)

    return run


def train_generator(budget: Budget) -> Iterator[Step]:
    """The conditional VAE that draws the page's known digits; its own bound on MNIST's test set goes into the card."""
    id, trained = "digits-vae", Trained()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = registry.build(id)
    yield from fit(
        id,
        model,
        lambda step: digit_batches(0, step, vary=False),
        lambda model, x, y: model.loss(x, y),
        budget=budget,
        steps=GENERATOR_STEPS,
        lr=1e-3,
        weight_decay=1e-4,
        trained=trained,
    )
    images, labels = mnist.load("test")
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        bound = model.cpu().loss(to_input(images), torch.from_numpy(labels.astype(np.int64)), generator)
    weights.write(id, model)
    train.write_card(id, trained, budget, metrics={"test_bound_nats": round(float(-bound), 2)})


RECIPES = {f"digits-cnn-{seed}": recipe(f"digits-cnn-{seed}", seed, train_network) for seed in SEEDS}
RECIPES["digits-vae"] = train_generator
RECIPES["digits-exposure"] = recipe("digits-exposure", 1, expose_network)
