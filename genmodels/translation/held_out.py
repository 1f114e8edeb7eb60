"""Figures of each model on what it never saw: recipes end with them, `evaluate translation` compares them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genmodels import registry
from genmodels.data import emoji, emoji_styles, facades, fruit, outlines
from genmodels.text_to_image.frechet import components, frechet_distance
from genmodels.translation.baselines import mean_colouring, outline_itself
from genmodels.translation.batches import HELD_FAMILY, to_float
from genmodels.translation.bicyclegan import BicycleGAN, draw_codes
from genmodels.translation.cyclegan import Translators, cycle_error
from genmodels.translation.funit import FUNIT
from genmodels.translation.measures import BATCH, Features, Kinds, gradient_energy, psnr
from genmodels.translation.pix2pix import UNet

ANSWERS, ASKED = 8, 40  # answers to each of so many outlines
SHOTS = (1, 2, 5, 10, 20)
CONTENTS = 120  # pictures that are given a new style
FITTED = 600  # real pictures of each style that the style classifier is fitted to
Paint = Callable[[Tensor], Tensor]


@lru_cache(1)
def features() -> Features:
    """Distances in the layers of `emoji-judge`. Raises Refusal("not_trained") where it does not ship."""
    return Features(registry.load("emoji-judge", "cpu"))


@torch.no_grad()
def run(paint: Paint, x: Tensor) -> Tensor:
    """paint(x) in parts."""
    return torch.cat([paint(part) for part in x.split(BATCH)])


def against(made: Tensor, truth: Tensor) -> dict[str, float]:
    """Means over pictures of PSNR and feature distance to the truth, and the gradient energy of what was made."""
    return {
        "psnr_db": round(float(psnr(made, truth).mean()), 3),
        "feature_distance": round(float(features().distance(made, truth).mean()), 4),
        "gradient_energy": round(float(gradient_energy(made).mean()), 4),
    }


def realism(made: Tensor, truth: Tensor) -> float:
    """Frechet distance of two sets of pictures by 64 components of the judge's features: less is nearer."""
    a, b = (run(features().network.features, x).numpy() for x in (made, truth))
    mean, rows = components(b)
    return round(frechet_distance((a - mean) @ rows, (b - mean) @ rows), 3)


def held_outlines() -> tuple[Tensor, Tensor]:
    """Outlines (N, 1, 64, 64) and the same in colour (N, 3, 64, 64) that no model learned from."""
    found = outlines.load()
    return to_float(found.lines[found.held_out]), to_float(found.colours[found.held_out])


def painted(paint: Paint) -> dict[str, Any]:
    """Held-out outlines, painted."""
    x, y = held_outlines()
    made = run(paint, x)
    return {"pictures": len(x)} | against(made, y) | {"frechet": realism(made, y)}


def painted_baselines() -> dict[str, Any]:
    """What needs no learning to speak of, and the real pictures' own gradient energy."""
    x, y = held_outlines()
    found = outlines.load()
    colour = mean_colouring(to_float(found.lines[~found.held_out]), to_float(found.colours[~found.held_out]))
    rows = {"outline itself": painted(outline_itself), "mean colouring": painted(colour)}
    return rows | {"real": {"gradient_energy": round(float(gradient_energy(y).mean()), 4)}}


def noise_diversity(model: UNet) -> float:
    """Mean feature distance of two answers of pix2pix with its dropout on, to one outline."""
    x = held_outlines()[0][:ASKED]
    generator = torch.Generator().manual_seed(0)
    answers = torch.stack([run(lambda part: model(part, generator=generator), x) for _ in range(ANSWERS)], 1)
    return round(features().diversity(answers), 6)


@torch.no_grad()
def code_diversity(model: BicycleGAN | UNet) -> float:
    """The same of answers by code."""
    codes = draw_codes(ANSWERS, model.codes, 1)
    asked = held_outlines()[0][:ASKED]
    answers = torch.stack([model(part[None].expand(ANSWERS, -1, -1, -1), codes) for part in asked])
    return round(features().diversity(answers), 6)


def coded(model: BicycleGAN | UNet) -> dict[str, Any]:
    """Held-out outlines, painted with a code of each one's own; and the diversity of answers to one."""
    x, y = held_outlines()
    z = draw_codes(len(x), model.codes, 0)
    with torch.no_grad():
        made = torch.cat([model(a, b) for a, b in zip(x.split(BATCH), z.split(BATCH), strict=True)])
    return against(made, y) | {"frechet": realism(made, y), "diversity": code_diversity(model)}


def varied(model: BicycleGAN) -> dict[str, Any]:
    """BicycleGAN by random codes, and told the truth's."""
    x, y = held_outlines()
    with torch.no_grad():
        told = torch.cat([model(a, model.encode(b)) for a, b in zip(x.split(BATCH), y.split(BATCH), strict=True)])
    return coded(model) | {"told_psnr_db": round(float(psnr(told, y).mean()), 3)}


def ablated(model: nn.Module) -> dict[str, Any]:
    """Each variant of pix2pix as `painted`."""
    return {name: painted(variant) for name, variant in model.variants.items()}


def built(model: UNet, data: Path | None = None) -> dict[str, Any]:
    """Label maps of held-out facades, built; and the training photographs' mean in their place."""
    found = facades.load(data)
    x, y = to_float(found.labels[found.held_out]), to_float(found.photos[found.held_out])
    mean = to_float(found.photos[~found.held_out]).mean(0, keepdim=True)
    return {
        **against(run(model, x), y),
        "mean photograph": against(mean.expand_as(y), y),
        "real": {"gradient_energy": round(float(gradient_energy(y).mean()), 4)},
    }


def truth() -> tuple[Tensor, Tensor]:
    """Pictures of the same held-out subjects in the two styles, (N, 3, 64, 64) each."""
    found = emoji_styles.truth(emoji.load())
    return to_float(found.a), to_float(found.b)


def restyled(translate: Paint, backwards: bool = False) -> dict[str, float]:
    """A translation of held-out subjects, against the truth that no training saw."""
    a, b = truth()[:: -1 if backwards else 1]
    return against(run(translate, a), b)


def cycled(model: Translators) -> dict[str, Any]:
    """Both directions against the hidden truth, and the mean error of a round trip."""
    a, b = truth()
    rows: dict[str, Any] = {"there": restyled(model), "back": restyled(lambda x: model(x, True), True)}
    with torch.no_grad():
        rows["cycle_error"] = round(
            float(cycle_error(model, a)[2].mean() + cycle_error(model, b, True)[2].mean()) / 2, 4
        )
    return rows


def ablated_cycles(model: nn.Module) -> dict[str, Any]:
    """Each variant of CycleGAN as `cycled`; the paired reference in its one direction."""
    return {n: cycled(m) if isinstance(m, Translators) else {"there": restyled(m)} for n, m in model.variants.items()}


def swapped(model: Translators, data: Path | None = None) -> dict[str, Any]:
    """Held-out photographs: how many a classifier takes for the other fruit, before and after; and the round trip."""
    found = fruit.load(data)
    sets = [to_float(part) for part in (found.a, found.b)]
    kinds = Kinds(torch.cat(sets), torch.tensor([0] * len(sets[0]) + [1] * len(sets[1])))
    rows: dict[str, Any] = {}
    for name, held, back in ((fruit.A, found.held_a, False), (fruit.B, found.held_b, True)):
        x, other = to_float(held), 0 if back else 1
        with torch.no_grad():
            there, _, error = cycle_error(model, x, back)
        rows[f"from {name}"] = {
            "pictures": len(x),
            "taken_for_other_before": round(kinds.accepted(x, other), 3),
            "taken_for_other_after": round(kinds.accepted(there, other), 3),
            "cycle_error": round(float(error.mean()), 4),
            "changed": round(float((there - x).abs().mean()), 4),
        }
    return rows


def style_kinds(data: emoji.Emoji) -> Kinds:
    """The style classifier, fitted to training pictures of every style, the held-out family's too."""
    rng = np.random.default_rng(0)
    rows = [np.flatnonzero((data.style == n) & (data.split == emoji.TRAIN)) for n in range(len(emoji.STYLES))]
    rows = np.concatenate([rng.permutation(part)[:FITTED] for part in rows])
    return Kinds(to_float(data.images[rows]), torch.from_numpy(data.style[rows].astype(np.int64)))


def few_shot(model: FUNIT) -> dict[str, Any]:
    """Held-out subjects given each style of the family that was never trained on, from K examples of other subjects:
    the share that the style classifier takes for that style, the distance to the hidden truth, and both untranslated.
    """
    data = emoji.load()
    kinds = style_kinds(data)
    rows: dict[str, Any] = {}
    for n, style in enumerate(emoji.STYLES):
        if style.family != HELD_FAMILY:
            continue
        content, wanted, examples = few_shot_data(data, n)
        rows[style.id] = {
            "real": round(kinds.accepted(wanted, n), 3),
            "untranslated": _scored(kinds, content, wanted, n),
        }
        for k in SHOTS:
            rows[style.id][f"k={k}"] = _scored(kinds, in_style(model, content, examples[:k]), wanted, n)
    return rows


@torch.no_grad()
def in_style(model: FUNIT, content: Tensor, examples: Tensor) -> Tensor:
    """content (N, 3, 64, 64) in the style of K examples (K, 3, 64, 64)."""
    code = model.style(examples[None])
    return run(lambda x: model(x, code.expand(len(x), -1)), content)


def _scored(kinds: Kinds, made: Tensor, wanted: Tensor, style: int) -> dict[str, float]:
    apart = float(features().distance(made, wanted).mean())
    return {"accepted": round(kinds.accepted(made, style), 3), "feature_distance": round(apart, 4)}


def few_shot_data(data: emoji.Emoji, style: int) -> tuple[Tensor, Tensor, Tensor]:
    """Held-out content (N, 3, 64, 64) in trained styles, the same subjects in `style`, and 20 examples of other
    subjects in it."""
    mine = {int(data.subject[i]): i for i in np.flatnonzero(data.style == style)}
    inside = [n for n, s in enumerate(emoji.STYLES) if s.family != HELD_FAMILY]
    rows = [
        i
        for i in np.flatnonzero(np.isin(data.style, inside) & (data.split != emoji.TRAIN))
        if int(data.subject[i]) in mine
    ]
    rows = np.random.default_rng(1).permutation(rows)[:CONTENTS]
    wanted = [mine[int(s)] for s in data.subject[rows]]
    others = [i for s, i in mine.items() if s not in set(data.subject[rows].tolist())]
    examples = np.random.default_rng(2).permutation(others)[: max(SHOTS)]
    return tuple(to_float(data.images[at]) for at in (rows, wanted, examples))


FIGURES: dict[str, Callable[[Any], dict[str, Any]]] = {
    "pix2pix-outline": painted,
    "pix2pix-facades": built,
    "pix2pix-ablation": ablated,
    "pix2pix-noise": coded,
    "bicycle-outline": varied,
    "cyclegan-styles": cycled,
    "cyclegan-fruit": swapped,
    "cyclegan-ablation": ablated_cycles,
    "funit-styles": few_shot,
}
