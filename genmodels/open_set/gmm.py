"""GeMOS: a Gaussian mixture on the features of each class tells the unknown by its likelihood.

Vendramini et al. 2021, "Opening Deep Neural Networks with Generative Models", arXiv:2105.10013, section III.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genmodels.open_set.detector import CLASSES, ClassModels, Features, Whiten

FIT_ON = 3000


class ClassGMM(ClassModels):
    """One full-covariance mixture for each class on the leading principal components of all depths."""

    def __init__(self, dim: int = 352, components: int = 64, mixtures: int = 4) -> None:
        super().__init__()
        self.whiten = Whiten(dim, components)
        self.register_buffer("log_weight", torch.zeros(CLASSES, mixtures))
        self.register_buffer("mean", torch.zeros(CLASSES, mixtures, components))
        self.register_buffer("precision_chol", torch.zeros(CLASSES, mixtures, components, components))

    def fit(self, features: Features, labels: Tensor) -> ClassGMM:
        from sklearn.mixture import GaussianMixture

        reduced = self.whiten.fit(features.depths)(features.depths).numpy()
        for c in range(CLASSES):
            own = reduced[(labels == c).numpy()]
            gmm = GaussianMixture(self.mean.shape[1], reg_covar=1e-3, random_state=0).fit(own[:FIT_ON])
            self.log_weight[c] = torch.from_numpy(gmm.weights_).log()
            self.mean[c] = torch.from_numpy(gmm.means_)
            self.precision_chol[c] = torch.from_numpy(gmm.precisions_cholesky_)
        return self

    def log_likelihood(self, features: Features) -> Tensor:
        z = self.whiten(features.depths)[:, None, None, :] - self.mean  # (B, C, K, D)
        y = torch.einsum("bckd,ckde->bcke", z, self.precision_chol)
        log_det = self.precision_chol.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        log_normal = log_det - 0.5 * (y.square().sum(-1) + z.shape[-1] * math.log(2 * math.pi))
        return (log_normal + self.log_weight).logsumexp(-1)
