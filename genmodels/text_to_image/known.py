"""What the miniature knows: the subjects it was trained on, and how near a phrase comes to the nearest of them.

assets/subjects/ holds the subjects' names and tags (emojibase, MIT) and the text encoder's vectors of the names in
half precision, so that the page needs neither the training set nor the second that encoding 2,064 names takes.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence

import numpy as np

from genmodels import weights
from genmodels.data.emoji import HELD_SUBJECT, Subject, split_of
from genmodels.text_to_image import text
from genmodels.text_to_image.captions import COLORS, LANGUAGES

FOLDER = weights.ASSETS.parent / "subjects"
# Below this cosine a phrase names nothing that was trained on: 40 of 40 everyday phrases for known subjects lie above
# it ("happy dog", the worst, at 0.62), 30 of 38 for anything else below ("democracia" 0.46, "a group of people
# dancing" 0.42); the other eight do name one ("castle at sunset").
FAR = 0.6
_COLOR_WORDS = {word for color in COLORS for word in (color.en, *color.pt)}


@functools.cache
def subjects() -> tuple[Subject, ...]:
    """All 1,032 subjects in emojibase's order, those held out of training included."""
    rows = json.loads((FOLDER / "subjects.json").read_text(encoding="utf-8"))
    return tuple(
        Subject(key, group, subgroup, names, {lang: tuple(words) for lang, words in tags.items()})
        for key, group, subgroup, names, tags in rows
    )


@functools.cache
def by_key() -> dict[str, Subject]:
    """The same, by key."""
    return {subject.key: subject for subject in subjects()}


def trained(subject: Subject) -> bool:
    """Whether the models saw the subject, in any style."""
    return split_of(subject.key, "") != HELD_SUBJECT


def nearest(phrase: str, k: int = 3) -> list[tuple[str, str, float]]:
    """(subject key, its name, cosine) of the k trained subjects whose names come nearest to a phrase, nearest first.

    The name is in the language that came nearer. A colour counts as part of a name only where the name has it: the
    phrase is also read without its colour words, as any subject may be asked for in any colour.
    """
    plain = text.clean(phrase).lower()
    bare = " ".join(word for word in plain.split() if word not in _COLOR_WORDS)
    return nearest_to([text.vector(read) for read in dict.fromkeys((plain, bare)) if read], k)


def nearest_to(vectors: Sequence[np.ndarray], k: int = 3) -> list[tuple[str, str, float]]:
    """As `nearest`, for unit vectors (512,) of the text encoder; each subject counts with its best cosine to any."""
    if not len(vectors):
        return []
    names, keys, table = _index()
    cosines = (table @ np.stack(vectors).astype(np.float32).T).max(1)
    found: dict[str, tuple[str, str, float]] = {}
    for row in np.argsort(-cosines, kind="stable"):
        found.setdefault(keys[row], (keys[row], names[row], float(cosines[row])))
        if len(found) == k:
            break
    return list(found.values())


def write(known: Sequence[Subject]) -> None:
    """Write assets/subjects/ from the training set's `emoji.subjects()`."""
    from safetensors.numpy import save_file

    FOLDER.mkdir(parents=True, exist_ok=True)
    rows = [[s.key, s.group, s.subgroup, s.names, s.tags] for s in known]
    lines = ",\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
    (FOLDER / "subjects.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    vectors = text.vectors([s.names[lang] for s in known for lang in LANGUAGES])
    save_file({"names": vectors.astype(np.float16)}, FOLDER / "names.safetensors")


@functools.cache
def _index() -> tuple[list[str], list[str], np.ndarray]:
    """Names and keys (N) and the names' vectors (N, 512), of the trained subjects in both languages."""
    from safetensors.numpy import load_file

    stored = load_file(FOLDER / "names.safetensors")["names"].astype(np.float32)
    rows = [(s.names[lang], s.key, trained(s)) for s in subjects() for lang in LANGUAGES]
    kept = [i for i, (_, _, seen) in enumerate(rows) if seen]
    table = stored[kept]
    table /= np.linalg.norm(table, axis=1, keepdims=True)
    return [rows[i][0] for i in kept], [rows[i][1] for i in kept], table
