"""How near a translation is to the truth, how sharp, how varied: figures of pictures (B, 3, H, W) in [-1, 1]."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genmodels.text_to_image.judge import INPUT, PictureEncoder

LEAST = 1e-10  # mean square error that counts as none: 100 dB
SMALL = 1e-8
BATCH = 50


def psnr(a: Tensor, b: Tensor) -> Tensor:
    r"""-10 \log_{10} \mathrm{MSE} of values in [0, 1]: dB of each picture (B,), at most 100."""
    return -10 * ((a - b) / 2).square().mean((1, 2, 3)).clamp(min=LEAST).log10()


def gradient_energy(x: Tensor) -> Tensor:
    """Mean square of the differences of neighbouring pixels, down and to the right: (B,). More is sharper."""
    down, right = x[:, :, 1:] - x[:, :, :-1], x[:, :, :, 1:] - x[:, :, :, :-1]
    return down.square().mean((1, 2, 3)) + right.square().mean((1, 2, 3))


class Features:
    """Distances in the layers of a network that learned to recognise emoji, as LPIPS takes them in one that learned
    ImageNet (Zhang et al. 2018, arXiv:1801.03924, equation 1, without the fitted weights)."""

    def __init__(self, network: PictureEncoder) -> None:
        self.network = network

    @torch.no_grad()
    def maps(self, x: Tensor) -> list[Tensor]:
        """Activations (B, C_l, H_l, W_l) after each ReLU of the body."""
        if x.shape[2] != INPUT:
            x = F.interpolate(x, size=(INPUT, INPUT), mode="bilinear", antialias=True)
        found = []
        for layer in self.network.body:
            x = layer(x)
            if not isinstance(layer, nn.PixelUnshuffle | nn.Conv2d | nn.BatchNorm2d):
                found.append(x)
        return found

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """(B,): squared distance of the unit vectors at each place, averaged over places, summed over layers."""
        both = zip(a.split(BATCH), b.split(BATCH), strict=True)
        return torch.cat([self._distance(self.maps(x), self.maps(y)) for x, y in both])

    def _distance(self, a: list[Tensor], b: list[Tensor]) -> Tensor:
        apart = [(_unit(x) - _unit(y)).square().sum(1).mean((1, 2)) for x, y in zip(a, b, strict=True)]
        return torch.stack(apart).sum(0)

    def manner(self, x: Tensor) -> Tensor:
        """(B, D): mean and deviation over places of each channel of each layer, which a drawing style shows in."""
        parts = [self.maps(part) for part in x.split(BATCH)]
        return torch.cat([torch.cat([_moments(layer) for layer in maps], 1) for maps in parts])

    def diversity(self, answers: Tensor) -> float:
        """answers (N, K, 3, H, W), K to each of N inputs: the mean distance of two answers to one input."""
        count = answers.shape[1]
        first, second = torch.triu_indices(count, count, 1)
        return float(self.distance(answers[:, first].flatten(0, 1), answers[:, second].flatten(0, 1)).mean())


def _unit(x: Tensor) -> Tensor:
    return x / (x.square().sum(1, keepdim=True) + SMALL).sqrt()


def _moments(x: Tensor) -> Tensor:
    flat = x.flatten(2)
    return torch.cat([flat.mean(2), flat.std(2)], 1)


class Kinds:
    """Tells kinds of pictures apart by a linear classifier on `Features.manner`, fitted to real pictures.

    fit: pictures (N, 3, H, W) and kinds (N,) int. Source of the idea: the accuracy that Liu et al. 2019 measure
    translations with (arXiv:1905.01723, section 4).
    """

    def __init__(self, features: Features, pictures: Tensor, kinds: Tensor) -> None:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        self.features = features
        self.model = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=300))
        self.model.fit(features.manner(pictures).numpy(), kinds.numpy())

    def __call__(self, pictures: Tensor) -> Tensor:
        """The kind of each picture (B,)."""
        return torch.from_numpy(self.model.predict(self.features.manner(pictures).numpy()))

    def accepted(self, pictures: Tensor, kind: int) -> float:
        """The share of the pictures that are taken for `kind`."""
        return float((self(pictures) == kind).float().mean())
