"""Letters of scripts that are not digits: glyphs of the Noto fonts (Debian fonts-noto-core, OFL)."""

from __future__ import annotations

import itertools
import re
import unicodedata

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from genmodels.data import packages

SCRIPTS = (
    "Armenian Bengali Cherokee Coptic Devanagari Ethiopic Georgian Glagolitic Gothic Gujarati Gurmukhi Hebrew Javanese "
    "Kannada Khmer Lao Malayalam Myanmar OlChiki Oriya Runic Sinhala Syriac Tamil Telugu Thai Tibetan Tifinagh Vai"
).split()
PER_SCRIPT = 60


def load() -> tuple[np.ndarray, list[str]]:
    """-> images (N, 28, 28) uint8, white on black, in two weights; names (N), the scripts."""
    folder = packages.debian("fonts-noto-core")
    images, names = [], []
    for script in SCRIPTS:
        for weight in ("Regular", "Bold"):
            path = next(folder.rglob(f"NotoSans{script}-{weight}.ttf"), None)
            if path is None:
                continue
            font = ImageFont.truetype(str(path), 96)
            for letter in _letters(script):
                images.append(_draw(font, letter))
                names.append(script)
    return np.stack(images), names


def _letters(script: str) -> list[str]:
    prefix = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", script).upper() + " "
    letters = (chr(code) for code in range(0x500, 0x10400))
    found = (
        c for c in letters if unicodedata.category(c) in ("Lo", "Lu") and unicodedata.name(c, "").startswith(prefix)
    )
    return list(itertools.islice(found, PER_SCRIPT))


def _draw(font: ImageFont.FreeTypeFont, letter: str, size: int = 28, ink: int = 20) -> np.ndarray:
    left, top, right, bottom = font.getbbox(letter)
    picture = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(picture).text((-left, -top), letter, 255, font)
    scale = ink / max(picture.size)
    picture = picture.resize([max(1, round(s * scale)) for s in picture.size], Image.Resampling.BOX)
    square = Image.new("L", (size, size))
    square.paste(picture, ((size - picture.width) // 2, (size - picture.height) // 2))
    return np.asarray(square)
