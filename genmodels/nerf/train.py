"""Recipes: the fast field of a scene and its bake in one, the tiny NeRF, and the ablation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from torch import nn

from genmodels import registry, weights
from genmodels.nerf import DATA, ablation, scene, tiny_nerf, voxels
from genmodels.nerf.bake import bake
from genmodels.step import Step
from genmodels.train import Budget, Trained


def fast(name: str, budget: Budget) -> Iterator[Step]:
    """The fast field of one of our scenes, from all its training views; writes it and its bake."""
    from genmodels.nerf import evaluate

    views = scene.load(name)
    trainer = voxels.Trainer(views)
    yield from trainer.run(None if budget.minutes is None else 60 * budget.minutes)
    field = trainer.finish()
    trained = {"steps": trainer.done, "images": int(np.sum(~views.held_out)), "seconds": round(trainer.seconds, 1)}
    for kind, model in (("fast", field), ("baked", bake(field))):
        _write(f"nerf-{name}-{kind}", model, trained, budget, f"nerf-{name}-{kind}")
    evaluate.write(name, views)


def tiny(name: str, budget: Budget) -> Iterator[Step]:
    """The tiny NeRF of one of our scenes at 100x100, the notebook's size."""
    from genmodels.nerf import evaluate

    id, views, trained = f"nerf-{name}-tiny", scene.load(name).smaller(100), Trained()
    model = tiny_nerf.new_model(0)
    yield from tiny_nerf.recipe(id, views, model, budget, trained)
    _write(id, model, vars(trained), budget, id)
    evaluate.write_tiny(name, views)


def _write(id: str, model: nn.Module, trained: dict, budget: Budget, recipe: str) -> None:
    weights.write(id, model.cpu(), small=isinstance(model, voxels.VoxelField))
    card = registry.card(id)
    weights.write_card(
        id,
        trained=trained,
        device=budget.device,
        recipe=f"python -m genmodels train {recipe}",
        params=sum(p.numel() for p in model.parameters()),
        data=card.data,
        license=card.license,
    )


RECIPES: dict[str, Callable[[Budget], Iterator[Step]]] = {
    f"nerf-{name}-{kind}": partial(recipe, name)
    for name in DATA
    for kind, recipe in (("fast", fast), ("baked", fast), ("tiny", tiny))
} | {ablation.ID: ablation.recipe}
