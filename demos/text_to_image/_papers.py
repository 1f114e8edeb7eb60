"""The three architectures as diagrams: which blocks, how they are joined, how large there and here."""

from __future__ import annotations

from dataclasses import replace

from demos._i18n import fill
from demos.text_to_image._diagram import Arrow, Block, Diagram
from genmodels import registry

NAMES = ("sd", "imagen", "dalle")
PAPERS = {
    "sd": ("Rombach et al. 2022", "https://arxiv.org/abs/2112.10752"),
    "imagen": ("Saharia et al. 2022", "https://arxiv.org/abs/2205.11487"),
    "dalle": ("Ramesh et al. 2022", "https://arxiv.org/abs/2204.06125"),
}
DIFFUSION, AUTOENCODER, UPSCALER = "emoji-diffusion", "emoji-autoencoder", "emoji-upscaler"
PRIOR, CLIP = "emoji-prior", "emoji-clip"
# The model of ours that plays a block's part, where one does.
PLAYED_BY = {
    "sd.denoiser": DIFFUSION,
    "sd.decoder": AUTOENCODER,
    "imagen.base": DIFFUSION,
    "imagen.sr1": UPSCALER,
    "imagen.sr2": None,
    "dalle.prior": PRIOR,
    "dalle.clip": CLIP,
    "dalle.decoder": DIFFUSION,
    "dalle.upsamplers": UPSCALER,
}
ENCODER_SIZE = "69 M"  # the multilingual Universal Sentence Encoder
LATENTS = "8 × 8 × 12"

STABLE_DIFFUSION = Diagram(
    "sd",
    (
        Block("prompt", 0, 0, "data"),
        Block("text", 1, 0, "model", "123 M", ENCODER_SIZE),
        Block("noise", 0, 1, "data", "64 × 64 × 4", LATENTS),
        Block("denoiser", 1, 1, "model", "860 M"),
        Block("scheduler", 2, 1, "process", "50 ×", "20 ×"),
        Block("decoder", 3, 1, "model", "84 M"),
        Block("picture", 4, 1, "data", "512 × 512", "64 × 64"),
    ),
    (
        Arrow(("prompt", "e"), ("text", "w")),
        Arrow(("text", "s"), ("denoiser", "n"), label="cross", at=(0.76, 0.5)),
        Arrow(("noise", "e"), ("denoiser", "w")),
        Arrow(("denoiser", "e"), ("scheduler", "w")),
        Arrow(("scheduler", "n"), ("denoiser", "n_"), ((2, 0.5), (None, 0.5)), "loop", (1.8, 0.3)),
        Arrow(("scheduler", "e"), ("decoder", "w")),
        Arrow(("decoder", "e"), ("picture", "w")),
    ),
    {"cross": (1.5, 0.15), "loop": (1.85, 0.2)},
)
IMAGEN = Diagram(
    "imagen",
    (
        Block("prompt", 0, 0, "data"),
        Block("text", 1, 0, "model", "4.6 B", ENCODER_SIZE),
        Block("noise", 0, 1, "data", "64 × 64 × 3", LATENTS),
        Block("base", 1, 1, "model", "2 B"),
        Block("sr1", 2, 1, "model", "600 M"),
        Block("sr2", 3, 1, "model", "400 M"),
        Block("picture", 4, 1, "data", "1024 × 1024"),
    ),
    (
        Arrow(("prompt", "e"), ("text", "w")),
        Arrow(("text", "s"), ("base", "n")),
        Arrow(("text", "e"), ("sr1", "n"), ((2, 0),)),
        Arrow(("text", "e"), ("sr2", "n"), ((3, 0),), "cond", (2.5, 0.0)),
        Arrow(("noise", "e"), ("base", "w")),
        Arrow(("base", "e"), ("sr1", "w")),
        Arrow(("sr1", "e"), ("sr2", "w")),
        Arrow(("sr2", "e"), ("picture", "w")),
    ),
    {"cond": (2.5, 0.1)},
)
DALLE = Diagram(
    "dalle",
    (
        Block("prompt", 0, 0, "data"),
        Block("text", 1, 0, "model", "24 × 1024", ENCODER_SIZE),
        Block("prior", 2, 0, "model", "1 B"),
        Block("clip", 3, 0, "model", "ViT-H/16"),
        Block("noise", 0, 1, "data", "64 × 64 × 3", LATENTS),
        Block("decoder", 2, 1, "model", "3.5 B"),
        Block("upsamplers", 3, 1, "model", "700 + 300 M"),
        Block("picture", 4, 1, "data", "1024 × 1024"),
    ),
    (
        Arrow(("prompt", "e"), ("text", "w")),
        Arrow(("text", "e"), ("prior", "w")),
        Arrow(("prior", "s"), ("decoder", "n"), label="vector", at=(1.72, 0.5)),
        Arrow(("noise", "e"), ("decoder", "w")),
        Arrow(("decoder", "e"), ("upsamplers", "w")),
        Arrow(("upsamplers", "e"), ("picture", "w")),
        Arrow(("picture", "n"), ("clip", "e"), ((4, 0),), "again", (4.0, -0.14), dashed=True),
        Arrow(("clip", "s"), ("decoder", "n_"), ((3, 0.5), (None, 0.5)), dashed=True),
    ),
    {"vector": (1.5, 0.5)},
)
DIAGRAMS = {diagram.id: diagram for diagram in (STABLE_DIFFUSION, IMAGEN, DALLE)}


def have(id: str | None) -> bool:
    """Whether this copy holds a model of ours by that name, ready to run."""
    return any(card.id == id and registry.unavailable(card) is None for card in registry.cards("text_to_image"))


def parameters(id: str) -> int:
    """Learned parameters of a model's own part: of the denoiser alone, where a pipeline holds an autoencoder too."""
    count = registry.card(id).params
    return count - registry.card(AUTOENCODER).params if id == DIFFUSION else count


def final_size() -> int:
    """Side of the cascade's pictures in this copy, in pixels."""
    return 256 if have(UPSCALER) else 64


def diagram(lang: str, name: str) -> Diagram:
    """One of NAMES with our sizes filled in; what this copy lacks is marked absent."""
    return replace(DIAGRAMS[name], blocks=tuple(_filled(lang, name, block) for block in DIAGRAMS[name].blocks))


def _filled(lang: str, name: str, block: Block) -> Block:
    block = replace(block, size=block.size.replace(".", ",") if lang == "pt" else block.size)
    key = f"{name}.{block.id}"
    if key in PLAYED_BY:
        id = PLAYED_BY[key]
        if not have(id):
            return replace(block, ours="–", absent=True)
        return replace(block, ours=fill(lang, "{:.1f} M", parameters(id) / 1e6))
    if block.id == "picture" and name != "sd":
        return replace(block, ours=f"{final_size()} × {final_size()}")
    return block
