"""Contact sheets of 48 held-out results of a model. What goes in is chosen by the split alone, before any result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from genmodels import registry
from genmodels.data import emoji, emoji_styles, facades, fruit
from genmodels.images import grid, png
from genmodels.translation import held_out
from genmodels.translation.baselines import outline_itself
from genmodels.translation.batches import to_float
from genmodels.translation.bicyclegan import draw_codes
from genmodels.translation.examples import HELD
from genmodels.translation.held_out import run

COUNT, WIDE, GAP = 48, 1200, 6  # rows of pictures, pixels across, pixels between
COLORS = 256  # of the file: a third of the bytes, and nobody sees it
EXAMPLES = 5


def _painted(model: nn.Module) -> list[Tensor]:
    x, y = held_out.held_outlines()
    return [outline_itself(x), run(model, x), y]


def _varied(model: nn.Module) -> list[Tensor]:
    """Every fourth of the outlines, four answers to each."""
    x, y = (part[:COUNT:4] for part in held_out.held_outlines())
    codes = draw_codes(4, model.codes, 0)
    answers = [run(lambda part, z=z: model(part, z.expand(len(part), -1)), x) for z in codes]
    return [outline_itself(x), *answers, y]


def _built(model: nn.Module) -> list[Tensor]:
    found = facades.load()
    x, y = to_float(found.labels[found.held_out]), to_float(found.photos[found.held_out])
    return [x, run(model, x), y]


def _cycled(model: nn.Module) -> list[Tensor]:
    a, b = held_out.truth()
    made = run(model, a)
    return [a, made, run(lambda x: model(x, True), made), b]


def _swapped(model: nn.Module) -> list[Tensor]:
    """The held-out photographs are few: both directions, each picture and its translation."""
    found = fruit.load()
    a, b = to_float(found.held_a), to_float(found.held_b)
    return [torch.cat([a, b]), torch.cat([run(model, a), run(lambda x: model(x, True), b)])]


def _restyled(model: nn.Module) -> list[Tensor]:
    """The same content in both held-out styles, each beside the style's own picture."""
    data, columns = emoji.load(), []
    for style in HELD:
        content, wanted, examples = held_out.few_shot_data(data, emoji_styles.number(style))
        columns += [held_out.in_style(model, content, examples[:EXAMPLES]), wanted]
    return [content, *columns]


SHEETS: dict[str, Callable[[nn.Module], list[Tensor]]] = {
    "pix2pix-outline": _painted,
    "pix2pix-facades": _built,
    "bicycle-outline": _varied,
    "cyclegan-styles": _cycled,
    "cyclegan-fruit": _swapped,
    "funit-styles": _restyled,
}
SAYS = {
    "pix2pix-outline": "outline, painted, OpenMoji's own colours",
    "pix2pix-facades": "label map, built, photograph",
    "bicycle-outline": "outline, four answers, OpenMoji's own colours",
    "cyclegan-styles": "Twemoji, translated, and back, Fluent 3D's own picture",
    "cyclegan-fruit": "photograph, translated",
    "funit-styles": f"content, in OpenMoji's two styles from {EXAMPLES} examples, each beside OpenMoji's own picture",
}


def panels(columns: list[Tensor]) -> list[Tensor]:
    """Pictures of one width side by side: at most COUNT rows of (3, H, W * len(columns))."""
    return list(torch.cat([part[:COUNT] for part in columns], 3))


def draw(id: str, out: Path) -> None:
    """Write the sheet as PNG. Raises ValueError for a model that has none."""
    if id not in SHEETS:
        raise ValueError(f"{id} has no sheet; there are sheets of {', '.join(SHEETS)}")
    found = panels(SHEETS[id](registry.load(id, "cpu")))
    out.parent.mkdir(parents=True, exist_ok=True)
    columns = max(1, WIDE // found[0].shape[-1])
    sheet = grid(found, columns, GAP).quantize(COLORS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    out.write_bytes(png(sheet, model=id, shows=SAYS[id]))
