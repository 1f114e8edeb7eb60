import hashlib
import json
import threading
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from genmodels import device, registry, weights
from genmodels.errors import Refusal


class Tiny(torch.nn.Module):
    """16 parameters of 64 bytes, and buffers of 20 bytes that half precision cannot hold."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(width, width, bias=False)
        self.register_buffer("mean", torch.tensor([1 / 3, 70000.0, 1e-9]))
        self.register_buffer("count", torch.tensor(2**40 + 1))


TINY_BYTES = 4 * 16 + 4 * 3 + 8


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    """Weights in an empty folder, the CPU, and neither the entries nor the loaded models of other tests."""
    monkeypatch.setattr(weights, "ASSETS", tmp_path / "weights")
    monkeypatch.setattr(device, "name", lambda: "cpu")
    monkeypatch.setattr(registry, "_ENTRIES", dict(registry._ENTRIES))
    registry.forget()
    yield
    registry.forget()


def add(id: str, constructor=Tiny, *, source=None, written: torch.nn.Module | None = None, **fields) -> None:
    values = {"topic": "tests", "can": frozenset({"classify"}), "params": 16, "license": "MIT", "source": "none"}
    values |= {"data": "none", **fields}
    registry.register(registry.ModelCard(id=id, weights=source or weights.Embedded(id), **values))(constructor)
    if written is not None:
        weights.write(id, written)
        weights.write_card(id)


def test_load_fills_the_weights_in_eval_mode_and_keeps_them():
    written = Tiny()
    add("tiny", written=written)
    model = registry.load("tiny")
    torch.testing.assert_close(model.layer.weight, written.layer.weight.half().float(), rtol=0, atol=0)
    assert not model.training and model.layer.weight.dtype == torch.float32
    assert registry.load("tiny") is model
    registry.forget()
    assert registry.load("tiny") is not model


def test_a_constructor_with_a_folder_reads_it_itself_and_what_to_returns_is_kept():
    class Moved:
        pass

    class Pipeline:
        def __init__(self, folder: Path) -> None:
            self.folder = folder

        def to(self, place: str) -> Moved:
            moved.folder, moved.place = self.folder, place
            return moved

    moved = Moved()
    add("pipeline", Pipeline, written=Tiny())
    assert registry.load("pipeline") is moved and registry.load("pipeline") is moved
    assert moved.folder == weights.ASSETS / "pipeline" == registry.folder("pipeline") and moved.place == "cpu"


def test_a_constructor_with_other_defaults_is_filled():
    add("wide", lambda width=6: Tiny(width), written=Tiny(6))
    assert registry.load("wide").layer.weight.shape == (6, 6)


@pytest.mark.parametrize("change", ["missing", "extra", "shape"])
def test_weights_that_do_not_fit_exactly_fail_and_are_not_kept(change):
    add("tiny", written=Tiny())
    path = weights.ASSETS / "tiny" / "model.safetensors"
    state = load_file(path)
    if change == "missing":
        del state["layer.weight"]
    elif change == "extra":
        state["other"] = torch.zeros(1)
    else:
        state["layer.weight"] = torch.zeros(5, 4)
    save_file(state, path)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="layer.weight|other"):
            registry.load("tiny")
    assert not registry._LOADED


def test_least_recently_used_models_leave_when_memory_is_full(monkeypatch):
    for id in "abcd":
        add(id, written=Tiny())
    monkeypatch.setattr(device, "memory_budget", lambda: 3 * TINY_BYTES)
    first = {id: registry.load(id) for id in "abc"}
    assert registry.load("a") is first["a"]
    registry.load("d")
    assert [id for id, _ in registry._LOADED] == ["c", "a", "d"]
    assert registry.load("a") is first["a"] and registry.load("b") is not first["b"]
    assert [id for id, _ in registry._LOADED] == ["d", "a", "b"]


def test_one_model_over_the_budget_is_still_served(monkeypatch):
    add("a", written=Tiny())
    add("b", written=Tiny())
    monkeypatch.setattr(device, "memory_budget", lambda: 1)
    registry.load("a")
    model = registry.load("b")
    assert list(registry._LOADED.values()) == [model]


def test_many_threads_load_a_model_once():
    built = []

    def build() -> Tiny:
        built.append(1)
        return Tiny()

    add("tiny", build, written=Tiny())
    threads = [threading.Thread(target=registry.load, args=("tiny",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1


@pytest.mark.parametrize("ask", [registry.load, registry.card, registry.build, registry.folder])
def test_an_unknown_model_is_refused_with_what_there_is(ask):
    add("tiny")
    with pytest.raises(Refusal, match="tiny") as caught:
        ask("../" + "x" * 100)
    assert caught.value.code == "unknown_model" and caught.value.values == {"id": ("../" + "x" * 100)[:60]}


def test_a_second_model_of_the_same_id_is_refused():
    add("tiny", params=1)
    with pytest.raises(ValueError, match="'tiny' is registered twice"):
        add("tiny", params=2)
    assert registry.card("tiny").params == 1


def test_cards_keep_their_order_and_filter_by_topic():
    add("b", topic="tests")
    add("a", topic="tests")
    add("c", topic="others")
    assert [card.id for card in registry.cards("tests")] == ["b", "a"]
    assert [card.id for card in registry.cards()][-3:] == ["b", "a", "c"]


def test_params_of_the_card_are_those_of_the_model_built_without_weights():
    add("tiny")
    model = registry.build("tiny")
    assert sum(p.numel() for p in model.parameters()) == registry.card("tiny").params


def test_a_model_without_weights_is_refused():
    add("tiny")
    assert registry.unavailable(registry.card("tiny")).code == "not_trained"
    with pytest.raises(Refusal) as caught:
        registry.load("tiny")
    assert caught.value.code == "not_trained" and caught.value.values == {"id": "tiny"}
    weights.write_card("tiny")
    with pytest.raises(Refusal) as caught:
        registry.load("tiny")
    assert caught.value.code == "not_trained"


def test_a_model_of_the_hub_that_is_not_here_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path))
    add("hub", source=weights.Hub("someone/something", "0" * 40, ("model.safetensors",)))
    with pytest.raises(Refusal) as caught:
        registry.load("hub")
    assert caught.value.code == "not_downloaded"


def test_a_model_that_needs_a_gpu_is_refused_without_one(monkeypatch):
    add("large", written=Tiny(), min_vram_gb=12)
    with pytest.raises(Refusal) as caught:
        registry.load("large")
    assert caught.value.code == "needs_gpu" and caught.value.values == {"need": 12, "have": 0}
    monkeypatch.setattr(device, "vram_gb", lambda: 12.0)
    assert registry.load("large")


def test_round_trip_is_half_precision_for_parameters_and_exact_for_buffers():
    model = Tiny()
    weights.write("tiny", model)
    stored = load_file(weights.ASSETS / "tiny" / "model.safetensors")
    assert stored["layer.weight"].dtype == torch.float16 and stored["mean"].dtype == torch.float32
    state = weights.read(weights.ASSETS / "tiny")
    assert state["layer.weight"].dtype == torch.float32
    assert torch.equal(state["layer.weight"], model.layer.weight.half().float())
    assert torch.equal(state["mean"], model.mean) and torch.equal(state["count"], model.count)


@pytest.mark.parametrize("shape", [(8, 4, 4, 16), (300, 5), (5, 300)])
def test_small_weights_are_bytes_within_half_a_step_of_each_row_or_column(shape):
    generator = torch.Generator().manual_seed(0)
    model = torch.nn.Module()
    spread = torch.logspace(-4, 2, min(shape[0], shape[-1]))
    sizes = spread.view(-1, *[1] * (len(shape) - 1)) if shape[0] < shape[-1] else spread
    model.kernel = torch.nn.Parameter(torch.randn(shape, generator=generator) * sizes)
    model.bias = torch.nn.Parameter(torch.randn(5, generator=generator))
    [file] = weights.write("small", model, small=True)
    stored, state = load_file(file), weights.read(weights.ASSETS / "small")
    assert stored["kernel"].dtype == torch.int8 and stored["bias"].dtype == torch.float16
    assert state.keys() == {"kernel", "bias"}
    over = tuple(range(1, len(shape))) if shape[0] < shape[-1] else (0,)
    step = model.kernel.detach().abs().amax(over, keepdim=True) / 127
    assert ((state["kernel"] - model.kernel).abs() <= step / 2 * 1.001).all()


def test_small_weights_that_are_zero_or_not_finite():
    model = torch.nn.Linear(64, 64)
    torch.nn.init.zeros_(model.weight)
    weights.write("small", model, small=True)
    assert not weights.read(weights.ASSETS / "small")["weight"].any()
    torch.nn.init.constant_(model.weight, torch.inf)
    with pytest.raises(ValueError, match="finite"):
        weights.write("small", model, small=True)


def test_tied_parameters_and_shared_buffers_survive():
    class Tied(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)
            self.b.weight = self.a.weight
            table = torch.arange(4.0)
            self.register_buffer("table", table)
            self.register_buffer("same", table)
            self.register_buffer("part", table[:2])

    model, again = Tied(), Tied()
    weights.write("tied", model)
    stored = load_file(weights.ASSETS / "tied" / "model.safetensors")
    assert stored["a.weight"].dtype == stored["b.weight"].dtype == torch.float16
    again.load_state_dict(weights.read(weights.ASSETS / "tied"), strict=True)
    assert torch.equal(again.b.weight, model.a.weight.half().float()) and torch.equal(again.part, model.part)


def test_shards_stay_under_nine_megabytes_and_are_replaced():
    model = torch.nn.Sequential(*(torch.nn.Linear(1000, 1000) for _ in range(10)))
    files = weights.write("large", model)
    assert len(files) > 2 and all(file.stat().st_size <= 9_000_000 for file in files)
    state = weights.read(weights.ASSETS / "large")
    assert state.keys() == model.state_dict().keys()
    assert torch.equal(state["9.weight"], model[9].weight.half().float())
    weights.write("large", Tiny())
    assert [path.name for path in (weights.ASSETS / "large").iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize(
    ("value", "rows", "reason"), [(0.0, 4600, "bytes"), (1e6, 1, "finite"), (torch.nan, 1, "finite")]
)
def test_weights_that_cannot_be_kept_are_refused_and_the_old_ones_stay(value, rows, reason):
    weights.write("tiny", Tiny())
    before = weights.read(weights.ASSETS / "tiny")
    bad = torch.nn.Linear(1000, rows, bias=False)
    torch.nn.init.constant_(bad.weight, value)
    with pytest.raises(ValueError, match=reason):
        weights.write("tiny", bad)
    assert weights.read(weights.ASSETS / "tiny").keys() == before.keys()


def test_reading_a_folder_without_weights_is_refused(tmp_path):
    with pytest.raises(Refusal) as caught:
        weights.read(tmp_path)
    assert caught.value.code == "not_trained"
    with pytest.raises(Refusal) as caught:
        weights.read_card("absent")
    assert caught.value.code == "not_trained"


def test_the_card_holds_the_hash_of_each_file_and_keeps_older_fields():
    files = weights.write("tiny", Tiny())
    weights.write_card("tiny", license="MIT", note="ação")
    first = weights.read_card("tiny")
    assert first["sha256"] == {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    assert first["id"] == "tiny"
    weights.write("tiny", Tiny(5))
    returned = weights.write_card("tiny", metrics={"accuracy": 0.5})
    second = json.loads((weights.ASSETS / "tiny" / "card.json").read_text(encoding="utf-8"))
    assert second == returned == weights.read_card("tiny")
    assert second["license"] == "MIT" and second["note"] == "ação" and second["metrics"] == {"accuracy": 0.5}
    assert second["sha256"] != first["sha256"] and second["sha256"].keys() == first["sha256"].keys()


def test_a_file_is_written_whole_or_not_at_all_by_whoever_is_first(tmp_path):
    target = tmp_path / "data" / "set.npz"
    with pytest.raises(OSError, match="full"), weights.whole(target) as part:
        part.write_bytes(b"half")
        raise OSError("disk full")
    assert list(target.parent.iterdir()) == []
    with weights.whole(target) as part:
        assert part.suffix == ".npz"
        part.write_bytes(b"mine")
        target.write_bytes(b"another process's")
    assert [p.name for p in target.parent.iterdir()] == ["set.npz"] and target.read_bytes() == b"mine"
