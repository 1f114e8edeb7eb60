"""The contact sheet: 64 prompts whose answers stand beside the real pictures of the same subject and style.

The prompts are chosen by a hash, before any picture is drawn. The real pictures are training data: thumbnails, shown
for comparison with their sources named underneath, as their licences (MIT, Apache-2.0, CC BY) allow.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from genmodels.data import emoji
from genmodels.text_to_image import alignment
from genmodels.text_to_image.captions import LANGUAGES

COUNT = 64
STYLES = ("twemoji", "fluent-3d", "noto")
SOURCES = "Twemoji (CC BY 4.0, Twitter), Fluent 3D (MIT, Microsoft), Noto (Apache-2.0, Google)"
CREDITS = f"Left: drawn by emoji-diffusion. Right, of the same subject and style: {SOURCES}."
FONT = "DejaVuSans.ttf"  # Pillow's own has no ã
COLUMNS, SIDE, GAP, LABEL = 8, 64, 8, 15
INK, PAPER = (40, 40, 40), (255, 255, 255)


@dataclass(frozen=True)
class Entry:
    """One prompt: its words, language and style, and the index of the real picture in emoji.load()."""

    prompt: str
    language: str
    style: str
    picture: int


def entries(data: emoji.Emoji) -> list[Entry]:
    """64 training pictures: the emojibase groups take turns, languages and STYLES too, no subject comes twice; within
    a group and style the order is that of sha256("sheet <subject's key> <style>")."""
    found: list[Entry] = []
    used: set[int] = set()
    groups = list(emoji.GROUPS.values())
    for n in range(COUNT):
        language, style, group = LANGUAGES[n % 2], STYLES[(n // 2) % 3], groups[(n // 6) % len(groups)]
        number = [s.id for s in emoji.STYLES].index(style)
        rows = np.flatnonzero((data.style == number) & (data.split == emoji.TRAIN))
        rows = [i for i in rows if data.subjects[data.subject[i]].group == group and int(data.subject[i]) not in used]
        best = min(rows, key=lambda i: _hash(data.subjects[data.subject[i]].key, style))
        used.add(int(data.subject[best]))
        found.append(Entry(data.subjects[data.subject[best]].names[language], language, style, int(best)))
    return found


def _hash(key: str, style: str) -> bytes:
    return hashlib.sha256(f"sheet {key} {style}".encode()).digest()


def compose(pairs: list[tuple[np.ndarray, np.ndarray]], labels: list[str]) -> Image.Image:
    """pairs of (64, 64, 3) uint8 pictures side by side, their label under each, eight pairs in a row.

    Raises OSError where the machine lacks the font (Debian: fonts-dejavu-core).
    """
    width, height = 2 * SIDE + GAP, SIDE + LABEL + GAP
    rows = -(-len(pairs) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * width + GAP, rows * height + GAP + LABEL), PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.truetype(FONT, 9)
    for n, ((made, real), label) in enumerate(zip(pairs, labels, strict=True)):
        x, y = GAP + n % COLUMNS * width, GAP + n // COLUMNS * height
        sheet.paste(Image.fromarray(made), (x, y))
        sheet.paste(Image.fromarray(real), (x + SIDE, y))
        pen.text((x, y + SIDE + 1), _shortened(label, font, 2 * SIDE), INK, font)
    pen.text((GAP, rows * height + GAP - 2), CREDITS, INK, font)
    return sheet


def _shortened(label: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    if font.getlength(label) <= width:
        return label
    while font.getlength(label + "…") > width:
        label = label[:-1]
    return label + "…"


def draw(out: Path, seed: int = 0) -> None:
    """Generate and write the sheet as PNG."""
    data = emoji.load()
    chosen = entries(data)
    pictures = alignment.generate(
        alignment.SAMPLERS["teacher_20"], [e.prompt for e in chosen], [e.style for e in chosen], seed
    )
    made = ((pictures + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    pairs = [(made[n], data.images[e.picture]) for n, e in enumerate(chosen)]
    out.parent.mkdir(parents=True, exist_ok=True)
    compose(pairs, [f"{e.prompt} · {e.style}" for e in chosen]).save(out, "PNG", optimize=True)
