"""Downloads from a fake hub, each in a process of its own, as a visitor's page or a killed one would run it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from genmodels.weights import HUB_SAYS, Hub
from tests.fake_hub import GUARD_SECONDS, FakeHub

REPO, REVISION = "genlab/tiny", "0123456789abcdef0123456789abcdef01234567"
WEIGHTS = "model.safetensors"
ROOT = Path(__file__).resolve().parents[2]

PRELUDE = """
import json, os, sys, threading
from genmodels import registry, weights
from genmodels.errors import Refusal

source = weights.Hub(*json.loads(os.environ["SOURCE"]))
"""

DOWNLOAD = """
steps, refusal = [], None
try:
    for step in weights.download(source):
        steps.append((step.i, step.n, step.info["file"]))
except Refusal as error:
    refusal = {"code": error.code, "values": error.values, "message": str(error)}
missing = weights.missing(source)
place = weights.folder(source)
files = sorted(p.relative_to(place).as_posix() for p in place.rglob("*") if p.is_file())
print(json.dumps({"steps": steps, "refusal": refusal, "files": files, "missing": missing and missing.code}))
"""

LOAD = """
import torch

@registry.register(registry.ModelCard(
    id="tiny", topic="test", can=frozenset({"test"}), weights=source,
    params=1_000_000, license="", source="", data="",
))
def tiny():
    return torch.nn.Linear(1000, 1000, bias=False)

try:
    registry.load("tiny", "cpu")
except Refusal as error:
    before = error.code
steps = list(registry.fetch("tiny"))
model = registry.load("tiny", "cpu")
print(json.dumps({"before": before, "last": [steps[-1].i, steps[-1].n], "sum": model.weight.double().sum().item(),
                  "training": model.training, "config": (registry.folder("tiny") / "sub/config.json").read_text()}))
"""

CLOSE = """
from contextlib import closing

with closing(weights.download(source)) as steps:
    seen = [next(steps).i]
    while len(seen) < 5 or ENOUGH(seen):
        seen.append(next(steps).i)
alive = [t.name for t in threading.enumerate() if t.name == "hub"]
print(json.dumps({"seen": seen, "alive": alive, "missing": weights.missing(source).code}), flush=True)
sys.stdin.readline()
again = weights.download(source)
for _ in range(3):
    next(again)
again.close()
"""


@pytest.fixture(scope="module")
def content() -> dict[str, bytes]:
    weight = torch.randn(1000, 1000, generator=torch.Generator().manual_seed(0))
    return {WEIGHTS: save({"weight": weight}), "sub/config.json": b'{"name": "tiny"}\n'}


@pytest.fixture
def hub(content: dict[str, bytes]) -> Iterator[FakeHub]:
    with FakeHub(REPO, REVISION, content) as server:
        yield server


@pytest.fixture
def start(hub: FakeHub, tmp_path: Path) -> Iterator[object]:
    """start(code, **environment): a Python process that downloads from the fake hub into tmp_path."""
    running = []

    def start(code: str, **more: str) -> subprocess.Popen[str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("HF_") and not k.lower().endswith("_proxy")}
        own = {"HF_ENDPOINT": hub.url(), "HF_HOME": str(tmp_path / "hf"), "GENLAB_CACHE": str(tmp_path / "cache")}
        own |= {"GENLAB_HUB_TIMEOUT": "600", "SOURCE": json.dumps([REPO, REVISION, list(hub.files)])}
        process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + code],
            cwd=ROOT,
            env=kept | own | more,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def finish(process: subprocess.Popen[str]) -> dict:
    out, err = process.communicate(timeout=GUARD_SECONDS)
    assert process.returncode == 0, err
    return json.loads(out) | {"log": err}


@pytest.fixture
def run(start):
    """run(code, **environment): what that process printed."""
    return lambda code, **more: finish(start(code, **more))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "hub" / "genlab--tiny" / REVISION


def test_a_download_loads_like_an_embedded_model(hub, run, content):
    result = run(LOAD, HF_TOKEN="hf_of_the_test")
    assert result["before"] == "not_downloaded"
    assert result["last"] == [sum(map(len, content.values()))] * 2
    assert result["sum"] == load(content[WEIGHTS])["weight"].double().sum().item()
    assert result["training"] is False
    assert result["config"] == content["sub/config.json"].decode()
    assert {(call.host, call.token) for call in hub.calls} == {("hub", True), ("cdn", False)}, hub.calls


def test_a_second_download_asks_nothing(hub, run, content):
    run(DOWNLOAD)
    before = len(hub.calls)
    result = run(DOWNLOAD, HF_HUB_OFFLINE="1")
    total = sum(map(len, content.values()))
    assert result["refusal"] is None and result["steps"][-1][:2] == [total, total]
    assert len(hub.calls) == before


@pytest.mark.parametrize(
    ("fault", "code", "values"),
    [
        ("unauthorized", "hub_unauthorized", {"status": 401}),
        ("gated", "hub_gated", {}),
        ("no_repo", "hub_not_found", {"status": 404}),
        ("no_file", "hub_not_found", {"file": WEIGHTS}),
        ("busy", "hub_busy", {"seconds": 30}),
        ("error", "hub_error", {"status": 500}),
        ("portal", "hub_unverified", {"file": WEIGHTS}),
        ("other_commit", "hub_unverified", {"file": WEIGHTS}),
        ("other_etag", "hub_unverified", {"file": WEIGHTS}),
    ],
)
def test_the_hub_refuses(hub, run, fault, code, values):
    hub.fault = fault
    result = run(DOWNLOAD)
    assert result["refusal"]["code"] == code
    assert result["refusal"]["values"].items() >= values.items()
    assert result["refusal"]["message"] == HUB_SAYS[code].format(**result["refusal"]["values"])
    assert result["files"] == [] and result["missing"] == "not_downloaded"
    assert len(hub.calls) == (3 if fault == "error" else 1), "only what may pass is tried again"


def test_no_network(run):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        result = run(DOWNLOAD, HF_ENDPOINT=f"http://127.0.0.1:{closed.getsockname()[1]}")
    assert result["refusal"]["code"] == "hub_offline"


def test_offline_by_choice(hub, run):
    assert run(DOWNLOAD, HF_HUB_OFFLINE="1")["refusal"]["code"] == "hub_offline"
    assert hub.calls == []


def test_no_answer(hub, run):
    hub.fault = "silent"
    assert run(DOWNLOAD, GENLAB_HUB_TIMEOUT="0.3")["refusal"]["code"] == "hub_stalled"


def test_a_stall_keeps_what_arrived(hub, run, content):
    hub.fault = "stall"
    result = run(DOWNLOAD, GENLAB_HUB_TIMEOUT="0.5")
    assert result["refusal"]["code"] == "hub_stalled"
    assert result["files"] == [f"{WEIGHTS}.part"] and result["missing"] == "not_downloaded"
    hub.fault = None
    assert run(DOWNLOAD)["files"] == sorted(content)


def test_passing_errors_are_tried_again_and_announced(hub, run, content):
    hub.fault = "busy_once"
    result = run(DOWNLOAD)
    assert result["refusal"] is None and result["files"] == sorted(content)
    assert "Trying again" in result["log"]


def test_a_broken_connection_is_continued(hub, run, place, content):
    hub.fault = "broken_once"
    assert run(DOWNLOAD)["refusal"] is None
    assert (place / WEIGHTS).read_bytes() == content[WEIGHTS]
    assert [call.range for call in hub.requests("GET") if call.host == "cdn"][1].startswith("bytes=")
    assert hub.sent < 1.5 * len(content[WEIGHTS])


@pytest.mark.parametrize(("fault", "left"), [("broken", [f"{WEIGHTS}.part"]), ("short", [])])
def test_a_truncated_file_is_refused(hub, run, fault, left):
    hub.fault = fault
    result = run(DOWNLOAD)
    assert result["refusal"]["code"] == "hub_truncated"
    assert result["files"] == left and result["missing"] == "not_downloaded"


@pytest.mark.parametrize("name", [WEIGHTS, "sub/config.json"])
def test_a_wrong_hash_leaves_nothing_that_could_be_loaded(hub, run, content, name):
    hub.files, hub.fault = {name: content[name]}, "wrong_bytes"
    result = run(DOWNLOAD)
    assert result["refusal"]["code"] == "hub_hash"
    assert result["refusal"]["values"]["file"] == name
    assert result["files"] == [] and result["missing"] == "not_downloaded"


@pytest.mark.parametrize("fault", [None, "no_range", "wrong_resume"])
def test_a_killed_download(hub, start, run, place, content, fault):
    hub.fault = "stall"
    process = start(DOWNLOAD)
    part = place / f"{WEIGHTS}.part"
    until(lambda: part.is_file() and part.stat().st_size > len(content[WEIGHTS]) // 4)
    process.kill()
    process.wait()
    assert not (place / WEIGHTS).exists()
    hub.fault, had = fault, part.stat().st_size
    result = run(DOWNLOAD)
    assert f"bytes={had}-" in [call.range for call in hub.requests("GET") if call.host == "cdn"]
    if fault == "wrong_resume":
        assert result["refusal"]["code"] == "hub_hash" and result["files"] == []
        result = run(DOWNLOAD)
    assert result["refusal"] is None and result["files"] == sorted(content)
    assert (place / WEIGHTS).read_bytes() == content[WEIGHTS]
    if fault is None:
        assert hub.sent < 1.5 * len(content[WEIGHTS])


@pytest.mark.parametrize(("fault", "enough"), [("stall", "seen[-1] == 0 or seen[-1] > seen[-3]"), ("silent", "False")])
def test_closing_stops_at_once(hub, start, fault, enough):
    hub.fault = fault
    process = start(CLOSE.replace("ENOUGH(seen)", enough))
    assert hub.disconnected.wait(GUARD_SECONDS), "the connection is released"
    result = json.loads(process.stdout.readline())
    assert result["alive"] == [] and result["missing"] == "not_downloaded"
    assert fault == "silent" or result["seen"][-1] == result["seen"][-2] > 0, "steps come while nothing arrives"
    _, err = process.communicate("go on\n", timeout=GUARD_SECONDS)
    assert process.returncode == 0, err


def test_two_at_once(hub, start, run):
    hub.fault = "stall"
    first = start(DOWNLOAD)
    assert hub.halfway.wait(GUARD_SECONDS)
    assert run(DOWNLOAD)["refusal"]["code"] == "hub_running"
    assert first.poll() is None


def test_inside_a_running_event_loop(run, content):
    wrapped = "import asyncio\nasync def main():\n" + "\n".join(f"    {line}" for line in DOWNLOAD.splitlines())
    assert run(wrapped + "\nasyncio.run(main())")["files"] == sorted(content)


def test_disk_full_before_it_begins(hub, run):
    result = run(
        "import collections\nweights.shutil.disk_usage = lambda p: collections.namedtuple('U', 'free')(1)" + DOWNLOAD
    )
    assert result["refusal"]["code"] == "disk_full"
    assert result["refusal"]["values"].items() >= {"need": 5, "have": 0}.items()
    assert hub.requests("GET") == [] and result["files"] == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_disk_full_on_the_way(run, place):
    place.mkdir(parents=True)
    (place / f"{WEIGHTS}.part").symlink_to("/dev/full")
    result = run(DOWNLOAD)
    assert result["refusal"]["code"] == "disk_full"
    assert result["files"] == [] and result["missing"] == "not_downloaded"


@pytest.mark.parametrize(
    ("repo", "revision", "files"),
    [
        (REPO, "main", [WEIGHTS]),
        (REPO, REVISION[:12], [WEIGHTS]),
        (REPO, REVISION.upper(), [WEIGHTS]),
        (REPO, REVISION, []),
        (REPO, REVISION, ["pytorch_model.bin"]),
        (REPO, REVISION, ["model.pkl"]),
        (REPO, REVISION, ["modeling.py"]),
        (REPO, REVISION, ["../model.safetensors"]),
        (REPO, REVISION, ["unet/../../model.safetensors"]),
        (REPO, REVISION, ["/etc/model.json"]),
        (REPO, REVISION, ["C:\\model.json"]),
        (REPO, REVISION, ["a//model.json"]),
        ("../tiny", REVISION, [WEIGHTS]),
        ("genlab/tiny/more", REVISION, [WEIGHTS]),
    ],
)
def test_unpinned_or_unsafe_sources_are_refused(repo, revision, files):
    with pytest.raises(ValueError):
        Hub(repo, revision, tuple(files))


def until(true) -> None:
    """Wait for another process; the bound only guards against hanging."""
    end = time.monotonic() + GUARD_SECONDS
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)
