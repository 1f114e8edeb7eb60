"""The published models: Stable Diffusion 1.5, SD-Turbo and SDXL-Turbo, and the tiny decoders of their previews.

Each is a public repository at one commit, of which only configurations, vocabularies and half-precision safetensors
are fetched. `hub_pipeline` reads them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from genmodels.registry import ModelCard, register
from genmodels.text_to_image.settings import SETTINGS
from genmodels.weights import Hub

if TYPE_CHECKING:
    from diffusers import AutoencoderTiny

    from genmodels.text_to_image.hub_pipeline import HubPipeline

WORDS = ("merges.txt", "special_tokens_map.json", "tokenizer_config.json", "vocab.json")
ENCODER = ("config.json", "model.fp16.safetensors")
NETWORK = ("config.json", "diffusion_pytorch_model.fp16.safetensors")
STABLE_DIFFUSION = {
    "scheduler": ("scheduler_config.json",),
    "tokenizer": WORDS,
    "text_encoder": ENCODER,
    "unet": NETWORK,
    "vae": NETWORK,
}
CHECKED = STABLE_DIFFUSION | {"safety_checker": ENCODER, "feature_extractor": ("preprocessor_config.json",)}
XL = STABLE_DIFFUSION | {"tokenizer_2": WORDS, "text_encoder_2": ENCODER}
TINY = ("config.json", "diffusion_pytorch_model.safetensors")
STABILITY = "Stability AI Community License"


def _hub(repo: str, revision: str, layout: dict[str, tuple[str, ...]]) -> Hub:
    return Hub(repo, revision, tuple(f"{part}/{file}" for part, files in layout.items() for file in files))


@register(
    ModelCard(
        id="stable-diffusion-1-5",
        topic="text_to_image",
        can=frozenset({"generate"}),
        weights=_hub(
            "stable-diffusion-v1-5/stable-diffusion-v1-5", "451f4fe16113bff5a5d2269ed5ad43b0592e9a14", CHECKED
        ),
        params=859_520_964 + 123_060_480 + 83_653_863 + 303_981_588,  # U-Net, text encoder, autoencoder, safety checker
        license="CreativeML OpenRAIL-M",
        source="arXiv:2112.10752",
        data="LAION-2B-en and its aesthetic subsets",
        min_vram_gb=4,
    )
)
def stable_diffusion_1_5(folder: Path) -> HubPipeline:
    return _read(folder, "stable-diffusion-1-5")


@register(
    ModelCard(
        id="sd-turbo",
        topic="text_to_image",
        can=frozenset({"generate"}),
        weights=_hub("stabilityai/sd-turbo", "b261bac6fd2cf515557d5d0707481eafa0485ec2", STABLE_DIFFUSION),
        params=865_910_724 + 340_387_840 + 83_653_863,
        license=STABILITY,
        source="arXiv:2311.17042",
        data="LAION-5B, filtered (Stable Diffusion 2.1, its teacher)",
        min_vram_gb=4,
    )
)
def sd_turbo(folder: Path) -> HubPipeline:
    return _read(folder, "sd-turbo")


@register(
    ModelCard(
        id="sdxl-turbo",
        topic="text_to_image",
        can=frozenset({"generate"}),
        weights=_hub("stabilityai/sdxl-turbo", "71153311d3dbb46851df1931d3ca6e939de83304", XL),
        params=2_567_463_684 + 123_060_480 + 694_659_840 + 83_653_863,
        license=STABILITY,
        source="arXiv:2311.17042",
        data="undisclosed (SDXL 1.0, its teacher)",
        min_vram_gb=7.5,  # a card sold as 8 GB; the parts take turns on it
    )
)
def sdxl_turbo(folder: Path) -> HubPipeline:
    return _read(folder, "sdxl-turbo")


@register(
    ModelCard(
        id="taesd",
        topic="text_to_image",
        can=frozenset({"decode"}),
        weights=Hub("madebyollin/taesd", "614f76814bbe30edbe2e627ace1c2234c81a2c0e", TINY),
        params=2_445_063,
        license="MIT",
        source="github.com/madebyollin/taesd",
        data="LAION-5B, filtered (by way of the autoencoder that it imitates)",
    )
)
def taesd(folder: Path) -> AutoencoderTiny:
    return _read_tiny(folder)


@register(
    ModelCard(
        id="taesdxl",
        topic="text_to_image",
        can=frozenset({"decode"}),
        weights=Hub("madebyollin/taesdxl", "b20258aaef75ef61e659c1e0f14f251cf0ad153e", TINY),
        params=2_445_063,
        license="MIT",
        source="github.com/madebyollin/taesd",
        data="undisclosed (by way of the autoencoder that it imitates)",
    )
)
def taesdxl(folder: Path) -> AutoencoderTiny:
    return _read_tiny(folder)


def _read(folder: Path, id: str) -> HubPipeline:
    from genmodels.text_to_image.hub_pipeline import HubPipeline

    return HubPipeline.read(folder, SETTINGS[id])


def _read_tiny(folder: Path) -> AutoencoderTiny:
    from diffusers import AutoencoderTiny

    from genmodels.text_to_image.hub_pipeline import read_part

    return read_part(AutoencoderTiny, folder)
