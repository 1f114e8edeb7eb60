"""The closed-set classifier whose features every detector reads."""

from __future__ import annotations

import torch
from torch import Tensor, nn

DEPTHS = ("stage1", "stage2", "stage3", "embedding")
WIDTHS = (32, 64, 128, 128)


def block(c_in: int, c_out: int, stride: int = 1) -> nn.Sequential:
    """3x3 convolution, batch normalisation, ReLU."""
    return nn.Sequential(nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU(inplace=True))


class DigitsCNN(nn.Module):
    """A small convolutional network for 28x28 digits; input B 1 28 28 in [-1, 1], white ink on black."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.stage1 = nn.Sequential(block(1, 24), block(24, WIDTHS[0], 2))  # 14 x 14
        self.stage2 = nn.Sequential(block(WIDTHS[0], 48), block(48, WIDTHS[1], 2))  # 7 x 7
        self.stage3 = nn.Sequential(block(WIDTHS[1], 96), block(96, WIDTHS[2]))  # 7 x 7
        self.embedding = nn.Sequential(nn.Linear(2 * WIDTHS[2], WIDTHS[3], bias=False), nn.BatchNorm1d(WIDTHS[3]))
        self.head = nn.Linear(WIDTHS[3], classes)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, 1, 28, 28) -> logits (B, classes)."""
        return self.features(x)[1]

    def features(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x: (B, 1, 28, 28) -> depths (B, 352): pooled activations of every depth side by side;
        logits (B, classes); embedding (B, 128), the last depth alone."""
        h1 = self.stage1(x)
        h2 = self.stage2(h1)
        h3 = self.stage3(h2)
        pooled = torch.cat([h3.mean((2, 3)), h3.amax((2, 3))], 1)  # (B, 256)
        embedding = self.embedding(pooled).relu()
        depths = torch.cat([h1.mean((2, 3)), h2.mean((2, 3)), h3.mean((2, 3)), embedding], 1)
        return depths, self.head(embedding), embedding
