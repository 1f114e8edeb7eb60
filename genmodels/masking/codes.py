"""What the page's live probe learns from: the encoders' codes of a part of CIFAR-10, no pictures.

Their first principal components, as bytes with a scale for each: off by half a step, 1/510 of the range, at most.
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
from genmodels.masking.probe import Probe
from genmodels.step import Step
from genmodels.train import Budget, Trained

ID = "cifar-codes"
EACH = 100  # pictures of each class, to train and to test
WIDTHS = {"mae-photos": 256, "fcmae-photos": 256}
CLASSES = len(cifar10.NAMES)


class Codes(nn.Module):
    """Codes by encoder, as bytes. Filled by `pack`, read by `of`."""

    def __init__(self) -> None:
        super().__init__()
        for id, width in WIDTHS.items():
            for split in ("train", "test"):
                codes = torch.zeros(CLASSES * EACH, width, dtype=torch.uint8)
                self.register_parameter(f"{id}_{split}", nn.Parameter(codes, requires_grad=False))
            self.register_buffer(f"{id}_scale", torch.zeros(2, width))

    def pack(self, id: str, train: Tensor, test: Tensor) -> None:
        """Codes (CLASSES * EACH, D) of training and test pictures, sorted by class."""
        both = torch.cat([train, test])
        low, high = both.amin(0), both.amax(0)
        step = ((high - low) / 255).clamp(min=1e-9)
        self.get_buffer(f"{id}_scale").copy_(torch.stack([low, step]))
        for split, codes in (("train", train), ("test", test)):
            self.get_parameter(f"{id}_{split}").copy_(((codes - low) / step).round())

    def of(self, id: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Training codes (N, D), their labels (N,), test codes and theirs. Raises KeyError for an unknown encoder."""
        if id not in WIDTHS:
            raise KeyError(f"no codes of {id!r}; there are those of {', '.join(WIDTHS)}")
        low, step = self.get_buffer(f"{id}_scale")
        train, test = (self.get_parameter(f"{id}_{split}") * step + low for split in ("train", "test"))
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
        components = PCA(WIDTHS[id], random_state=0).fit(splits[0])
        found.pack(id, *(torch.from_numpy(components.transform(codes)) for codes in splits))
        yield Step(i + 1, len(WIDTHS))
    weights.write(ID, found)
    card = registry.card(ID)
    weights.write_card(
        ID,
        trained=vars(Trained(len(WIDTHS), 2 * CLASSES * EACH, time.monotonic() - began)),
        device=budget.device,
        recipe=f"python -m genmodels train {ID}",
        params=card.params,
        data=card.data,
        license=card.license,
        source=card.source,
        held_out={f"probe_{id}": round(probed(found, id), 4) for id in WIDTHS},
    )


def probed(codes: Codes, id: str) -> float:
    """Accuracy on the test codes of a probe on all training codes of an encoder."""
    known, labels, held, truth = codes.of(id)
    predicted = Probe.fit(known, labels, known).probabilities(held).argmax(1)
    return float((predicted == truth).float().mean())
