"""The papers' ablations: narrower networks that learn from the same batches at the same time, so with equal budgets."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from genmodels.translation.adversarial import PatchGAN
from genmodels.translation.cyclegan import CYCLE, IDENTITY, CycleGAN, ResNetGenerator, Translators
from genmodels.translation.pix2pix import L1_WEIGHT, Pix2PixTraining, UNet, d_loss, g_loss

NARROW = (10, 20, 32, 40, 40, 40)
D_WIDTH = 16
BOTH = (1.0, 1 / 20)  # not 1 : 100, since the spectral norm bounds the gradient that D sends back
PAINTERS: dict[str, tuple[int | str | None, tuple[float, float]]] = {  # D's patch, weights of L1 and the game
    "l1": (None, (1.0, 0.0)),
    "cgan": (70, (0.0, 1.0)),
    "patch-1": (1, BOTH),
    "patch-16": (16, BOTH),
    "patch-70": (70, BOTH),
    "patch-whole": ("whole", BOTH),
}
CYCLES = {"full": (CYCLE, IDENTITY), "no-cycle": (0.0, IDENTITY), "no-identity": (CYCLE, 0.0)}
PAIRED = "paired"
SHAPE = (12, 3)  # width and blocks of the cycles' generators


class Painters(nn.Module):
    """pix2pix by loss and by patch (Isola et al. 2017, tables 1 to 3): `variants` by the names of PAINTERS."""

    def __init__(self) -> None:
        super().__init__()
        self.variants = nn.ModuleDict({name: UNet(1, NARROW) for name in PAINTERS})


class PaintersTraining(nn.Module):
    """All of them at once. `shipped` are the generators inside."""

    def __init__(self, shipped: Painters) -> None:
        super().__init__()
        self.variants = nn.ModuleDict()
        for name, (patch, weights) in PAINTERS.items():
            D = None if patch is None else PatchGAN(4, D_WIDTH, patch)
            self.variants[name] = Pix2PixTraining(shipped.variants[name], D, *weights)

    def losses(self, x: Tensor, y: Tensor, seed: Tensor) -> dict[str, Tensor]:
        """As of Pix2PixTraining; the sum of each variant by its name."""
        return {name: sum(v.losses(x, y, seed).values()) for name, v in self.variants.items()}


class Cycles(nn.Module):
    """CycleGAN without its losses one by one (Zhu et al. 2017, tables 4 and 5), and a translator that was told pairs:
    `variants` by the names of CYCLES, and PAIRED."""

    def __init__(self) -> None:
        super().__init__()
        found: dict[str, nn.Module] = {name: Translators(*SHAPE) for name in CYCLES}
        self.variants = nn.ModuleDict(found | {PAIRED: ResNetGenerator(*SHAPE)})


class CyclesTraining(nn.Module):
    """All of them at once. `shipped` are the generators inside."""

    def __init__(self, shipped: Cycles) -> None:
        super().__init__()
        self.variants = nn.ModuleDict()
        for name, (cycle, identity) in CYCLES.items():
            model = CycleGAN(*SHAPE, D_WIDTH, cycle, identity, noise=0.0)
            model.G, model.F = shipped.variants[name].G, shipped.variants[name].F
            self.variants[name] = model
        self.G, self.D = shipped.variants[PAIRED], PatchGAN(6, D_WIDTH)

    def losses(self, a: Tensor, b: Tensor, seed: Tensor, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """a, b, seed as of CycleGAN, x, y (B, 3, H, W) the pairs that PAIRED is told; the sum of each by its name."""
        parts = {name: sum(model.losses(a, b, seed).values()) for name, model in self.variants.items()}
        fake = self.G(x)
        told = F.l1_loss(fake, y) + g_loss(self.D, x, fake) / L1_WEIGHT + d_loss(self.D, x, y, fake)
        return parts | {PAIRED: told}
