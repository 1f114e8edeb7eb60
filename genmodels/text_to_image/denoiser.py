"""The denoiser: a diffusion transformer (Peebles and Xie 2023, arXiv:2212.09748) with cross-attention on text tokens.

8x8x12 latents are cut into 2x2 patches: 16 tokens. Time, style and phrase enter each block through adaLN-zero; the
words through cross-attention (PixArt-alpha, arXiv:2310.00426); the later half of the blocks also sees the outputs
of the earlier half, as in U-ViT (Bao et al. 2023, arXiv:2209.12152). diffusers' PixArtTransformer2DModel has one shared
modulation and neither the phrase in it nor the long skips, which on a CPU's budget are what learns fastest.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.embeddings import get_timestep_embedding
from diffusers.models.modeling_outputs import Transformer2DModelOutput
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional as F

Attend = Callable[[int, Tensor], Tensor]
TIME_CHANNELS = 256


def modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """x (B, N, D), shift and scale (B, 1, D): layer norm without learned parts, then scale and shift."""
    return F.layer_norm(x, x.shape[-1:], eps=1e-6) * (1 + scale) + shift


def scores(q: Tensor, k: Tensor) -> Tensor:
    """q (B, H, N, C), k (B, H, L, C) -> (B, H, N, L): written out, which at 16 tokens is faster than a fused kernel."""
    return q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])


class SelfAttention(nn.Module):
    """Attention among the picture's tokens (B, N, D), queries and keys normalised."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        b, n, d = x.shape
        q, k, v = self.qkv(x).view(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)  # (B, H, N, D/H)
        q, k = (F.rms_norm(t, t.shape[-1:]) for t in (q, k))
        return self.out((scores(q, k).softmax(-1) @ v).transpose(1, 2).reshape(b, n, d))


class CrossAttention(nn.Module):
    """Picture tokens (B, N, D) look at text tokens (B, L, D); the weights can be seen and edited."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(dim, dim)
        self.kv = nn.Linear(dim, 2 * dim)
        self.out = nn.Linear(dim, dim)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor, text: Tensor, bias: Tensor, layer: int, attend: Attend | None) -> Tensor:
        b, n, d = x.shape
        q = self.q(x).view(b, n, self.heads, -1).transpose(1, 2)  # (B, H, N, D/H)
        k, v = self.kv(text).view(b, text.shape[1], 2, self.heads, -1).permute(2, 0, 3, 1, 4)  # (B, H, L, D/H)
        q, k = (F.rms_norm(t, t.shape[-1:]) for t in (q, k))
        weights = (scores(q, k) + bias).softmax(-1)  # (B, H, N, L)
        if attend is not None:
            weights = attend(layer, weights)
        return self.out((weights @ v).transpose(1, 2).reshape(b, n, d))


class Block(nn.Module):
    """Self-attention, cross-attention, MLP; gates of adaLN-zero begin at zero."""

    def __init__(self, dim: int, heads: int, has_skip: bool) -> None:
        super().__init__()
        self.skip = nn.Linear(2 * dim, dim) if has_skip else None
        self.modulation = nn.Linear(dim, 6 * dim)
        self.attention = SelfAttention(dim, heads)
        self.cross = CrossAttention(dim, heads)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(approximate="tanh"), nn.Linear(4 * dim, dim))
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(
        self, x: Tensor, skip: Tensor | None, c: Tensor, text: Tensor, bias: Tensor, layer: int, attend: Attend | None
    ) -> Tensor:
        if self.skip is not None:
            x = self.skip(torch.cat([x, skip], -1))
        shift1, scale1, gate1, shift2, scale2, gate2 = self.modulation(c).unsqueeze(1).chunk(6, -1)  # (B, 1, D)
        x = x + gate1 * self.attention(modulate(x, shift1, scale1))
        x = x + self.cross(F.layer_norm(x, x.shape[-1:]), text, bias, layer, attend)
        return x + gate2 * self.mlp(modulate(x, shift2, scale2))


class EmojiTransformer2DModel(ModelMixin, ConfigMixin):
    """v-prediction network: x_t (B, 12, 8, 8) -> v of the same shape."""

    @register_to_config
    def __init__(
        self,
        sample_size: int = 8,
        in_channels: int = 12,
        patch_size: int = 2,
        dim: int = 256,
        num_layers: int = 6,
        num_heads: int = 4,
        text_dim: int = 512,
        num_styles: int = 8,
    ) -> None:
        super().__init__()
        patch = in_channels * patch_size**2
        self.patch_in = nn.Linear(patch, dim)
        self.position = nn.Parameter(torch.randn((sample_size // patch_size) ** 2, dim) * 0.02)
        self.time = nn.Sequential(nn.Linear(TIME_CHANNELS, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.style = nn.Embedding(num_styles + 1, dim)  # the last one means any style
        self.phrase = nn.Sequential(nn.Linear(text_dim, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.no_phrase = nn.Parameter(torch.zeros(dim))
        self.text_in = nn.Linear(text_dim, dim)
        self.sink = nn.Parameter(torch.randn(dim) * 0.02)  # what cross-attention sees of an empty prompt
        early = num_layers // 2
        self.blocks = nn.ModuleList(Block(dim, num_heads, i >= num_layers - early) for i in range(num_layers))
        self.final_modulation = nn.Linear(dim, 2 * dim)
        self.patch_out = nn.Linear(dim, patch)
        nn.init.normal_(self.style.weight, std=0.02)
        for layer in (self.final_modulation, self.patch_out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(
        self,
        hidden_states: Tensor,
        timestep: Tensor,
        encoder_hidden_states: Tensor,
        encoder_attention_mask: Tensor,
        style: Tensor,
        attend: Attend | None = None,
        return_dict: bool = True,
    ) -> Transformer2DModelOutput | tuple:
        """hidden_states x_t (B, 12, 8, 8); timestep (B,) from 0 to 999; encoder_hidden_states (B, L, 512) with the
        phrase first; encoder_attention_mask (B, L) bool, all False for an empty prompt; style (B,) int, num_styles
        for any. `attend(layer, weights)` sees each cross-attention's weights (B, heads, 16, 1 + L), of which column 0
        is the sink and column 1 the phrase (both 0 where there are words), and returns those to use.
        """
        text, mask = encoder_hidden_states * math.sqrt(self.config.text_dim), encoder_attention_mask
        c = F.silu(self._condition(timestep, text, mask, style))
        sink, seen = self.sink.expand(len(text), 1, -1), visible(mask)
        tokens = torch.cat([sink, self.text_in(text)], 1)  # (B, 1 + L, D)
        bias = torch.zeros(seen.shape, dtype=text.dtype, device=text.device).masked_fill_(~seen, float("-inf"))
        bias = bias[:, None, None]
        x = self.patch_in(patchify(hidden_states, self.config.patch_size)) + self.position
        kept: list[Tensor] = []
        for i, block in enumerate(self.blocks):
            x = block(x, None if block.skip is None else kept.pop(), c, tokens, bias, i, attend)
            if i < len(self.blocks) // 2:
                kept.append(x)
        shift, scale = self.final_modulation(c).unsqueeze(1).chunk(2, -1)
        x = self.patch_out(modulate(x, shift, scale))
        out = unpatchify(x, self.config.patch_size, hidden_states.shape[2:])
        return Transformer2DModelOutput(sample=out) if return_dict else (out,)

    def _condition(self, timestep: Tensor, text: Tensor, mask: Tensor, style: Tensor) -> Tensor:
        time = self.time(get_timestep_embedding(timestep, TIME_CHANNELS, flip_sin_to_cos=True, downscale_freq_shift=0))
        phrase = torch.where(mask[:, :1], self.phrase(text[:, 0]), self.no_phrase)
        return time + self.style(style) + phrase  # (B, D)


def visible(mask: Tensor) -> Tensor:
    """mask (B, L), the phrase first -> (B, 1 + L): what cross-attention may look at, the sink first.

    The words where there are any, else the sink and the phrase. A sink that is always there, or the whole phrase
    beside its words, draws all attention to itself within minutes of training, and no gradient brings it back.
    """
    words = mask.clone()
    words[:, 0] = False
    none = ~words.any(1, keepdim=True)
    return torch.cat([none, torch.where(none, mask, words)], 1)


def patchify(x: Tensor, size: int) -> Tensor:
    """(B, C, H, W) -> (B, H/size * W/size, C * size * size)."""
    b, c, h, w = x.shape
    x = x.view(b, c, h // size, size, w // size, size)
    return x.permute(0, 2, 4, 1, 3, 5).reshape(b, (h // size) * (w // size), c * size * size)


def unpatchify(x: Tensor, size: int, shape: tuple[int, int]) -> Tensor:
    """The inverse of `patchify`, for a picture of height and width `shape`."""
    h, w = shape[0] // size, shape[1] // size
    x = x.view(len(x), h, w, -1, size, size).permute(0, 3, 1, 4, 2, 5)
    return x.reshape(len(x), -1, h * size, w * size)
