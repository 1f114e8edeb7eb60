"""`bench masking`: one picture rebuilt by our model and by the published design, transformers' ViT-MAE base at 224."""

from __future__ import annotations

from typing import Any

import click
import torch
from transformers import ViTMAEConfig, ViTMAEForPreTraining

from genmodels import registry, weights
from genmodels.bench import interleaved, peak_gflops
from genmodels.evaluate import show
from genmodels.masking import masks
from genmodels.masking.baselines import biharmonic
from genmodels.masking.mae import MaskedAutoencoder, reconstruct
from genmodels.masking.panels import square

MODEL = "mae-photos"
RATIO = 0.75


def bench(ours: MaskedAutoencoder) -> dict[str, Any]:
    """Milliseconds of one picture, 75 % hidden, and peers' over ours. ViT-MAE base has random weights: time is equal.

    "library" is the peer by its own forward pass, "here" the same network by this topic's code.
    """
    picture = torch.randint(0, 256, (3, 300, 300), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    base = MaskedAutoencoder(ViTMAEForPreTraining(ViTMAEConfig(mask_ratio=RATIO))).eval()
    small, large = square(picture, ours.size), square(picture, base.size)
    hidden, more = (
        masks.draw("random", RATIO, 1, model.side, torch.Generator().manual_seed(0)) for model in (ours, base)
    )
    work = {
        "ours": lambda: reconstruct(ours, small, hidden),
        "vit-mae-base, here": lambda: reconstruct(base, large, more),
        "vit-mae-base, library": lambda: base.network(base.normalise(large), noise=more.float()),
        "biharmonic": lambda: biharmonic(small, hidden),
    }
    seconds = interleaved(work, 9)
    return {
        "peak_gflops": round(peak_gflops(), 1),
        "threads": torch.get_num_threads(),
        "picture_ms": {name: round(1e3 * taken, 2) for name, taken in seconds.items()},
        "ratio": {name: round(taken / seconds["ours"], 2) for name, taken in seconds.items() if name != "ours"},
    }


@click.command()
@click.option("--write", is_flag=True, help="Write the figures into the model's card.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def command(write: bool, as_json: bool) -> None:
    """Time a reconstruction beside transformers' ViT-MAE base and biharmonic inpainting."""
    with torch.inference_mode():
        found = bench(registry.load(MODEL, "cpu"))
    if write:
        weights.write_card(MODEL, bench=found)
    show(found, as_json)
