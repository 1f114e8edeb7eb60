"""Prompt to image: a miniature Stable Diffusion (arXiv:2112.10752) trained here on emoji."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from genmodels.registry import ModelCard, register
from genmodels.weights import Embedded

if TYPE_CHECKING:
    from genmodels.text_to_image.autoencoder import PatchAutoencoder
    from genmodels.text_to_image.cascade import UpscalerUNet2DModel
    from genmodels.text_to_image.judge import PictureEncoder
    from genmodels.text_to_image.pipeline import EmojiPipeline
    from genmodels.text_to_image.prior import EmojiPrior

DATA = "emoji in eight styles: Twemoji, OpenMoji (colour, line), Fluent (3D, flat), Noto, Noto v1, EmojiOne"
LICENSE = "CC-BY-SA-4.0"  # OpenMoji's art is share-alike


@register(
    ModelCard(
        id="emoji-autoencoder",
        topic="text_to_image",
        can=frozenset({"encode", "decode"}),
        weights=Embedded("emoji-autoencoder"),
        params=1_227_751,
        license=LICENSE,
        source="arXiv:2112.10752",
        data=DATA,
    )
)
def emoji_autoencoder(folder: Path) -> PatchAutoencoder:
    import torch

    from genmodels.text_to_image.autoencoder import PatchAutoencoder

    return PatchAutoencoder.from_pretrained(folder, torch_dtype=torch.float32)


@register(
    ModelCard(
        id="emoji-diffusion",
        topic="text_to_image",
        can=frozenset({"generate"}),
        weights=Embedded("emoji-diffusion"),
        params=1_227_751 + 9_697_328,
        license=LICENSE,
        source="arXiv:2112.10752",
        data=DATA,
    )
)
def emoji_diffusion(folder: Path) -> EmojiPipeline:
    from genmodels.text_to_image.pipeline import EmojiPipeline

    return EmojiPipeline.read(folder)


@register(
    ModelCard(
        id="emoji-upscaler",
        topic="text_to_image",
        can=frozenset({"upscale"}),
        weights=Embedded("emoji-upscaler"),
        params=2_763_024,
        license=LICENSE,
        source="arXiv:2205.11487",
        data=DATA,
    )
)
def emoji_upscaler(folder: Path) -> UpscalerUNet2DModel:
    import torch

    from genmodels.text_to_image.cascade import UpscalerUNet2DModel

    return UpscalerUNet2DModel.from_pretrained(folder, torch_dtype=torch.float32)


@register(
    ModelCard(
        id="emoji-fewstep",
        topic="text_to_image",
        can=frozenset({"generate"}),
        weights=Embedded("emoji-fewstep"),
        params=1_227_751 + 9_697_328,
        license=LICENSE,
        source="arXiv:2310.04378",
        data=DATA,
    )
)
def emoji_fewstep(folder: Path) -> EmojiPipeline:
    return emoji_diffusion(folder)


from genmodels.text_to_image import published as published  # noqa: E402  (listed after the embedded ones)


@register(
    ModelCard(
        id="emoji-clip",
        topic="text_to_image",
        can=frozenset({"embed"}),
        weights=Embedded("emoji-clip"),
        params=2_159_041,
        license=LICENSE,
        source="arXiv:2103.00020",
        data=DATA,
    )
)
def emoji_clip() -> PictureEncoder:
    from genmodels.text_to_image.judge import PictureEncoder

    return PictureEncoder()


@register(
    ModelCard(
        id="emoji-judge",
        topic="text_to_image",
        can=frozenset({"judge"}),
        weights=Embedded("emoji-judge"),
        params=2_159_041,
        license=LICENSE,
        source="arXiv:2103.00020",
        data=f"{DATA}, and in four that only the judge sees: FxEmoji, EmojiOne 1 and monotone, Fluent in high contrast",
    )
)
def emoji_judge() -> PictureEncoder:
    from genmodels.text_to_image.judge import PictureEncoder

    return PictureEncoder()


@register(
    ModelCard(
        id="emoji-prior",
        topic="text_to_image",
        can=frozenset({"embed"}),
        weights=Embedded("emoji-prior"),
        params=3_034_112,
        license=LICENSE,
        source="arXiv:2204.06125",
        data=DATA,
    )
)
def emoji_prior() -> EmojiPrior:
    from genmodels.text_to_image.prior import EmojiPrior

    return EmojiPrior()


def emoji_data(folder: Path) -> EmojiPipeline:
    from genmodels.text_to_image.data_need import read

    return read(folder)


for share in (1, 10, 100):
    register(
        ModelCard(
            id=f"emoji-data-{share}",
            topic="text_to_image",
            can=frozenset({"generate"}),
            weights=Embedded(f"emoji-data-{share}"),
            params=1_227_751 + 1_763_504,
            license=LICENSE,
            source="arXiv:2112.10752",
            data=f"{DATA}, {share} % of the subjects",
        )
    )(emoji_data)
