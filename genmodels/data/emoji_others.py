"""Emoji in four more drawing styles, for the judge alone: no generator, autoencoder or prior learns from them.

The subjects and sizes of emoji.py. Held-out subjects are left out, and so is a picture whose sister in emoji.py is held
out: EmojiOne 1 and the monotone one go with EmojiOne 2, Fluent in high contrast with the other two Fluents.
"""

from __future__ import annotations

import json
import logging
import unicodedata

import numpy as np

from genmodels import weights
from genmodels.data import emoji, packages

log = logging.getLogger(__name__)
STYLES = (
    emoji.Style("fxemoji", "@iconify-json/fxemoji@1.2.2", "Apache-2.0", "fxemoji"),
    emoji.Style("emojione-monotone", "@iconify-json/emojione-monotone@1.2.1", "CC-BY-4.0", "emojione"),
    emoji.Style("fluent-high-contrast", "@iconify-json/fluent-emoji-high-contrast@1.2.6", "MIT", "fluent"),
    emoji.Style("emojione-v1", "@iconify-json/emojione-v1@1.2.3", "CC-BY-SA-4.0", "emojione"),
)


def load() -> emoji.Emoji:
    """The pictures, drawn once (under a minute) and kept in the cache; `style` indexes this module's STYLES."""
    path = weights.cache() / "data" / f"emoji-others-{emoji.SIZE}-v2.npz"
    known = emoji.subjects()
    if not path.is_file():
        rows = [row for number in range(len(STYLES)) for row in _draw(number, known)]
        images, subject, style = zip(*rows, strict=True)
        drawing = {"subject": np.array(subject, np.int32), "style": np.array(style, np.int32)}
        with weights.whole(path) as part:
            np.savez(part, images=np.stack(images), **drawing)
    with np.load(path, allow_pickle=False) as packed:
        images, subject, style = packed["images"], packed["subject"], packed["style"]
    sides = [emoji.split_of(known[s].key, STYLES[t].family) for s, t in zip(subject, style, strict=True)]
    kept = np.array(sides) == emoji.TRAIN
    return emoji.Emoji(images[kept], subject[kept], style[kept], np.zeros(kept.sum(), np.uint8), known)


def _draw(number: int, known: tuple[emoji.Subject, ...]) -> list[tuple[np.ndarray, int, int]]:
    """(picture, subject, style) of one set, whose icons are keyed by Unicode's or CLDR's names run together."""
    icons = json.loads((packages.npm(STYLES[number].package) / "icons.json").read_text(encoding="utf-8"))
    parents = {name: name for name in icons["icons"]}
    parents |= {name: alias["parent"] for name, alias in icons.get("aliases", {}).items()}
    icon_of = {_squash(name): parent for name, parent in parents.items() if parent in icons["icons"]}
    rows = []
    for subject, entry in enumerate(known):
        names = [
            entry.names["en"],
            unicodedata.name(chr(int(entry.key.split("-")[0], 16)), "") * ("-" not in entry.key),
        ]
        found = next((icon_of[name] for name in map(_squash, names) if name in icon_of), None)
        if found is None:
            continue
        icon = icons["icons"][found]
        size = " ".join(str(icon.get(side, icons.get(side, 16))) for side in ("width", "height"))
        head = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        svg = f'{head}viewBox="0 0 {size}">{icon["body"]}</svg>'
        rows.append((emoji._svg(svg, emoji.SIZE), subject, number))
    log.info("%s: %d pictures", STYLES[number].id, len(rows))
    return rows


def _squash(name: str) -> str:
    """ "Smiling Face & Hearts" -> "smilingfacehearts"."""
    return emoji.slug(name).replace("-", "")
