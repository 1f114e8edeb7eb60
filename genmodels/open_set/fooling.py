"""Fooling pictures: noise that softmax is surer of than of any digit. Nguyen et al. 2015, arXiv:1412.1897."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def log_odds(logits: Tensor) -> Tensor:
    """Log-odds of the top class against all others together, (N, C) -> (N,) float64."""
    top, at = logits.double().max(1)
    rest = logits.double().scatter(1, at[:, None], -float("inf")).logsumexp(1)
    return top - rest


@torch.enable_grad()
def fool(network: nn.Module, x: Tensor, beyond: float, steps: int = 60, levels: int = 2) -> tuple[Tensor, int]:
    """Move one picture along the sign of its log-odds' gradient until they exceed `beyond`.

    x: (1, 1, H, W) in [-1, 1]; each step moves every pixel by `levels` of 255 grey levels; whole grey levels only.
    -> the picture, and the steps taken (at most `steps`).
    """
    taken = 0
    while taken < steps and float(log_odds(network(x.detach()).detach())) <= beyond:
        x = x.detach().requires_grad_(True)
        (slope,) = torch.autograd.grad(log_odds(network(x)).sum(), x)
        moved = (x.detach() + levels / 127.5 * slope.sign()).clamp(-1, 1)
        x = ((moved + 1) * 127.5).round() / 127.5 - 1
        taken += 1
    return x, taken
