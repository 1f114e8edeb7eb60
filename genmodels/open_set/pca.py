"""Probabilistic PCA for each class: the simplest generative model of features.

Tipping and Bishop 1999, "Probabilistic principal component analysis"; section 3.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genmodels.open_set.detector import CLASSES, ClassModels, Features, Standardise


class ClassPCA(ClassModels):
    """One probabilistic PCA for each class on the standardised features of all depths."""

    def __init__(self, dim: int = 352, components: int = 32) -> None:
        super().__init__()
        self.standardise = Standardise(dim)
        self.register_buffer("mean", torch.zeros(CLASSES, dim))
        self.register_buffer("axes", torch.zeros(CLASSES, components, dim))
        self.register_buffer("variance", torch.ones(CLASSES, components))
        self.register_buffer("noise", torch.ones(CLASSES))

    def fit(self, features: Features, labels: Tensor) -> ClassPCA:
        from sklearn.decomposition import PCA

        x = self.standardise.fit(features.depths)(features.depths)
        for c in range(CLASSES):
            pca = PCA(self.axes.shape[1], svd_solver="covariance_eigh").fit(x[labels == c].numpy())
            self.mean[c] = torch.from_numpy(pca.mean_)
            self.axes[c] = torch.from_numpy(pca.components_)
            self.variance[c] = torch.from_numpy(pca.explained_variance_)
            self.noise[c] = float(pca.noise_variance_)
        return self

    def project(self, features: Features, c: int) -> Tensor:
        """-> (B, components): coordinates on class c's own axes, in standard deviations."""
        centred = self.standardise(features.depths) - self.mean[c]
        return centred @ self.axes[c].T / self.variance[c].sqrt()

    def log_likelihood(self, features: Features) -> Tensor:
        x = self.standardise(features.depths)
        return torch.stack([self._log_density(x, c) for c in range(CLASSES)], 1)

    def _log_density(self, x: Tensor, c: int) -> Tensor:
        centred = x - self.mean[c]
        inside = centred @ self.axes[c].T  # (B, k)
        rest = centred.square().sum(1) - inside.square().sum(1)
        dim, k = centred.shape[1], inside.shape[1]
        distance = (inside.square() / self.variance[c]).sum(1) + rest / self.noise[c]
        log_det = self.variance[c].log().sum() + (dim - k) * self.noise[c].log()
        return -0.5 * (distance + log_det + dim * math.log(2 * math.pi))
