import itertools
from contextlib import closing, nullcontext

import pytest
import torch
from safetensors import safe_open
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode

from genmodels import registry, weights
from genmodels import train as loop
from genmodels.train import Budget, Trained, fit
from genmodels.weights import Embedded

ID = "toy-line"


class Line(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = torch.nn.Linear(3, 3)
        self.layer = torch.nn.Linear(3, 1)
        self.norm = torch.nn.BatchNorm1d(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(self.blocks(self.norm(x)))


def build(seed: int = 0) -> Line:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Line()


def batches(step: int):
    """x of three numbers, y their sum plus one, from the step on."""
    for i in itertools.count(step):
        x = torch.randn(16, 3, generator=torch.Generator().manual_seed(i))
        yield x, x.sum(1, keepdim=True) + 1


def loss(model: Line, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (model(x) - y).square().mean()


def run(model: Line, trained: Trained, budget: Budget | None = None, steps: int = 20, batches=batches, **options):
    options = {"lr": 0.1, "warmup": 2, "average": 0.9, **options}
    return fit(ID, model, batches, loss, budget=budget or Budget(), steps=steps, trained=trained, **options)


@pytest.fixture(autouse=True)
def place(monkeypatch, tmp_path):
    """Checkpoints and weights in empty folders, a Step for every batch, and float32 on every machine."""
    monkeypatch.setattr(loop, "precision", lambda device: nullcontext())
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(weights, "ASSETS", tmp_path / "weights")
    monkeypatch.setattr(loop, "YIELD_SECONDS", -1)
    monkeypatch.setattr(registry, "_ENTRIES", dict(registry._ENTRIES))
    fields = {"topic": "tests", "can": frozenset({"test"}), "params": 22, "license": "MIT", "source": "none"}
    registry.register(registry.ModelCard(id=ID, weights=Embedded(ID), data="none", **fields))(Line)


def checkpoint() -> dict[str, torch.Tensor]:
    with safe_open(loop.checkpoint(ID), "pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}


def test_twenty_steps_lower_the_loss():
    model, trained = build(), Trained()
    steps = list(run(model, trained))
    assert [step.i for step in steps] == list(range(1, 21)) and {step.n for step in steps} == {20}
    assert steps[-1].loss < steps[0].loss / 4
    assert (trained.steps, trained.images) == (20, 320) and trained.seconds > 0
    x, y = next(batches(1000))
    with torch.no_grad():
        assert loss(model, x, y) < loss(build().eval(), x, y) / 4


def test_losses_by_name_are_summed_and_told_apart():
    def named(model: Line, x: torch.Tensor, y: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"half": loss(model, x, y) / 2, "other": loss(model, x, y) / 2}

    whole, parted = build(), build()
    expected = list(run(whole, Trained()))
    found = list(
        fit(ID, parted, batches, named, budget=Budget(), steps=20, lr=0.1, warmup=2, average=0.9, trained=Trained())
    )
    for a, b in zip(expected, found, strict=True):
        assert b.loss == pytest.approx(a.loss, rel=1e-4)
        assert b.info["half"] == b.info["other"] == pytest.approx(a.loss / 2, abs=1e-3)
        assert set(a.info) == {"seconds"}
    for a, b in zip(whole.parameters(), parted.parameters(), strict=True):
        assert_close(a, b)


def test_the_model_ends_with_the_averaged_weights_in_eval_mode():
    model = build()
    list(run(model, Trained()))
    saved = checkpoint()
    assert not model.training
    for key, value in model.state_dict().items():
        assert_close(value, saved[f"average.{key}"], rtol=0, atol=0)
    assert not torch.equal(saved["average.layer.weight"], saved["model.layer.weight"])


def test_averaging_is_the_naive_loop():
    model = build()
    update = loop.averaging(0.5)
    averaged = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=update, use_buffers=True)
    expected = None
    for step in range(6):
        with torch.no_grad():
            model.layer.weight.add_(step + 1)
        averaged.update_parameters(model)
        keep = min(0.5, (1 + step) / (10 + step))
        value = model.layer.weight.detach().clone()
        expected = value if expected is None else keep * expected + (1 - keep) * value
    assert_close(averaged.module.layer.weight.detach(), expected)


def test_closing_early_leaves_a_checkpoint_and_averaged_weights():
    model, trained = build(), Trained()
    with closing(run(model, trained)) as steps:
        next(steps)
        next(steps)
        assert not loop.checkpoint(ID).exists()
    assert trained.steps == 2 and not model.training
    assert_close(model.state_dict()["layer.weight"], checkpoint()["average.layer.weight"], rtol=0, atol=0)


def test_an_error_leaves_a_checkpoint():
    def breaking(step: int):
        yield from itertools.islice(batches(step), 3)
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="gone"):
        list(run(build(), Trained(), batches=breaking))
    assert loop.checkpoint(ID).is_file()


def test_nothing_trained_leaves_no_checkpoint():
    run(build(), Trained()).close()
    with closing(run(build(), Trained(), batches=lambda step: iter(()))) as steps:
        assert list(steps) == []
    assert not loop.checkpoint(ID).exists()


@pytest.mark.parametrize("optimizers", [loop.adamw, loop.muon])
def test_resuming_is_as_if_it_had_never_stopped(optimizers):
    whole, first, second = build(), build(), build(1)
    list(run(whole, Trained(), optimizers=optimizers))
    expected = checkpoint()
    trained = Trained()
    with closing(run(first, trained, optimizers=optimizers)) as steps:
        for _ in range(8):
            next(steps)
    resumed = Trained()
    rest = list(run(second, resumed, Budget(resume=True), optimizers=optimizers))
    assert [step.i for step in rest] == list(range(9, 21))
    assert (resumed.steps, resumed.images) == (20, 320) and resumed.seconds > trained.seconds
    found = checkpoint()
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert_close(found[key], value, rtol=1e-4, atol=1e-5, msg=key)


def test_resuming_from_shipped_weights_when_no_checkpoint_is_left():
    model, trained = build(), Trained()
    list(run(model, trained))
    weights.write(ID, model)
    weights.write_card(ID, trained=vars(trained))
    loop.checkpoint(ID).unlink()
    again, resumed = build(1), Trained()
    steps = run(again, resumed, Budget(resume=True), steps=25)
    first = next(steps)
    shipped = build(2)
    shipped.load_state_dict(weights.read(registry.folder(ID)))
    assert first.i == 21
    assert first.loss == pytest.approx(float(loss(shipped, *next(batches(20))).detach()), rel=1e-4)
    steps.close()
    assert resumed.steps == 21 and resumed.images == 336


def test_without_resume_it_starts_anew():
    list(run(build(), Trained()))
    trained = Trained()
    assert next(run(build(), trained)).i == 1


def test_it_stops_when_time_is_up(monkeypatch):
    clock = itertools.count(0, 10)
    monkeypatch.setattr(loop.time, "monotonic", lambda: float(next(clock)))
    trained = Trained()
    steps = list(run(build(), trained, Budget(minutes=1)))
    assert 1 <= len(steps) < 20 and trained.steps == steps[-1].i
    assert loop.checkpoint(ID).is_file()


def test_checkpoints_are_written_on_the_way(monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1)
    steps = run(build(), Trained())
    next(steps)
    assert loop.checkpoint(ID).is_file() and not list(loop.checkpoint(ID).parent.glob("*.part*"))
    steps.close()


def test_a_broken_save_keeps_the_last_checkpoint(monkeypatch):
    list(run(build(), Trained()))
    before = loop.checkpoint(ID).read_bytes()

    def full(*args, **options):
        raise OSError("no space left")

    monkeypatch.setattr(loop, "save_file", full)
    with pytest.raises(OSError, match="space"):
        list(run(build(1), Trained()))
    assert loop.checkpoint(ID).read_bytes() == before
    assert not list(loop.checkpoint(ID).parent.glob("*.part*"))


def test_muon_moves_matrices_along_orthogonal_directions():
    model = build()
    before, bias = model.blocks.weight.detach().clone(), model.blocks.bias.detach().clone()
    matrices, rest = loop.muon(model, 0.1, 0.0)
    loss(model, *next(batches(0))).backward()
    model.blocks.weight.grad = torch.diag(torch.tensor([1.0, 0.5, 0.1]))
    for optimizer in (matrices, rest):
        optimizer.step()
    lengths = torch.linalg.svdvals(model.blocks.weight.detach() - before)
    assert lengths.min() > 0.5 * lengths.max()  # a step along the gradient itself would have 0.1
    assert not torch.equal(model.blocks.bias, bias)
    counted = sum(p.numel() for o in (matrices, rest) for group in o.param_groups for p in group["params"])
    assert counted == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("fast, dtype", [(True, torch.bfloat16), (False, torch.float32)])
def test_muon_multiplies_in_what_the_machine_has(monkeypatch, fast, dtype):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: fast)
    model, seen = build(), set()

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            made = func(*args, **(kwargs or {}))
            if func is torch.ops.aten.mm.default:
                seen.add(made.dtype)
            return made

    matrices, _ = loop.muon(model, 0.1, 0.0)
    model.blocks.weight.grad = torch.eye(3)
    with Watch():
        matrices.step()
    assert seen == {dtype}


@pytest.mark.parametrize("fast, dtype", [(True, torch.bfloat16), (False, torch.float32)])
def test_precision_follows_the_machine(monkeypatch, fast, dtype):
    monkeypatch.undo()
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: fast)
    with loop.precision("cpu"):
        assert torch.nn.Linear(4, 4)(torch.zeros(1, 4)).dtype == dtype


def test_schedule():
    assert loop.schedule(0, 100, 10) == pytest.approx(0.1)
    assert loop.schedule(9, 100, 10) == pytest.approx(1.0)
    assert loop.schedule(10, 100, 10) == pytest.approx(1.0)
    assert loop.schedule(55, 100, 10) == pytest.approx(0.51)
    assert loop.schedule(100, 100, 10) == pytest.approx(0.02)
    assert loop.schedule(500, 100, 10) == pytest.approx(0.02)
    factors = [loop.schedule(step, 100, 10) for step in range(101)]
    assert max(factors) == pytest.approx(1.0)
    assert all(a > b for a, b in itertools.pairwise(factors[10:]))


def test_constant():
    assert [loop.constant(step, 5, 4) for step in (0, 3, 100)] == [0.25, 1.0, 1.0]


def test_cooldown():
    assert [loop.cooldown(step, 80, 4) for step in (0, 3, 50, 70)] == [0.25, 1.0, 1.0, 1.0]
    assert [loop.cooldown(step, 80, 4) for step in (75, 79, 80)] == [0.5, 0.1, 0.0]


def test_the_learning_rate_follows_the_schedule():
    seen = []

    def decay(step: int, steps: int, warmup: int) -> float:
        seen.append((step, steps, warmup))
        return 0.0

    model = build()
    before = model.layer.weight.detach().clone()
    list(run(model, Trained(), steps=3, decay=decay))
    assert seen == [(0, 3, 2), (1, 3, 2), (2, 3, 2)]
    assert_close(checkpoint()["model.layer.weight"], before)
