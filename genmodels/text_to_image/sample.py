"""`python -m genmodels sample text_to_image "gato preto" --style twemoji --seed 7 --out cat.png`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from genmodels import registry
from genmodels.errors import Refusal

if TYPE_CHECKING:
    from torch import Tensor

NAMES = ("ddim", "euler", "dpm++", "heun", "lcm")


@click.command()
@click.argument("prompt")
@click.option("--style", default="any", show_default=True, help="A drawing style of the training set, or any.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--steps", type=int, default=20, show_default=True)
@click.option("--guidance", type=float, default=3.0, show_default=True, help="1: the prompt alone.")
@click.option("--scheduler", type=click.Choice(NAMES), default="ddim", show_default=True)
@click.option("--negative", default="", help="What to push away from.")
@click.option("--count", type=click.IntRange(1, 64), default=1, show_default=True, help="Pictures, side by side.")
@click.option("--size", type=click.IntRange(64, 1024), default=256, show_default=True, help="Height of a picture.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="A .png file.")
def command(
    prompt: str,
    style: str,
    seed: int,
    steps: int,
    guidance: float,
    scheduler: str,
    negative: str,
    count: int,
    size: int,
    out: Path,
) -> None:
    """Draw PROMPT, in Portuguese, English or another of the text encoder's languages. Empty: any picture."""
    from genmodels.text_to_image import pipeline

    if out.suffix.lower() != ".png":
        raise Refusal("file_type", f"{out.name} must end in .png", name=out.name)
    model = registry.load("emoji-diffusion")
    last = None
    stream = pipeline.sample(
        model,
        [prompt] * count,
        style=style,
        seed=seed,
        steps=steps,
        guidance_scale=guidance,
        scheduler=scheduler,
        negative=negative,
    )
    for last in stream:
        click.echo(f"\r{last.i}/{last.n}", nl=False, err=True)
    click.echo(err=True)
    save(pipeline.decode(model, last.x_t), size, out)
    click.echo(str(out))


def save(pictures: Tensor, size: int, out: Path) -> None:
    """Write pictures (B, 3, 64, 64) in [-1, 1] side by side, each `size` pixels high, as PNG."""
    import torch
    from torch.nn.functional import interpolate
    from torchvision.io import write_png

    enlarged = interpolate(pictures.cpu(), size=(size, size), mode="bicubic", antialias=True).clamp(-1, 1)
    row = torch.cat(list(enlarged), 2)  # (3, size, B * size)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_png(((row + 1) * 127.5).round().byte(), str(out))
