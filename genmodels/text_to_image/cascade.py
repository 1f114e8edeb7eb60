"""The second stage of a cascade, 64x64 -> 256x256 (Saharia et al. 2022, arXiv:2205.11487, sections 2.3 and 2.4).

Diffusion of what bicubic enlargement lacks (SRDiff, Li et al. 2022, arXiv:2104.14951): the difference, in pixels, with
each 4x4 block folded into 48 channels, so that the network works on the small picture's own 64x64 grid. It is told the
small picture, the phrase, the time, and how spoilt the small picture is (noise conditioning augmentation): in training
that picture went through the autoencoder with a noisy latent, which is how a generated one differs from a drawn one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.embeddings import get_timestep_embedding
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional as F

from genmodels.errors import in_range
from genmodels.step import Step
from genmodels.text_to_image import pipeline, text

SCALE = 4
RESIDUAL_STD = 0.15  # of the difference where there is one, in a picture from -1 to 1; scaled to about 1
GENERATED = 0.5  # the level told for pictures of the first stage
TIME_CHANNELS = 128


class Block(nn.Module):
    """x + conv(silu(norm(conv(silu(film(norm(x))))))): (B, C, H, W) -> the same shape; begins as the identity."""

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(8, channels)
        self.film = nn.Linear(condition, 2 * channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2 = nn.GroupNorm(8, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        for layer in (self.film, self.conv2):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        scale, shift = self.film(c)[:, :, None, None].chunk(2, 1)
        h = self.conv1(F.silu(self.norm1(x) * (1 + scale) + shift))
        return x + self.conv2(F.silu(self.norm2(h)))


class UpscalerUNet2DModel(ModelMixin, ConfigMixin):
    """v-prediction network: x_t (B, 48, H, W) -> v of the same shape, H and W divisible by 4.

    A U-Net as of Imagen's efficient super-resolution (appendix B.1), made for two cores: skips are added instead of
    concatenated, and there is no attention, which at 64x64 costs more than all the rest.
    """

    @register_to_config
    def __init__(
        self,
        widths: tuple[int, ...] = (64, 96, 128),
        blocks: int = 2,
        condition: int = 128,
        text_dim: int = text.DIM,
        scale: int = SCALE,
    ) -> None:
        super().__init__()
        channels = 3 * scale**2
        self.time = nn.Sequential(nn.Linear(2 * TIME_CHANNELS, condition), nn.SiLU(), nn.Linear(condition, condition))
        self.phrase = nn.Linear(text_dim, condition)
        self.no_phrase = nn.Parameter(torch.zeros(condition))
        self.conv_in = nn.Conv2d(channels + 3, widths[0], 3, padding=1)
        self.early = nn.ModuleList(nn.ModuleList(Block(w, condition) for _ in range(blocks)) for w in widths)
        self.late = nn.ModuleList(nn.ModuleList(Block(w, condition) for _ in range(blocks)) for w in widths)
        pairs = list(zip(widths, widths[1:], strict=False))
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairs)
        self.up = nn.ModuleList(nn.Sequential(nn.Conv2d(b, 4 * a, 1), nn.PixelShuffle(2)) for a, b in pairs)
        self.norm_out = nn.GroupNorm(8, widths[0])
        self.conv_out = nn.Conv2d(widths[0], channels, 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)
        nn.init.zeros_(self.conv_out.bias)

    def forward(
        self, x_t: Tensor, timestep: Tensor, small: Tensor, level: Tensor, phrase: Tensor, mask: Tensor
    ) -> Tensor:
        """x_t (B, 48, H, W); timestep (B,) from 0 to 999; small (B, 3, H, W) in [-1, 1]; level (B,) from 0, drawn, to
        1, badly spoilt; phrase (B, 512) with mask (B,), False where there is none -> v (B, 48, H, W)."""
        both = torch.cat([timestep.float(), 1000 * level])
        times = get_timestep_embedding(both, TIME_CHANNELS, flip_sin_to_cos=True, downscale_freq_shift=0)
        said = torch.where(mask[:, None], self.phrase(phrase * self.config.text_dim**0.5), self.no_phrase)
        c = F.silu(self.time(torch.cat(times.chunk(2), 1)) + said)
        x = self.conv_in(torch.cat([x_t, small], 1))
        kept = []
        for i, stage in enumerate(self.early):
            x = self.down[i - 1](x) if i else x
            for block in stage:
                x = block(x, c)
            kept.append(x)
        for i in reversed(range(len(self.late))):
            x = x + kept[i]
            for block in self.late[i]:
                x = block(x, c)
            x = self.up[i - 1](x) if i else x
        return self.conv_out(F.silu(self.norm_out(x)))


def fold(pictures: Tensor, scale: int = SCALE) -> Tensor:
    """(B, 3, scale * H, scale * W) -> (B, 3 * scale ** 2, H, W)."""
    return F.pixel_unshuffle(pictures, scale)


def unfold(x: Tensor, scale: int = SCALE) -> Tensor:
    """The inverse of `fold`."""
    return F.pixel_shuffle(x, scale)


def enlarge(small: Tensor, scale: int = SCALE) -> Tensor:
    """Bicubic: (B, 3, H, W) -> (B, 3, scale * H, scale * W); what the diffused difference is added to."""
    return F.interpolate(small, scale_factor=scale, mode="bicubic")


def upscale(
    model: UpscalerUNet2DModel,
    pictures: Tensor,
    prompts: Sequence[str],
    *,
    seed: int = 0,
    steps: int = 6,
    level: float = GENERATED,
) -> Iterator[Step]:
    """pictures (B, 3, H, W) in [-1, 1] and their prompts (B) -> one Step per call of the network.

    Step.x_t and Step.x0 are pictures (B, 3, 4 H, 4 W), the noisy one and the predicted one, see `decode`; the last
    x_t is the result. level: how spoilt the small pictures are, 0 for drawn ones. info: t, the timestep. By DDIM (Song
    et al. 2021, arXiv:2010.02502). Raises Refusal for what is out of range, ValueError for shapes that do not fit.
    """
    in_range("level", level, 0, 1)
    pipeline.check(steps, 1, seed, pipeline.ANY_STYLE)
    if len(pictures) != len(prompts) or pictures.shape[2] % 4 or pictures.shape[3] % 4:
        raise ValueError(f"{tuple(pictures.shape)} and {len(prompts)} prompts: they must match, sides divisible by 4")
    device = model.device
    small = pictures.to(device)
    tokens, mask = (part.to(device) for part in text.tokens(prompts))
    asked = small, torch.full((len(small),), float(level), device=device), tokens[:, 0], mask[:, 0]
    base = enlarge(small)
    solver = pipeline.new_scheduler("ddim")
    solver.set_timesteps(steps, device=device)
    generator = torch.Generator().manual_seed(seed)
    x_t = torch.stack([torch.randn(fold(base)[0].shape, generator=generator) for _ in small]).to(device)
    for i, t in enumerate(solver.timesteps):
        with torch.no_grad():
            out = solver.step(model(x_t, t.expand(len(small)), *asked), t, x_t)
        x_t = out.prev_sample
        shown = (base + RESIDUAL_STD * unfold(x) for x in (x_t, out.pred_original_sample))
        yield Step(i + 1, len(solver.timesteps), *shown, info={"t": float(t)})


def decode(pictures: Tensor) -> Tensor:
    """x_t or x0 (B, 3, H, W) of a Step -> the picture in [-1, 1]."""
    return pictures.clamp(-1, 1)


def gradient_energy(pictures: Tensor) -> float:
    """Mean square difference of neighbouring pixels of (B, 3, H, W): low where a picture is blurred."""
    across, down = pictures.diff(dim=3), pictures.diff(dim=2)
    return float((across.square().mean() + down.square().mean()) / 2)


def psnr_db(pictures: Tensor, real: Tensor) -> float:
    """Mean over pictures (B, 3, H, W) in [-1, 1] of the peak signal-to-noise ratio, in dB."""
    mse = (pictures - real).square().mean((1, 2, 3)) / 4  # peak to peak is 2
    return float((-10 * mse.clamp_min(1e-10).log10()).mean())


def measure(
    model: UpscalerUNet2DModel, small: np.ndarray, real: np.ndarray, prompts: Sequence[str], steps: int = 6
) -> dict[str, float]:
    """Drawn pictures small (N, 64, 64, 3) uint8 enlarged, against real (N, 256, 256, 3) and beside bicubic: PSNR in dB,
    and gradient energy as a share of the real pictures'."""
    inputs, truth = (torch.from_numpy(a).permute(0, 3, 1, 2).float() / 127.5 - 1 for a in (small, real))
    ours = []
    for first in range(0, len(inputs), 16):
        part = slice(first, first + 16)
        *_, end = upscale(model, inputs[part], prompts[part], steps=steps, level=0.0)
        ours.append(decode(end.x_t).cpu())
    found = {"": torch.cat(ours), "_bicubic": decode(enlarge(inputs))}
    figures = {f"psnr_db{name}": psnr_db(pictures, truth) for name, pictures in found.items()}
    energy = gradient_energy(truth)
    figures |= {f"sharpness{name}": gradient_energy(pictures) / energy for name, pictures in found.items()}
    return {name: round(value, 3) for name, value in figures.items()}
