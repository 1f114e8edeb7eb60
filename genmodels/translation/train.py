"""Recipes: every translator, each with the judge that it plays against."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn

from genmodels import registry, train, weights
from genmodels.data import emoji, emoji_styles, facades, fruit, outlines
from genmodels.step import Step
from genmodels.train import Budget, Trained
from genmodels.translation import ablation, adversarial, batches, cards, held_out
from genmodels.translation.adversarial import PatchGAN
from genmodels.translation.bicyclegan import BicycleTraining
from genmodels.translation.cyclegan import CYCLE, IDENTITY, CycleGAN
from genmodels.translation.funit import FUNITTraining
from genmodels.translation.pix2pix import Pix2PixTraining, UNet

OUTLINE, FACADES, PAINTERS = "pix2pix-outline", "pix2pix-facades", "pix2pix-ablation"
NOISE, BICYCLE, STYLES, FRUIT = "pix2pix-noise", "bicycle-outline", "cyclegan-styles", "cyclegan-fruit"
CYCLES, FEW_SHOT = "cyclegan-ablation", "funit-styles"
Batches = Callable[[int], Iterable[tuple[Tensor, ...]]]


@dataclass(frozen=True)
class Plan:
    """Pictures seen in a whole training by device: on the CPU two hours of a core or less (few-shot: three); an
    ablation's variants see fewer, equal among themselves."""

    cpu: int
    cuda: int


PLANS = {
    OUTLINE: Plan(284_000, 3_200_000),
    FACADES: Plan(36_000, 1_400_000),
    PAINTERS: Plan(40_000, 800_000),
    NOISE: Plan(40_000, 800_000),
    BICYCLE: Plan(72_000, 1_700_000),
    STYLES: Plan(80_000, 1_080_000),
    FRUIT: Plan(13_000, 800_000),
    CYCLES: Plan(12_000, 270_000),
    FEW_SHOT: Plan(208_000, 1_000_000),
}
OWN = 0.07  # of the steps, the last: no more pairs that were made of other styles
BATCH = {"cpu": 8, "cuda": 32}
RATE = {"lr": 4e-4, "warmup": 200, "weight_decay": 0.0, "average": 0.999}


def _recipe(id: str, budget: Budget, shipped: nn.Module, training: nn.Module, stream: Batches) -> Iterator[Step]:
    """Train `training`, whose part `shipped` is what the page runs, and write that part and its card."""
    trained = Trained()
    if budget.resume and not train.checkpoint(id).is_file():  # only the generators ship: the judge starts anew
        shipped.load_state_dict(weights.read(registry.folder(id)))
        trained = Trained(**weights.read_card(id)["trained"])
        budget = replace(budget, resume=False)
    training.to(memory_format=torch.channels_last)
    yield from train.fit(
        id,
        training,
        stream,
        lambda model, *batch: model.losses(*batch),
        budget=budget,
        steps=_steps(id, budget),
        decay=train.cooldown,
        optimizers=adversarial.adam,
        trained=trained,
        **RATE,
    )
    shipped.cpu().eval()
    adversarial.settle(shipped)
    weights.write(id, shipped, small=True)
    shipped.load_state_dict(weights.read(registry.folder(id)))  # figures are of what ships
    train.write_card(id, trained, budget, held_out=held_out.FIGURES[id](shipped))


def fresh(build: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    """A network with the same start on every machine."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build()


def start_from(painter: UNet, known: UNet) -> None:
    """A painter with codes begins as one without: what reads the code keeps its random start."""
    own = painter.state_dict()
    for name, value in known.state_dict().items():
        (own[name][:, : value.shape[1]] if value.ndim > 1 else own[name]).copy_(value)


def pix2pix_outline(budget: Budget) -> Iterator[Step]:
    """OpenMoji's outlines into colour, by L1 and a PatchGAN of 34 pixels, half of the picture. Half of the pairs are
    made of other styles, none towards the end."""
    model = fresh(cards.pix2pix_outline)
    training = Pix2PixTraining(model, fresh(lambda: PatchGAN(4, 32, 34)))
    others = outlines.elsewhere(emoji.load(), outlines.load())
    stream = partial(_outlines(budget), others=others, until=int((1 - OWN) * _steps(OUTLINE, budget)))
    yield from _recipe(OUTLINE, budget, model, training, stream)


def pix2pix_facades(budget: Budget) -> Iterator[Step]:
    """Label maps into facades at 128x128. Raises Refusal("data_needed") without --data on the first run."""
    model, found = fresh(cards.pix2pix_facades), facades.load(budget.data)
    training = Pix2PixTraining(model, fresh(lambda: PatchGAN(6, 24, 70)))
    labels, photos = found.labels[~found.held_out], found.photos[~found.held_out]
    stream = partial(batches.pair_batches, labels, photos, _size(budget), padding="mirror", turn=0.0)
    yield from _recipe(FACADES, budget, model, training, stream)


def pix2pix_ablation(budget: Budget) -> Iterator[Step]:
    """The losses one by one, and PatchGANs of four sizes, on the same outlines."""
    model = fresh(cards.pix2pix_ablation)
    yield from _recipe(PAINTERS, budget, model, fresh(lambda: ablation.PaintersTraining(model)), _outlines(budget))


def pix2pix_noise(budget: Budget) -> Iterator[Step]:
    """pix2pix that is given a random code, as BicycleGAN is, and nothing that makes it heed it."""
    model = fresh(cards.pix2pix_noise)
    training = Pix2PixTraining(model, fresh(lambda: PatchGAN(4, ablation.D_WIDTH, 34)))
    yield from _recipe(NOISE, budget, model, training, _outlines(budget))


def bicycle_outline(budget: Budget) -> Iterator[Step]:
    """The same outlines, many answers to each. The painter starts as pix2pix-outline, whose weights must be there."""
    model = fresh(cards.bicycle_outline)
    if not budget.resume:
        start_from(model.G, registry.load(OUTLINE, "cpu"))
    training = BicycleTraining(model, fresh(lambda: PatchGAN(4, 32, 34)))
    yield from _recipe(BICYCLE, budget, model, training, _outlines(budget))


def cyclegan_styles(budget: Budget) -> Iterator[Step]:
    """Twemoji and Fluent 3D, without pairs. The game counts twice as much as in the paper: pictures are mostly white,
    of which judges learn nothing."""
    data, model = emoji.load(), fresh(partial(CycleGAN, cycle=CYCLE / 2, identity=IDENTITY / 2, augment=False))
    a, b = (emoji_styles.training(data, style) for style in (emoji_styles.A, emoji_styles.B))
    yield from _recipe(STYLES, budget, model, model, partial(batches.unpaired_batches, a, b, _size(budget)))


def cyclegan_fruit(budget: Budget) -> Iterator[Step]:
    """Oranges and lemons, without pairs. Raises Refusal("data_needed") without --data on the first run."""
    found, model = fruit.load(budget.data), fresh(cards.cyclegan)
    stream = partial(batches.unpaired_batches, found.a, found.b, _size(budget), padding="mirror")
    yield from _recipe(FRUIT, budget, model, model, stream)


def cyclegan_ablation(budget: Budget) -> Iterator[Step]:
    """The styles again: all losses, without the cycle's, without identity's, and a translator that is told pairs."""
    data, model, size = emoji.load(), fresh(cards.cyclegan_ablation), _size(budget)
    a, b = (emoji_styles.training(data, style) for style in (emoji_styles.A, emoji_styles.B))
    told = emoji_styles.paired(data)

    def stream(step: int) -> Iterator[tuple[Tensor, ...]]:
        pairs = batches.pair_batches(told.a, told.b, size, step)
        for unpaired, (x, y, _) in zip(batches.unpaired_batches(a, b, size, step), pairs, strict=True):
            yield *unpaired, x, y

    yield from _recipe(CYCLES, budget, model, fresh(lambda: ablation.CyclesTraining(model)), stream)


def funit_styles(budget: Budget) -> Iterator[Step]:
    """Content and style apart, from six drawing styles and their looks; OpenMoji's is held out."""
    stream = batches.FewShotBatches(emoji.load(), _size(budget))
    model = fresh(cards.funit_styles)
    training = FUNITTraining(model, fresh(lambda: PatchGAN(3, 32, 34, stream.count)))
    yield from _recipe(FEW_SHOT, budget, model, training, stream)


def _size(budget: Budget) -> int:
    return BATCH[budget.device]


def _steps(id: str, budget: Budget) -> int:
    return getattr(PLANS[id], budget.device) // _size(budget)


def _outlines(budget: Budget) -> Batches:
    return partial(batches.outline_batches, outlines.load(), _size(budget))


RECIPES = {
    OUTLINE: pix2pix_outline,
    FACADES: pix2pix_facades,
    PAINTERS: pix2pix_ablation,
    NOISE: pix2pix_noise,
    BICYCLE: bicycle_outline,
    STYLES: cyclegan_styles,
    FRUIT: cyclegan_fruit,
    CYCLES: cyclegan_ablation,
    FEW_SHOT: funit_styles,
}
