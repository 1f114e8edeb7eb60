import json

import click
import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from genmodels import registry
from genmodels import train as loop
from genmodels.__main__ import main
from genmodels.errors import Refusal
from genmodels.open_set import train as open_set
from genmodels.step import Step


def call(*words: str) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def refused(result: Result) -> str:
    """The one line of a refused command."""
    assert result.exit_code != 0 and not isinstance(result.exception, ValueError)
    assert "Traceback" not in result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("Error")]
    assert len(lines) == 1 and result.stderr.strip().endswith(lines[0])
    return lines[0]


def test_list():
    result = call("list")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert len(lines) == len(registry.cards())
    line = next(line for line in lines if line.startswith("digits-cnn-1 "))
    assert line.split()[:3] == ["digits-cnn-1", "open_set", "353,554"] and line.endswith("ready")


def test_list_as_json():
    rows = json.loads(call("list", "--json").output)
    assert [row["id"] for row in rows] == [card.id for card in registry.cards()]
    fields = {"id", "topic", "can", "params", "license", "source", "data", "weights", "available", "reason"}
    for row in rows:
        assert set(row) == fields and row["available"] == (row["reason"] is None)


def test_help_names_every_command():
    output = call("--help").output
    assert all(name in output for name in ("list", "train", "evaluate", "sample", "bench"))


@pytest.mark.parametrize("group", ["evaluate", "sample", "bench"])
def test_an_unknown_topic_is_one_line(group):
    assert "nonsense" in refused(call(group, "nonsense"))


def test_an_unknown_command_is_one_line():
    assert "nonsense" in refused(call("nonsense"))


def test_a_bench_of_every_topic_goes_on_where_one_refuses(monkeypatch):
    def refuse() -> None:
        raise Refusal("not_trained", "its weights are not here yet")

    ran = {"open_set": refuse, "nerf": lambda: click.echo("the next one ran")}
    group = main.commands["bench"]
    monkeypatch.setattr(group, "list_commands", lambda ctx: list(ran))
    monkeypatch.setattr(group, "get_command", lambda ctx, name: click.Command(name, callback=ran[name]))
    result = call("bench")
    assert result.exit_code == 0
    assert result.output.splitlines() == ["open_set", "its weights are not here yet", "nerf", "the next one ran"]


def test_training_an_unknown_model_is_one_line():
    assert "no-such-model" in refused(call("train", "no-such-model"))


def test_training_a_model_without_recipe_is_one_line(monkeypatch):
    monkeypatch.delitem(open_set.RECIPES, "digits-vae")
    line = refused(call("train", "digits-vae"))
    assert "digits-vae" in line and "digits-cnn-1" in line


@pytest.mark.parametrize("minutes", ["0", "-1", "much"])
def test_minutes_must_be_positive(minutes):
    assert "minutes" in refused(call("train", "digits-vae", "--minutes", minutes))


def test_training_shows_the_steps_and_passes_the_budget(monkeypatch):
    seen = []

    def recipe(budget: loop.Budget):
        seen.append(budget)
        yield Step(1, 2, loss=0.5)
        yield Step(2, 2, loss=0.25, info={"seconds": 3})

    monkeypatch.setitem(open_set.RECIPES, "digits-vae", recipe)
    result = call("train", "digits-vae", "--minutes", "2", "--device", "cpu", "--resume")
    assert result.exit_code == 0
    assert seen == [loop.Budget(2.0, "cpu", True, None)]
    assert "digits-vae 2/2 loss 0.2500 seconds 3" in result.output


@pytest.mark.parametrize("content", [b"", b"not an npz", b"PK\x03\x04 and then nothing"])
def test_bad_unknowns_are_one_line(tmp_path, monkeypatch, content):
    monkeypatch.setattr("genmodels.data.mnist.load", lambda split: (np.zeros((4, 28, 28), np.uint8), np.zeros(4)))
    path = tmp_path / "unknowns.npz"
    path.write_bytes(content)
    assert "unknowns.npz" in refused(call("evaluate", "open_set", "--json", "--unknown", path))


def test_a_missing_file_of_unknowns_is_one_line(tmp_path):
    assert "none.npz" in refused(call("evaluate", "open_set", "--unknown", tmp_path / "none.npz"))


def test_a_command_leaves_the_process_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr("genmodels.data.mnist.load", lambda split: (np.zeros((4, 28, 28), np.uint8), np.zeros(4)))
    path = tmp_path / "unknowns.npz"
    path.write_bytes(b"")
    call("evaluate", "open_set", "--unknown", path)
    assert torch.is_grad_enabled()
