"""A linear probe on an encoder that stays as it is: what a picture's codes say about its class.

He et al. 2022 (arXiv:2111.06377), section 4.1, probe the last layer's mean; codes here are means over the quarters of
the picture, as Coates et al. 2011 ("An analysis of single-layer networks in unsupervised feature learning") pool them,
of the layers named in LAYERS, each code normalised by itself.
"""

from __future__ import annotations

import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.nn import functional as F

from genmodels.masking.fcmae import ConvMaskedAutoencoder
from genmodels.masking.mae import MaskedAutoencoder

BATCH = 100
STRENGTH = 0.003  # of the probe's fit, the inverse of its weight decay, times the number of pictures


@torch.no_grad()
def features(model: MaskedAutoencoder | ConvMaskedAutoencoder, pictures: Tensor) -> Tensor:
    """Pictures (N, 3, S, S) in [-1, 1], nothing hidden -> codes (N, D) of zero mean and unit spread."""
    found = []
    for part in pictures.split(BATCH):
        nothing = torch.zeros(len(part), model.side**2, dtype=torch.bool, device=part.device)
        found.append(pooled(model.stages(part, nothing)[-1][:, -(model.side**2) :]))
    return torch.cat(found)


def pooled(tokens: Tensor) -> Tensor:
    """Places of a square plane row by row, (B, L, C) -> means over its quarters, normalised: (B, 4 * C)."""
    side = round(tokens.shape[1] ** 0.5)
    plane = tokens.transpose(1, 2).unflatten(2, (side, side))
    quarters = F.adaptive_avg_pool2d(plane, 2).flatten(1)
    return F.layer_norm(quarters, quarters.shape[1:])


class Probe:
    """Multinomial logistic regression (scikit-learn's) on codes. Made by `Probe.fit`."""

    def __init__(self, mean: Tensor, spread: Tensor, regression: LogisticRegression) -> None:
        self.mean, self.spread, self.regression = mean, spread, regression

    @classmethod
    def fit(cls, codes: Tensor, labels: Tensor) -> Probe:
        """codes (N, D), labels (N,) of at least two classes, 0 to C - 1, each with an example. Raises ValueError."""
        classes = labels.unique().tolist()
        if len(classes) < 2 or classes != list(range(len(classes))):
            raise ValueError(f"labels are {classes}; a probe needs two or more classes, counted from 0")
        ...
