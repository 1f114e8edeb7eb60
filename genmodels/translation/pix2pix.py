"""pix2pix: a U-Net that paints, a PatchGAN that says how real it looks (Isola et al. 2017, arXiv:1611.07004)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genmodels.translation.adversarial import SLOPE, PatchGAN, d_logistic, frozen, g_logistic, norm

WIDTHS = (24, 48, 80, 104, 104, 104)  # channels at 64, 32, 16, 8, 4 and 2 pixels
FACADE_WIDTHS = (16, 32, 56, 80, 88, 88, 88)  # from 128 pixels down to 2
DROPPED = 3  # of the innermost decoder layers have dropout, the paper's only noise
L1_WEIGHT = 100.0


class UNet(nn.Module):
    """x (B, C, H, W) in [-1, 1] -> picture (B, 3, H, W) in [-1, 1]; H and W multiples of 2 ** (len(widths) - 1).

    codes: length of a code z (B, codes) that joins the input and every encoder layer (0: none).
    generator: draws the dropout of the innermost decoder layers, in training and where noise is asked for; without it
    the mean network paints. Source: section 3.2.1 and appendix 6.1.1; smaller, and the first layer keeps the full size.
    """

    def __init__(self, channels: int, widths: tuple[int, ...] = WIDTHS, codes: int = 0) -> None:
        super().__init__()
        self.codes = codes
        self.head = nn.Conv2d(channels + codes, widths[0], 3, padding=1)
        self.downs = nn.ModuleList(
            nn.Sequential(nn.LeakyReLU(SLOPE), nn.Conv2d(a + codes * (n > 0), b, 4, 2, 1), norm(b))
            for n, (a, b) in enumerate(zip(widths, widths[1:], strict=False))
        )
        ups = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.ups = nn.ModuleList(
            nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(a * (2 if n else 1), b, 4, 2, 1), norm(b))
            for n, (a, b) in enumerate(ups)
        )
        self.last = nn.Sequential(nn.ReLU(), nn.Conv2d(2 * widths[0], 3, 3, padding=1))

    def forward(self, x: Tensor, z: Tensor | None = None, generator: torch.Generator | None = None) -> Tensor:
        y = self.head(x if z is None else torch.cat([x, spread(z, x)], 1))
        skips = [y]
        for n, down in enumerate(self.downs):
            y = down(y if z is None or n == 0 else torch.cat([y, spread(z, y)], 1))
            skips.append(y)
        y = skips.pop()
        for n, up in enumerate(self.ups):
            y = up(y)
            if generator is not None and n < DROPPED:
                y = dropped(y, generator)
            y = torch.cat([y, skips.pop()], 1)
        return self.last(y).tanh()


def spread(z: Tensor, x: Tensor) -> Tensor:
    """A code (B, Z) at every place of x (B, C, H, W): (B, Z, H, W)."""
    return z[:, :, None, None].expand(-1, -1, *x.shape[2:])


def dropped(x: Tensor, generator: torch.Generator) -> Tensor:
    """Half of the values set to zero, the others doubled; drawn on the generator's device, so the same everywhere."""
    keep = torch.rand(x.shape, generator=generator, device=generator.device) < 0.5
    return x * keep.to(x.device, x.dtype) * 2


def d_loss(D: PatchGAN, x: Tensor, y: Tensor, fake: Tensor) -> Tensor:
    """What D minimises on inputs x, real pictures y and painted ones (equation 1): D sees each beside its input."""
    return d_logistic(D(torch.cat([x, y], 1)), D(torch.cat([x, fake.detach()], 1)))


def g_loss(D: PatchGAN, x: Tensor, fake: Tensor) -> Tensor:
    """How real D finds the painted pictures (section 3.1), without reaching D."""
    with frozen(D):
        return g_logistic(D(torch.cat([x, fake], 1)))


class Pix2PixTraining(nn.Module):
    """Painter G and judge D, and the sum that both minimise. A G with codes is given a random one, and nothing makes it
    heed the code: "pix2pix + noise", which BicycleGAN is measured against (Zhu et al. 2017, section 5).

    l1: weight of the mean absolute error; adversarial: weight of the game. Only their ratio matters to Adam, so the
    paper's 100 : 1 (equation 4) is 1 : 0.01 here, which keeps gradients near 1. D is left out where adversarial is 0.
    """

    def __init__(self, G: UNet, D: PatchGAN | None, l1: float = 1.0, adversarial: float = 1 / L1_WEIGHT) -> None:
        super().__init__()
        self.G, self.D, self.l1, self.adversarial = G, D, l1, adversarial

    def losses(self, x: Tensor, y: Tensor, seed: Tensor) -> dict[str, Tensor]:
        """x (B, C, H, W), y (B, 3, H, W), seed (B,) whose first draws the noise -> the parts of the sum by name."""
        generator = torch.Generator().manual_seed(int(seed[0]))
        z = torch.randn(len(x), self.G.codes, generator=generator).to(x.device) if self.G.codes else None
        fake = self.G(x, z, generator if z is None else None)
        parts = {"l1": self.l1 * F.l1_loss(fake, y)} if self.l1 else {}
        if self.D is not None:
            parts["g"] = self.adversarial * g_loss(self.D, x, fake)
            parts["d"] = d_loss(self.D, x, y, fake)
        return parts
