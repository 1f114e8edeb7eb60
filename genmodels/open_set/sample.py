"""`sample open_set`: a digit drawn by our VAE, as a PNG with its settings inside."""

from __future__ import annotations

from pathlib import Path

import click

from genmodels import images, registry


@click.command()
@click.option("--digit", type=click.IntRange(0, 9), default=7, show_default=True)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=7, show_default=True)
@click.option("--temperature", type=click.FloatRange(0, 1.5), default=0.6, show_default=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="PNG file to write.")
def command(digit: int, seed: int, temperature: float, out: Path) -> None:
    """Draw one digit, 28x28."""
    import torch

    picture = registry.load("digits-vae").sample(torch.tensor([digit]), seed, temperature)[0]
    out.write_bytes(
        images.png(images.to_pil(picture.cpu()), model="digits-vae", seed=seed, digit=digit, temperature=temperature)
    )
    click.echo(f"{out}: digit {digit}, seed {seed}")
