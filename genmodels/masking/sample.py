"""`sample masking`: original, masked, reconstruction, and reconstruction with visible patches pasted, as one PNG."""

from __future__ import annotations

from pathlib import Path

import click

from genmodels import images, registry
from genmodels.errors import Refusal

MODEL = "mae-photos"
ENLARGED = 4  # panel pixels for each pixel of the picture


@click.command()
@click.option("--image", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True)
@click.option("--model", "id", default=MODEL, show_default=True, help="A model that rebuilds pictures.")
@click.option("--ratio", type=click.FloatRange(0, 0.95), default=0.75, show_default=True, help="Hidden part.")
@click.option("--strategy", default="random", show_default=True, help="random, block or grid.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=7, show_default=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="PNG file to write.")
def command(image: Path, id: str, ratio: float, strategy: str, seed: int, out: Path) -> None:
    """Hide a part of a picture (its centred square) and rebuild it."""
    import torch

    from genmodels.masking import masks, panels
    from genmodels.masking.quality import psnr_hidden

    if "reconstruct" not in registry.card(id).can:
        raise Refusal("choice", f"{id} does not rebuild pictures", name="model", value=id)
    picture = images.read(image)
    model = registry.load(id, "cpu")
    x = panels.square(picture, model.size)
    hidden = masks.draw(strategy, ratio, 1, model.side, torch.Generator().manual_seed(seed))
    shown = panels.panels(model, x, hidden)
    large = [panel[0].repeat_interleave(ENLARGED, 1).repeat_interleave(ENLARGED, 2) for panel in shown.values()]
    sheet = images.grid(large, len(large), gap=ENLARGED)
    out.write_bytes(images.png(sheet, model=id, seed=seed, ratio=ratio, strategy=strategy))
    count, quality = int(hidden.sum()), float(psnr_hidden(shown["reconstruction"], x, hidden))
    click.echo(f"{out}: {count} of {model.side**2} patches hidden" + (f", {quality:.2f} dB" if count else ""))
