"""Autoencoder of latent diffusion (Rombach et al. 2022, arXiv:2112.10752, section 3.1): 64x64x3 -> 8x8x12 and back.

The interface of diffusers' AutoencoderKL: `encode(x).latent_dist`, `decode(z).sample`, a config with latents_mean and
latents_std. Inside, a linear map of each 8x8 patch onto its principal components, which alone gives a usable picture,
plus small convolutional residuals that start at zero: on a small budget this learns far faster than convolutions alone.
"""

from __future__ import annotations

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput, DiagonalGaussianDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional as F

FACTOR = 8


class Residual(nn.Module):
    """x + conv(silu(conv(norm(x)))): (B, C, H, W) -> the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.silu(self.conv1(F.silu(self.norm(x)))))


def up(channels: int, out: int) -> nn.Sequential:
    """Twice the height and width: a 1x1 convolution and a pixel shuffle."""
    return nn.Sequential(nn.Conv2d(channels, out * 4, 1), nn.PixelShuffle(2))


def zeroed(layer: nn.Conv2d) -> nn.Conv2d:
    """The layer with weights and bias at zero, so that its branch begins as nothing."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class PatchAutoencoder(ModelMixin, ConfigMixin):
    """x (B, 3, 64, 64) in [-1, 1] <-> z (B, 12, 8, 8); any height and width divisible by 8 work.

    Diffusion runs on (z - latents_mean) / latents_std, both by channel, see `normalize`.
    """

    @register_to_config
    def __init__(
        self,
        in_channels: int = 3,
        latent_channels: int = 12,
        width: int = 128,
        latents_mean: tuple[float, ...] | None = None,
        latents_std: tuple[float, ...] | None = None,
    ) -> None:
        super().__init__()
        half, quarter = width // 2, width // 4
        self.patch_in = nn.Conv2d(in_channels, latent_channels, FACTOR, stride=FACTOR)
        self.patch_out = nn.ConvTranspose2d(latent_channels, in_channels, FACTOR, stride=FACTOR)
        self.encoder = nn.Sequential(
            nn.Conv2d(in_channels, half, 4, stride=4),
            Residual(half),
            nn.Conv2d(half, width, 2, stride=2),
            Residual(width),
            zeroed(nn.Conv2d(width, latent_channels, 1)),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(latent_channels, width, 3, padding=1),
            Residual(width),
            Residual(width),
            up(width, half),
            Residual(half),
            Residual(half),
            up(half, quarter),
            Residual(quarter),
            zeroed(nn.Conv2d(quarter, in_channels * 4, 3, padding=1)),
            nn.PixelShuffle(2),
        )

    def encode(self, x: Tensor, return_dict: bool = True) -> AutoencoderKLOutput | tuple:
        """x (B, 3, H, W) in [-1, 1] -> a distribution of z (B, 12, H/8, W/8) without spread."""
        mean = self.patch_in(x) + self.encoder(x)
        spread = torch.full_like(mean, -30.0)
        posterior = DiagonalGaussianDistribution(torch.cat([mean, spread], 1), deterministic=True)
        return AutoencoderKLOutput(latent_dist=posterior) if return_dict else (posterior,)

    def decode(self, z: Tensor, return_dict: bool = True, generator: torch.Generator | None = None) -> DecoderOutput:
        """z (B, 12, h, w) -> picture (B, 3, 8h, 8w), nominally in [-1, 1], not clamped. `generator` is unused."""
        x = self.patch_out(z) + self.decoder(z)
        return DecoderOutput(sample=x) if return_dict else (x,)

    def forward(self, x: Tensor) -> Tensor:
        """There and back: (B, 3, H, W) -> the same shape."""
        return self.decode(self.encode(x).latent_dist.mode()).sample

    def _statistics(self, like: Tensor) -> tuple[Tensor, Tensor]:
        if self.config.latents_mean is None or self.config.latents_std is None:
            raise ValueError("the autoencoder's config has no latents_mean and latents_std: train it first")
        rows = (self.config.latents_mean, self.config.latents_std)
        mean, std = (torch.tensor(row, dtype=like.dtype, device=like.device).view(1, -1, 1, 1) for row in rows)
        return mean, std

    def normalize(self, z: Tensor) -> Tensor:
        """Latents as the denoiser sees them: mean 0 by channel, and a mean square of 1 over all channels."""
        mean, std = self._statistics(z)
        return (z - mean) / std

    def denormalize(self, z: Tensor) -> Tensor:
        """The inverse of `normalize`."""
        mean, std = self._statistics(z)
        return z * std + mean

    @torch.no_grad()
    def start_from_components(self, patches: Tensor) -> None:
        """Set the linear maps to the principal components of patches (N, 3 * 8 * 8), laid out as (3, 8, 8)."""
        mean = patches.mean(0)
        _, vectors = torch.linalg.eigh(torch.cov(patches.T))  # ascending
        basis = vectors.T.flip(0)[: self.config.latent_channels].view(-1, self.config.in_channels, FACTOR, FACTOR)
        self.patch_in.weight.copy_(basis)
        self.patch_in.bias.copy_(-(basis.flatten(1) @ mean))
        self.patch_out.weight.copy_(basis)
        # A bias by patch position does not exist in a transposed convolution: the mean's average by channel serves.
        self.patch_out.bias.copy_(mean.view(self.config.in_channels, -1).mean(1))


def spread(z: Tensor, power: float = 0.5) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """latents_mean and latents_std for `normalize`, from latents z (N, C, h, w).

    Dividing each channel by std ** power with power < 1 leaves the coarse components louder than the fine ones,
    so that noise drowns detail first and sampling settles shape and colour before it. power 1 would whiten.
    """
    mean, std = z.mean((0, 2, 3)), z.std((0, 2, 3))
    scaled = std**power
    scaled = scaled * (((std / scaled) ** 2).mean()) ** 0.5
    return tuple(mean.tolist()), tuple(scaled.tolist())
