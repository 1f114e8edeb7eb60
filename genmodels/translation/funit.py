"""FUNIT: content from one picture, style from a few examples of a style never trained on (Liu et al. 2019,
arXiv:1905.01723)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genmodels.translation.adversarial import SLOPE, PatchGAN, d_hinge, frozen, g_hinge

WIDTH, CODE, BLOCKS = 24, 64, 2
REBUILD, FEATURES = 10.0, 1.0  # beside the adversarial loss; section 4 has 0.1 and 1, for a hundred times the training
SCALE = 0.1  # of the generator's whole loss, which Adam does not see, so that gradients are near 1


class AdaptiveResidual(nn.Module):
    """A residual block whose two normalisations take scale and shift from the style (AdaIN, Huang and Belongie 2017,
    arXiv:1703.06868). x (B, C, H, W), style (B, 4 * C) -> (B, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.first = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect")
        self.second = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect")

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        a, b = style.split(2 * self.channels, 1)
        return x + adain(self.second(F.relu(adain(self.first(x), a))), b)


def adain(x: Tensor, style: Tensor) -> Tensor:
    """x (B, C, H, W) with the mean and deviation of each channel over places replaced; style (B, 2 * C)."""
    scale, shift = style[:, :, None, None].chunk(2, 1)
    return F.instance_norm(x) * (1 + scale) + shift


class AdaptiveUp(nn.Module):
    """To twice the size, with what the content encoder saw there, each channel scaled and shifted by the style but not
    normalised: a normalisation would take away the content's colours (FiLM, Perez et al. 2018, arXiv:1709.07871).

    x (B, C, H, W), seen (B, S, 2H, 2W), style (B, 2 * O) -> (B, O, 2H, 2W)
    """

    def __init__(self, channels: int, seen: int, out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels + seen, out, 3, padding=1, padding_mode="reflect")

    def forward(self, x: Tensor, seen: Tensor, style: Tensor) -> Tensor:
        scale, shift = style[:, :, None, None].chunk(2, 1)
        y = self.conv(torch.cat([F.interpolate(x, scale_factor=2), seen], 1))
        return F.relu(y * (1 + scale) + shift)


class FUNIT(nn.Module):
    """forward: content (B, 3, 64, 64) in [-1, 1] and a style code (B, CODE) -> pictures (B, 3, 64, 64).

    `style` makes the code of K examples. Source: section 3.1 and appendix A, a quarter of its width and fewer blocks.
    The paper keeps an animal's pose and gives up the rest; a drawing keeps its lines and colours, so what the content
    encoder sees at 64 and 32 pixels reaches the decoder, as in a U-Net.
    """

    def __init__(self, width: int = WIDTH, code: int = CODE, blocks: int = BLOCKS) -> None:
        super().__init__()
        w = width
        self.content = nn.ModuleList(
            [
                nn.Sequential(nn.Conv2d(3, w, 5, padding=2, padding_mode="reflect"), nn.ReLU()),
                nn.Sequential(nn.Conv2d(w, 2 * w, 4, 2, 1), nn.ReLU()),
                nn.Sequential(nn.Conv2d(2 * w, 4 * w, 4, 2, 1), nn.ReLU()),
            ]
        )
        # No normalisation here: the means and deviations that it takes away are most of what a style is.
        self.examples = nn.Sequential(
            nn.Conv2d(3, w, 5, padding=2),
            nn.LeakyReLU(SLOPE),
            *(
                layer
                for a, b in ((w, 2 * w), (2 * w, 3 * w), (3 * w, 4 * w))
                for layer in (nn.Conv2d(a, b, 4, 2, 1), nn.LeakyReLU(SLOPE))
            ),
        )
        self.code = nn.Linear(4 * w, code)
        self.blocks = nn.ModuleList(AdaptiveResidual(4 * w) for _ in range(blocks))
        self.ups = nn.ModuleList([AdaptiveUp(4 * w, 2 * w, 2 * w), AdaptiveUp(2 * w, w, w)])
        self.shares = [16 * w] * blocks + [4 * w, 2 * w]
        self.mapping = nn.Sequential(
            nn.Linear(code, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, sum(self.shares))
        )
        self.last = nn.Conv2d(w, 3, 5, padding=2, padding_mode="reflect")

    def style(self, examples: Tensor) -> Tensor:
        """K examples of each style (B, K, 3, H, W) -> codes (B, CODE), the mean over the examples (section 3.1)."""
        count = examples.shape[1]
        found = self.code(self.examples(examples.flatten(0, 1)).mean((2, 3)))
        return found.unflatten(0, (-1, count)).mean(1)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        full, half, y = (x := layer(x) for layer in self.content)
        *inner, low, high = self.mapping(style).split(self.shares, 1)
        for block, own in zip(self.blocks, inner, strict=True):
            y = block(y, own)
        y = self.ups[0](y, half, low)
        return self.last(self.ups[1](y, full, high)).tanh()


class FUNITTraining(nn.Module):
    """The translator and a judge that answers for each training style apart (equation 2 to 5)."""

    def __init__(self, model: FUNIT, D: PatchGAN) -> None:
        super().__init__()
        self.model, self.D = model, D

    def losses(
        self, x: Tensor, truth: Tensor, own: Tensor, kin: Tensor, examples: Tensor, other: Tensor
    ) -> dict[str, Tensor]:
        """x (B, 3, H, W), the same in styles own (B,), further pictures kin (B, 3, H, W) of these; examples
        (B, K, 3, H, W) of styles other (B,) -> parts of the sum.

        The paper rebuilds x with x's own code. Here the code is that of kin, so that what is x's alone must come as
        content, and where the style was made by rule x need not have it yet: then the truth is known.
        """
        code = self.model.style(torch.cat([examples.flatten(0, 1), kin])[:, None])  # each picture's own
        count, k = examples.shape[:2]
        theirs, mine = code[: count * k].unflatten(0, (count, k)).mean(1), code[count * k :]
        fake, rebuilt = self.model(x.repeat(2, 1, 1, 1), torch.cat([theirs, mine])).chunk(2)
        real = examples[:, 0]
        with frozen(self.D):
            maps = self.D.features(torch.cat([fake, rebuilt, real, truth]))
            fooled = g_hinge(chosen(self.D.last(maps[-1][: 2 * count]), torch.cat([other, own])))
            found, back, wanted, kept = maps[-1].mean((2, 3)).chunk(4)
        judged = d_hinge(
            chosen(self.D(torch.cat([real, truth])), torch.cat([other, own])),
            chosen(self.D(torch.cat([fake, rebuilt]).detach()), torch.cat([other, own])),
        )
        return {
            "rebuild": SCALE * REBUILD * F.l1_loss(rebuilt, truth),
            "features": SCALE * FEATURES * (F.l1_loss(found, wanted.detach()) + F.l1_loss(back, kept.detach())),
            "g": SCALE * fooled,
            "d": judged,
        }


def chosen(logits: Tensor, styles: Tensor) -> Tensor:
    """Of each picture's maps (B, S, h, w) the one of its style (B,) -> (B, h, w)."""
    return logits[torch.arange(len(styles), device=logits.device), styles]
