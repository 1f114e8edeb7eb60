"""What every network pair here shares: the game's objectives, one loss for both players, and the judge of patches.

Both players step at once, from one sum: inside `frozen(D)` a generator's loss reaches G alone, and on a detached
picture D's loss reaches D alone, so `genmodels.train.fit` drives a GAN as it drives anything else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm
from torch.nn.utils.parametrize import is_parametrized
from torch.optim import Optimizer

SLOPE = 0.2
GROUP = 8  # channels of one group of GroupNorm
PATCHES = (1, 16, 34, 70, "whole")


def d_logistic(real: Tensor, fake: Tensor) -> Tensor:
    r"""-log sigmoid(real) - log(1 - sigmoid(fake)), halved as in pix2pix (Goodfellow et al. 2014, equation 1)."""
    return (F.softplus(-real).mean() + F.softplus(fake).mean()) / 2


def g_logistic(fake: Tensor) -> Tensor:
    """-log sigmoid(fake): the non-saturating form (Goodfellow et al. 2014, section 3)."""
    return F.softplus(-fake).mean()


def d_squares(real: Tensor, fake: Tensor) -> Tensor:
    """Least squares to 1 for real and 0 for fake (Mao et al. 2017, arXiv:1611.04076, equation 9)."""
    return ((real - 1).square().mean() + fake.square().mean()) / 2


def g_squares(fake: Tensor) -> Tensor:
    """Least squares to 1."""
    return (fake - 1).square().mean()


def d_hinge(real: Tensor, fake: Tensor) -> Tensor:
    """max(0, 1 - real) + max(0, 1 + fake) (Lim and Ye 2017, arXiv:1705.02894), halved."""
    return (F.relu(1 - real).mean() + F.relu(1 + fake).mean()) / 2


def g_hinge(fake: Tensor) -> Tensor:
    """-fake."""
    return -fake.mean()


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Inside, gradients pass through the module but do not reach its parameters."""
    for p in module.parameters():
        p.requires_grad_(False)
    try:
        yield
    finally:
        for p in module.parameters():
            p.requires_grad_(True)


@torch.no_grad()
def settle(model: nn.Module, rounds: int = 100) -> None:
    """Run the power iteration of every spectral norm anew: averaged over training, its vectors are no unit vectors."""
    for module in model.modules():
        if is_parametrized(module, "weight"):
            module.train()
            for _ in range(rounds):
                _ = module.weight
            module.eval()


def adam(model: nn.Module, lr: float, weight_decay: float) -> list[Optimizer]:
    """Adam for both players with a short memory of the gradient, which a moving opponent makes stale."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    return [torch.optim.AdamW(parameters, lr=lr, weight_decay=weight_decay, betas=(0.5, 0.99), foreach=True)]


def norm(channels: int) -> nn.GroupNorm:
    """GroupNorm of 8 channels a group: the paper's batch of one has no batch statistics either, and a 2x2 map has too
    few places for InstanceNorm."""
    return nn.GroupNorm(max(1, channels // GROUP), channels)


def augmented(x: Tensor, generator: torch.Generator) -> Tensor:
    """Pictures (B, C, H, W) with brightness, colour and contrast changed and a square cut out, differentiably, so that
    D cannot learn a small set by heart (DiffAugment, Zhao et al. 2020, arXiv:2006.10738).

    Draws the same for real and painted pictures from generators of the same seed.
    """
    u = torch.rand(len(x), 5, 1, 1, 1, generator=generator).to(x.device)
    x = x + u[:, 0] - 0.5
    mean = x.mean(1, keepdim=True)
    x = mean + (x - mean) * 2 * u[:, 1]
    mean = x.mean((1, 2, 3), keepdim=True)
    x = mean + (x - mean) * (u[:, 2] + 0.5)
    size = x.shape[-1]
    at = torch.arange(size, device=x.device)
    row, column = ((at - part.flatten(1) * size).abs() < size / 6 for part in (u[:, 3], u[:, 4]))  # (B, size)
    return x * ~(row[:, None, :, None] & column[:, None, None, :])


class PatchGAN(nn.Module):
    """Says for each patch of a picture whether it is real: (B, C, H, W) -> logits (B, outputs, h, w).

    patch: the receptive field in pixels, 1, 16, 34 or 70, or "whole" for one logit a picture of `size` pixels.
    Convolutions are spectrally normalised (Miyato et al. 2018, arXiv:1802.05957) in place of the paper's BatchNorm.
    Source: Isola et al. 2017, arXiv:1611.07004, section 3.2.2 and appendix 6.1.2.
    """

    def __init__(self, channels: int, width: int = 32, patch: int | str = 34, outputs: int = 1, size: int = 64) -> None:
        super().__init__()
        if patch not in PATCHES:
            raise ValueError(f"patch is {patch!r}; it must be one of {PATCHES}")
        widths = [width, 2 * width, 3 * width, 3 * width, 3 * width]
        layers: list[nn.Module] = []
        if patch == 1:
            layers = [_conv(channels, widths[0], 1), _conv(widths[0], widths[1], 1)]
            last = spectral_norm(nn.Conv2d(widths[1], outputs, 1))
        else:
            strided = {16: 1, 34: 2, 70: 3}.get(patch, size.bit_length() - 3)  # "whole": down to 4x4
            for n in range(strided):
                layers.append(_conv(channels, widths[min(n, 4)], 4, 2))
                channels = widths[min(n, 4)]
            if patch == "whole":
                last = spectral_norm(nn.Conv2d(channels, outputs, 4))
            else:
                layers.append(_conv(channels, widths[strided], 4))
                last = spectral_norm(nn.Conv2d(widths[strided], outputs, 4, padding=1))
        self.layers = nn.ModuleList(layers)
        self.last = last

    def features(self, x: Tensor) -> list[Tensor]:
        """The maps after each layer but the last."""
        found = []
        for layer in self.layers:
            x = layer(x)
            found.append(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.features(x)[-1])


def _conv(channels: int, out: int, kernel: int, stride: int = 1) -> nn.Module:
    padding = 1 if kernel > 1 else 0
    return nn.Sequential(
        spectral_norm(nn.Conv2d(channels, out, kernel, stride, padding)), nn.LeakyReLU(SLOPE, inplace=True)
    )
