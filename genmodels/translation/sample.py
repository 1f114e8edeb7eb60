"""`sample translation`: translate one picture file; input and answers side by side, as one PNG."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from genmodels import images, registry
from genmodels.errors import Refusal
from genmodels.translation import cards

if TYPE_CHECKING:
    from torch import Tensor, nn

ENLARGED = 4  # pixels of the sheet for each pixel of a result
MODELS = [id for id, (_, can, *_) in cards.MODELS.items() if "compare" not in can]
Answers = list["Tensor"]


def _paint(model: nn.Module, picture: Tensor, **_: object) -> Answers:
    from genmodels.translation import drawing

    x = drawing.outline(picture)
    return [x.expand(-1, 3, -1, -1), model(x)]


def _vary(model: nn.Module, picture: Tensor, *, count: int, seed: int, **_: object) -> Answers:
    from genmodels.translation import drawing
    from genmodels.translation.bicyclegan import draw_codes

    x = drawing.outline(picture)
    answers = model(x.expand(count, -1, -1, -1), draw_codes(count, model.codes, seed))
    return [x.expand(-1, 3, -1, -1), *answers.split(1)]


def _build(model: nn.Module, picture: Tensor, **_: object) -> Answers:
    from genmodels.translation import drawing

    x = drawing.square(picture, 128)
    return [x, model(x)]


def _translate(model: nn.Module, picture: Tensor, *, backwards: bool, **_: object) -> Answers:
    from genmodels.translation import drawing
    from genmodels.translation.cyclegan import cycle_error

    x = drawing.square(picture)
    there, back, _error = cycle_error(model, x, backwards)
    return [x, there, back]


def _restyle(model: nn.Module, picture: Tensor, *, examples: tuple[Path, ...], **_: object) -> Answers:
    import torch

    from genmodels.translation import drawing

    if not examples:
        raise Refusal("choice", "this model needs --example, once or more", name="example", value="")
    x = drawing.square(picture)
    shown = torch.cat([drawing.square(images.read(path)) for path in examples])
    return [x, *shown.split(1), model(x, model.style(shown[None]))]


WAYS: dict[str, Callable[..., Answers]] = {
    "pix2pix-outline": _paint,
    "pix2pix-facades": _build,
    "bicycle-outline": _vary,
    "cyclegan-styles": _translate,
    "cyclegan-fruit": _translate,
    "funit-styles": _restyle,
}


@click.command()
@click.option("--model", "id", type=click.Choice(MODELS), required=True)
@click.option("--image", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True)
@click.option("--example", "examples", type=click.Path(exists=True, dir_okay=False, path_type=Path), multiple=True)
@click.option("--backwards", is_flag=True, help="CycleGAN: from the second set to the first.")
@click.option("--count", type=click.IntRange(1, 16), default=8, show_default=True, help="BicycleGAN: answers.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="PNG file to write.")
def command(
    id: str, image: Path, examples: tuple[Path, ...], backwards: bool, count: int, seed: int, out: Path
) -> None:
    """Translate one picture: what the network was given, then its answers (CycleGAN: and back again)."""
    import torch

    picture = images.read(image)
    model = registry.load(id, "cpu")
    options = {"examples": examples, "backwards": backwards, "count": count, "seed": seed}
    with torch.no_grad():
        shown = WAYS[id](model, picture, **options)
    large = [part[0].repeat_interleave(ENLARGED, 1).repeat_interleave(ENLARGED, 2) for part in shown]
    out.write_bytes(images.png(images.grid(large, len(large), gap=ENLARGED), model=id, seed=seed))
    click.echo(f"{out}: {len(shown)} pictures, the first is what {id} was given")
