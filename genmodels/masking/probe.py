"""A linear probe on an encoder that stays as it is: what a picture's codes say about its class.

He et al. 2022 (arXiv:2111.06377), section 4.1, probe the mean of the last layer's codes, standardised; here the mean
and the spread of the codes in each cell of a coarse grid. Coates, Ng and Lee 2011 ("An analysis of single-layer
networks in unsupervised feature learning", section 3.2) pool by quarters; with 600 CIFAR-10 labels per class 46 % of
the answers were right on quarters' means, 52 % with their spread, 59 % on nine overlapping cells.
"""

from __future__ import annotations

import warnings

import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.nn import functional as F

from genmodels.masking.fcmae import ConvMaskedAutoencoder
from genmodels.masking.mae import MaskedAutoencoder

BATCH = 100
CELLS = 3  # along one side; at eight places a side they overlap by one
STRENGTH = 4.0  # inverse of the penalty on weights, D times; near the best at 10 and at 600 labels per class
LEAST = 1e-5  # spread of a code that counts as none
VARIANCE = 1e-5  # the least within a cell: single precision tells no less, and the root's slope stays bounded


def pooled(model: MaskedAutoencoder | ConvMaskedAutoencoder, pictures: Tensor) -> Tensor:
    """Pictures (N, 3, S, S) in [-1, 1], nothing hidden -> codes (N, 2 * D * 9): each cell's means, then spreads."""
    nothing = torch.zeros(len(pictures), model.side**2, dtype=torch.bool, device=pictures.device)
    places = model.stages(pictures, nothing)[-1][:, -(model.side**2) :]  # without a class token
    plane = places.float().transpose(1, 2).unflatten(2, (model.side, model.side))
    mean, square = (F.adaptive_avg_pool2d(part, CELLS) for part in (plane, plane.square()))
    return torch.cat([mean, (square - mean.square()).clamp(min=VARIANCE).sqrt()], 1).flatten(1)


@torch.no_grad()
def features(model: MaskedAutoencoder | ConvMaskedAutoencoder, pictures: Tensor) -> Tensor:
    """`pooled` of many pictures, without gradients."""
    return torch.cat([pooled(model, part) for part in pictures.split(BATCH)])


class Probe:
    """Logistic regression (scikit-learn's) on standardised codes. Made by `Probe.fit`."""

    def __init__(self, mean: Tensor, spread: Tensor, regression: LogisticRegression) -> None:
        self.mean, self.spread, self.regression = mean, spread, regression

    @classmethod
    def fit(cls, codes: Tensor, labels: Tensor, unlabelled: Tensor | None = None) -> Probe:
        """codes (N, D), labels (N,) int; codes are standardised by those of `unlabelled` pictures, if there are any.

        Raises ValueError unless there are two or more classes, counted from 0, each with an example.
        """
        classes = labels.unique().tolist()
        if len(classes) < 2 or classes != list(range(len(classes))):
            raise ValueError(f"labels are {classes}; a probe needs two or more classes, counted from 0")
        many = codes if unlabelled is None else unlabelled
        mean, spread = many.mean(0), many.std(0).clamp(min=LEAST)
        regression = LogisticRegression(C=STRENGTH / codes.shape[1], max_iter=300, tol=1e-3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            regression.fit(((codes - mean) / spread).numpy(), labels.numpy())
        return cls(mean, spread, regression)

    def layer(self) -> tuple[Tensor, Tensor]:
        """The same decision as a linear layer on codes as they are: weight (classes, D), bias (classes,)."""
        weight, bias = (torch.from_numpy(part).float() for part in (self.regression.coef_, self.regression.intercept_))
        if len(weight) == 1:  # of two classes scikit-learn keeps the second one's
            weight, bias = torch.cat([torch.zeros_like(weight), weight]), torch.cat([torch.zeros_like(bias), bias])
        weight = weight / self.spread
        return weight, bias - weight @ self.mean

    def probabilities(self, codes: Tensor) -> Tensor:
        """codes (N, D) -> (N, classes), rows sum to 1."""
        return torch.from_numpy(self.regression.predict_proba(((codes - self.mean) / self.spread).numpy()))
