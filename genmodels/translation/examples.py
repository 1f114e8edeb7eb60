"""Emoji that the page shows: subjects that no translator learned from, drawn in three styles, and examples of a style.

`python -m genmodels.translation.examples` writes them anew: of each group of subjects the first EACH that are held out
in Twemoji and in Fluent 3D and drawn in OpenMoji too; then the examples that `evaluate translation` gives to FUNIT.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from genmodels import images, weights

if TYPE_CHECKING:
    from torch import Tensor

IMAGES = weights.ASSETS.parent / "images"
SHEET, NOTE = IMAGES / "translation-examples.png", IMAGES / "translation-examples.json"
SIZE, EACH = 64, 3
SHOWN = ("twemoji", "fluent-3d", "openmoji", "openmoji-line")
HELD = ("openmoji-line", "openmoji")  # styles that few-shot translation never learned from
LICENSES = {"twemoji": "CC-BY-4.0", "fluent-3d": "MIT", **dict.fromkeys(HELD, "CC-BY-SA-4.0")}


@dataclass(frozen=True)
class Examples:
    """names: by language, of each subject; pictures: by style, (N, 3, 64, 64) in [-1, 1], row by row the same
    subjects; few: by style of HELD, (K, 3, 64, 64), other subjects."""

    keys: tuple[str, ...]
    names: dict[str, tuple[str, ...]]
    pictures: dict[str, Tensor]
    few: dict[str, Tensor]


@functools.cache
def load() -> Examples:
    """What ships."""
    note = json.loads(NOTE.read_text(encoding="utf-8"))
    rows, columns = note["rows"], note["columns"]
    sheet = images.to_float(images.read(SHEET))[0]
    cells = sheet.unflatten(1, (rows, SIZE)).unflatten(3, (columns, SIZE)).permute(1, 3, 0, 2, 4).flatten(0, 1)
    count, first = len(note["keys"]), len(note["styles"]) * len(note["keys"])
    pictures = {style: cells[i * count : (i + 1) * count] for i, style in enumerate(note["styles"])}
    few = {style: cells[first + i * note["few"] :][: note["few"]] for i, style in enumerate(note["held"])}
    names = {lang: tuple(found) for lang, found in note["names"].items()}
    return Examples(tuple(note["keys"]), names, pictures, few)


def write() -> Path:
    """Write the sheet and its note."""
    import numpy as np
    import torch
    from PIL import Image

    from genmodels.data import emoji, emoji_styles
    from genmodels.translation import held_out
    from genmodels.translation.batches import to_float

    data = emoji.load()
    pairs, at = emoji_styles.truth(data), {}
    for style in HELD:
        own = np.flatnonzero(data.style == emoji_styles.number(style))
        at[style] = dict(zip(data.subject[own].tolist(), own.tolist(), strict=True))
    chosen: list[int] = []
    for group in emoji.GROUPS.values():
        inside = [n for n, s in enumerate(pairs.subject) if data.subjects[s].group == group and int(s) in at[HELD[0]]]
        chosen += inside[:EACH]
    subjects = pairs.subject[chosen]
    shown = {"twemoji": pairs.a[chosen], "fluent-3d": pairs.b[chosen]}
    shown |= {style: data.images[[at[style][int(s)] for s in subjects]] for style in HELD}
    few = [held_out.few_shot_data(data, emoji_styles.number(style))[2] for style in HELD]
    cells = torch.cat([*(to_float(shown[style]) for style in SHOWN), *few])
    columns = len(chosen)
    rows = -(-len(cells) // columns)
    blank = torch.ones(rows * columns - len(cells), 3, SIZE, SIZE)
    sheet = torch.cat([cells, blank]).unflatten(0, (rows, columns)).permute(0, 3, 1, 4, 2).flatten(0, 1).flatten(1, 2)
    Image.fromarray(((sheet + 1) * 127.5).round().byte().numpy()).save(SHEET, optimize=True)
    known = [data.subjects[s] for s in subjects]
    note = {
        "rows": rows,
        "columns": columns,
        "styles": SHOWN,
        "held": HELD,
        "few": len(few[0]),
        "keys": [one.key for one in known],
        "names": {lang: [one.names[lang] for one in known] for lang in ("pt", "en")},
        "licenses": LICENSES,
    }
    NOTE.write_text(json.dumps(note, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return SHEET


if __name__ == "__main__":
    write()
