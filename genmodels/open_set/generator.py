"""Known pictures for the page: digits drawn by a conditional variational autoencoder.

Kingma and Welling 2014, arXiv:1312.6114; conditioned on the class as Sohn et al. 2015.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genmodels.errors import in_range

CONTRAST = 1.7  # a Bernoulli mean is blurred where strokes vary: its logits are stretched when a picture is drawn


class DigitsVAE(nn.Module):
    """28x28 digits in [-1, 1], ten classes, a latent of 20 numbers."""

    def __init__(self, latent: int = 20, hidden: int = 512) -> None:
        super().__init__()
        self.latent = latent
        self.encoder = nn.Sequential(
            nn.Linear(784 + 10, hidden), nn.SiLU(), nn.Linear(hidden, hidden // 2), nn.SiLU(),
            nn.Linear(hidden // 2, 2 * latent),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Linear(latent + 10, hidden // 2), nn.SiLU(), nn.Linear(hidden // 2, hidden), nn.SiLU(),
            nn.Linear(hidden, 784),
        )  # fmt: skip

    def loss(self, x: Tensor, labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Negative evidence lower bound per picture, Bernoulli likelihood; x: (B, 1, 28, 28), labels (B,)."""
        onehot = F.one_hot(labels, 10).float()
        target = (x.flatten(1) + 1) / 2
        mean, log_var = self.encoder(torch.cat([target, onehot], 1)).chunk(2, 1)
        z = mean + (log_var / 2).exp() * torch.randn(mean.shape, generator=generator)
        logits = self.decoder(torch.cat([z, onehot], 1))
        rebuilt = F.binary_cross_entropy_with_logits(logits, target.clamp(0, 1), reduction="none").sum(1)
        kl = -0.5 * (1 + log_var - mean.square() - log_var.exp()).sum(1)
        return (rebuilt + kl).mean()

    @torch.inference_mode()
    def sample(self, labels: Tensor, seed: int, temperature: float = 0.6) -> Tensor:
        """labels (N,) -> (N, 1, 28, 28) in [-1, 1]; the same seed draws the same pictures.

        temperature: standard deviation of the latent, 0 to 1.5. Raises Refusal out of range.
        """
        in_range("temperature", temperature, 0, 1.5)
        generator = torch.Generator().manual_seed(int(in_range("seed", seed, 0, 2**31 - 1)))
        z = temperature * torch.randn(len(labels), self.latent, generator=generator)
        z = z.to(next(self.parameters()).device)
        pixels = (CONTRAST * self.decoder(torch.cat([z, F.one_hot(labels, 10).to(z)], 1))).sigmoid()
        return pixels.view(-1, 1, 28, 28) * 2 - 1
