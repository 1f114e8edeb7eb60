"""The masking tab's probe on a visitor's own classes, and what its links carry."""

from __future__ import annotations

import base64
import io
import json
import re
from html import unescape
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
import torch
from PIL import Image

from demos import _i18n, _shell, masking
from demos.masking import _own, _views
from genmodels import registry
from genmodels.errors import Refusal
from genmodels.masking import fcmae
from genmodels.masking.probe import features
from tests.demos.in_loop import in_loop

languages = pytest.mark.parametrize("lang", _i18n.LANGUAGES)
MODEL = "fcmae-photos"


@pytest.fixture(scope="module", autouse=True)
def models():
    """One untrained encoder for every model."""
    found = fcmae.fresh(0).eval()
    pictures = torch.rand(30, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    many = SimpleNamespace(of=lambda id: (features(found, pictures), None, None, None))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "load", lambda id, device_name=None: many if id == "cifar-codes" else found)
        patch.setattr(registry, "unavailable", lambda card: None)
        yield


def photo(color: tuple[int, int, int], seed: int) -> str:
    """A noisy picture of a colour, as a file in base64."""
    noise = np.random.default_rng(seed).integers(-30, 30, (48, 60, 3))
    out = io.BytesIO()
    Image.fromarray((np.array(color) + noise).clip(0, 255).astype(np.uint8)).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


RED, BLUE = (200, 60, 50), (50, 70, 200)


def gathered() -> _own.Collection:
    """Four red and three blue pictures."""
    found, _ = masking.run_gather("en", None, 0, json.dumps([photo(RED, i) for i in range(4)]))
    found, _ = masking.run_gather("en", found, 2, json.dumps([photo(BLUE, i) for i in range(3)]))
    return found


@languages
def test_a_probe_tells_the_visitors_classes_apart(lang: str):
    found = gathered()
    assert [len(pictures) for pictures in found.pictures] == [4, 0, 3]
    steps, collections, shown = zip(*masking.run_learn(lang, found, MODEL, "red <b>", "", ""), strict=True)
    assert steps[-1].i == steps[-1].n == 8 and collections[-1] is found
    third = _views.text(lang, "own.class", letter="C")
    assert "red <b> (4)" in unescape(shown[-1]) and f"{third} (3)" in shown[-1] and "<b>" not in shown[-1]
    for color, name in ((RED, "red <b>"), (BLUE, third)):
        html = masking.run_decide(lang, found, json.dumps([photo(color, 99)]), "red <b>", "", "")
        sentence = unescape(re.search(r'mk-says">(.*?)</p>', html)[1])
        assert name in sentence and int(re.search(r"(\d+) %", sentence)[1]) > 60
        parts = [float(part) for part in re.findall(r"--part:([\d.]+)", html)]
        assert len(parts) == 2 and sum(parts) == pytest.approx(1, abs=1e-3)


@languages
def test_shelves(lang: str):
    found = gathered()
    shelves = _own.run_shelves(lang, found)
    assert [shelf.count("<img") for shelf in shelves] == [4, 0, 3]
    many = json.dumps([photo(RED, i) for i in range(_own.AT_ONCE)])
    for _ in range(3):
        found, shelf = masking.run_gather(lang, found, 0, many)
    assert len(found.pictures[0]) == _own.MOST and _views.text(lang, "own.full", most=_own.MOST) in shelf
    one, _ = masking.run_gather(lang, None, 1, json.dumps([photo(RED, 0)] * 30))
    assert len(one.pictures[1]) == _own.AT_ONCE


def test_visitors_do_not_share_their_pictures():
    first, second = gathered(), _own.Collection()
    assert all(not pictures for pictures in second.pictures) and first.pictures[0] is not second.pictures[0]


@pytest.mark.parametrize(
    ("which", "data", "code"),
    [
        (3, "[]", "range"),
        (-1, "[]", "range"),
        (None, "[]", "range"),
        (0, "", "picture_kind"),
        (0, "{}", "picture_kind"),
        (0, None, "picture_bytes"),
        (0, "[1]", "picture_bytes"),
        (0, '["AAAA"]', "picture_kind"),
        (0, "A" * 40_000_000, "picture_bytes"),
    ],
)
def test_what_is_no_list_of_pictures_is_refused(which: object, data: object, code: str):
    kept = gathered()
    with pytest.raises(Refusal) as refusal:
        masking.run_gather("en", kept, which, data)
    assert refusal.value.code == code and [len(one) for one in kept.pictures] == [4, 0, 3]


@languages
def test_what_is_missing_is_said(lang: str):
    for kept in (None, _own.Collection(), masking.run_gather(lang, None, 0, json.dumps([photo(RED, 0)]))[0]):
        with pytest.raises(Refusal) as refusal:
            list(masking.run_learn(lang, kept, MODEL, "", "", ""))
        assert refusal.value.code == "few_classes" and _i18n.explain(lang, refusal.value)
    with pytest.raises(Refusal) as refusal:
        masking.run_decide(lang, gathered(), json.dumps([photo(RED, 0)]), "", "", "")
    assert refusal.value.code == "untrained"
    with pytest.raises(Refusal):
        next(masking.run_learn(lang, gathered(), "vit-mae-base", "", "", ""))


def test_links_carry_every_control_and_refuse_the_rest():

    def build() -> _shell.Context:
        with gr.Blocks():
            ctx = _shell.Context(masking, _i18n.translations([masking]), gr.Radio(["pt", "en"]))
            masking.build(ctx)
        return ctx

    ctx = in_loop(build)
    wanted = {"photo", "crop", "ratio", "strategy", "seed", "model", "patches", "patch", "layer"}
    assert set(ctx.controls) == wanted | {"encoder", "labels", "draw"}
    for name, control in ctx.controls.items():
        assert control.decode(control.encode(control.component.value)) == control.component.value, name
    bad = {
        "photo": "own", "crop": "9,9,9", "ratio": "99", "strategy": "all", "seed": "-1", "model": "gpt",
        "patches": "0xff", "patch": "-3", "layer": "40", "encoder": "vit-mae-base", "labels": "0", "draw": "x",
    }  # fmt: skip
    found, wrong = ctx.restored("en", bad)
    updates = dict(zip(ctx.controls, found, strict=True))
    assert all("value" not in update for update in updates.values()) and len(wrong) == len(bad)
    good = {"photo": "rocket", "patches": "7-00ff00ff00ff00ff", "patch": "63", "ratio": "40"}
    updates = dict(zip(ctx.controls, ctx.restored("pt", good)[0], strict=True))
    assert {name: updates[name]["value"] for name in good} == good | {"ratio": 40}
