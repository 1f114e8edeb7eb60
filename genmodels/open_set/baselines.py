"""The usual detectors of unknowns, on the same network: each a score, higher = more known."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from genmodels.open_set.detector import CLASSES, ClassModels, Detector, Features


class MaxSoftmax(Detector):
    """Largest softmax probability. Hendrycks and Gimpel 2017, arXiv:1610.02136."""

    def fit(self, features: Features, labels: Tensor) -> MaxSoftmax:
        return self

    def score(self, features: Features) -> Tensor:
        return features.logits.softmax(1).amax(1)


class MaxLogit(Detector):
    """Largest logit. Hendrycks et al. 2022, arXiv:1911.11132."""

    def fit(self, features: Features, labels: Tensor) -> MaxLogit:
        return self

    def score(self, features: Features) -> Tensor:
        return features.logits.amax(1)


class Energy(Detector):
    """Log-sum-exp of the logits, temperature 1. Liu et al. 2020, arXiv:2010.03759, eq. 4."""

    def fit(self, features: Features, labels: Tensor) -> Energy:
        return self

    def score(self, features: Features) -> Tensor:
        return features.logits.logsumexp(1)


class OpenMax(Detector):
    """Log-odds of OpenMax against its "unknown". Bendale and Boult 2016, arXiv:1511.06233, algorithms 1 and 2.

    The probability itself would round to 1 for nearly every digit, and such ties cost AUROC.
    """

    def __init__(self, tail: int = 25, alpha: int = 10) -> None:
        super().__init__()
        self.tail, self.alpha = tail, alpha
        self.register_buffer("mean", torch.zeros(CLASSES, CLASSES))
        self.register_buffer("weibull", torch.ones(CLASSES, 3))  # shape, location, scale

    def fit(self, features: Features, labels: Tensor) -> OpenMax:
        from scipy.stats import weibull_min

        for c in range(CLASSES):
            own = features.logits[labels == c]
            self.mean[c] = own.mean(0)
            far = (own - self.mean[c]).norm(dim=1).topk(self.tail).values.double().numpy()
            location = far.min() - 1e-6 * far.max()
            shape, location, scale = weibull_min.fit(far, floc=location)
            self.weibull[c] = torch.tensor([shape, location, scale])
        return self

    def score(self, features: Features) -> Tensor:
        distance = torch.cdist(features.logits, self.mean)  # (B, C)
        shape, location, scale = self.weibull.T
        cdf = 1 - torch.exp(-(((distance - location).clamp_min(0) / scale) ** shape))
        ranks = features.logits.argsort(1, descending=True).argsort(1)
        weight = 1 - ((self.alpha - ranks).clamp_min(0) / self.alpha) * cdf
        unknown = (features.logits * (1 - weight)).sum(1)
        return (features.logits * weight).logsumexp(1) - unknown


class Mahalanobis(ClassModels):
    """Gaussians with one shared covariance on the embedding. Lee et al. 2018, arXiv:1807.03888, section 2.1."""

    def __init__(self, dim: int = 128) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(CLASSES, dim))
        self.register_buffer("precision", torch.eye(dim))

    def fit(self, features: Features, labels: Tensor) -> Mahalanobis:
        from sklearn.covariance import EmpiricalCovariance

        x = features.embedding
        for c in range(CLASSES):
            self.mean[c] = x[labels == c].mean(0)
        within = EmpiricalCovariance(assume_centered=True).fit((x - self.mean[labels]).double().numpy())
        self.precision.copy_(torch.from_numpy(within.precision_))
        return self

    def log_likelihood(self, features: Features) -> Tensor:
        """-> (B, 10): minus the squared Mahalanobis distance to each class's mean."""
        centred = features.embedding[:, None] - self.mean
        return -torch.einsum("bcd,de,bce->bc", centred, self.precision, centred)

    def score(self, features: Features) -> Tensor:
        return self.log_likelihood(features).amax(1)


class ViM(Detector):
    """Virtual-logit matching: energy minus the scaled residual outside the principal space.

    Wang et al. 2022, arXiv:2203.10807, section 4.
    """

    def __init__(self, dim: int = 128, principal: int = 32) -> None:
        super().__init__()
        self.register_buffer("origin", torch.zeros(dim))
        self.register_buffer("residual", torch.zeros(dim, dim - principal))
        self.register_buffer("alpha", torch.ones(()))
        self.principal = principal

    def fit_head(self, weight: Tensor, bias: Tensor) -> ViM:
        """Set the origin from the classifier's head, where all its logits equal their bias: o = -pinv(W) b."""
        self.origin.copy_(-torch.linalg.pinv(weight) @ bias)
        return self

    def fit(self, features: Features, labels: Tensor) -> ViM:
        x = (features.embedding - self.origin).double()
        _, vectors = torch.linalg.eigh(x.T @ x / len(x))  # ascending
        self.residual.copy_(vectors[:, : -self.principal])
        virtual = (x.float() @ self.residual).norm(dim=1)
        self.alpha.copy_(features.logits.amax(1).mean() / virtual.mean())
        return self

    def score(self, features: Features) -> Tensor:
        virtual = ((features.embedding - self.origin) @ self.residual).norm(dim=1)
        return features.logits.logsumexp(1) - self.alpha * virtual


class NearestNeighbours(Detector):
    """Minus the distance to the k-th nearest normalised training embedding. Sun et al. 2022, arXiv:2204.06507."""

    def __init__(self, dim: int = 128, per_class: int = 300, k: int = 10) -> None:
        super().__init__()
        self.k = k
        self.register_buffer("bank", torch.zeros(CLASSES * per_class, dim, dtype=torch.float16))

    def fit(self, features: Features, labels: Tensor) -> NearestNeighbours:
        rng = np.random.default_rng(0)
        per_class = len(self.bank) // CLASSES
        rows = [rng.choice(np.flatnonzero(labels.numpy() == c), per_class, replace=False) for c in range(CLASSES)]
        self.bank.copy_(F.normalize(features.embedding[np.concatenate(rows)], dim=1))
        return self

    def score(self, features: Features) -> Tensor:
        distance = torch.cdist(F.normalize(features.embedding, dim=1), self.bank.float())
        return -distance.kthvalue(self.k, dim=1).values
