"""Few labels: accuracy on CIFAR-10 against labels per class, of a probe, of fine-tuning, and of training from scratch.

`python -m genmodels.masking.few_shot METHOD` measures one of METHODS and writes its curve into a card.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import click
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genmodels import registry, train, weights
from genmodels.data import cifar10
from genmodels.masking import fcmae, mae
from genmodels.masking.fcmae import ConvMaskedAutoencoder
from genmodels.masking.mae import MaskedAutoencoder
from genmodels.masking.probe import Probe, features, pooled
from genmodels.masking.train import CONFIG, FCMAE, MAE, augmented

ALL = 5000  # labels per class in the whole training set
STEPS = {1: 40, 5: 60, 10: 100, 50: 150, 100: 200, ALL: 400}  # of training with gradients, by labels per class
BATCH, RATE = 32, {"finetune": 1e-4, "scratch": 1e-3}
UNLABELLED = 2000  # pictures whose codes standardise a head that is fine-tuned
PROBED = {1: 5, 5: 5, 10: 5, 50: 5, 100: 5, ALL: 1}  # draws of the labels
TUNED = {1: 2, 5: 2, 10: 2, 50: 2, 100: 1, ALL: 1}
METHODS = ("probe", "finetune", "scratch", "random")
TESTED = 2000  # of CIFAR-10's test pictures, by networks trained with gradients; probes are tested on all
Model = MaskedAutoencoder | ConvMaskedAutoencoder


class Classifier(nn.Module):
    """An encoder, all of it trained, and a linear head on the codes that the probe sees.

    probe: what the head begins as, None for zeros (Kumar et al. 2022, arXiv:2202.10054: fine-tuning from a probe's head
    keeps the features that it was fitted to).
    """

    def __init__(self, model: Model, classes: int = 10, probe: Probe | None = None) -> None:
        super().__init__()
        self.model = model
        with torch.no_grad():
            width = pooled(model, torch.zeros(1, 3, model.size, model.size)).shape[-1]
        self.head = nn.Linear(width, classes)
        nn.init.zeros_(self.head.weight)
        if probe is not None:
            with torch.no_grad():
                for own, found in zip((self.head.weight, self.head.bias), probe.layer(), strict=True):
                    own.copy_(found)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 3, S, S) in [-1, 1] -> (B, classes), logits."""
        return self.head(pooled(self.model, pictures))


def drawn(labels: np.ndarray, count: int, seed: int | None = None) -> np.ndarray:
    """Indices of `count` pictures of each class, sorted by class: chosen by the seed, without one the first."""
    order = np.arange(len(labels)) if seed is None else np.random.default_rng(seed).permutation(len(labels))
    return np.concatenate([order[labels[order] == c][:count] for c in np.unique(labels)])


def tune(
    model: Model,
    images: np.ndarray,
    labels: np.ndarray,
    steps: int,
    lr: float,
    seed: int,
    probe: Probe | None = None,
) -> Classifier:
    """Train encoder and head on uint8 (N, 64, 64, 3) with AdamW, mirrored and shifted; in eval mode."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        classifier = Classifier(model, probe=probe).train()
    [optimizer] = train.adamw(classifier, lr, 0.05)
    pictures, target = torch.from_numpy(images), torch.from_numpy(labels).long()
    for step in range(steps):
        generator = torch.Generator().manual_seed(seed * 100_000 + step)
        pick = torch.randint(len(pictures), (BATCH,), generator=generator)
        optimizer.param_groups[0]["lr"] = lr * train.schedule(step, steps, max(1, steps // 10))
        with train.precision("cpu"):
            loss = F.cross_entropy(classifier(augmented(pictures, pick, generator)), target[pick])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(classifier.parameters(), 1.0)
        optimizer.step()
    return classifier.eval()


@torch.no_grad()
def accuracy(classifier: Classifier, images: np.ndarray, labels: np.ndarray) -> float:
    """Part of uint8 (N, 64, 64, 3) that is given its label."""
    right = 0
    for i in range(0, len(images), 100):
        x = torch.from_numpy(images[i : i + 100]).permute(0, 3, 1, 2).float() / 127.5 - 1
        right += int((classifier(x).argmax(1).numpy() == labels[i : i + 100]).sum())
    return right / len(images)


def codes(model: Model, images: np.ndarray) -> Tensor:
    """uint8 (N, 32, 32, 3) -> the probe's codes (N, D)."""
    parts = (cifar10.enlarged(images[i : i + 500]) for i in range(0, len(images), 500))
    pictures = (torch.from_numpy(part).permute(0, 3, 1, 2).float() / 127.5 - 1 for part in parts)
    return torch.cat([features(model, part) for part in pictures])


def probed(model: Model) -> Iterator[tuple[int, float]]:
    """Labels per class and accuracy of a linear probe, for every draw of the labels."""
    (images, labels), (held, truth) = cifar10.load("train"), cifar10.load("test")
    known, unknown = codes(model, images), codes(model, held)
    for count, draws in PROBED.items():
        for seed in range(draws):
            pick = drawn(labels, count, seed)
            probe = Probe.fit(known[pick], torch.from_numpy(labels[pick]).long(), known)
            yield count, float((probe.probabilities(unknown).argmax(1).numpy() == truth).mean())


def tuned(start: Callable[[int], Model], lr: float, probes: bool = False) -> Iterator[tuple[int, float]]:
    """Labels per class and accuracy of networks that begin as start(seed), for every draw of the labels.

    probes: whether the head begins as the probe that is fitted to the same labels.
    """
    (images, labels), (held, truth) = cifar10.load("train"), cifar10.load("test")
    held, truth = cifar10.enlarged(held[:TESTED]), truth[:TESTED]
    known = codes(start(0), images[:UNLABELLED]) if probes else None
    for count, draws in TUNED.items():
        for seed in range(draws):
            pick, model, probe = drawn(labels, count, seed), start(seed), None
            if probes:
                shown = pick if count < ALL else pick[:: len(pick) // UNLABELLED]
                probe = Probe.fit(codes(model, images[shown]), torch.from_numpy(labels[shown]).long(), known)
            classifier = tune(model, cifar10.enlarged(images[pick]), labels[pick], STEPS[count], lr, seed, probe)
            yield count, accuracy(classifier, held, truth)


def curve(method: str, id: str) -> Iterator[tuple[int, float]]:
    """Labels per class and accuracy, draw after draw. method: one of METHODS."""
    fresh = (lambda seed: mae.fresh(CONFIG, seed)) if id == MAE else fcmae.fresh
    if method == "probe":
        return probed(registry.load(id, "cpu"))
    if method == "random":
        return probed(fresh(0).eval())
    if method == "finetune":
        return tuned(lambda seed: copy.deepcopy(registry.load(id, "cpu")), RATE[method], probes=True)
    return tuned(fresh, RATE[method])


def summary(found: list[tuple[int, float]]) -> dict[str, dict[str, float]]:
    """-> {labels per class, or "all": {"mean", "std", "draws"}}."""
    result = {}
    for count in PROBED:
        if values := [value for n, value in found if n == count]:
            name = "all" if count == ALL else str(count)
            figures = {"mean": np.mean(values), "std": np.std(values), "draws": len(values)}
            result[name] = {key: round(float(value), 4) for key, value in figures.items()}
    return result


@click.command()
@click.argument("method", type=click.Choice(METHODS))
@click.option("--model", "id", type=click.Choice([MAE, FCMAE]), default=MAE, show_default=True)
def command(method: str, id: str) -> None:
    """Measure one curve and write it into the model's card."""
    found = []
    for count, value in curve(method, id):
        found.append((count, value))
        click.echo(f"{id} {method}: {count} labels per class, {100 * value:.1f} %")
    kept = weights.read_card(id).get("few_shot", {})
    weights.write_card(id, few_shot={**kept, method: summary(found)})


if __name__ == "__main__":
    command()
