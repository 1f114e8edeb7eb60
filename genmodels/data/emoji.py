"""Emoji: 1,032 subjects (no people, symbols, flags) in eight drawing styles, 64x64 RGB on white, with names and tags.

`load` is the set that everything learns from; `load_large` the same pictures at 256x256, in the same order.

Names and tags in English and Portuguese come from emojibase (MIT). A subject's key is its code points in lower-case
hex, each padded to four digits, without fe0f, joined by "-". Only openly licensed art is read; the licences stand
in STYLES. Split by hash: 5 % of the subjects are held out in every style, 10 % of (subject, family) pairs besides;
styles of one family are near-duplicates of each other (Fluent 3D and flat, OpenMoji in colour and line) and stay on one
side. Google's PNG set is left out: it is Noto again (2 grey levels apart in the median).
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genmodels import weights
from genmodels.data import packages

log = logging.getLogger(__name__)
SIZE, LARGE = 64, 256
GROUPS = {0: "smileys", 3: "animals", 4: "food", 5: "travel", 6: "activities", 7: "objects"}
NAMES = "emojibase-data@17.0.0"
TRAIN, HELD_PAIR, HELD_SUBJECT = 0, 1, 2


@dataclass(frozen=True)
class Style:
    """One drawing style: where it comes from, its licence, and the family that shares a side of the split."""

    id: str
    package: str
    license: str
    family: str


STYLES = (
    Style("twemoji", "@twemoji/svg@15.0.0", "CC-BY-4.0", "twemoji"),
    Style("openmoji", "openmoji@17.0.0", "CC-BY-SA-4.0", "openmoji"),
    Style("openmoji-line", "openmoji@17.0.0", "CC-BY-SA-4.0", "openmoji"),
    Style("fluent-3d", "@lobehub/fluent-emoji-3d@1.1.0", "MIT", "fluent"),
    Style("fluent-flat", "@lobehub/fluent-emoji-flat@1.1.0", "MIT", "fluent"),
    Style("noto", "@iconify-json/noto@1.2.9", "Apache-2.0", "noto"),
    Style("noto-v1", "@iconify-json/noto-v1@1.2.5", "Apache-2.0", "noto-v1"),
    Style("emojione", "@iconify-json/emojione@1.2.3", "CC-BY-4.0", "emojione"),
)


@dataclass(frozen=True)
class Subject:
    """What an emoji shows: its key, the emojibase group and subgroup, and names and tags by language (en, pt)."""

    key: str
    group: str
    subgroup: int
    names: dict[str, str]
    tags: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Emoji:
    """The set. images (N, 64, 64, 3) uint8; subject, style (N,) index `subjects` and STYLES; split (N,) is
    TRAIN, HELD_PAIR (the subject is known in other styles) or HELD_SUBJECT."""

    images: np.ndarray
    subject: np.ndarray
    style: np.ndarray
    split: np.ndarray
    subjects: tuple[Subject, ...]


def load() -> Emoji:
    """The whole set, drawn once (about two minutes) and kept in one file of the cache."""
    path = weights.cache() / "data" / f"emoji-{SIZE}-v2.npz"
    known = subjects()
    if not path.is_file():
        drawn, subject, style = _draw(known, SIZE)
        drawing = {"subject": np.array(subject, np.int32), "style": np.array(style, np.int32)}
        with weights.whole(path) as part:
            np.savez(part, images=np.stack(list(drawn)), **drawing)
    with np.load(path, allow_pickle=False) as packed:
        images, subject, style = packed["images"], packed["subject"], packed["style"]
    side = [split_of(known[s].key, STYLES[t].family) for s, t in zip(subject, style, strict=True)]
    return Emoji(images, subject, style, np.array(side, np.uint8), known)


def subjects() -> tuple[Subject, ...]:
    """Every subject named in both languages, in emojibase's order."""
    folder = packages.npm(NAMES)
    by_language = {
        lang: {e["hexcode"]: e for e in json.loads((folder / lang / "data.json").read_text(encoding="utf-8"))}
        for lang in ("en", "pt")
    }
    rows = sorted((e for e in by_language["en"].values() if e.get("group") in GROUPS), key=lambda e: e["order"])
    return tuple(
        Subject(
            key_of(e["hexcode"]),
            GROUPS[e["group"]],
            e["subgroup"],
            {lang: rows[e["hexcode"]]["label"].lower() for lang, rows in by_language.items()},
            {lang: tuple(t.lower() for t in rows[e["hexcode"]].get("tags", ())) for lang, rows in by_language.items()},
        )
        for e in rows
        if e["hexcode"] in by_language["pt"]
    )


def key_of(code_points: str) -> str:
    """ "2764-FE0F" -> "2764": the key that every package's file names are brought to."""
    return "-".join(part.rjust(4, "0") for part in code_points.lower().split("-") if part != "fe0f")


def split_of(key: str, family: str) -> int:
    """TRAIN, HELD_PAIR or HELD_SUBJECT, by hash: the same on every machine."""
    if _hash(key) < 0.05:
        return HELD_SUBJECT
    return HELD_PAIR if _hash(f"{key} {family}") < 0.10 else TRAIN


def _hash(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48


def _draw(known: tuple[Subject, ...], size: int) -> tuple[list[np.ndarray], list[int], list[int]]:
    """Pictures (size, size, 3), and for each the indices of its subject and style."""
    index = {s.key: i for i, s in enumerate(known)}
    images, subject, style = [], [], []
    for number, entry in enumerate(STYLES):
        drawn: dict[int, np.ndarray] = {}
        for key, picture in _pictures(entry, known):
            if key in index and index[key] not in drawn:
                drawn[index[key]] = picture(size)
        log.info("%s: %d pictures", entry.id, len(drawn))
        images += drawn.values()
        subject += drawn
        style += [number] * len(drawn)
    return images, subject, style


def _pictures(style: Style, known: tuple[Subject, ...]) -> Iterator[tuple[str, Callable[[int], np.ndarray]]]:
    """(key, function that draws it at a size) for each picture of a style."""
    folder = packages.npm(style.package)
    if style.package.startswith("@iconify-json"):
        yield from _iconify(folder, known)
        return
    inside = {"openmoji": "color/svg", "openmoji-line": "black/svg"}
    place = folder / inside.get(style.id, "assets" if "fluent" in style.id else "")
    for file in sorted(place.iterdir()):
        if file.suffix in (".svg", ".png", ".webp"):
            yield key_of(file.stem), lambda size, file=file: _file(file, size)


def _file(path: Path, size: int) -> np.ndarray:
    if path.suffix == ".svg":
        return _svg(path.read_text(encoding="utf-8"), size)
    return _bitmap(path.read_bytes(), size)


def _iconify(folder: Path, known: tuple[Subject, ...]) -> Iterator[tuple[str, Callable[[int], np.ndarray]]]:
    """Pictures of an iconify set, which are keyed by name: CLDR's present names, or earlier ones through aliases."""
    icons = json.loads((folder / "icons.json").read_text(encoding="utf-8"))
    listed = json.loads((packages.npm("@iconify-json/noto@1.2.9") / "chars.json").read_text(encoding="utf-8"))
    keys = {name: key_of(code) for code, name in listed.items()} | {slug(s.names["en"]): s.key for s in known}
    named = {name: name for name in icons["icons"]} | {a: v["parent"] for a, v in icons.get("aliases", {}).items()}
    for name, parent in named.items():
        if name in keys and parent in icons["icons"]:
            icon = icons["icons"][parent]
            width, height = (icon.get(side, icons.get(side, 16)) for side in ("width", "height"))
            head = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            svg = f'{head}viewBox="0 0 {width} {height}">{icon["body"]}</svg>'
            yield keys[name], lambda size, svg=svg: _svg(svg, size)


def slug(name: str) -> str:
    """ "Smiling face & heart’s" -> "smiling-face-and-hearts", as iconify names its icons."""
    plain = unicodedata.normalize("NFKD", name.replace("’", "").replace("'", "")).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower().replace("&", "and")).strip("-")


def _svg(text: str, size: int) -> np.ndarray:
    import resvg_py

    png = resvg_py.svg_to_bytes(svg_string=text, width=size, height=size, skip_system_fonts=True)
    return _bitmap(bytes(png), size)


def _bitmap(data: bytes, size: int) -> np.ndarray:
    """PNG or WebP bytes -> (size, size, 3) uint8 on white, centred where it is not square."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as opened:
        picture = opened.convert("RGBA")
    picture.thumbnail((size, size), Image.Resampling.LANCZOS)
    canvas = Image.new("RGBA", (size, size), "white")
    canvas.alpha_composite(picture, ((size - picture.width) // 2, (size - picture.height) // 2))
    return np.asarray(canvas.convert("RGB"))


def load_large() -> Sequence[np.ndarray]:
    """The pictures of `load` at 256x256, in its order: a sequence of (256, 256, 3) uint8, each decoded when asked for.

    Drawn once (a few minutes) and kept losslessly compressed in one file of the cache, about 150 MB.
    """
    path = weights.cache() / "data" / f"emoji-{LARGE}-v1.npz"
    if not path.is_file():
        packed = [_png(picture) for picture in _draw(subjects(), LARGE)[0]]
        ends = np.cumsum([len(png) for png in packed])
        with weights.whole(path) as part:
            np.savez(part, pngs=np.frombuffer(b"".join(packed), np.uint8), ends=ends)
    with np.load(path, allow_pickle=False) as kept:
        return _Packed(kept["pngs"], kept["ends"])


class _Packed(Sequence[np.ndarray]):
    """Pictures kept as PNG bytes one after another; `ends` (N,) says where each stops."""

    def __init__(self, pngs: np.ndarray, ends: np.ndarray) -> None:
        self._pngs, self._ends = pngs, ends

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, i: int) -> np.ndarray:
        start = self._ends[i - 1] if i else 0
        return _bitmap(self._pngs[start : self._ends[i]].tobytes(), LARGE)


def _png(picture: np.ndarray) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    return out.getvalue()
