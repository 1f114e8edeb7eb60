"""The recipe of the picture encoders "emoji-clip" and "emoji-judge": see judge.py for what each of them is for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genmodels import registry, train, weights
from genmodels.data import emoji, emoji_others
from genmodels.step import Step
from genmodels.text_to_image import captions
from genmodels.text_to_image.judge import FEATURES, INPUT, PictureEncoder, name_vectors, ranks
from genmodels.text_to_image.latents import NO_COLOR, CaptionTable, variants
from genmodels.train import Budget, Trained

BATCH = 128
NATURAL = 0.4  # how often a plain picture's caption says the colour it has
FIRST_STAGE = 4  # the encoder's layer after which styles are mixed
CLASSIFIER = 2.0  # weight of the subjects' cross-entropy beside the contrastive loss
REGRESSION = 3.0  # weight of 1 - cosine
SAME = 0.97  # captions closer than this are the same one


@dataclass(frozen=True)
class Setting:
    """What differs between the two: seed; pictures to see; how far `augment` moves, turns and hides; the share of
    pictures turned into line drawings, and of those that get outlines; dropped features; the share of batches whose
    style is mixed; whether the styles of emoji_others are learnt from."""

    seed: int
    pictures: int
    strength: float = 1.0
    sketched: float = 0.0
    dropout: float = 0.0
    mixed: float = 0.0
    others: bool = False


SETTINGS = {
    "emoji-clip": Setting(seed=1, pictures=240_000),
    "emoji-judge": Setting(seed=2, pictures=400_000, strength=1.3, sketched=0.1, dropout=0.15, mixed=0.5, others=True),
}


class Learner(nn.Module):
    """An encoder in training, with a plain classifier of subjects on its features that is thrown away afterwards.

    The text vectors crowd together, so that alone they teach a new network slowly; the classifier's rows are free.
    """

    def __init__(self, subjects: int, dropout: float = 0.0, mixed: float = 0.0) -> None:
        super().__init__()
        self.encoder = PictureEncoder()
        self.classes = nn.Linear(FEATURES, subjects)
        self.dropout, self.mixed = nn.Dropout(dropout), mixed

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, 3, H, W) -> unit vectors (B, 512), logits of subjects (B, S)."""
        hook = self.encoder.body[FIRST_STAGE].register_forward_hook(lambda *at: self._mix(at[-1]))
        features = self.dropout(self.encoder.features(x))
        hook.remove()
        return F.normalize(self.encoder.head(features).float(), dim=1), self.classes(features).float()

    def _mix(self, x: Tensor) -> Tensor:
        """Half of the time, in training: each picture's channel means and spreads moved towards another picture's, so
        that little is learnt from the style (MixStyle, Zhou et al. 2021, arXiv:2104.02008). x (B, C, H, W)."""
        if not self.training or float(torch.rand(())) >= self.mixed:
            return x
        mean, std = x.mean((2, 3), keepdim=True).detach(), x.std((2, 3), keepdim=True).detach() + 1e-3
        other = torch.randperm(len(x), device=x.device)
        share = torch.rand(len(x), 1, 1, 1, device=x.device, dtype=x.dtype) / 2
        return (x - mean) / std * torch.lerp(std, std[other], share) + torch.lerp(mean, mean[other], share)


def contrastive_loss(
    model: Learner, x: Tensor, target: Tensor, subject: Tensor, wrong: Tensor, named: Tensor, names: Tensor
) -> Tensor:
    """Each picture's own caption against everybody's, each caption against the batch's pictures, plus 1 - cosine.

    x (B, 3, 64, 64); target (B, 512) its caption; subject (B,) a row of names; wrong (B, 512) the caption with
    another colour, counted where named (B,) is True; names (S, 512) of every subject. A candidate of the same subject,
    or one that says the same, is neither right nor wrong and left out.
    """
    found, classes = model(x)
    with torch.autocast(x.device.type, enabled=False):
        scale = model.encoder.log_scale.exp().clamp(max=100)
        own = torch.arange(len(x), device=x.device)
        others = torch.cat([subject, torch.arange(len(names), device=x.device)])
        candidates = torch.cat([target, names])  # (B + S, 512)
        skip = (subject[:, None] == others) | (target @ candidates.T > SAME)  # (B, B + S)
        skip[own, own] = False
        logits = (scale * found @ candidates.T).masked_fill(skip, -torch.inf)
        beside = (scale * (found * wrong).sum(1)).masked_fill(~named, -torch.inf)
        to_text = F.cross_entropy(torch.cat([logits, beside[:, None]], 1), own)
        to_picture = F.cross_entropy(logits[:, : len(x)].T, own)
        to_subject = F.cross_entropy(classes, subject)
        near = 1 - (found * target).sum(1).mean()
        return to_text + 0.5 * to_picture + REGRESSION * near + CLASSIFIER * to_subject


class CaptionedPictures:
    """Called with a step, an endless stream of contrastive_loss's batches, the same for the same step and seed.

    The pictures of latents.variants and, where asked for, plain ones of emoji_others, each as often as a picture of
    data with all its copies.
    """

    def __init__(self, data: emoji.Emoji, setting: Setting, size: int = BATCH) -> None:
        chosen = variants(data, registry.load("emoji-autoencoder", "cpu"))
        colors = np.concatenate([chosen.color, chosen.natural, np.full_like(chosen.color, NO_COLOR)])
        pairs = set(zip(np.tile(chosen.subject, 3).tolist(), colors.tolist(), strict=True))
        place = {key: i for i, key in enumerate(zip(data.subject.tolist(), data.style.tolist(), strict=True))}
        self.setting, self.size = setting, size
        self.images, self.subject, self.color, self.natural = data.images, chosen.subject, chosen.color, chosen.natural
        self.source = np.array([place[key] for key in zip(chosen.subject.tolist(), chosen.style.tolist(), strict=True)])
        self.table = CaptionTable(data.subjects, pairs)
        self.colors = {s: [c for t, c in pairs if t == s and c != NO_COLOR] for s in np.unique(chosen.subject).tolist()}
        self.row = {s: i for i, s in enumerate(self.colors)}
        self.names = name_vectors(data, list(self.row))
        self.recolored: dict[int, np.ndarray] = {}
        chance = chosen.chance
        if setting.others:
            others = emoji_others.load()
            chance = np.append(chance, np.full(len(others.subject), 1 / (data.split == emoji.TRAIN).sum()))
            self._add(others)
        self.cumulative = np.cumsum(chance / chance.sum())

    def _add(self, others: emoji.Emoji) -> None:
        found = [captions.color_of(picture) for picture in others.images]
        known = [c if c in self.colors[s] else NO_COLOR for s, c in zip(others.subject.tolist(), found, strict=True)]
        self.source = np.append(self.source, len(self.images) + np.arange(len(known)))
        self.images = np.concatenate([self.images, others.images])
        self.subject = np.append(self.subject, others.subject)
        self.natural = np.append(self.natural, known)
        self.color = np.append(self.color, np.full(len(known), NO_COLOR))

    def __call__(self, step: int) -> Iterator[tuple[Tensor, ...]]:
        rng = np.random.default_rng([self.setting.seed, step])
        generator = torch.Generator().manual_seed(1_000_003 * self.setting.seed + step)
        while True:
            rows = np.searchsorted(self.cumulative, rng.random(self.size)).clip(max=len(self.cumulative) - 1)
            yield self.batch(rows, rng, generator)

    def batch(self, rows: np.ndarray, rng: np.random.Generator, generator: torch.Generator) -> tuple[Tensor, ...]:
        """rows (B,) of the variants -> x, target, subject, wrong, named, names as `contrastive_loss` takes them."""
        subjects = self.subject[rows].tolist()
        said = np.where(rng.random(len(rows)) < NATURAL, self.natural[rows], NO_COLOR)
        said = np.where(self.color[rows] != NO_COLOR, self.color[rows], said)
        pictures = [self._picture(int(row)) for row in rows]
        drawn = [self.table.draw(s, int(c), rng) for s, c in zip(subjects, said, strict=True)]
        other = [self._another(s, int(c), rng) for s, c in zip(subjects, said, strict=True)]
        wrong = [self.table.draw(s, c, rng) for s, c in zip(subjects, other, strict=True)]
        phrases, _ = self.table.tokens(torch.tensor(drawn + wrong))
        target, beside = phrases[:, 0].chunk(2)
        x = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1
        plain, u = torch.tensor(other) == NO_COLOR, torch.rand(len(x), generator=generator)
        x = sketch(x, plain & (u < self.setting.sketched), u > 1 - self.setting.sketched)
        x = augment(x, generator, self.setting.strength).contiguous(memory_format=torch.channels_last)
        language = torch.from_numpy(rng.integers(2, size=len(self.names)))
        names = self.names[torch.arange(len(self.names)), language]
        place = torch.tensor([self.row[s] for s in subjects])
        return x, target, place, beside, ~plain, names

    def _picture(self, row: int) -> np.ndarray:
        picture, color = self.images[self.source[row]], int(self.color[row])
        if color == NO_COLOR:
            return picture
        if row not in self.recolored:
            self.recolored[row] = captions.recolor(picture, color)
        return self.recolored[row]

    def _another(self, subject: int, color: int, rng: np.random.Generator) -> int:
        """A colour that the picture does not have, NO_COLOR if its caption names none."""
        have = [c for c in self.colors[subject] if c != color]
        return NO_COLOR if color == NO_COLOR or not have else have[rng.integers(len(have))]


def sketch(x: Tensor, alone: Tensor, over: Tensor) -> Tensor:
    """x (B, 3, H, W) in [-1, 1]; those of `alone` (B,) bool become black outlines on white, 1 - the local span of gray;
    those of `over` get the outlines on top of their colours."""
    gray = x.mean(1, keepdim=True)
    span = F.max_pool2d(gray, 3, 1, 1) + F.max_pool2d(-gray, 3, 1, 1)  # in [0, 2]
    outlines = (1 - 1.5 * span).clamp_min(-1)
    x = torch.where(over.view(-1, 1, 1, 1), torch.minimum(x, outlines), x)
    return torch.where(alone.view(-1, 1, 1, 1), outlines, x)


def augment(x: Tensor, generator: torch.Generator, strength: float = 1.0) -> Tensor:
    """x (B, 3, 64, 64) in [-1, 1] on white -> (B, 3, 48, 48), each picture by itself: mirrored, moved, scaled, turned,
    its colours and contrast slightly changed; half of them blurred, some with a patch painted over, all a little noisy.
    """
    draw = partial(torch.rand, generator=generator)
    n = len(x)
    turn, scale = (draw(n) - 0.5) * 0.3 * strength, 1.05 + 0.3 * strength * (draw(n) - 0.5)  # radians; above 1: smaller
    mirror = torch.where(draw(n) < 0.5, -1.0, 1.0)
    move = (draw(n, 2) - 0.5) * 0.24 * strength
    cos, sin = turn.cos() * scale, turn.sin() * scale
    theta = torch.stack([cos * mirror, -sin, move[:, 0], sin * mirror, cos, move[:, 1]], 1).view(n, 2, 3)
    grid = F.affine_grid(theta, [n, 3, INPUT, INPUT], align_corners=False)
    x = F.grid_sample(x - 1, grid, align_corners=False) + 1
    blurred = F.avg_pool2d(F.pad(x[::2], (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    x[::2] = torch.lerp(x[::2], blurred, draw(len(blurred), 1, 1, 1))
    gray = x.mean(1, keepdim=True)
    x = gray + (x - gray) * (0.75 + 0.5 * draw(n, 1, 1, 1))  # saturation
    x = 1 - (1 - x) * (0.8 + 0.4 * draw(n, 1, 1, 1)) + (draw(n, 3, 1, 1) - 0.5) * 0.12
    x = torch.where(_patch(n, INPUT, draw) & (draw(n, 1, 1, 1) < 0.15 * strength), 2 * draw(n, 3, 1, 1) - 1, x)
    return (x + 0.04 * torch.randn(x.shape, generator=generator)).clamp(-1, 1)


def _patch(n: int, size: int, draw: partial) -> Tensor:
    """(n, 1, size, size) bool: a square of up to a third of the side, somewhere."""
    side = (size * (0.1 + 0.23 * draw(n))).long().view(n, 1, 1, 1)
    top, left = ((size * draw(n)).long().view(n, 1, 1, 1) for _ in range(2))
    at = torch.arange(size)
    rows, columns = at.view(1, 1, size, 1) - top, at.view(1, 1, 1, size) - left
    return (rows >= 0) & (rows < side) & (columns >= 0) & (columns < side)


def recipe(id: str, budget: Budget) -> Iterator[Step]:
    """One of SETTINGS' models, with averaged weights."""
    data = emoji.load()
    setting = SETTINGS[id]
    batches = CaptionedPictures(data, setting)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(setting.seed)
        model = Learner(len(batches.names), setting.dropout, setting.mixed).to(memory_format=torch.channels_last)
    trained = Trained()
    if budget.resume and not train.checkpoint(id).is_file():
        model.encoder.load_state_dict(weights.read(registry.folder(id)))
        trained = Trained(**weights.read_card(id)["trained"])
        budget = replace(budget, resume=False)
    yield from train.fit(
        id,
        model,
        batches,
        contrastive_loss,
        budget=budget,
        steps=setting.pictures // BATCH,
        lr=6e-3,
        warmup=60,
        weight_decay=0.05,
        average=0.995,
        optimizers=partial(train.muon, part="encoder"),
        trained=trained,
    )
    encoder = model.encoder.cpu().eval()
    weights.write(id, encoder, small=True)
    encoder.load_state_dict(weights.read(registry.folder(id)))  # figures are of what ships
    weights.write_card(
        id,
        trained=vars(trained),
        device=budget.device,
        recipe=f"python -m genmodels train {id}",
        data=registry.card(id).data,
        license=registry.card(id).license,
        params=sum(p.numel() for p in encoder.parameters()),
        held_out=ranks(encoder, data),
    )
