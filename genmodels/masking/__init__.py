"""Masking: hide most of a picture and rebuild it (MAE, FCMAE), and what their encoders are good for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from genmodels.registry import ModelCard, register
from genmodels.weights import Embedded, Hub

if TYPE_CHECKING:
    from genmodels.masking.codes import Codes
    from genmodels.masking.fcmae import ConvMaskedAutoencoder
    from genmodels.masking.mae import MaskedAutoencoder

DATA = "Tiny ImageNet (CS231n), 47,500 photographs, and CIFAR-10, 16,667 of its training pictures, all at 64x64"
CIFAR = "CIFAR-10, 2,000 of its pictures, encoded"
FILES = ("config.json", "preprocessor_config.json", "model.safetensors")
PUBLISHED = {
    "base": ("25b184bea5538bf5c4c852c79d221195fdd2778d", 111_907_840),
    "large": ("142cb8c25e1b1bc1769997a919aa1b5a2345a6b8", 329_541_888),
}


VIT, CONV = "arXiv:2111.06377", "arXiv:2301.00808"
REBUILDS = {"reconstruct", "encode"}


def _card(id: str, can: set[str], source: Embedded | Hub, params: int, data: str, paper: str) -> ModelCard:
    return ModelCard(
        id=id,
        topic="masking",
        can=frozenset(can),
        weights=source,
        params=params,
        license="Apache-2.0",
        source=paper,
        data=data,
    )


def _mae(folder: Path) -> MaskedAutoencoder:
    from genmodels.masking.mae import MaskedAutoencoder

    return MaskedAutoencoder.read(folder)


def _fcmae() -> ConvMaskedAutoencoder:
    from genmodels.masking.fcmae import ConvMaskedAutoencoder

    return ConvMaskedAutoencoder()


def _codes() -> Codes:
    from genmodels.masking.codes import Codes

    return Codes()


register(_card("mae-photos", REBUILDS | {"attend"}, Embedded("mae-photos"), 4_460_288, DATA, VIT))(_mae)
register(_card("fcmae-photos", REBUILDS, Embedded("fcmae-photos"), 2_723_616, DATA, CONV))(_fcmae)
for _size, (_commit, _params) in PUBLISHED.items():
    _hub = Hub(f"facebook/vit-mae-{_size}", _commit, FILES)
    register(_card(f"vit-mae-{_size}", REBUILDS | {"attend"}, _hub, _params, "ImageNet-1K", VIT))(_mae)
register(_card("cifar-codes", {"compare"}, Embedded("cifar-codes"), 2_793_472, CIFAR, VIT))(_codes)
