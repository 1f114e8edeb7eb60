"""BicycleGAN: one outline, many pictures, told apart by a code z (Zhu et al. 2017, arXiv:1711.11586)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genmodels.translation.adversarial import SLOPE, PatchGAN, d_squares, frozen, g_squares, norm
from genmodels.translation.pix2pix import WIDTHS, UNet

CODES = 8
L1, LATENT, KL = 10.0, 0.5, 0.01  # over the adversarial loss, section 4


class Encoder(nn.Module):
    """Pictures (B, 3, H, W) in [-1, 1] -> mean and log variance (B, codes) of q(z | picture). Source: section 4."""

    def __init__(self, codes: int = CODES, widths: tuple[int, ...] = (24, 48, 80, 96)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width in widths:
            layers += [nn.Conv2d(channels, width, 4, 2, 1), norm(width), nn.LeakyReLU(SLOPE)]
            channels = width
        self.body = nn.Sequential(*layers)
        self.mean, self.log_var = nn.Linear(channels, codes), nn.Linear(channels, codes)

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        h = self.body(y).mean((2, 3))
        return self.mean(h), self.log_var(h)


class BicycleGAN(nn.Module):
    """Painter G(x, z) and encoder E(picture) of the code.

    forward: x (B, C, H, W) in [-1, 1] and z (B, codes) -> pictures (B, 3, H, W).
    """

    def __init__(self, channels: int = 1, widths: tuple[int, ...] = WIDTHS, codes: int = CODES) -> None:
        super().__init__()
        self.codes = codes
        self.G, self.E = UNet(channels, widths, codes), Encoder(codes)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        return self.G(x, z)

    def encode(self, y: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) -> the mean of their codes (B, codes): what injects another picture's manner."""
        return self.E(y)[0]


def draw_codes(count: int, codes: int, seed: int) -> Tensor:
    """(count, codes) from N(0, I), the same for a seed on every machine; code i does not depend on count."""
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([torch.randn(codes, generator=generator) for _ in range(count)])


def kl(mean: Tensor, log_var: Tensor) -> Tensor:
    r"""KL(N(mean, exp(log_var)) || N(0, I)), summed over the code and averaged over the batch (equation 4)."""
    return -0.5 * (1 + log_var - mean.square() - log_var.exp()).sum(1).mean()


class BicycleTraining(nn.Module):
    """The model and its judge. cVAE-GAN: y -> z -> y; cLR-GAN: z -> picture -> z (equation 9).

    One D judges both kinds of painted pictures, beside their outlines; the paper has one for each.
    """

    def __init__(self, model: BicycleGAN, D: PatchGAN) -> None:
        super().__init__()
        self.model, self.D = model, D

    def losses(self, x: Tensor, y: Tensor, seed: Tensor) -> dict[str, Tensor]:
        """x (B, C, H, W), y (B, 3, H, W), seeds (B,) -> the parts of the sum, over 10 so that gradients are near 1."""
        model, generator = self.model, torch.Generator().manual_seed(int(seed[0]))
        noise, z = (torch.randn(2, len(x), model.codes, generator=generator)).to(x.device)
        mean, log_var = model.E(y)
        rebuilt = model(x, mean + noise * (0.5 * log_var).exp())
        free = model(x, z)
        with frozen(model.E):  # section 4: E is not asked to hide z in what G paints
            found = model.E(free)[0]
        with frozen(self.D):
            fooled = g_squares(self._look(x, rebuilt)) + g_squares(self._look(x, free))
        real = self._look(x, y)
        judged = sum(d_squares(real, self._look(x, fake.detach())) for fake in (rebuilt, free))
        return {
            "l1": F.l1_loss(rebuilt, y),
            "kl": KL / L1 * kl(mean, log_var),
            "latent": LATENT / L1 * F.l1_loss(found, z),
            "g": fooled / L1,
            "d": judged,
        }

    def _look(self, x: Tensor, y: Tensor) -> Tensor:
        return self.D(torch.cat([x, y], 1))
