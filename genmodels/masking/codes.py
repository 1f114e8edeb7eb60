"""What the page's live probe learns from: the encoders' codes of a part of CIFAR-10, no pictures.

Of the standardised codes their first principal components are kept, as bytes with a scale for each (off by half a step,
1/510 of the range, at most), and the axes that lead back from them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch
from sklearn.decomposition import PCA
from torch import Tensor, nn

from genmodels import registry, weights
from genmodels.data import cifar10
from genmodels.masking import few_shot
from genmodels.masking.probe import LEAST, Probe
from genmodels.step import Step
from genmodels.train import Budget, Trained, write_card

ID = "cifar-codes"
EACH = 100  # pictures of each class, to train and to test
WIDTHS = {"mae-photos": 3456, "fcmae-photos": 3456}
KEPT = 256  # components
CLASSES = len(cifar10.NAMES)


class Codes(nn.Module):
    """Codes by encoder. Filled by `pack`, read by `of`."""

    def __init__(self) -> None:
        super().__init__()
        for id, width in WIDTHS.items():
            for split in ("train", "test"):
                components = torch.zeros(CLASSES * EACH, KEPT, dtype=torch.uint8)
                self.register_parameter(f"{id}_{split}", nn.Parameter(components, requires_grad=False))
            self.register_parameter(f"{id}_axes", nn.Parameter(torch.zeros(KEPT, width), requires_grad=False))
            self.register_buffer(f"{id}_scale", torch.zeros(2, KEPT))  # lowest value and step of each component
            self.register_buffer(f"{id}_codes", torch.zeros(2, width))  # mean and spread of each code

    def pack(self, id: str, train: Tensor, test: Tensor) -> None:
        """Codes (CLASSES * EACH, D) of training and test pictures, sorted by class."""
        mean, spread = train.mean(0), train.std(0).clamp(min=LEAST)
        found = PCA(KEPT, random_state=0).fit((train - mean) / spread)
        splits = [torch.from_numpy(found.transform((codes - mean) / spread)) for codes in (train, test)]
        both = torch.cat(splits)
        low = both.amin(0)
        step = ((both.amax(0) - low) / 255).clamp(min=LEAST)
        for split, components in zip(("train", "test"), splits, strict=True):
            self.get_parameter(f"{id}_{split}").copy_(((components - low) / step).round())
        self.get_parameter(f"{id}_axes").copy_(torch.from_numpy(found.components_))
        self.get_buffer(f"{id}_scale").copy_(torch.stack([low, step]))
        self.get_buffer(f"{id}_codes").copy_(torch.stack([mean, spread]))

    def of(self, id: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Training codes (N, D), their labels (N,), test codes and theirs. Raises KeyError for an unknown encoder."""
        if id not in WIDTHS:
            raise KeyError(f"no codes of {id!r}; there are those of {', '.join(WIDTHS)}")
        (low, step), (mean, spread) = self.get_buffer(f"{id}_scale"), self.get_buffer(f"{id}_codes")
        axes = self.get_parameter(f"{id}_axes")
        train, test = (
            (self.get_parameter(f"{id}_{split}") * step + low) @ axes * spread + mean for split in ("train", "test")
        )
        labels = torch.arange(CLASSES).repeat_interleave(EACH)
        return train, labels, test, labels


def recipe(budget: Budget) -> Iterator[Step]:
    """Encode; nothing is trained. The first EACH pictures of each class."""
    found, began = Codes(), time.monotonic()
    for i, id in enumerate(WIDTHS):
        splits = []
        for split in ("train", "test"):
            images, labels = cifar10.load(split)
            splits.append(few_shot.codes(registry.load(id, "cpu"), images[few_shot.drawn(labels, EACH)]))
        found.pack(id, *splits)
        yield Step(i + 1, len(WIDTHS))
    weights.write(ID, found, small=True)
    found.load_state_dict(weights.read(registry.folder(ID)))  # figures are of what ships
    trained = Trained(len(WIDTHS), 2 * CLASSES * EACH, time.monotonic() - began)
    write_card(ID, trained, budget, held_out={f"probe_{id}": round(probed(found, id), 4) for id in WIDTHS})


def probed(codes: Codes, id: str) -> float:
    """Accuracy on the test codes of a probe on all training codes of an encoder."""
    known, labels, held, truth = codes.of(id)
    predicted = Probe.fit(known, labels, known).probabilities(held).argmax(1)
    return float((predicted == truth).float().mean())
