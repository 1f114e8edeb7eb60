"""Captions of the emoji in Portuguese and English, and copies in another colour with the colour in their caption."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genmodels.data.emoji import Subject

LANGUAGES = ("en", "pt")
FEMININE = re.compile(r"(a|ã|ade|gem|ção|são|z de .*)$")


@dataclass(frozen=True)
class Color:
    """A colour word: en, and pt in the masculine and the feminine; hue in degrees, None for the greys."""

    id: str
    en: str
    pt: tuple[str, str]
    hue: float | None


COLORS = (
    Color("red", "red", ("vermelho", "vermelha"), 358),
    Color("orange", "orange", ("laranja", "laranja"), 28),
    Color("yellow", "yellow", ("amarelo", "amarela"), 48),
    Color("green", "green", ("verde", "verde"), 125),
    Color("blue", "blue", ("azul", "azul"), 212),
    Color("purple", "purple", ("roxo", "roxa"), 278),
    Color("pink", "pink", ("rosa", "rosa"), 330),
    Color("black", "black", ("preto", "preta"), None),
    Color("white", "white", ("branco", "branca"), None),
    Color("gray", "gray", ("cinza", "cinza"), None),
)
_WORDS = {
    "en": {"brown": -1, "golden": -1, "grey": 9} | {c.en: i for i, c in enumerate(COLORS)},
    "pt": {"marrom": -1, "dourado": -1, "dourada": -1} | {w: i for i, c in enumerate(COLORS) for w in c.pt},
}


def phrases(subject: Subject, language: str, rare: set[str], color: int | None = None) -> list[tuple[str, float]]:
    """(caption, weight) for one subject in one language; `rare` are the tags few enough subjects share.

    color indexes COLORS: then the name and the rare tags carry that colour word, with any other replaced.
    """
    name = subject.names[language]
    tags = [t for t in subject.tags[language] if t != name]
    single = [t for t in tags if t in rare] or tags
    if color is not None:
        named = [(paint(name, language, color), 0.7)]
        return named + [(paint(t, language, color), 0.3 / len(single)) for t in single]
    found = [(name, 0.6)]
    found += [(t, 0.2 / len(single)) for t in single]
    found += [(f"{name} {t}", 0.1 / len(tags[:3])) for t in tags[:3]]
    pairs = list(zip(single, single[1:], strict=False))[:3]
    return found + [(f"{a} {b}", 0.1 / len(pairs)) for a, b in pairs]


def paint(name: str, language: str, color: int) -> str:
    """ "apple" -> "blue apple", "maçã" -> "maçã azul"; a colour that the name has already is replaced."""
    table, chosen = _WORDS[language], COLORS[color]
    kept = [w for w in name.split() if w not in table] or name.split()
    if language == "en":
        return " ".join([chosen.en, *kept])
    return " ".join([*kept, chosen.pt[bool(FEMININE.search(kept[0]))]])


def names_color(name: str, language: str) -> bool:
    """Whether the name has a colour word already."""
    return any(word in _WORDS[language] for word in name.split())


def rare_tags(subjects: Sequence[Subject], language: str, most: int = 8) -> set[str]:
    """Tags that at most `most` subjects share: those that say by themselves what to draw."""
    counts: dict[str, int] = {}
    for subject in subjects:
        for tag in subject.tags[language]:
            counts[tag] = counts.get(tag, 0) + 1
    return {tag for tag, count in counts.items() if count <= most}


def dominant(picture: np.ndarray) -> tuple[float, np.ndarray] | None:
    """Hue in degrees of a picture's main colour and the pixels near it (64, 64) in [0, 1]; None if there is none.

    picture (64, 64, 3) uint8. A main colour covers over half of the saturated pixels and 8 % of the picture.
    """
    hue, saturation, value = _hsv(picture)
    colored = (saturation > 0.25) & (value > 0.2)
    if colored.mean() < 0.08:
        return None
    counts = np.histogram(hue[colored], bins=36, range=(0, 360), weights=(saturation * value)[colored])[0]
    smooth = counts + np.roll(counts, 1) + np.roll(counts, -1)
    center = 10.0 * int(smooth.argmax()) + 5
    signed = (hue - center + 180) % 360 - 180
    peak = colored & (np.abs(signed) < 20)
    center = (center + float(np.average(signed[peak], weights=saturation[peak]))) % 360
    near = np.clip((48 - _apart(hue, center)) / 12, 0, 1) * np.clip(saturation / 0.12 - 0.5, 0, 1)
    if (near[colored] > 0.5).mean() < 0.55:
        return None
    return center, near


def color_of(picture: np.ndarray) -> int | None:
    """Index in COLORS of the chromatic main colour of a picture (64, 64, 3) uint8, if it has a clear one."""
    found = dominant(picture)
    if found is None:
        return None
    distances = [360.0 if c.hue is None else float(_apart(np.array(found[0]), c.hue)) for c in COLORS]
    best = int(np.argmin(distances))
    _, saturation, value = _hsv(picture)
    vivid = saturation[found[1] > 0.5].mean() > 0.5 and value[found[1] > 0.5].mean() > 0.6
    return best if distances[best] < 15 and vivid else None


def recolor(picture: np.ndarray, color: int) -> np.ndarray | None:
    """The picture with its main colour replaced by COLORS[color], or None where it has no main colour."""
    found = dominant(picture)
    if found is None:
        return None
    center, near = found
    hue, saturation, value = _hsv(picture)
    target = COLORS[color]
    if target.hue is not None:
        new_hue = (hue + target.hue - center) % 360
        new_value = value ** (0.6 if target.id in ("yellow", "pink", "orange") else 1.0)
        new = _rgb(new_hue, saturation * (0.65 if target.id == "pink" else 1.0), new_value)
    else:
        low, high = {"black": (0.06, 0.42), "white": (0.66, 0.95), "gray": (0.3, 0.8)}[target.id]
        luminance = value * (1 - 0.5 * saturation)
        spread = luminance / max(1e-3, float(np.percentile(luminance[near > 0.5], 95)))
        new = _rgb(hue, saturation * 0.06, low + (high - low) * np.clip(spread, 0, 1))
    mixed = picture * (1 - near[..., None]) + new * near[..., None]
    return np.clip(np.round(mixed), 0, 255).astype(np.uint8)


def _apart(hue: np.ndarray, center: float) -> np.ndarray:
    return np.abs((hue - center + 180) % 360 - 180)


def _hsv(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rgb = picture.astype(np.float32) / 255
    high, low = rgb.max(-1), rgb.min(-1)
    span = np.maximum(high - low, 1e-6)
    r, g, b = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    sector = np.where(high == r, ((g - b) / span) % 6, np.where(high == g, (b - r) / span + 2, (r - g) / span + 4))
    return sector * 60 % 360, (high - low) / np.maximum(high, 1e-6), high


def _rgb(hue: np.ndarray, saturation: np.ndarray, value: np.ndarray) -> np.ndarray:
    """HSV (degrees, [0, 1], [0, 1]) -> (..., 3) float in [0, 255]."""
    k = (np.array([5.0, 3.0, 1.0]) + hue[..., None] / 60) % 6
    part = np.clip(np.minimum(k, 4 - k), 0, 1)
    return 255 * value[..., None] * (1 - saturation[..., None] * part)
