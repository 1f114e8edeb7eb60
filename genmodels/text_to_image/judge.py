"""Pictures into the text vectors' space (CLIP's idea, Radford et al. 2021, arXiv:2103.00020), and a judge's figures.

The text tower is the multilingual sentence encoder of text.py and stays fixed; only the picture's side learns, so that
a picture's unit vector stands where a phrase's vector stands. Two models come from the one recipe in judge_train.py.
"emoji-clip" serves: the prior aims at its vectors, and the denoiser reads them in place of a phrase. "emoji-judge" only
measures: no generator, no autoencoder and no prior ever meets it. Neither sees a HELD_PAIR or HELD_SUBJECT picture or
the name of a held-out subject; the judge starts from another seed, draws its own captions, recolourings and
augmentations, and learns besides from two drawing styles that nothing else here learns from (data/emoji_others.py).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genmodels.data import emoji
from genmodels.text_to_image import captions, text

WIDTHS, DEPTHS = (64, 128, 224), (1, 2, 1)
PATCH, INPUT = 4, 48  # pictures are looked at in 48x48
FEATURES = 2 * WIDTHS[-1]


class Conv(nn.Conv2d):
    """A 3x3 convolution without bias whose weight is kept as a matrix (out, in * 9), which is what Muon steps on."""

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__(channels, out, 3, stride=stride, padding=1, bias=False)
        self.weight = nn.Parameter(self.weight.detach().flatten(1))

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight.view(self.out_channels, self.in_channels, 3, 3)
        return F.conv2d(x, weight, None, self.stride, self.padding)


class Residual(nn.Module):
    """relu(x + norm(conv(relu(norm(conv(x)))))): (B, C, H, W) -> the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            Conv(channels, channels),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            Conv(channels, channels),
            nn.BatchNorm2d(channels),
        )
        nn.init.zeros_(self.branch[-1].weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.branch(x))


class PictureEncoder(nn.Module):
    """Pictures (B, 3, 64, 64) in [-1, 1] -> unit vectors (B, 512), to be compared with text.vector(phrase)."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.PixelUnshuffle(PATCH)]
        channels = 3 * PATCH**2
        for i, (width, depth) in enumerate(zip(WIDTHS, DEPTHS, strict=True)):
            layers += [Conv(channels, width, stride=min(2, i + 1))]
            layers += [nn.BatchNorm2d(width), nn.ReLU(), *(Residual(width) for _ in range(depth))]
            channels = width
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(FEATURES, text.DIM)
        self.log_scale = nn.Parameter(torch.tensor(3.0))  # of the logits: one over the temperature

    def features(self, x: Tensor) -> Tensor:
        """(B, 3, 64, 64) in [-1, 1] -> (B, 448): mean and maximum over places of the last layer, before projection."""
        if x.shape[2] != INPUT:
            x = F.interpolate(x, size=(INPUT, INPUT), mode="bilinear", antialias=True)
        y = self.body(x)  # (B, 224, 3, 3)
        return torch.cat([y.mean((2, 3)), y.amax((2, 3))], 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(self.head(self.features(x)).float(), dim=1)


def name_vectors(data: emoji.Emoji, subjects: list[int]) -> Tensor:
    """(S, 2, 512): the name of each of the subjects in each of captions.LANGUAGES."""
    names = [text.clean(data.subjects[s].names[lang]).lower() for s in subjects for lang in captions.LANGUAGES]
    return torch.from_numpy(text.vectors(names)).view(len(subjects), len(captions.LANGUAGES), text.DIM)


@torch.no_grad()
def encode(model: PictureEncoder, pictures: Tensor, size: int = 128) -> tuple[Tensor, Tensor]:
    """pictures (N, 3, 64, 64), uint8 or float in [-1, 1] -> unit vectors (N, 512) and features (N, 448), on the CPU.

    Each the mean of the picture's and of its mirror image's, which names a hundredth more of them.
    """
    place = model.log_scale.device
    vectors, features = [], []
    for part in pictures.split(size):
        x = part.to(place).float() / 127.5 - 1 if part.dtype == torch.uint8 else part.to(place)
        both = [model.features(view) for view in (x, x.flip(3))]
        vectors.append(F.normalize(sum(F.normalize(model.head(seen), dim=1) for seen in both), dim=1).cpu())
        features.append((sum(both) / 2).cpu())
    return torch.cat(vectors), torch.cat(features)


def rank(vectors: Tensor, subject: np.ndarray, names: Tensor, among: int = 100, seed: int = 0) -> np.ndarray:
    """Place, from 0, of each picture's own name among `among` names, the others being drawn at random.

    vectors (N, 512) of pictures; subject (N,) rows of names (S, 512). The draw depends only on seed and N.
    """
    rng = np.random.default_rng(seed)
    found = (vectors @ names.T).numpy()
    places = np.zeros(len(subject), np.int64)
    for i, own in enumerate(subject):
        others = rng.choice(len(names) - 1, among - 1, replace=False)
        others += others >= own
        places[i] = (found[i, others] >= found[i, own]).sum()
    return places


def top(places: np.ndarray) -> dict[str, float]:
    """Shares of pictures whose own name comes first, and among the first five."""
    return {"top1": round(float((places < 1).mean()), 4), "top5": round(float((places < 5).mean()), 4)}


def ranks(model: PictureEncoder, data: emoji.Emoji) -> dict[str, float]:
    """Top-1 and top-5 of 100 names for the real held-out pictures, by side of the split and language."""
    names = name_vectors(data, list(range(len(data.subjects))))
    figures = {}
    for side, split in {"unseen_pairs": emoji.HELD_PAIR, "unseen_subjects": emoji.HELD_SUBJECT}.items():
        chosen = np.flatnonzero(data.split == split)
        vectors, _ = encode(model, torch.from_numpy(data.images[chosen]).permute(0, 3, 1, 2))
        for j, language in enumerate(captions.LANGUAGES):
            shares = top(rank(vectors, data.subject[chosen], names[:, j]))
            figures |= {f"{k}_{side}_{language}": v for k, v in shares.items()}
    return figures
