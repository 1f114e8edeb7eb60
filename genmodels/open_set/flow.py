"""A normalizing flow on the features, conditioned on the class: the deeper generative model.

RealNVP, Dinh et al. 2017, arXiv:1605.08803, section 3.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genmodels.open_set.detector import CLASSES, ClassModels, Features, Whiten


class Coupling(nn.Module):
    """Affine coupling: half of the vector scales and shifts the other half, given the class."""

    def __init__(self, dim: int, hidden: int, flip: bool) -> None:
        super().__init__()
        self.flip, self.half = flip, dim // 2
        self.net = nn.Sequential(
            nn.Linear(self.half + CLASSES, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, 2 * (dim - self.half)),
        )
        nn.init.zeros_(self.net[-1].weight)
        nn.init.zeros_(self.net[-1].bias)

    def forward(self, z: Tensor, onehot: Tensor) -> tuple[Tensor, Tensor]:
        """z: (B, D) -> (B, D), log|det| (B,)."""
        z = z.flip(1) if self.flip else z
        a, b = z[:, : self.half], z[:, self.half :]
        scale, shift = self.net(torch.cat([a, onehot], 1)).chunk(2, 1)
        scale = 2 * torch.tanh(scale / 2)
        return torch.cat([a, b * scale.exp() + shift], 1), scale.sum(1)

    def inverse(self, z: Tensor, onehot: Tensor) -> Tensor:
        a, b = z[:, : self.half], z[:, self.half :]
        scale, shift = self.net(torch.cat([a, onehot], 1)).chunk(2, 1)
        out = torch.cat([a, (b - shift) * (-2 * torch.tanh(scale / 2)).exp()], 1)
        return out.flip(1) if self.flip else out


class ClassFlow(ClassModels):
    """Class-conditional RealNVP on the whitened leading components of all depths."""

    def __init__(self, dim: int = 352, components: int = 48, couplings: int = 6, hidden: int = 96) -> None:
        super().__init__()
        self.whiten = Whiten(dim, components)
        self.couplings = nn.ModuleList(Coupling(components, hidden, i % 2 == 1) for i in range(couplings))

    def fit(self, features: Features, labels: Tensor, steps: int = 1500, seed: int = 0) -> ClassFlow:
        generator = torch.Generator().manual_seed(seed)
        z = self.whiten.fit(features.depths)(features.depths)
        optimizer = torch.optim.AdamW(self.parameters(), lr=2e-3, weight_decay=1e-3)
        decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for _ in range(steps):
            pick = torch.randint(len(z), (512,), generator=generator)
            noisy = z[pick] + 0.05 * torch.randn(z[pick].shape, generator=generator)
            loss = -self.log_density(noisy, labels[pick]).mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.parameters(), 5.0)
            optimizer.step()
            decay.step()
        return self.requires_grad_(False)

    def log_density(self, z: Tensor, labels: Tensor) -> Tensor:
        """log p(z | class) by the change of variables (eq. 3); z: (B, D), labels (B,) -> (B,)."""
        onehot = F.one_hot(labels, CLASSES).float()
        total = torch.zeros(len(z))
        for coupling in self.couplings:
            z, log_det = coupling(z, onehot)
            total = total + log_det
        return total - 0.5 * (z.square().sum(1) + z.shape[1] * math.log(2 * math.pi))

    @torch.no_grad()
    def log_likelihood(self, features: Features) -> Tensor:
        z = self.whiten(features.depths)
        every = torch.arange(CLASSES).repeat(len(z))
        return self.log_density(z.repeat_interleave(CLASSES, 0), every).view(len(z), CLASSES)
