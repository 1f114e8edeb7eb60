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

    def diversity(self, answers: Tensor) -> float:
        """answers (N, K, 3, H, W), K to each of N inputs: the mean distance of two answers to one input."""
        count = answers.shape[1]
        first, second = torch.triu_indices(count, count, 1)
        return float(self.distance(answers[:, first].flatten(0, 1), answers[:, second].flatten(0, 1)).mean())


def _unit(x: Tensor) -> Tensor:
    return x / (x.square().sum(1, keepdim=True) + SMALL).sqrt()


class Strokes:
    """What small patches of a picture look like, wherever they are: how drawings of one hand resemble each other.

    Responses to whitened 6x6 patches taken at random from `pictures` (N, 3, H, W), their mean and root mean square over
    places. Source: Coates, Lee and Ng 2011, "An analysis of single-layer networks", with random patches (section 3).
    """

    SIZE, COUNT, SEEN, FLAT, WHITEN, LEAST = 6, 300, 20_000, 0.1, 0.01, 0.5

    def __init__(self, pictures: Tensor) -> None:
        generator, size = torch.Generator().manual_seed(0), self.SIZE
        pick = torch.randint(len(pictures), (self.SEEN,), generator=generator)
        top, left = (torch.randint(n - size + 1, (self.SEEN,), generator=generator) for n in pictures.shape[2:])
        at = torch.arange(size)
        rows, columns = (top[:, None] + at)[:, :, None], (left[:, None] + at)[:, None, :]
        patches = pictures.permute(0, 2, 3, 1)[pick[:, None, None], rows, columns].permute(0, 3, 1, 2).flatten(1)
        patches = patches[patches.std(1) > self.FLAT]
        mean = patches.mean(0)
        values, vectors = torch.linalg.eigh((patches - mean).T @ (patches - mean) / len(patches))
        white = vectors @ torch.diag((values + self.WHITEN).rsqrt()) @ vectors.T
        filters = F.normalize((patches[: self.COUNT] - mean) @ white) @ white
        self.filters, self.bias = filters.view(-1, pictures.shape[1], size, size), -filters @ mean

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, D)."""
        found = []
        for part in pictures.split(BATCH):
            out = F.conv2d(part, self.filters, self.bias, stride=2)
            sides = [F.relu(side - self.LEAST) for side in (out, -out)]
            found.append(
                torch.cat([pool for s in sides for pool in (s.mean((2, 3)), s.square().mean((2, 3)).sqrt())], 1)
            )
        return torch.cat(found)


class Kinds:
    """Tells kinds of pictures apart by a linear classifier on their `Strokes`, fitted to real pictures.

    pictures (N, 3, H, W) and kinds (N,) int. Source of the idea: the accuracy that Liu et al. 2019 measure translations
    with (arXiv:1905.01723, section 4).
    """

    def __init__(self, pictures: Tensor, kinds: Tensor) -> None:
        from sklearn.linear_model import RidgeClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        self.strokes = Strokes(pictures)
        self.model = make_pipeline(StandardScaler(), RidgeClassifier(100.0))
        self.model.fit(self.strokes(pictures).numpy(), kinds.numpy())

    def __call__(self, pictures: Tensor) -> Tensor:
        """The kind of each picture (B,)."""
        return torch.from_numpy(self.model.predict(self.strokes(pictures).numpy()))

    def accepted(self, pictures: Tensor, kind: int) -> float:
        """The share of the pictures that are taken for `kind`."""
        return float((self(pictures) == kind).float().mean())
