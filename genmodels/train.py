"""The training loop that recipes share, and the `train` command.

A recipe is a generator function in genmodels/<topic>/train.py, listed in that module's RECIPES by model id.
It takes a `Budget`, yields Steps, and ends by writing weights and card.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import torch
from safetensors.torch import load_file, save_file
from torch.optim import Optimizer
from torch.overrides import TorchFunctionMode

from genmodels import device, registry, weights
from genmodels.step import Step

log = logging.getLogger(__name__)
CHECKPOINT_SECONDS = 300
YIELD_SECONDS = 0.2


@dataclass(frozen=True)
class Budget:
    """How long a recipe may train and on what.

    minutes: wall-clock limit of this run, None for the recipe's own end; resume: continue from the checkpoint,
    or from the shipped weights where no checkpoint is left; data: a folder or file instead of the recipe's own set.
    """

    minutes: float | None = None
    device: str = "cpu"
    resume: bool = False
    data: Path | None = None


@dataclass
class Trained:
    """What a finished or stopped `fit` tells the card: steps and pictures seen, seconds over all runs."""

    steps: int = 0
    images: int = 0
    seconds: float = 0.0


def fit(
    id: str,
    model: torch.nn.Module,
    batches: Callable[[int], Iterable[tuple[torch.Tensor, ...]]],
    loss: Callable[..., torch.Tensor | dict[str, torch.Tensor]],
    *,
    budget: Budget,
    steps: int,
    lr: float = 2e-3,
    warmup: int = 200,
    weight_decay: float = 0.01,
    average: float = 0.999,
    decay: Callable[[int, int, int], float] | None = None,
    optimizers: Callable[[torch.nn.Module, float, float], list[Optimizer]] | None = None,
    trained: Trained,
) -> Iterator[Step]:
    """Descent with averaged weights, and checkpoints that survive a kill.

    optimizers(model, lr, weight_decay) is `adamw` unless given.

    The learning rate at a step is lr * decay(step, steps, warmup): `schedule` unless given.
    batches(step) is an endless stream of tensor tuples from that step on, batch first; loss(model, *batch) a scalar,
    or scalars by name: their sum is descended, and each Step's info holds the mean of each.
    Yields a Step at least every 0.2 s (one for each step if steps are slower). `trained` is filled on the way.
    At the end, and when closed early, `model` holds the averaged weights and a checkpoint is written.
    """
    model.to(budget.device).train()
    averaged = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=averaging(average), use_buffers=True)
    used = (optimizers or adamw)(model, lr, weight_decay)
    if budget.resume:
        _resume(id, model, averaged, used, trained)
    averaged.n_averaged.fill_(trained.steps)  # at 0 the first update copies the weights, later ones average
    start, before = time.monotonic(), trained.seconds
    last_yield = last_save = start
    first = trained.steps
    running: dict[str, torch.Tensor] = {}
    count = 0
    try:
        for step, batch in zip(range(first, steps), batches(first), strict=False):
            for group in (group for optimizer in used for group in optimizer.param_groups):
                group["lr"] = lr * (decay or schedule)(step, steps, warmup)
            batch = tuple(t.to(budget.device, non_blocking=True) for t in batch)
            with precision(budget.device):
                value = loss(model, *batch)
            parts = value if isinstance(value, dict) else {"": value}
            model.zero_grad(set_to_none=True)
            torch.stack(list(parts.values())).sum().backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for optimizer in used:
                optimizer.step()
            averaged.update_parameters(model)
            trained.steps, trained.images = step + 1, trained.images + len(batch[0])
            running = {name: running.get(name, 0) + part.detach() for name, part in parts.items()}
            count += 1
            now = time.monotonic()
            trained.seconds = before + now - start
            out_of_time = budget.minutes is not None and now - start > budget.minutes * 60
            if now - last_save > CHECKPOINT_SECONDS:
                _save(id, model, averaged, used, trained)
                last_save = now
            if now - last_yield > YIELD_SECONDS or out_of_time or step + 1 == steps:
                means = {name: float(total) / count for name, total in running.items()}
                info = {"seconds": round(trained.seconds)} | {k: round(v, 4) for k, v in means.items() if k}
                yield Step(step + 1, steps, loss=sum(means.values()), info=info)
                running, count, last_yield = {}, 0, time.monotonic()
            if out_of_time:
                break
    finally:
        if trained.steps > first:
            _save(id, model, averaged, used, trained)
        model.load_state_dict(averaged.module.state_dict())
        model.eval()


def write_card(id: str, trained: Trained, budget: Budget, **measured: object) -> None:
    """What every recipe ends with: the registry's facts, how the weights came about, and what was measured."""
    card = registry.card(id)
    weights.write_card(
        id,
        trained=vars(trained),
        device=budget.device,
        recipe=f"python -m genmodels train {id}",
        params=card.params,
        data=card.data,
        license=card.license,
        source=card.source,
        **measured,
    )


def adamw(model: torch.nn.Module, lr: float, weight_decay: float) -> list[Optimizer]:
    """AdamW for every parameter."""
    return [torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=weight_decay, betas=(0.9, 0.99), fused=True)]


def muon(model: torch.nn.Module, lr: float, weight_decay: float, part: str = "blocks") -> list[Optimizer]:
    """Muon (Liu et al. 2025, arXiv:2502.16982) for the matrices of a submodule, AdamW for everything else."""
    hidden = [p for p in model.get_submodule(part).parameters() if p.ndim == 2]
    inside = {id(p) for p in hidden}
    rest = [p for p in model.parameters() if id(p) not in inside]
    return [
        Muon(hidden, lr=lr, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=lr, weight_decay=weight_decay, betas=(0.9, 0.99), fused=True),
    ]


class Muon(torch.optim.Muon):
    """torch's, whose iteration is in float32 where the device lacks bfloat16: a step took 27 s there, not 1 s."""

    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        used = self.param_groups[0]["params"][0].device.type
        with nullcontext() if multiplies_bfloat16(used) else _Float32():
            return super().step(closure)


class _Float32(TorchFunctionMode):
    """What is asked for in bfloat16 is made in float32."""

    def __torch_function__(self, func: Callable, types: object, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        if kwargs.get("dtype") is torch.bfloat16:
            kwargs = kwargs | {"dtype": torch.float32}
        return func(*args, **kwargs)


def multiplies_bfloat16(device_name: str) -> bool:
    """Whether the device does so in hardware."""
    return device_name == "cuda" or (device_name == "cpu" and torch.cpu._is_avx512_bf16_supported())


def precision(device_name: str) -> AbstractContextManager[object]:
    """Mixed precision where the device multiplies bfloat16 (2 to 4 times faster), else plain float32."""
    return torch.autocast(device_name, torch.bfloat16) if multiplies_bfloat16(device_name) else nullcontext()


def averaging(average: float) -> Callable[[list[torch.Tensor], list[torch.Tensor], torch.Tensor | int], None]:
    """Exponential averaging in place whose memory grows to `average`: early on it spans a ninth of the steps so far."""

    @torch.no_grad()
    def update(kept: list[torch.Tensor], new: list[torch.Tensor], count: torch.Tensor | int) -> None:
        keep = min(average, (1 + float(count)) / (10 + float(count)))
        if torch.is_floating_point(kept[0]):
            torch._foreach_lerp_(kept, new, 1 - keep)
        else:
            for a, b in zip(kept, new, strict=True):
                a.copy_(b)

    return update


def schedule(step: int, steps: int, warmup: int) -> float:
    """Factor on the learning rate: linear warm-up, then a cosine from 1 down to 0.02."""
    if step < warmup:
        return (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, steps - warmup))
    return 0.02 + 0.98 * 0.5 * (1 + float(torch.cos(torch.tensor(torch.pi * progress))))


def constant(step: int, steps: int, warmup: int) -> float:
    """Factor on the learning rate: linear warm-up, then 1 for ever; the averaged weights stand in for a decay."""
    return min(1.0, (step + 1) / warmup)


def cooldown(step: int, steps: int, warmup: int) -> float:
    """Factor on the learning rate: linear warm-up, 1, and over the last eighth of the steps linearly down to 0.

    A run that ended so goes on from its constant part when its recipe is given more steps
    (Haegele et al. 2024, arXiv:2405.18392).
    """
    return min(1.0, (step + 1) / warmup, 8 * (steps - step) / steps)


def checkpoint(id: str) -> Path:
    """The file that `train --resume` continues from."""
    return weights.cache() / "checkpoints" / f"{id}.safetensors"


def _save(id: str, model, averaged, used: list[Optimizer], trained: Trained) -> None:
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
    tensors |= {f"average.{k}": v for k, v in averaged.module.state_dict().items()}
    for n, optimizer in enumerate(used):
        for i, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{n}.{i}.{k}": v for k, v in state.items()}
    meta = {"trained": json.dumps(vars(trained))}
    with weights.whole(checkpoint(id)) as part:
        save_file({k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}, part, metadata=meta)


def _resume(id: str, model, averaged, used: list[Optimizer], trained: Trained) -> None:
    path = checkpoint(id)
    if not path.is_file():
        state = weights.read(registry.folder(id))
        model.load_state_dict(state)
        averaged.module.load_state_dict(state)
        for field, value in weights.read_card(id)["trained"].items():
            setattr(trained, field, value)
        log.info("%s: no checkpoint left, resuming from the shipped weights", id)
        return
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        for field, value in json.loads(file.metadata()["trained"]).items():
            setattr(trained, field, value)
    tensors = load_file(path)
    part = {name: {} for name in ("model", "average", "optimizer")}
    for key, tensor in tensors.items():
        head, rest = key.split(".", 1)
        part[head][rest] = tensor
    model.load_state_dict(part["model"])
    averaged.module.load_state_dict(part["average"])
    states: list[dict[int, dict[str, torch.Tensor]]] = [{} for _ in used]
    for key, tensor in part["optimizer"].items():
        which, index, name = key.split(".", 2)
        states[int(which)].setdefault(int(index), {})[name] = tensor
    for optimizer, state in zip(used, states, strict=True):
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


@click.command()
@click.argument("id")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="Wall-clock limit of this run.")
@click.option("--device", "device_name", type=click.Choice(["cpu", "cuda"]), help="Default: what the machine has.")
@click.option("--resume", is_flag=True, help="Continue from the checkpoint, or from the shipped weights.")
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="Training data by path.")
def train(id: str, minutes: float | None, device_name: str | None, resume: bool, data: Path | None) -> None:
    """Train the model ID by its recipe; writes its weights and card."""
    recipes = import_module(f"genmodels.{registry.card(id).topic}.train").RECIPES
    if id not in recipes:
        raise click.BadParameter(f"{id} is not trained here; recipes: {', '.join(recipes)}")
    budget = Budget(minutes, device_name or device.name(), resume, data)
    started = time.monotonic()
    last = started - 60
    with closing(recipes[id](budget)) as steps:
        for step in steps:
            if time.monotonic() - last > 10 or step.i == step.n:
                last = time.monotonic()
                loss = "" if step.loss is None else f" loss {step.loss:.4f}"
                note = " ".join(f"{k} {v}" for k, v in step.info.items())
                click.echo(f"{id} {step.i}/{step.n}{loss} {note}")
    click.echo(f"{id}: done in {time.monotonic() - started:.0f} s")
