"""What the denoiser trains on: latents of the emoji and of recoloured and moved copies, with captions drawn anew."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2.functional import affine

from genmodels import weights
from genmodels.data import emoji
from genmodels.text_to_image import captions, text
from genmodels.text_to_image.autoencoder import PatchAutoencoder

log = logging.getLogger(__name__)
PLAIN, RECOLORED, MOVED = 0, 1, 2
SHARE = {PLAIN: 0.45, RECOLORED: 0.2, MOVED: 0.35}  # of the pictures that are drawn; lacking copies fall to PLAIN
RECOLORINGS, MOVES = 2, 3
NATURAL_COLOR = 0.15  # how often the caption of a plain picture says the colour it has
NO_COLOR = -1
PICTURE_NOISE = 0.3  # length of the noise on a picture's unit vector, so that the prior's small errors are forgiven
VERSION = 3  # of the copies: raise it when they change


@dataclass(frozen=True)
class Variants:
    """Pictures to train on. latents (N, 12, 8, 8) normalised; subject, style, color (N,), color NO_COLOR or an index
    in captions.COLORS that the caption names, natural (N,) the colour it has by itself; chance (N,) sums to 1."""

    latents: Tensor
    subject: np.ndarray
    style: np.ndarray
    color: np.ndarray
    natural: np.ndarray
    chance: np.ndarray


def variants(data: emoji.Emoji, model: PatchAutoencoder, split: int = emoji.TRAIN, copies: bool = True) -> Variants:
    """Plain pictures of one side of the split and, with `copies`, their recoloured and moved ones; encoded by model.

    The encoded set is kept in the cache by the encoder's hash: making it takes a few minutes on a CPU.
    """
    path = _cached("latents", model.encoder, split, copies)
    if not path.is_file():
        rows = list(_rows(data, split, copies))
        log.info("encoding %d pictures", len(rows))
        pictures = torch.from_numpy(np.stack([row[0] for row in rows])).permute(0, 3, 1, 2)
        columns = torch.tensor([row[1:] for row in rows])
        save_file({"latents": encode(model, pictures).half().contiguous(), "columns": columns}, path)
    kept = load_file(path)
    subject, style, color, natural, kind = kept["columns"].numpy().T
    return Variants(kept["latents"].float(), subject, style, color, natural, _chance(subject * 100 + style, kind))


@torch.no_grad()
def picture_vectors(
    data: emoji.Emoji, clip: nn.Module, split: int = emoji.TRAIN, copies: bool = True, size: int = 128
) -> Tensor:
    """Unit vectors (N, 512) that `clip` gives the pictures behind `variants` of the same arguments, in their order.

    clip maps pictures (B, 3, 64, 64) in [-1, 1] to vectors (B, 512). Kept in the cache by its hash.
    """
    path = _cached("vectors", clip, split, copies)
    if not path.is_file():
        pictures = torch.from_numpy(np.stack([row[0] for row in _rows(data, split, copies)])).permute(0, 3, 1, 2)
        log.info("encoding %d pictures", len(pictures))
        found = [clip(part.float() / 127.5 - 1) for part in pictures.split(size)]
        save_file({"vectors": F.normalize(torch.cat(found).float(), dim=1).half()}, path)
    return F.normalize(load_file(path)["vectors"].float(), dim=1)


def _cached(what: str, encoder: nn.Module, split: int, copies: bool) -> Path:
    digest = hashlib.sha256(b"".join(p.detach().cpu().numpy().tobytes() for p in encoder.parameters())).hexdigest()[:12]
    return weights.cache() / "data" / f"emoji-{what}-{VERSION}-{digest}-{split}-{int(copies)}.safetensors"


def noisy(vectors: Tensor, rng: np.random.Generator, length: float = PICTURE_NOISE) -> Tensor:
    """Unit vectors (B, D) moved by normal noise of about that length, and brought back to length 1."""
    noise = torch.from_numpy(rng.standard_normal(vectors.shape, np.float32))
    return F.normalize(vectors + noise * (length / vectors.shape[1] ** 0.5), dim=1)


@torch.no_grad()
def encode(model: PatchAutoencoder, pictures: Tensor, size: int = 64) -> Tensor:
    """uint8 pictures (N, 3, 64, 64) -> normalised latents (N, 12, 8, 8)."""
    parts = (model.encode(part.float() / 127.5 - 1).latent_dist.mode() for part in pictures.split(size))
    return torch.cat([model.normalize(z) for z in parts])


def _rows(data: emoji.Emoji, split: int, copies: bool) -> Iterator[tuple[np.ndarray, int, int, int, int, int]]:
    """(picture, subject, style, color, natural, kind) for each plain picture and its copies."""
    rng = np.random.default_rng(split)
    for i in np.flatnonzero(data.split == split):
        picture, subject, style = data.images[i], int(data.subject[i]), int(data.style[i])
        natural = captions.color_of(picture)
        yield picture, subject, style, NO_COLOR, NO_COLOR if natural is None else natural, PLAIN
        if not copies:
            continue
        for color in rng.choice(len(captions.COLORS), RECOLORINGS, replace=False):
            if color != natural and (changed := captions.recolor(picture, int(color))) is not None:
                yield changed, subject, style, int(color), NO_COLOR, RECOLORED
        for _ in range(MOVES):
            yield moved(picture, rng), subject, style, NO_COLOR, NO_COLOR, MOVED


def moved(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """uint8 (64, 64, 3) on white, turned by up to 6 degrees, zoomed by 0.88 to 1.05, shifted by up to 3 pixels, and
    mirrored half the time."""
    tensor = torch.from_numpy(picture[:, ::-1].copy() if rng.random() < 0.5 else picture).permute(2, 0, 1)
    margin = 16  # more than a picture moves: the filled-in border is shaded, and is cut off again
    turned = affine(
        F.pad(tensor, (margin,) * 4, value=255),
        angle=float(rng.uniform(-6, 6)),
        translate=rng.integers(-3, 4, 2).tolist(),
        scale=float(rng.uniform(0.88, 1.05)),
        shear=[0.0, 0.0],
        interpolation=InterpolationMode.BILINEAR,
        fill=[255.0],
    )
    return turned[:, margin:-margin, margin:-margin].permute(1, 2, 0).numpy()


def _chance(picture: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """Probability of each row, so that every plain picture with its copies has the same in all."""
    chance = np.zeros(len(kind))
    shares = {k: np.zeros(picture.max() + 1) for k in SHARE}
    for k in SHARE:
        np.add.at(shares[k], picture[kind == k], 1)
    for k, share in SHARE.items():
        chance[kind == k] = share / shares[k][picture[kind == k]]
    missing = sum(share * (shares[k] == 0) for k, share in SHARE.items())
    plain = kind == PLAIN
    chance[plain] += missing[picture[plain]]
    return chance / chance.sum()


def _vectors(texts: list[str]) -> Tensor:
    """(N, 512) of many texts, kept in the cache: encoding tens of thousands takes a minute or two."""
    digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]
    path = weights.cache() / "data" / f"emoji-texts-{digest}.safetensors"
    if not path.is_file():
        log.info("encoding %d texts", len(texts))
        save_file({"vectors": torch.from_numpy(text.vectors(texts)).half()}, path)
    return load_file(path)["vectors"].float()


class CaptionTable:
    """Every caption of the subjects, encoded once; drawn by weight.

    `draw(subject, color, rng)` gives rows of the table, `tokens(rows)` what the denoiser sees: phrase and words.
    """

    def __init__(self, subjects: tuple[emoji.Subject, ...], wanted: set[tuple[int, int]]) -> None:
        self.texts: list[str] = []
        self._index: dict[str, int] = {}
        self._choices: dict[tuple[int, int, str], tuple[np.ndarray, np.ndarray]] = {}
        rare = {lang: captions.rare_tags(subjects, lang) for lang in captions.LANGUAGES}
        for subject, color in sorted(wanted):
            for lang in captions.LANGUAGES:
                given = None if color == NO_COLOR else color
                found = captions.phrases(subjects[subject], lang, rare[lang], given)
                rows = np.array([self._row(caption) for caption, _ in found])
                weight = np.cumsum([w for _, w in found])
                self._choices[subject, color, lang] = rows, weight / weight[-1]
        self._encode()

    def _row(self, caption: str) -> int:
        cleaned = text.clean(caption).lower()
        if cleaned not in self._index:
            self._index[cleaned] = len(self.texts)
            self.texts.append(cleaned)
        return self._index[cleaned]

    def _encode(self) -> None:
        words = sorted({w for caption in self.texts for w in text.words(caption)})
        place = {w: i for i, w in enumerate(words)}
        lists = [[place[w] for w in text.words(caption)] for caption in self.texts]
        self._phrases, self._words = _vectors(self.texts), _vectors(words)
        self._lengths = torch.tensor([len(row) for row in lists])
        self._rows = torch.zeros(len(lists), text.MAX_WORDS, dtype=torch.long)
        for i, row in enumerate(lists):
            self._rows[i, : len(row)] = torch.tensor(row, dtype=torch.long)

    def draw(self, subject: int, color: int, rng: np.random.Generator, language: str | None = None) -> int:
        """One caption's row; the language at random unless given."""
        lang = language or captions.LANGUAGES[rng.integers(2)]
        rows, cumulative = self._choices[subject, color, lang]
        return int(rows[min(np.searchsorted(cumulative, rng.random()), len(rows) - 1)])

    def tokens(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """rows (B,) -> tokens (B, L, 512), mask (B, L) bool, as text.tokens gives them."""
        lengths = self._lengths[rows]
        longest = int(lengths.max())
        words = self._words[self._rows[rows, :longest]]
        mask = torch.arange(longest) < lengths[:, None]
        words = words * mask[..., None]
        always = torch.ones(len(rows), 1, dtype=torch.bool)
        return torch.cat([self._phrases[rows][:, None], words], 1), torch.cat([always, mask], 1)
