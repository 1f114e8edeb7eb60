"""What the judge says of generated pictures, beside what it says of the real ones of the same subjects and styles."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genmodels import registry
from genmodels.data import emoji
from genmodels.text_to_image import judge, pipeline
from genmodels.text_to_image.captions import LANGUAGES
from genmodels.text_to_image.frechet import components, frechet_distance, mean_distance
from genmodels.text_to_image.pipeline import ANY_STYLE, EmojiPipeline
from genmodels.train import precision

TRUSTED = 0.90  # of the real held-out pictures' own names must be among the judge's first five of 100
GUIDANCE = 3.0
BATCH = 64
PROMPTS, GROUP = 32, 6  # for the diversity: prompts, and pictures of each
SIDES = {"unseen_pairs": emoji.HELD_PAIR, "unseen_subjects": emoji.HELD_SUBJECT}
REFERENCE = "teacher_50"


@dataclass(frozen=True)
class Sampler:
    """A model and how it is run."""

    model: str
    steps: int
    guidance_scale: float
    scheduler: str


SAMPLERS = {
    REFERENCE: Sampler("emoji-diffusion", 50, GUIDANCE, "ddim"),
    "teacher_20": Sampler("emoji-diffusion", 20, GUIDANCE, "ddim"),
    "fewstep_4": Sampler("emoji-fewstep", 4, 1.0, "lcm"),
    "fewstep_2": Sampler("emoji-fewstep", 2, 1.0, "lcm"),
    "fewstep_1": Sampler("emoji-fewstep", 1, 1.0, "lcm"),
}


class Judge:
    """The judge with every subject's name by language, and the space that the Fréchet distance is taken in: the first
    principal components of its features (before the projection to the text's space) of all real pictures."""

    def __init__(self, data: emoji.Emoji) -> None:
        self.model = registry.load("emoji-judge", "cpu")
        self.names = judge.name_vectors(data, list(range(len(data.subjects))))
        _, features = judge.encode(self.model, to_tensor(data.images))
        self.mean, self.components = components(features.numpy())

    def look(self, pictures: Tensor) -> tuple[Tensor, np.ndarray]:
        """pictures (N, 3, 64, 64), uint8 or float in [-1, 1] -> vectors (N, 512), reduced features (N, 64)."""
        vectors, features = judge.encode(self.model, pictures)
        return vectors, (features.numpy() - self.mean) @ self.components

    def top(self, vectors: Tensor, subject: np.ndarray, language: str) -> dict[str, float]:
        """Shares of pictures whose subject's name comes first, or among the first five, of 100."""
        return judge.top(judge.rank(vectors, subject, self.names[:, LANGUAGES.index(language)]))


def to_tensor(images: np.ndarray) -> Tensor:
    """uint8 (N, 64, 64, 3) -> uint8 (N, 3, 64, 64)."""
    return torch.from_numpy(images).permute(0, 3, 1, 2)


def chosen(data: emoji.Emoji, split: int, count: int, styles: list[int]) -> np.ndarray:
    """Indices of `count` pictures of one side in `styles`, always the same: first by a hash of subject and style."""
    rows = np.flatnonzero((data.split == split) & np.isin(data.style, styles))
    keys = [f"{data.subjects[data.subject[i]].key} {emoji.STYLES[data.style[i]].id}" for i in rows]
    order = sorted(range(len(rows)), key=lambda j: hashlib.sha256(keys[j].encode()).digest())
    return rows[order[:count]]


def trusted(looker: Judge, data: emoji.Emoji) -> list[int]:
    """The styles in which the judge is one: all of them, if it puts the own name of 90 % of all real held-out pairs
    among its first five of 100 in either language; else those in which it does so over both languages together; none,
    if they are fewer than half."""
    rows = np.flatnonzero(data.split == emoji.HELD_PAIR)
    vectors, _ = looker.look(to_tensor(data.images[rows]))
    ranked = [judge.rank(vectors, data.subject[rows], looker.names[:, j]) < 5 for j in range(len(LANGUAGES))]
    every = sorted(set(data.style[rows].tolist()))
    if min(right.mean() for right in ranked) >= TRUSTED:
        return every
    right = np.mean(ranked, 0)
    kept = [style for style in every if right[data.style[rows] == style].mean() >= TRUSTED]
    return kept if 2 * len(kept) >= len(every) else []


def available() -> dict[str, Sampler]:
    """Those of SAMPLERS whose model is here."""
    here = {card.id for card in registry.cards("text_to_image") if registry.unavailable(card) is None}
    return {name: sampler for name, sampler in SAMPLERS.items() if sampler.model in here}


def generate(sampler: Sampler, prompts: list[str], styles: list[str], seed: int = 0) -> Tensor:
    """Pictures (N, 3, 64, 64) in [-1, 1] for N prompts in their styles; picture i starts from noise i of the seed.

    In mixed precision where the machine has it: 50 dB from those in float32 (median), and 2.8 times as fast.
    """
    model: EmojiPipeline = registry.load(sampler.model)
    noise = pipeline.start_noise(len(prompts), seed, model)
    pictures = torch.zeros(len(prompts), 3, pipeline.picture_size(model), pipeline.picture_size(model))
    for style in sorted(set(styles)):
        rows = [i for i, wanted in enumerate(styles) if wanted == style]
        for part in (rows[i : i + BATCH] for i in range(0, len(rows), BATCH)):
            stream = pipeline.sample(
                model,
                [prompts[i] for i in part],
                style=style,
                seed=seed + part[0],
                steps=sampler.steps,
                guidance_scale=sampler.guidance_scale,
                scheduler=sampler.scheduler,
                noise=noise[part],
            )
            with precision(model.device.type):
                latents = deque(stream, maxlen=1).pop().x_t
            pictures[part] = pipeline.decode(model, latents.float()).cpu()
    return pictures


def measure(count: int = 500, data: emoji.Emoji | None = None) -> dict[str, Any]:
    """Figures of every sampler that is here, beside the real pictures and those that went through the autoencoder.

    -> {"judge": {...}, "styles": [...], side: {row: {language: {"top1", "top5"}, "frechet",
    "frechet_over_teacher_50", "diversity"}}}. Fréchet distances are to the real pictures of the same list. Only styles
    that are `trusted` are in the lists; where there are none, there is "withheld" instead of the sides.
    """
    data = data or emoji.load()
    looker = Judge(data)
    figures: dict[str, Any] = {"judge": judge.ranks(looker.model, data)}
    styles = trusted(looker, data)
    if not styles:
        worst = min(figures["judge"][f"top5_unseen_pairs_{language}"] for language in LANGUAGES)
        said = f"the judge finds the name of {worst:.1%} of the real held-out pictures among its first five of 100"
        return figures | {"withheld": f"{said}; below {TRUSTED:.0%} its figures are not quoted"}
    figures["styles"] = [emoji.STYLES[style].id for style in styles]
    for side, split in SIDES.items():
        figures[side] = dict(_rows(looker, data, chosen(data, split, count, styles)))
        base = figures[side].get(REFERENCE)
        for row in figures[side].values() if base else ():
            row[f"frechet_over_{REFERENCE}"] = round(row["frechet"] / base["frechet"], 3)
    return figures


def _rows(looker: Judge, data: emoji.Emoji, rows: np.ndarray) -> Iterator[tuple[str, dict[str, Any]]]:
    subject, real = data.subject[rows], to_tensor(data.images[rows])
    styles = [emoji.STYLES[style].id for style in data.style[rows]]
    _, reference = looker.look(real)
    autoencoder = registry.load("emoji-autoencoder", "cpu")
    with torch.no_grad():
        rebuilt = torch.cat([autoencoder(part.float() / 127.5 - 1).clamp(-1, 1) for part in real.split(BATCH)])
    groups = np.unique(subject)[:: max(1, len(np.unique(subject)) // PROMPTS)][:PROMPTS]
    for name, pictures in {"real": real, "autoencoder": rebuilt}.items():
        row = _row(looker, dict.fromkeys(LANGUAGES, pictures), subject, reference)
        yield name, row | ({"diversity": diversity(looker, None, data, groups)} if name == "real" else {})
    for name, sampler in available().items():
        asked = {lang: [data.subjects[s].names[lang] for s in subject] for lang in LANGUAGES}
        made = {lang: generate(sampler, prompts, styles) for lang, prompts in asked.items()}
        yield name, _row(looker, made, subject, reference) | {"diversity": diversity(looker, sampler, data, groups)}


def _row(looker: Judge, made: dict[str, Tensor], subject: np.ndarray, reference: np.ndarray) -> dict[str, Any]:
    seen = {language: looker.look(pictures) for language, pictures in made.items()}
    row: dict[str, Any] = {lang: looker.top(vectors, subject, lang) for lang, (vectors, _) in seen.items()}
    distance = frechet_distance(np.concatenate([reduced for _, reduced in seen.values()]), reference)
    return row | {"frechet": round(distance, 3)}


def diversity(looker: Judge, sampler: Sampler | None, data: emoji.Emoji, subjects: np.ndarray) -> float:
    """Mean distance, in the Fréchet distance's space, between two pictures of one subject whose style is left open.

    Generated ones by `sampler`: GROUP seeds of the subject's name, the language in turn. Without a sampler, the real
    pictures: GROUP styles of the subject.
    """
    if sampler is None:
        found = [np.flatnonzero(data.subject == s)[:GROUP] for s in subjects]
        rows = np.concatenate([part for part in found if len(part) == GROUP])
        pictures = to_tensor(data.images[rows])
    else:
        names = [data.subjects[s].names[LANGUAGES[i % 2]] for i, s in enumerate(subjects)]
        prompts = [name for name in names for _ in range(GROUP)]
        pictures = generate(sampler, prompts, [ANY_STYLE] * len(prompts), seed=1)
    _, reduced = looker.look(pictures)
    return round(mean_distance(reduced.reshape(-1, GROUP, reduced.shape[1])), 3)
