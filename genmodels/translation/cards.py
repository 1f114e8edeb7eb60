"""The topic's models. `register_all` adds them to the registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from genmodels.registry import ModelCard, register
from genmodels.weights import Embedded

if TYPE_CHECKING:
    from torch import nn

PIX2PIX, BICYCLE, CYCLE, FUNIT = "arXiv:1611.07004", "arXiv:1711.11586", "arXiv:1703.10593", "arXiv:1905.01723"
OUTLINES = "OpenMoji, 2,025 drawings as outline and in colour"
STYLES = "Twemoji; Fluent emoji, 3D, unpaired"
FRUIT = "Tiny ImageNet (CS231n), 471 of its photographs of oranges and lemons, unpaired"
FACADES = "CMP Facade Database, 500 facades with their label maps"
SIX = "Twemoji; Fluent emoji, 3D and flat; Noto emoji and its first version; EmojiOne 2"


def pix2pix_outline() -> nn.Module:
    from genmodels.translation.pix2pix import UNet

    return UNet(1)


def pix2pix_facades() -> nn.Module:
    from genmodels.translation.pix2pix import FACADE_WIDTHS, UNet

    return UNet(3, FACADE_WIDTHS)


def pix2pix_ablation() -> nn.Module:
    from genmodels.translation.ablation import Painters

    return Painters()


def bicycle_outline() -> nn.Module:
    from genmodels.translation.bicyclegan import BicycleGAN

    return BicycleGAN()


def cyclegan() -> nn.Module:
    from genmodels.translation.cyclegan import CycleGAN

    return CycleGAN()


def cyclegan_ablation() -> nn.Module:
    from genmodels.translation.ablation import Cycles

    return Cycles()


def funit_styles() -> nn.Module:
    from genmodels.translation.funit import FUNIT as Network

    return Network()


# id: constructor, what it can do, parameters, licence, paper, data
MODELS: dict[str, tuple[Callable[[], nn.Module], set[str], int, str, str, str]] = {
    "pix2pix-outline": (pix2pix_outline, {"paint"}, 1_508_195, "CC-BY-SA-4.0", PIX2PIX, OUTLINES),
    "pix2pix-facades": (pix2pix_facades, {"build"}, 1_286_763, "Apache-2.0", PIX2PIX, FACADES),
    "pix2pix-ablation": (pix2pix_ablation, {"compare"}, 1_388_070, "CC-BY-SA-4.0", PIX2PIX, OUTLINES),
    "bicycle-outline": (bicycle_outline, {"paint", "vary"}, 1_766_299, "CC-BY-SA-4.0", BICYCLE, OUTLINES),
    "cyclegan-styles": (cyclegan, {"translate"}, 914_856, "CC-BY-4.0", CYCLE, STYLES),
    "cyclegan-fruit": (cyclegan, {"translate"}, 914_856, "Apache-2.0", CYCLE, FRUIT),
    "cyclegan-ablation": (cyclegan_ablation, {"compare"}, 1_214_661, "CC-BY-4.0", CYCLE, STYLES),
    "funit-styles": (funit_styles, {"restyle"}, 836_939, "CC-BY-4.0", FUNIT, SIX),
}


def register_all() -> None:
    """Register every model of MODELS; only once their weights are there, for a card without weights is refused."""
    for id, (constructor, can, params, license, source, data) in MODELS.items():
        card = ModelCard(id, "translation", frozenset(can), Embedded(id), params, license, source, data)
        register(card)(constructor)
