"""`python -m genmodels sample text_to_image "gato preto" --style twemoji --seed 7 --out cat.png`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from genmodels import registry
from genmodels.errors import Refusal
from genmodels.text_to_image.settings import SETTINGS, SHARES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from genmodels.step import Step

NAMES = sorted({name for settings in SETTINGS.values() for name in settings.schedulers})
MODELS = [card.id for card in registry.cards("text_to_image") if "generate" in card.can]


@click.command()
@click.argument("prompt")
@click.option("--model", "id", type=click.Choice(MODELS), default="emoji-diffusion", show_default=True)
@click.option("--download", is_flag=True, help="Fetch the model's files first, if it is not on this machine.")
@click.option("--style", default="any", show_default=True, help="A drawing style of the training set, or any.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--steps", type=int, help="Default: the model's own, as for guidance and scheduler.")
@click.option("--guidance", type=float, help="1: the prompt alone.")
@click.option("--scheduler", type=click.Choice(NAMES))
@click.option("--negative", default="", help="What to push away from.")
@click.option("--count", type=click.IntRange(1, 64), default=1, show_default=True, help="Pictures, side by side.")
@click.option(
    "--size", type=click.IntRange(64, 1024), help="Height of a picture. Default: 256, or the model's if more."
)
@click.option("--large", is_flag=True, help="On to 256x256 by the upscaler emoji-upscaler.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="A .png file.")
def command(
    prompt: str,
    id: str,
    download: bool,
    style: str,
    seed: int,
    steps: int | None,
    guidance: float | None,
    scheduler: str | None,
    negative: str,
    count: int,
    size: int | None,
    large: bool,
    out: Path,
) -> None:
    """Draw PROMPT, in Portuguese, English or another of the text encoder's languages. Empty: any picture."""
    from genmodels.text_to_image import pipeline

    if out.suffix.lower() != ".png":
        raise Refusal("file_type", f"{out.name} must end in .png", name=out.name)
    model, own = load(id, download), (SETTINGS | SHARES)[id]
    if large and pipeline.picture_size(model) != 64:
        raise Refusal("choice", f"--large enlarges pictures of 64x64, not those of {id}", value=id, name="large")
    stream = pipeline.sample(
        model,
        [prompt] * count,
        style=style,
        seed=seed,
        steps=own.steps if steps is None else steps,
        guidance_scale=own.guidance_scale if guidance is None else guidance,
        scheduler=scheduler or own.scheduler,
        negative=negative,
    )
    last = end(stream)
    if flagged := sum(last.info.get("flagged", ())):
        click.echo(f"the model's safety checker made {flagged} of {count} blank", err=True)
    pictures = pipeline.pictures(model, last)
    pictures = enlarged(pictures, prompt, seed) if large else pictures
    save(pictures, size or max(256, pipeline.picture_size(model)), out)
    click.echo(str(out))


def load(id: str, download: bool) -> object:
    """The model; with `download`, after fetching what is missing of it, unless this machine could not run it anyway."""
    reason = registry.unavailable(registry.card(id))
    if download and reason and reason.code == "not_downloaded":
        for step in registry.fetch(id):
            click.echo(f"\r{step.info['file']}: {step.i / 1e6:,.0f} of {step.n / 1e6:,.0f} MB", nl=False, err=True)
        click.echo(err=True)
    return registry.load(id)


def end(stream: Iterator[Step]) -> Step:
    """The last Step, with the progress shown on the way."""
    for step in stream:
        click.echo(f"\r{step.i}/{step.n}", nl=False, err=True)
    click.echo(err=True)
    return step


def enlarged(pictures: Tensor, prompt: str, seed: int) -> Tensor:
    """pictures (B, 3, 64, 64) of one prompt -> (B, 3, 256, 256), by the cascade's second stage."""
    from genmodels.text_to_image import cascade

    stream = cascade.upscale(registry.load("emoji-upscaler"), pictures, [prompt] * len(pictures), seed=seed)
    return cascade.decode(end(stream).x_t)


def save(pictures: Tensor, size: int, out: Path) -> None:
    """Write pictures (B, 3, H, W) in [-1, 1] side by side, each `size` pixels high, as PNG."""
    import torch
    from torch.nn.functional import interpolate
    from torchvision.io import write_png

    enlarged = interpolate(pictures.cpu(), size=(size, size), mode="bicubic", antialias=True).clamp(-1, 1)
    row = torch.cat(list(enlarged), 2)  # (3, size, B * size)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_png(((row + 1) * 127.5).round().byte(), str(out))
