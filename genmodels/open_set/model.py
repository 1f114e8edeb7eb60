"""A classifier that knows what it does not know: the network, every detector on it, and their thresholds."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from genmodels.errors import in_range
from genmodels.open_set.baselines import (
    Energy,
    Mahalanobis,
    MaxLogit,
    MaxSoftmax,
    NearestNeighbours,
    OpenMax,
    ViM,
)
from genmodels.open_set.detector import CLASSES, Detector, Features
from genmodels.open_set.exposure import OutlierExposure
from genmodels.open_set.flow import ClassFlow
from genmodels.open_set.gmm import ClassGMM
from genmodels.open_set.network import DigitsCNN
from genmodels.open_set.pca import ClassPCA

METHODS: dict[str, type[Detector]] = {
    "gmm": ClassGMM,
    "pca": ClassPCA,
    "flow": ClassFlow,
    "softmax": MaxSoftmax,
    "logit": MaxLogit,
    "energy": Energy,
    "openmax": OpenMax,
    "mahalanobis": Mahalanobis,
    "vim": ViM,
    "knn": NearestNeighbours,
    "exposure": OutlierExposure,
}
CLOSED = tuple(name for name in METHODS if name != "exposure")  # those that need no outliers in training
CALIBRATION = 400  # scores kept for each class, evenly spaced in rank


class OpenSetClassifier(nn.Module):
    """Pictures B 1 28 28 in [-1, 1] -> a digit or "unknown", by any of its methods.

    logits: 10, or 11 for a network trained with outlier exposure.
    calibration: (methods, classes, 400), sorted scores of known pictures that no detector was fitted on.
    """

    def __init__(self, methods: tuple[str, ...] = CLOSED, logits: int = CLASSES) -> None:
        super().__init__()
        self.network = DigitsCNN(logits)
        self.detectors = nn.ModuleDict({name: METHODS[name]() for name in methods})
        self.register_buffer("calibration", torch.zeros(len(methods), CLASSES, CALIBRATION))

    @torch.inference_mode()
    def features(self, x: Tensor, batch: int = 500) -> Features:
        """x: (N, 1, 28, 28) -> Features of N pictures."""
        parts = [self.network.features(part) for part in x.split(batch)]
        return Features(*(torch.cat(column) for column in zip(*parts, strict=True)))

    def fit_detectors(self, known: Features, labels: Tensor, calibration: Features) -> Iterator[str]:
        """Fit every detector on correctly classified features, then set the calibration; yields each one's name."""
        correct = known.predicted == labels
        known, labels = Features(*(t[correct] for t in known)), labels[correct]
        if "vim" in self.detectors:
            self.detectors["vim"].fit_head(self.network.head.weight.detach(), self.network.head.bias.detach())
        for name, detector in self.detectors.items():
            detector.fit(known, labels)
            self._calibrate(name, calibration)
            yield name

    def threshold(self, method: str, kept: float) -> Tensor:
        """-> (10,): the score above which a fraction `kept` of known pictures of each predicted class lies.

        Comes from known pictures alone. Raises Refusal unless 0.5 <= kept <= 0.9999.
        """
        in_range("kept", kept, 0.5, 0.9999)
        return self.calibration[self._row(method)].quantile(1 - kept, dim=1)

    def decide(self, features: Features, method: str, kept: float) -> tuple[Tensor, Tensor]:
        """-> answer (N,), the predicted digit or 10 for unknown; score (N,)."""
        score = self.detectors[method].score(features)
        predicted = features.predicted
        unknown = score < self.threshold(method, kept)[predicted]
        return torch.where(unknown, CLASSES, predicted), score

    def _calibrate(self, name: str, features: Features) -> None:
        score = self.detectors[name].score(features)
        ranks = torch.linspace(0, 1, CALIBRATION)
        for c in range(CLASSES):
            own = score[features.predicted == c]
            self.calibration[self._row(name), c] = own.float().quantile(ranks)

    def _row(self, method: str) -> int:
        return list(self.detectors).index(method)
