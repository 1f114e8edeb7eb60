"""Small pictures of everything that the miniature knows, by the miniature itself, in one file for the page's gallery.

`python -m genmodels.text_to_image.gallery` draws them anew (about 1,000 pictures: minutes on a CPU); run it when the
weights of emoji-diffusion have changed. They are AI-generated; no picture of the training set is in the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from genmodels import registry, weights
from genmodels.data.emoji import Subject
from genmodels.step import Step
from genmodels.text_to_image import known

if TYPE_CHECKING:
    from torch import Tensor

COLUMNS, SIDE = 32, 48
BATCH = 32
QUALITY = 70


@dataclass(frozen=True)
class Sheet:
    """The file of pictures: `columns` in a row, each `side` pixels wide, in the order of `subjects`."""

    path: Path
    columns: int
    side: int


def subjects() -> tuple[Subject, ...]:
    """The subjects that the miniature was trained on, in emojibase's order."""
    return tuple(subject for subject in known.subjects() if known.trained(subject))


def sheet() -> Sheet | None:
    """The pictures, if they were drawn for these very subjects; None otherwise."""
    path, note = known.FOLDER / "gallery.webp", known.FOLDER / "gallery.json"
    if not path.is_file() or not note.is_file():
        return None
    written = json.loads(note.read_text(encoding="utf-8"))
    if written["count"] != len(subjects()):
        return None
    return Sheet(path, written["columns"], written["side"])


def draw(style: str, seed: int = 7, steps: int = 20, guidance_scale: float = 3.0) -> Iterator[Step]:
    """Draw each subject once by its English name, without choosing among several, and write the file; a Step for each
    step of each batch. Closing it writes nothing. Raises Refusal for values that `pipeline.sample` refuses."""
    import torch

    from genmodels.text_to_image import pipeline

    model = registry.load("emoji-diffusion")
    names = [subject.names["en"] for subject in subjects()]
    batches = [names[i : i + BATCH] for i in range(0, len(names), BATCH)]
    drawn = []
    for k, batch in enumerate(batches):
        noise = pipeline.start_noise(1, seed, model).expand(len(batch), -1, -1, -1)
        settings = {"style": style, "seed": seed, "steps": steps, "guidance_scale": guidance_scale}
        for step in pipeline.sample(model, batch, noise=noise, **settings):
            yield Step(k * step.n + step.i, len(batches) * step.n)
        drawn.append(pipeline.decode(model, step.x_t).cpu())
    write(torch.cat(drawn), {"model": "emoji-diffusion", **settings})


def write(pictures: Tensor, settings: dict[str, object]) -> None:
    """Pictures (N, 3, 64, 64) in [-1, 1] of `subjects()` as one WebP file, with a note on how they were made.

    Raises ValueError for another number of pictures.
    """
    from torch.nn import functional as F

    from genmodels import images

    if len(pictures) != len(subjects()):
        raise ValueError(f"{len(pictures)} pictures for {len(subjects())} subjects")
    small = F.interpolate(pictures, size=(SIDE, SIDE), mode="bicubic", antialias=True).clamp(-1, 1)
    images.grid(list(small), COLUMNS, gap=0).save(known.FOLDER / "gallery.webp", "WEBP", quality=QUALITY, method=6)
    trained = weights.read_card("emoji-diffusion")["trained"]["images"]
    note = {"count": len(pictures), "columns": COLUMNS, "side": SIDE, "images_trained_on": trained, **settings}
    (known.FOLDER / "gallery.json").write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")


@click.command()
@click.option("--style", default="fluent-3d", show_default=True, help="A drawing style of the training set, or any.")
@click.option("--seed", type=int, default=7, show_default=True)
@click.option("--steps", type=int, default=20, show_default=True)
@click.option("--guidance", type=float, default=3.0, show_default=True)
def command(style: str, seed: int, steps: int, guidance: float) -> None:
    """Draw every known subject for the page's gallery."""
    for step in draw(style, seed, steps, guidance):
        click.echo(f"\r{step.i}/{step.n}", nl=False, err=True)
    click.echo(err=True)


if __name__ == "__main__":
    command()
