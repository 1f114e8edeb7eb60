"""The prompt-to-image tab's functions: what they draw, say and refuse, in both languages."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image

from demos import _i18n, text_to_image
from demos.text_to_image import _inside, _measure, _parts, _views
from demos.text_to_image._settings import TEACHER, Settings, trace
from genmodels import images
from genmodels.errors import Refusal
from genmodels.text_to_image import pipeline
from genmodels.text_to_image.settings import MAX_CHARACTERS

languages = pytest.mark.parametrize("lang", _i18n.LANGUAGES)
GOOD = {
    "prompt": "gato preto",
    "negative": "",
    "style": "any",
    "seed": 7,
    "steps": 3,
    "guidance": 3.0,
    "scheduler": "ddim",
    "model": TEACHER,
    "count": 1,
}
NAN, INF = float("nan"), float("inf")
BAD = [
    *(("seed", v) for v in (NAN, INF, -1, 2**31, "7", None, True, 1.5)),
    *(("steps", v) for v in (NAN, 0, 51, "20", None, 2.5)),
    *(("guidance", v) for v in (NAN, INF, -0.5, 20.5, "3", None)),
    *(("count", v) for v in (0, 9, NAN, None)),
    *(("style", v) for v in ("cubism", "", None, 3, ["any"])),
    *(("model", v) for v in ("digits-vae", "", None, "../x")),
    *(("scheduler", v) for v in (None, 3, ["ddim"])),
    *(("prompt", v) for v in (7, ["a"], {"a": 1})),
    ("negative", 7),
]
STRANGE = [
    "",
    " \n",
    "a" * 10_000,
    "🐱🚀",
    "قط أسود",
    "\x00\x07\u202e\ud800cat",
    "<script>alert(1)</script>",
    "' \" & {i}",
]


def values(**changes: object) -> list[object]:
    return list((GOOD | changes).values())


def sources(html: str) -> list[str]:
    return re.findall(r'src="(data:image/[^"]+)"', html)


def pixels(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("RGB"))


def parsed(html: str) -> ElementTree.Element:
    """HTML as XML, once its pictures and inputs are closed; fails where anything is not escaped or closed."""
    return ElementTree.fromstring(re.sub(r"<(img|input)([^>]*)>", r"<\1\2/>", f"<div>{html}</div>"))


@pytest.fixture(scope="module")
def found():
    return trace(Settings.read(*values()))


@languages
def test_drawing_streams_and_ends_with_the_samplers_picture(lang, monkeypatch):
    monkeypatch.setattr(text_to_image, "PREVIEW_SECONDS", -1)
    results = list(text_to_image.run_draw(lang, *values()))
    assert results[0][0].i == 1 and (results[-1][0].i, results[-1][0].n) == (3, 3)
    _, html, shown = results[-1]
    last = [*pipeline.sample(pipeline_model(), ["gato preto"], seed=7, steps=3)][-1]
    expected = images.to_pil(pipeline.decode(pipeline_model(), last.x_t))
    assert np.array_equal(pixels(sources(html)[0]), np.asarray(expected))
    assert Settings.parse(shown) == Settings(steps=3, prompt="gato preto")
    assert _views.text(lang, "picture_alt", prompt="gato preto") in html and "data-generated" in html


def pipeline_model():
    from genmodels import registry

    return registry.load(TEACHER)


def test_closing_a_drawing_stops_it():
    drawing = text_to_image.run_draw("en", *values(steps=50))
    next(drawing)
    drawing.close()
    assert list(drawing) == []


@languages
def test_live_is_quick_and_may_be_off(lang):
    html, shown, made, _ = text_to_image.run_live(lang, True, "other", *values(steps=50))
    assert made == "live" and Settings.parse(shown).steps <= 8 and len(sources(html)) == 1
    for live, before in ((False, "other"), (True, ""), (True, shown)):
        assert all("value" not in update for update in text_to_image.run_live(lang, live, before, *values(steps=50)))


@pytest.mark.parametrize("count", [1, 4])
def test_the_snippet_makes_the_same_picture(count, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    settings = Settings.read(*values(prompt='a "cat"\' {x}', count=count, scheduler="dpm++"))
    *_, (_, html, shown) = text_to_image.run_draw("en", *values(prompt='a "cat"\' {x}', count=count, scheduler="dpm++"))
    scope: dict[str, object] = {}
    exec(compile(text_to_image.snippet(shown), "snippet", "exec"), scope)
    assert settings == Settings.parse(shown) and "step 3 of 3" in capsys.readouterr().out
    drawn = [np.asarray(images.to_pil(one)) for one in scope["pictures"]]
    assert all(np.array_equal(a, pixels(b)) for a, b in zip(drawn, sources(html), strict=True))
    assert (tmp_path / "picture.png").is_file()


@pytest.mark.parametrize(("name", "value"), BAD, ids=lambda value: str(value)[:20])
def test_bad_values_are_refused_in_a_sentence(name, value):
    for run in (
        lambda: next(text_to_image.run_draw("en", *values(**{name: value}))),
        lambda: text_to_image.run_live("en", True, "other", *values(**{name: value})),
        lambda: text_to_image.run_guidance("en", *values(**{name: value})),
        lambda: next(text_to_image.run_measure("en", *values(**{name: value}))),
    ):
        with pytest.raises(Refusal) as refusal:
            run()
        assert _i18n.explain("pt", refusal.value) != _i18n.say("pt", "error.unexpected")


@pytest.mark.parametrize("prompt", STRANGE, ids=lambda text: repr(text[:12]))
def test_strange_prompts_are_drawn(prompt):
    html, shown, *_ = text_to_image.run_live("en", True, "other", *values(prompt=prompt, negative=prompt))
    assert "<script>" not in html and len(Settings.parse(shown).prompt) <= MAX_CHARACTERS
    assert json.loads(parsed(html).find(".//*[@data-settings]").get("data-settings")) == json.loads(shown)
    for view in text_to_image.run_inside("en", shown):
        assert "<script>" not in view
        parsed(view)


@pytest.mark.parametrize("shown", ["", "{}", "[]", "null", "x" * 10_000, '{"prompt": 3}', None, "[" * 5000])
def test_settings_that_are_none_are_refused(shown):
    for run in (lambda: text_to_image.run_inside("en", shown), lambda: text_to_image.run_file("en", shown, "png")):
        with pytest.raises(Refusal):
            run()


@languages
def test_an_empty_and_a_far_prompt_are_told(lang):
    settings = Settings.read(*values())
    assert _views.hint(lang, settings) == ""
    assert _views.text(lang, "empty") in _views.hint(lang, replace(settings, prompt=""))
    far = _views.hint(lang, replace(settings, prompt="teoria quântica de campos <b>"))
    assert _views.text(lang, "far") in far and far.count("ti-chip") == 3 and "<b>" not in far


@languages
def test_inside_has_every_step_and_reads_well(lang, found):
    steps, latent, words, guidance, tokens = map(parsed, _inside.views(lang, found))
    assert len(steps.findall(".//li[@data-i]")) == 3
    for view, pictures in ((steps, 2), (latent, 2), (words, 2), (guidance, 4)):
        framed = view.findall(".//img[@data-frames]")
        assert len(framed) == pictures
        assert all(len(image.get("data-frames").split()) == 3 and image.get("alt") for image in framed)
        assert view.find(".//input[@data-step]").get("max") == "3"
    assert len(tokens.findall(".//tr")) == 1 + 3
    assert [bold.text for bold in words.findall(".//figcaption/b")] == ["gato", "preto"]


def test_the_heat_maps_hold_the_attention(found):
    data = parsed(_inside.words("en", found)).find(".//*[@data-heat]")
    stored = np.frombuffer(base64.b64decode(data.get("data-heat")), np.uint8).reshape(3, 6, 2, 16) / 255
    rows: list[torch.Tensor] = []

    def attend(layer: int, weights: torch.Tensor) -> torch.Tensor:
        rows.append(weights[1])  # the prompt's half, (heads, 16, tokens)
        return weights

    list(pipeline.sample(pipeline_model(), ["gato preto"], seed=7, steps=3, attend=attend))
    naive = np.array([[[float(r[:, c, 2 + t].mean()) for c in range(16)] for t in range(2)] for r in rows])
    assert np.abs(stored.reshape(naive.shape) - naive).max() < 1 / 255


def test_states_come_in_one_scale_for_every_scheduler():
    spread = [float(trace(Settings.read(*values(scheduler=s, steps=12))).states[0].std()) for s in ("ddim", "euler")]
    assert spread[1] == pytest.approx(spread[0], rel=0.2)


def test_the_trace_is_the_drawing(found):
    assert torch.equal(_parts.pictures(found.states[-1:]), Settings.read(*values()).pictures())
    empty, given = found.pair
    guided = empty + 3.0 * (given - empty)
    torch.testing.assert_close(guided, found.x0, rtol=1e-3, atol=1e-3)


@languages
@pytest.mark.parametrize("kind", ["png", "strip", "gif"])
def test_files(lang, kind, found):
    shown = found.settings.json()
    uri, name = text_to_image.run_file(lang, shown, kind)
    data = base64.b64decode(uri.split(",")[1])
    with Image.open(io.BytesIO(data)) as picture:
        size, frames = picture.size, getattr(picture, "n_frames", 1)
    assert name.endswith(".gif" if kind == "gif" else ".png")
    assert (size, frames) == {"png": ((64, 64), 1), "strip": ((3 * 66 + 2, 2 * 66 + 2), 1), "gif": ((256, 256), 3)}[
        kind
    ]
    if kind != "gif":
        assert images.png_settings(data) == json.loads(shown)


@languages
def test_the_question_is_answered_by_drawing(lang):
    answer, row = text_to_image.run_guidance(lang, *values())
    assert "gato preto" in answer and answer.count("**") == 4 and len(set(sources(row))) == 4


@languages
def test_measuring(lang, monkeypatch):
    monkeypatch.setattr(_measure, "REPEATS", 1)
    monkeypatch.setattr(Settings, "pictures", lambda self: None)
    *_, (step, table) = text_to_image.run_measure(lang, *values())
    assert step.i == step.n and parsed(table).findall(".//tbody/tr")
    assert ("12,63" if lang == "pt" else "12.63") in _measure.table(lang)


def test_a_download_of_no_model_is_refused():
    with pytest.raises(Refusal):
        next(text_to_image.run_download("en", "../etc"))


def test_a_model_that_arrived_is_offered_at_once(monkeypatch):
    from demos.text_to_image import _controls

    before = [id for _, id in _controls.arrived("pt")["choices"]]
    assert "emoji-diffusion" in before and "sd-turbo" not in before
    monkeypatch.setattr(_controls.registry, "unavailable", lambda card: None)
    assert "sd-turbo" in [id for _, id in _controls.arrived("pt")["choices"]]
