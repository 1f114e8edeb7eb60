"""OpenMoji's drawings twice, as outline and in colour, 64x64: pairs to learn colouring from.

The pairs of `emoji.load()` come first, with its split; then those of OpenMoji's other drawings (people, symbols and
its own extras, no flags, skin tone left at its default), which only train. None of these shares its first code point
with a subject that is held out. CC-BY-SA-4.0, OpenMoji, HfG Schwaebisch Gmuend.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genmodels import weights
from genmodels.data import emoji, packages

log = logging.getLogger(__name__)
SKIN_TONES = frozenset(f"{code:04x}" for code in range(0x1F3FB, 0x1F400))
FLAG_LETTERS = range(0x1F1E6, 0x1F200)
COLOURS = 32


@dataclass(frozen=True)
class Outlines:
    """lines (N, 64, 64) uint8, black ink on white; colours (N, 64, 64, 3) uint8; keys (N) as in `emoji.Subject`;
    split (N,) as in `emoji`, TRAIN for everything beyond its subjects."""

    lines: np.ndarray
    colours: np.ndarray
    keys: tuple[str, ...]
    split: np.ndarray

    @property
    def held_out(self) -> np.ndarray:
        """(N,) bool: pairs that no model learns from."""
        return self.split != emoji.TRAIN


def load() -> Outlines:
    """Every pair: those of the emoji set, then the others, drawn once (a minute) and kept in one file of the cache."""
    known = pairs(emoji.load())
    path = weights.cache() / "data" / f"outlines-{emoji.SIZE}-v1.npz"
    if not path.is_file():
        keys, lines, colours = _draw(packages.npm(emoji.STYLES[1].package), known)
        with weights.whole(path) as part:
            np.savez(part, keys=np.array(keys, str), lines=lines, colours=colours)
    with np.load(path, allow_pickle=False) as packed:
        keys, lines, colours = packed["keys"], packed["lines"], packed["colours"]
    return Outlines(
        np.concatenate([known.lines, lines]),
        np.concatenate([known.colours, colours]),
        (*known.keys, *(str(key) for key in keys)),
        np.concatenate([known.split, np.full(len(keys), emoji.TRAIN, np.uint8)]),
    )


def pairs(data: emoji.Emoji) -> Outlines:
    """The subjects of the emoji set that OpenMoji draws both ways, in the order of its subjects."""
    rows: dict[str, dict[int, int]] = {"openmoji": {}, "openmoji-line": {}}
    for number, style in enumerate(emoji.STYLES):
        if style.id in rows:
            at = np.flatnonzero(data.style == number)
            rows[style.id] = dict(zip(data.subject[at].tolist(), at.tolist(), strict=True))
    both = sorted(rows["openmoji"].keys() & rows["openmoji-line"].keys())
    colour, line = ([rows[name][subject] for subject in both] for name in ("openmoji", "openmoji-line"))
    keys = tuple(data.subjects[subject].key for subject in both)
    return Outlines(grey(data.images[line]), data.images[colour], keys, data.split[colour])


def grey(images: np.ndarray) -> np.ndarray:
    """(N, H, W, 3) uint8 -> (N, H, W) uint8: the mean over the colours, rounded."""
    return ((images.astype(np.uint16).sum(-1) + 1) // 3).astype(np.uint8)


def others(keys: list[str], known: Outlines) -> list[str]:
    """Those of `keys` that may train: not known already, no flag, no skin tone, no relative of a held-out subject."""
    held = _held(known)
    return [key for key in keys if key not in known.keys and key.split("-")[0] not in held and _plain(key)]


def elsewhere(data: emoji.Emoji, known: Outlines) -> np.ndarray:
    """(N, 64, 64, 3) uint8: pictures that may train, in styles outside OpenMoji's family, of no relative of a subject
    held out here."""
    inside = [n for n, style in enumerate(emoji.STYLES) if style.family == "openmoji"]
    held = _held(known)
    free = np.array([subject.key.split("-")[0] not in held for subject in data.subjects])
    return data.images[(data.split == emoji.TRAIN) & ~np.isin(data.style, inside) & free[data.subject]]


def palette(found: Outlines) -> np.ndarray:
    """(COLOURS, 3) uint8: the commonest colours of the pictures that may train."""
    known = found.colours[~found.held_out].reshape(-1, 3) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    codes, counts = np.unique(known, return_counts=True)
    codes = codes[np.argsort(-counts, kind="stable")[:COLOURS]]
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], 1).astype(np.uint8)


def _held(known: Outlines) -> set[str]:
    """First code points of what is held out."""
    return {key.split("-")[0] for key, out in zip(known.keys, known.held_out, strict=True) if out}


def _plain(key: str) -> bool:
    codes = key.split("-")
    return not SKIN_TONES & set(codes) and int(codes[0], 16) not in FLAG_LETTERS


def _draw(folder: Path, known: Outlines) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Keys, lines and colours of every other drawing that the package has both ways."""
    files = {
        kind: {emoji.key_of(f.stem): f for f in (folder / kind / "svg").glob("*.svg")} for kind in ("black", "color")
    }
    keys = others(sorted(files["black"].keys() & files["color"].keys()), known)
    drawn = {kind: np.stack([emoji._file(found[key], emoji.SIZE) for key in keys]) for kind, found in files.items()}
    log.info("%d pairs of outline and colour beyond the emoji set", len(keys))
    return keys, grey(drawn["black"]), drawn["color"]
