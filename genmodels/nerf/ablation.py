"""The paper's ablation in small: what each idea is worth, every row trained by the same steps on the same scene.

Mildenhall et al. 2020, arXiv:2003.08934, sections 5.1 and 6.4, Table 2. The network is the paper's (Figure 7) with 4
layers of 128 in place of 8 of 256, and one pass along each ray. One safetensors file holds all the rows' networks.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from genmodels import registry, train, weights
from genmodels.nerf.batches import RayBatches, squared_error
from genmodels.nerf.metrics import psnr, ssim
from genmodels.nerf.rays import get_rays, sphere
from genmodels.nerf.render import positional_encoding, render_image
from genmodels.nerf.scene import Scene, load, read
from genmodels.step import Step
from genmodels.train import Budget, Trained, fit

log = logging.getLogger(__name__)
ID, SCENE, SIZE = "nerf-ablation", "tea", 100
WIDTH, DEPTH, L_DIRS = 128, 4, 4
RADIUS = 1.3  # of the sphere that holds the scenes; rays are sampled inside it only, in every row alike
RAYS, SAMPLES, STEPS, RATE = 512, 48, 3000, 2e-3


@dataclass(frozen=True)
class Row:
    """L: frequencies of the position, 0 for no positional encoding; views: how many to train on, None for all."""

    L: int = 10
    view_dirs: bool = True
    views: int | None = None


ROWS = {
    "full": Row(),
    "no_encoding": Row(L=0),
    "no_view_dirs": Row(view_dirs=False),
    "views_50": Row(views=50),
    "views_25": Row(views=25),
    "L_2": Row(L=2),
    "L_4": Row(L=4),
    "L_6": Row(L=6),
    "L_8": Row(L=8),
}

# Mildenhall et al. 2020, Table 2 (section 6.4): means over the eight Realistic Synthetic 360 scenes at 800 x 800.
PUBLISHED = {
    "full": {"psnr": 31.01, "ssim": 0.947},
    "no_encoding": {"psnr": 28.77, "ssim": 0.924},
    "no_view_dirs": {"psnr": 27.66, "ssim": 0.925},
    "views_50": {"psnr": 29.79, "ssim": 0.940},
    "views_25": {"psnr": 27.78, "ssim": 0.925},
    "L_5": {"psnr": 30.59, "ssim": 0.944},
    "L_15": {"psnr": 30.81, "ssim": 0.946},
    "no_hierarchical": {"psnr": 30.06, "ssim": 0.938},
    "minimalistic": {"psnr": 26.67, "ssim": 0.906},
}


class NeRF(nn.Module):
    """Density from the position alone; colour from a feature of the position and, if view_dirs, the direction."""

    def __init__(self, L: int, view_dirs: bool) -> None:
        super().__init__()
        self.L, self.view_dirs = L, view_dirs
        self.L_dirs = L_DIRS if L else 0  # the row without encoding encodes neither input
        widths = [3 + 6 * L] + [WIDTH] * DEPTH
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(widths[:-1], widths[1:], strict=True))
        self.sigma, self.feature = nn.Linear(WIDTH, 1), nn.Linear(WIDTH, WIDTH)
        self.branch = nn.Linear(WIDTH + (3 + 6 * self.L_dirs) * view_dirs, WIDTH // 2)
        self.rgb = nn.Linear(WIDTH // 2, 3)

    def forward(self, points: Tensor, dirs: Tensor) -> tuple[Tensor, Tensor]:
        """points, unit dirs: (..., 3) -> rgb (..., 3) in [0, 1], sigma (...) > 0."""
        h = positional_encoding(points, self.L, include_input=True)
        for layer in self.layers:
            h = F.relu(layer(h), inplace=True)
        # Not the paper's ReLU, whose gradient may vanish for the whole scene at once (Barron et al. 2021, mip-NeRF).
        sigma = F.softplus(self.sigma(h).float().squeeze(-1) - 1)
        h = self.feature(h)
        if self.view_dirs:
            h = torch.cat([h, positional_encoding(dirs, self.L_dirs, include_input=True).to(h.dtype)], -1)
        h = F.relu(self.branch(h), inplace=True)
        return torch.sigmoid(self.rgb(h).float()), sigma


class Ablation(nn.ModuleDict):
    """Every row's network, by the row's name."""

    def __init__(self) -> None:
        super().__init__({name: NeRF(row.L, row.view_dirs) for name, row in ROWS.items()})


def new_model(row: Row, seed: int = 0) -> NeRF:
    """A row's untrained network, its start drawn from the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return NeRF(row.L, row.view_dirs)


def training_views(scene: Scene, row: Row) -> np.ndarray:
    """Indices of the row's training views, spread evenly over all of them. Raises ValueError if there are too few."""
    every = np.flatnonzero(~scene.held_out)
    count = len(every) if row.views is None else row.views
    if count > len(every):
        raise ValueError(f"{scene.name} has {len(every)} training views; {count} were asked for")
    return every[np.arange(count) * len(every) // count]


def picture(field: NeRF, c2w: np.ndarray, focal: float, height: int, width: int) -> dict[str, Tensor]:
    """One view as every row is measured: `render.render_image` inside the sphere, on black."""
    rays_o, rays_d = get_rays(c2w, focal, height, width)
    near, far = map(torch.from_numpy, sphere(rays_o, rays_d, RADIUS))
    return render_image(field, torch.from_numpy(rays_o), torch.from_numpy(rays_d), near, far, SAMPLES)


def measure(field: NeRF, scene: Scene) -> Iterator[tuple[int, dict[str, float]]]:
    """Mean PSNR in dB and SSIM over the held-out views measured so far, and how many those are."""
    found = []
    for view in np.flatnonzero(scene.held_out):
        truth = torch.from_numpy(scene.targets([view])[0])
        drawn = picture(field, scene.poses[view], scene.focal, *truth.shape[:2])["rgb"]
        found.append((psnr(drawn, truth), ssim(drawn, truth)))
        means = np.mean(found, 0)
        yield len(found), {"psnr": round(float(means[0]), 2), "ssim": round(float(means[1]), 4)}


def run(scene: Scene, rows: Sequence[str], budget: Budget) -> Iterator[Step]:
    """Train and measure those rows one after another; a row that is finished in the cache is not trained again.

    Yields Step(i, n) counted over all rows, with info {"row": name} and at a row's end its results: psnr, ssim, steps,
    seconds. With budget.minutes, stops when they are over; budget.resume continues a row that was stopped half-way.
    """
    spent, total = 0.0, STEPS * len(rows)
    for number, name in enumerate(rows):
        before = STEPS * number
        if found := finished(name):
            yield Step(before + STEPS, total, info={"row": name, **found})
            continue
        field, trained = new_model(ROWS[name]), Trained()
        for step in _fit(scene, name, field, budget, spent, trained):
            yield Step(before + step.i, total, loss=step.loss, info={"row": name, **step.info})
        if trained.steps < STEPS:
            return
        spent += trained.seconds / 60
        for parameter in field.parameters():  # measured as shipped, in half precision
            parameter.data = parameter.data.half().float()
        for count, figures in measure(field.cpu(), scene):
            yield Step(before + STEPS, total, info={"row": name, "held_out_views": count, **figures})
        found = {**figures, "steps": trained.steps, "seconds": round(trained.seconds)}
        _keep(name, field, found)
        yield Step(before + STEPS, total, info={"row": name, **found})


def recipe(budget: Budget) -> Iterator[Step]:
    """Every row on the glossy scene, or on budget.data; when all are finished, networks and figures go into assets."""
    scene = (read(budget.data) if budget.data else load(SCENE)).smaller(SIZE)
    yield from run(scene, list(ROWS), budget)
    rows = {name: finished(name) for name in ROWS}
    if not all(rows.values()):
        log.info("%s: not every row is finished; run it again with --resume", ID)
        return
    model = Ablation()
    for name in ROWS:
        model[name].load_state_dict(load_file(_files(name)[0]))
    weights.write(ID, model)
    card = registry.card(ID)
    steps, seconds = (sum(row[key] for row in rows.values()) for key in ("steps", "seconds"))
    weights.write_card(
        ID,
        trained={"steps": steps, "images": steps * RAYS, "seconds": seconds},
        device=budget.device,
        recipe=f"python -m genmodels train {ID}",
        held_out=rows,
        scene=scene.name,
        size=SIZE,
        params=sum(p.numel() for p in model.parameters()),
        data=card.data,
        license=card.license,
        source=card.source,
    )


def finished(name: str) -> dict[str, float] | None:
    """A finished row's results, if the cache has them for this very set-up."""
    network, figures = _files(name)
    if not (network.is_file() and figures.is_file()):
        return None
    kept = json.loads(figures.read_text(encoding="utf-8"))
    return kept["results"] if kept["setup"] == _setup(name) else None


def _fit(scene: Scene, name: str, field: NeRF, budget: Budget, spent: float, trained: Trained) -> Iterator[Step]:
    id = f"{ID}-{name}"
    minutes = None if budget.minutes is None else max(0.0, budget.minutes - spent)
    resume = budget.resume and train.checkpoint(id).is_file()
    return fit(
        id,
        field,
        RayBatches.within(scene, training_views(scene, ROWS[name]), RADIUS, RAYS, SAMPLES),
        squared_error,
        budget=Budget(minutes, budget.device, resume),
        steps=STEPS,
        lr=RATE,
        warmup=STEPS // 20,
        weight_decay=0.0,
        average=0.99,
        trained=trained,
    )


def _setup(name: str) -> dict[str, object]:
    return asdict(ROWS[name]) | {"steps": STEPS, "rays": RAYS, "samples": SAMPLES, "rate": RATE}


def _files(name: str) -> tuple[Path, Path]:
    place = weights.cache() / ID
    return place / f"{name}.safetensors", place / f"{name}.json"


def _keep(name: str, field: NeRF, results: dict[str, float]) -> None:
    network, figures = _files(name)
    network.parent.mkdir(parents=True, exist_ok=True)
    save_file(field.state_dict(), network)
    with weights.whole(figures) as part:
        part.write_text(json.dumps({"setup": _setup(name), "results": results}), encoding="utf-8")
    train.checkpoint(f"{ID}-{name}").unlink(missing_ok=True)
