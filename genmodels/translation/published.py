"""The published generators at their published size, written from the papers' appendices, to time beside ours.

Untrained: time does not depend on the weights.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

UNET = (64, 128, 256, 512, 512, 512, 512, 512)


class UNet256(nn.Module):
    """pix2pix's U-Net for 256x256: C64-C128-C256-C512-C512-C512-C512-C512 and back, every layer halves or doubles.

    (B, channels, 256, 256) -> (B, 3, 256, 256). Source: Isola et al. 2017, arXiv:1611.07004, appendix 6.1.1.
    """

    def __init__(self, channels: int = 3, widths: tuple[int, ...] = UNET) -> None:
        super().__init__()
        self.downs, self.ups = nn.ModuleList(), nn.ModuleList()
        for n, width in enumerate(widths):
            layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1)]
            if 0 < n < len(widths) - 1:  # neither the first layer nor one pixel is normalised
                layers.append(nn.BatchNorm2d(width))
            self.downs.append(nn.Sequential(*layers, nn.LeakyReLU(0.2)))
            channels = width
        for n, width in enumerate((*widths[-2::-1], 3)):
            source = channels if n == 0 else 2 * channels
            layers = [nn.ConvTranspose2d(source, width, 4, 2, 1)]
            if width != 3:
                layers += [nn.BatchNorm2d(width), nn.ReLU()]
            self.ups.append(nn.Sequential(*layers))
            channels = width

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for down in self.downs:
            x = down(x)
            skips.append(x)
        x = self.ups[0](skips.pop())
        for up in self.ups[1:]:
            x = up(torch.cat([x, skips.pop()], 1))
        return x.tanh()


class _Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for last in (False, True):
            layers += [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), nn.InstanceNorm2d(channels)]
            layers += [] if last else [nn.ReLU()]
        self.branch = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


def resnet_generator(blocks: int = 9) -> nn.Module:
    """CycleGAN's generator: c7s1-64, d128, d256, R256 (9 of them at 256x256 and above, 6 below), u128, u64, c7s1-3.

    (B, 3, H, W) -> (B, 3, H, W). Source: Zhu et al. 2017, arXiv:1703.10593, appendix 7.2.
    """

    def normed(layer: nn.Module, channels: int) -> list[nn.Module]:
        return [layer, nn.InstanceNorm2d(channels), nn.ReLU()]

    return nn.Sequential(
        nn.ReflectionPad2d(3),
        *normed(nn.Conv2d(3, 64, 7), 64),
        *normed(nn.Conv2d(64, 128, 3, 2, 1), 128),
        *normed(nn.Conv2d(128, 256, 3, 2, 1), 256),
        *(_Block(256) for _ in range(blocks)),
        *normed(nn.ConvTranspose2d(256, 128, 3, 2, 1, output_padding=1), 128),
        *normed(nn.ConvTranspose2d(128, 64, 3, 2, 1, output_padding=1), 64),
        nn.ReflectionPad2d(3),
        nn.Conv2d(64, 3, 7),
        nn.Tanh(),
    )
