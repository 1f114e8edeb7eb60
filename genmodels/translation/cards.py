"""The topic's models. `register_all` adds them to the registry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from genmodels.registry import ModelCard, register
from genmodels.text_to_image.published import CHECKED
from genmodels.weights import Embedded, Hub

if TYPE_CHECKING:
    from torch import nn

    from genmodels.text_to_image.hub_pipeline import HubPipeline

PIX2PIX, BICYCLE, CYCLE, FUNIT = "arXiv:1611.07004", "arXiv:1711.11586", "arXiv:1703.10593", "arXiv:1905.01723"
OUTLINES = "OpenMoji, 2,025 drawings as outline and in colour"
STYLES = "Twemoji; Fluent emoji, 3D, unpaired"
FRUIT = "Tiny ImageNet (CS231n), 471 of its photographs of oranges and lemons, unpaired"
FACADES = "CMP Facade Database, 500 facades with their label maps"
SIX = "Twemoji; Fluent emoji, 3D and flat; Noto emoji and its first version; EmojiOne 2"
MADE = f"{OUTLINES}; {SIX}: 4,272 pictures of them all, outlined by rule"


def pix2pix_outline() -> nn.Module:
    from genmodels.translation.pix2pix import UNet

    return UNet(1)


def pix2pix_facades() -> nn.Module:
    from genmodels.translation.pix2pix import FACADE_WIDTHS, UNet

    return UNet(3, FACADE_WIDTHS)


def pix2pix_ablation() -> nn.Module:
    from genmodels.translation.ablation import Painters

    return Painters()


def pix2pix_noise() -> nn.Module:
    from genmodels.translation.ablation import NARROW
    from genmodels.translation.bicyclegan import CODES
    from genmodels.translation.pix2pix import UNet

    return UNet(1, NARROW, CODES)


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
    "pix2pix-outline": (pix2pix_outline, {"paint"}, 1_508_195, "CC-BY-SA-4.0", PIX2PIX, MADE),
    "pix2pix-facades": (pix2pix_facades, {"build"}, 1_286_763, "Apache-2.0", PIX2PIX, FACADES),
    "pix2pix-ablation": (pix2pix_ablation, {"compare"}, 1_388_070, "CC-BY-SA-4.0", PIX2PIX, OUTLINES),
    "pix2pix-noise": (pix2pix_noise, {"compare"}, 251_521, "CC-BY-SA-4.0", BICYCLE, OUTLINES),
    "bicycle-outline": (bicycle_outline, {"paint", "vary"}, 1_766_299, "CC-BY-SA-4.0", BICYCLE, OUTLINES),
    "cyclegan-styles": (cyclegan, {"translate"}, 914_856, "CC-BY-4.0", CYCLE, STYLES),
    "cyclegan-fruit": (cyclegan, {"translate"}, 914_856, "Apache-2.0", CYCLE, FRUIT),
    "cyclegan-ablation": (cyclegan_ablation, {"compare"}, 1_214_661, "CC-BY-4.0", CYCLE, STYLES),
    "funit-styles": (funit_styles, {"restyle"}, 840_971, "CC-BY-4.0", FUNIT, SIX),
}


INSTRUCT = ModelCard(
    id="instruct-pix2pix",
    topic="translation",
    can=frozenset({"edit"}),
    weights=Hub(
        "timbrooks/instruct-pix2pix",
        "31519b5cb02a7fd89b906d88731cd4d6a7bbf88d",
        tuple(f"{part}/{file}".replace(".fp16", "") for part, files in CHECKED.items() for file in files),
    ),
    params=859_532_484 + 123_060_480 + 83_653_863 + 303_981_588,  # U-Net, text encoder, autoencoder, safety checker
    license="MIT",
    source="arXiv:2211.09800",
    data="450,000 edits made by GPT-3, Stable Diffusion and prompt-to-prompt",
    min_vram_gb=4,
)


def instruct_pix2pix(folder: Path) -> HubPipeline:
    from genmodels.translation import instruct

    return instruct.read(folder)


def register_all() -> None:
    """Register every model of MODELS, and InstructPix2Pix."""
    for id, (constructor, can, params, license, source, data) in MODELS.items():
        card = ModelCard(id, "translation", frozenset(can), Embedded(id), params, license, source, data)
        register(card)(constructor)
    register(INSTRUCT)(instruct_pix2pix)
