"""The space of the text encoder's vectors: two phrases among the known names, flattened to a map."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from html import escape

import numpy as np

from demos.text_to_image._limits_text import say
from genmodels.data.emoji import GROUPS
from genmodels.text_to_image import known, text
from genmodels.text_to_image.captions import LANGUAGES

WIDTH, HEIGHT, EDGE = 640, 400, 18
SAME, NEAR = 0.9, 0.6
NEAREST = 4


@dataclass(frozen=True)
class Space:
    """Known names of one language. names (N), groups (N), vectors (N, 512); mean (512) and axes (512, 2) of their
    principal components; share: the percentage of variance on those two; scale (2): the names' largest coordinates."""

    names: list[str]
    groups: list[str]
    vectors: np.ndarray
    mean: np.ndarray
    axes: np.ndarray
    share: float
    scale: np.ndarray

    def flat(self, vectors: np.ndarray) -> np.ndarray:
        """(N, 512) -> (N, 2) pixels of the map; what lies outside comes to its edge."""
        at = np.clip((vectors - self.mean) @ self.axes / self.scale, -1, 1)
        return (at + 1) / 2 * (np.array([WIDTH, HEIGHT]) - 2 * EDGE) + EDGE


@functools.cache
def space(lang: str) -> Space:
    """The names of what the small model was trained on, in one language, with their principal components."""
    from safetensors.numpy import load_file

    rows = [(i, subject) for i, subject in enumerate(known.subjects()) if known.trained(subject)]
    stored = load_file(known.FOLDER / "names.safetensors")["names"]  # each subject's name in each of LANGUAGES
    vectors = stored[LANGUAGES.index(lang) :: len(LANGUAGES)][[i for i, _ in rows]].astype(np.float32)
    mean = vectors.mean(0)
    variance, directions = np.linalg.eigh(np.cov(vectors.T))  # ascending
    axes = directions[:, :-3:-1].astype(np.float32)
    scale = np.abs((vectors - mean) @ axes).max(0)
    share = 100 * float(variance[-2:].sum() / variance.sum())
    names, groups = [subject.names[lang] for _, subject in rows], [subject.group for _, subject in rows]
    return Space(names, groups, vectors, mean, axes, share, scale)


def compare(lang: str, first: str, second: str) -> str:
    """HTML: the cosine of two phrases in words and number, their nearest names, and the map with both."""
    lang = lang if lang in LANGUAGES else "en"
    found = space(lang)
    phrases = [text.clean(phrase) for phrase in (first, second)]
    vectors = [text.vector(phrase.lower()) for phrase in phrases if phrase]
    if len(vectors) < 2:
        verdict = f"<p class='ti-cosine'>{escape(say(lang, 'one'))}</p>"
    else:
        cosine = float(vectors[0] @ vectors[1])
        word = "same" if cosine >= SAME else "near" if cosine >= NEAR else "far"
        number = escape(say(lang, "cosine", cosine=cosine))
        verdict = f"<p class='ti-cosine'><b>{number}</b> {escape(say(lang, word))}</p>"
    lists = "".join(
        _nearest(lang, found, letter, phrase) for letter, phrase in zip("AB", phrases, strict=True) if phrase
    )
    note = escape(say(lang, "map_note", count=len(found.names), share=found.share))
    return (
        f"<div class='ti-space'><div>{verdict}<div class='ti-lists'>{lists}</div></div>"
        f"<figure>{_map(lang, found, phrases)}{_legend(lang)}<figcaption>{note}</figcaption></figure></div>"
    )


def nearest(found: Space, phrase: str) -> list[tuple[int, float]]:
    """(row, cosine) of the names nearest to a phrase, nearest first."""
    cosines = found.vectors @ text.vector(phrase.lower())
    return [(int(i), float(cosines[i])) for i in np.argsort(-cosines)[:NEAREST]]


def _nearest(lang: str, found: Space, letter: str, phrase: str) -> str:
    rows = "".join(
        f"<li>{escape(found.names[i])} <span>{escape(say(lang, 'cosine', cosine=cosine).split()[-1])}</span></li>"
        for i, cosine in nearest(found, phrase)
    )
    title = escape(say(lang, "nearest", phrase=phrase))
    return f"<section><h4><i class='ti-mark ti-mark-{letter}'>{letter}</i> {title}</h4><ol>{rows}</ol></section>"


@functools.cache
def _cloud(lang: str) -> str:
    """Every known name as a dot in its group's colour."""
    found = space(lang)
    at = found.flat(found.vectors)
    paths = []
    for c, group in enumerate(GROUPS.values()):
        dots = "".join(f"M{x:.0f} {y:.0f}h0" for (x, y), own in zip(at, found.groups, strict=True) if own == group)
        paths.append(f'<path d="{dots}" stroke="var(--gl-c{c})" class="ti-dots"/>')
    return "".join(paths)


def _map(lang: str, found: Space, phrases: list[str]) -> str:
    marks, places = "", {}
    for letter, phrase in zip("AB", phrases, strict=True):
        if not phrase:
            continue
        for i, _ in nearest(found, phrase):
            x, y = found.flat(found.vectors[i : i + 1])[0]
            marks += f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" class="ti-ring ti-{letter}"/>'
        places[letter] = found.flat(text.vector(phrase.lower())[None])[0]
    if len(places) == 2:
        (x0, y0), (x1, y1) = places.values()
        marks += f'<path d="M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}" class="ti-moved"/>'
    for letter, (x, y) in places.items():
        marks += (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="12" class="ti-point ti-{letter}"/>'
            f'<text x="{x:.1f}" y="{y + 5:.1f}" class="ti-letter">{letter}</text>'
        )
    alt = say(lang, "map_alt", count=len(found.names), first=phrases[0], second=phrases[1])
    return (
        f'<svg class="gl-plot ti-map" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(alt)}">'
        f"{_cloud(lang)}{marks}</svg>"
    )


def _legend(lang: str) -> str:
    keys = "".join(
        f'<span><i style="background:var(--gl-c{c})"></i>{escape(say(lang, f"group.{group}"))}</span>'
        for c, group in enumerate(GROUPS.values())
    )
    return f'<p class="gl-legend ti-groups">{keys}</p>'
