"""`bench translation`: our generators beside the published architectures, on the same pictures, as ratios."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
import torch
from torch import nn
from torch.nn import functional as F

from genmodels import registry, weights
from genmodels.bench import interleaved, peak_gflops
from genmodels.evaluate import show
from genmodels.translation import cards
from genmodels.translation.bicyclegan import draw_codes
from genmodels.translation.published import UNet256, resnet_generator

ANSWERS, SHOTS = 8, 5
PEER_SIZE = 256  # the 256 U-Net halves eight times, so the picture is enlarged for it


def networks() -> dict[str, nn.Module]:
    """Our networks by id: trained where their weights are here, else as they start, which takes as long."""
    known = {card.id: card for card in registry.cards("translation")}
    found = {}
    for id, (build, *_) in cards.MODELS.items():
        if "compare" not in cards.MODELS[id][1]:
            ready = id in known and registry.unavailable(known[id]) is None
            found[id] = registry.load(id, "cpu") if ready else build().eval()
    return found


def work(ours: dict[str, nn.Module]) -> dict[str, Callable[[], object]]:
    """One picture of 64x64 (facades: 128x128) through each of ours and of the published ones."""
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    line, large, label = picture[:, :1], F.interpolate(picture, PEER_SIZE), F.interpolate(picture, 128)
    codes, examples = draw_codes(ANSWERS, 8, 0), picture.expand(1, SHOTS, -1, -1, -1)
    unet, resnet = UNet256().eval(), resnet_generator().eval()
    funit = ours["funit-styles"]
    return {
        "pix2pix-outline": lambda: ours["pix2pix-outline"](line),
        "pix2pix-facades": lambda: ours["pix2pix-facades"](label),
        f"bicycle-outline, {ANSWERS} answers": lambda: ours["bicycle-outline"](line.expand(ANSWERS, -1, -1, -1), codes),
        "cyclegan-styles": lambda: ours["cyclegan-styles"](picture),
        f"funit-styles, {SHOTS} examples": lambda: funit(picture, funit.style(examples)),
        "published U-Net 256, enlarged": lambda: unet(large),
        "published ResNet, 9 blocks": lambda: resnet(picture),
    }


PEERS = {
    "pix2pix-outline": "published U-Net 256, enlarged",
    "pix2pix-facades": "published U-Net 256, enlarged",
    "cyclegan-styles": "published ResNet, 9 blocks",
}


@torch.inference_mode()
def bench(rounds: int = 9) -> dict[str, Any]:
    """Milliseconds of each, and how many times ours fits into the published generator of its paper."""
    seconds = interleaved(work(networks()), rounds)
    return {
        "peak_gflops": round(peak_gflops(), 1),
        "threads": torch.get_num_threads(),
        "picture_ms": {name: round(1e3 * taken, 2) for name, taken in seconds.items()},
        "ratio": {name: round(seconds[peer] / seconds[name], 1) for name, peer in PEERS.items()},
    }


@click.command()
@click.option("--write", is_flag=True, help="Write the figures into the card of pix2pix-outline.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def command(write: bool, as_json: bool) -> None:
    """Time our generators beside pix2pix's 256 U-Net and CycleGAN's ResNet of 9 blocks."""
    found = bench()
    if write:
        weights.write_card("pix2pix-outline", bench=found)
    show(found, as_json)
