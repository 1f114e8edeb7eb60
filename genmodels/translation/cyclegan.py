"""CycleGAN: two unpaired sets, two translators that undo each other (Zhu et al. 2017, arXiv:1703.10593)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genmodels.translation.adversarial import PatchGAN, augmented, d_squares, frozen, g_squares, norm

WIDTH, BLOCKS = 16, 4
CYCLE, IDENTITY = 10.0, 5.0  # over the adversarial loss, section 5.2 and "photo generation from paintings"
NOISE = 0.1


class Residual(nn.Module):
    """x + conv(relu(conv(x))), normalised: (B, C, H, W) -> the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect"),
            norm(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect"),
            norm(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


class ResNetGenerator(nn.Module):
    """Pictures (B, 3, H, W) in [-1, 1] -> translated ones, H and W multiples of 4.

    Two strided convolutions, `blocks` residual blocks at a quarter of the size, two transposed ones.
    Source: appendix 7.2, with a quarter of its width and fewer blocks.
    """

    def __init__(self, width: int = WIDTH, blocks: int = BLOCKS) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, width, 5, padding=2, padding_mode="reflect"),
            norm(width),
            nn.ReLU(),
            *_sampled(nn.Conv2d, width, 2 * width),
            *_sampled(nn.Conv2d, 2 * width, 4 * width),
            *(Residual(4 * width) for _ in range(blocks)),
            *_sampled(nn.ConvTranspose2d, 4 * width, 2 * width),
            *_sampled(nn.ConvTranspose2d, 2 * width, width),
            nn.Conv2d(width, 3, 5, padding=2, padding_mode="reflect"),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x).tanh()


def _sampled(kind: type[nn.Module], channels: int, out: int) -> list[nn.Module]:
    return [kind(channels, out, 4, 2, 1), norm(out), nn.ReLU()]


class Translators(nn.Module):
    """G: A -> B and F: B -> A."""

    def __init__(self, width: int = WIDTH, blocks: int = BLOCKS) -> None:
        super().__init__()
        self.G, self.F = ResNetGenerator(width, blocks), ResNetGenerator(width, blocks)

    def forward(self, x: Tensor, backwards: bool = False) -> Tensor:
        """Pictures (B, 3, H, W) of A in B's manner, or of B in A's if backwards."""
        return (self.F if backwards else self.G)(x)


class CycleGAN(Translators):
    """Both translators and the judges of both sets, D_a and D_b, whose patch maps the page shows.

    cycle, identity: weights beside the adversarial loss's 1; 0 leaves a loss out. augment: judges see `augmented`
    pictures only, as small sets need; shading and tint are then beyond them. noise: standard deviation of what is
    added to a translation before it is translated back, so that it cannot carry a hidden copy of the picture in fine
    dots (Bashkirova et al. 2019, arXiv:1908.01517, section 4.1).
    """

    def __init__(
        self,
        width: int = WIDTH,
        blocks: int = BLOCKS,
        d_width: int = 24,
        cycle: float = CYCLE,
        identity: float = IDENTITY,
        noise: float = NOISE,
        augment: bool = True,
    ) -> None:
        super().__init__(width, blocks)
        self.D_a, self.D_b = PatchGAN(3, d_width), PatchGAN(3, d_width)
        self.cycle, self.identity, self.noise, self.augment = cycle, identity, noise, augment

    def losses(self, a: Tensor, b: Tensor, seed: Tensor) -> dict[str, Tensor]:
        """Unpaired pictures a, b (B, 3, H, W) -> the parts of what all four minimise (equations 1 to 3 and 5.2).

        Divided by 10, so that gradients stay near 1; Adam does not see the scale. Identity is asked of half the batch.
        """
        fake_a, fake_b = self.F(b), self.G(a)
        parts = {"d": self._judge(self.D_a, a, fake_a, seed) + self._judge(self.D_b, b, fake_b, seed)}
        parts["g"] = (self._fool(self.D_a, fake_a, seed) + self._fool(self.D_b, fake_b, seed)) / CYCLE
        if self.cycle:
            noise = self.noise * torch.randn(2, *a.shape, generator=_generator(seed)).to(a.device)
            back = F.l1_loss(self.F(fake_b + noise[0]), a) + F.l1_loss(self.G(fake_a + noise[1]), b)
            parts["cycle"] = self.cycle / CYCLE * back
        if self.identity:
            half = (len(a) + 1) // 2
            same = F.l1_loss(self.F(a[:half]), a[:half]) + F.l1_loss(self.G(b[:half]), b[:half])
            parts["identity"] = self.identity / CYCLE * same
        return parts

    def _judge(self, D: PatchGAN, real: Tensor, fake: Tensor, seed: Tensor) -> Tensor:
        return d_squares(D(self._shown(real, seed)), D(self._shown(fake.detach(), seed)))

    def _fool(self, D: PatchGAN, fake: Tensor, seed: Tensor) -> Tensor:
        with frozen(D):
            return g_squares(D(self._shown(fake, seed)))

    def _shown(self, x: Tensor, seed: Tensor) -> Tensor:
        return augmented(x, _generator(seed)) if self.augment else x


def _generator(seed: Tensor) -> torch.Generator:
    return torch.Generator().manual_seed(int(seed[0]))


def cycle_error(model: Translators, x: Tensor, backwards: bool = False) -> tuple[Tensor, Tensor, Tensor]:
    """x (B, 3, H, W) -> its translation, that back again, and each picture's mean absolute error (B,), of 2 at most."""
    there = model(x, backwards)
    back = model(there, not backwards)
    return there, back, (back - x).abs().mean((1, 2, 3))
