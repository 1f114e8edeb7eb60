"""What every detector of unknowns shares: the features it reads, and how it answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

CLASSES = 10


class Features(NamedTuple):
    """One pass of the classifier: depths (B, 352), logits (B, 10), embedding (B, 128).

    A network trained with outlier exposure has an eleventh logit, for "unknown".
    """

    depths: Tensor
    logits: Tensor
    embedding: Tensor

    @property
    def predicted(self) -> Tensor:
        """The closed-set answer (B,)."""
        return self.logits[:, :CLASSES].argmax(1)


class Detector(nn.Module, ABC):
    """Fitted on correctly classified training features; `score` is higher the more known a picture looks.

    Learned statistics are buffers, so that a detector is saved and loaded with the network's weights.
    """

    @abstractmethod
    def fit(self, features: Features, labels: Tensor) -> Detector:
        """Learn from known features and their labels (B,); returns itself."""

    @abstractmethod
    def score(self, features: Features) -> Tensor:
        """-> (B,), higher = more like the known classes."""


class ClassModels(Detector):
    """A detector with one density for each class: its score is that of the class the network predicts."""

    @abstractmethod
    def log_likelihood(self, features: Features) -> Tensor:
        """-> (B, 10): log density of the features under each class's model."""

    def score(self, features: Features) -> Tensor:
        return self.log_likelihood(features).gather(1, features.predicted[:, None]).squeeze(1)


class Standardise(nn.Module):
    """Depths to zero mean and unit variance over the known training set."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("std", torch.ones(dim))

    def fit(self, x: Tensor) -> Standardise:
        self.mean.copy_(x.mean(0))
        self.std.copy_(x.std(0).clamp_min(1e-3))
        return self

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std


class Whiten(nn.Module):
    """Leading principal components of the standardised depths, each with unit variance over the known training set."""

    def __init__(self, dim: int, components: int) -> None:
        super().__init__()
        self.standardise = Standardise(dim)
        self.register_buffer("centre", torch.zeros(dim))
        self.register_buffer("axes", torch.zeros(components, dim))

    def fit(self, x: Tensor) -> Whiten:
        from sklearn.decomposition import PCA

        x = self.standardise.fit(x)(x)
        pca = PCA(len(self.axes), svd_solver="covariance_eigh").fit(x.numpy())
        self.centre.copy_(torch.from_numpy(pca.mean_))
        self.axes.copy_(torch.from_numpy(pca.components_ / pca.explained_variance_[:, None] ** 0.5))
        return self

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, dim) -> (B, components)."""
        return (self.standardise(x) - self.centre) @ self.axes.T
