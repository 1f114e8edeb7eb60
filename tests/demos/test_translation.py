"""The image-to-image tab's easel, its many answers and its tables, on small untrained networks of the same classes."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from demos import _i18n, translation
from demos.translation import _examples, _measure, _try, _vary, _views
from genmodels import registry
from genmodels.errors import Refusal
from genmodels.translation import bicyclegan, pix2pix, sketch

languages = pytest.mark.parametrize("lang", _i18n.LANGUAGES)
APPLE, BLOCK = _examples.OUTLINES["apple"], _examples.FACADES["block"]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.nn.Module]:
    """Untrained networks in the place of the shipped ones."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        found = {
            "pix2pix-outline": pix2pix.UNet(1, (8, 8, 8, 8)).eval(),
            "pix2pix-facades": pix2pix.UNet(3, (8, 8, 8, 8)).eval(),
            "bicycle-outline": bicyclegan.BicycleGAN(1, (8, 8, 8, 8)).eval(),
        }
    monkeypatch.setattr(registry, "load", lambda id, device=None: found[id])
    return found


def pixels(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))))


def file(size: tuple[int, int], color: object = "white", kind: str = "PNG") -> str:
    found = io.BytesIO()
    Image.new("RGBA" if kind == "PNG" else "RGB", size, color).save(found, kind)
    return base64.b64encode(found.getvalue()).decode()


@languages
@pytest.mark.parametrize(("task", "side"), [("outline", 64), ("facade", 128)])
def test_painting_shows_what_the_network_makes_of_the_drawing(small, lang, task, side):
    board, caption, *kept = translation.run_paint(lang, task, APPLE, BLOCK)
    found = json.loads(board)
    assert kept == [APPLE, BLOCK] and found["drawing"] == {"outline": APPLE, "facade": BLOCK}[task]
    x = sketch.outline(APPLE) if task == "outline" else sketch.labels(BLOCK)
    with torch.no_grad():
        made = small[_try.MODELS[task]](x)[0]
    assert pixels(found["picture"]).shape == (side, side, 3)
    torch.testing.assert_close(
        torch.from_numpy(pixels(found["picture"]).copy()).permute(2, 0, 1) / 127.5 - 1, made, atol=0.01, rtol=0
    )
    assert f"{side} × {side}" in caption and 'data-generated="1"' in caption
    assert len(found["palette"]) == 12 and {one["text"] for one in found["examples"]} == set(
        _try.EXAMPLES[task].values()
    )


@languages
def test_another_drawing_is_another_picture_and_empty_paper_says_so(lang):
    shown = [json.loads(translation.run_paint(lang, "outline", one, "")[0]) for one in _examples.OUTLINES.values()]
    assert len({one["picture"] for one in shown}) == len(shown)
    for task in _try.TASKS:
        assert _views.text(lang, f"empty.{task}") in translation.run_paint(lang, task, "", "")[1]
        assert _views.text(lang, f"empty.{task}") not in translation.run_paint(lang, task, APPLE, BLOCK)[1]


@pytest.mark.parametrize(
    ("task", "outline", "code"),
    [("x", APPLE, "choice"), (None, APPLE, "choice"), ("outline", "<b>", "sketch"), ("outline", None, "sketch")],
)
def test_bad_drawings_are_refused(task, outline, code):
    with pytest.raises(Refusal) as caught:
        translation.run_paint("en", task, outline, BLOCK)
    assert caught.value.code == code


@pytest.mark.parametrize(("size", "color"), [((1, 1), "red"), ((10_000, 10), "blue"), ((50, 80), (0, 0, 0, 0))])
def test_any_picture_becomes_an_outline(size, color):
    _, _, outline, facade = translation.run_outline("en", file(size, color), "outline", APPLE, BLOCK)
    assert outline.startswith("i") and facade == BLOCK
    sketch.outline(outline)


def test_a_black_drawing_on_white_stays_that_drawing():
    page = Image.new("L", (640, 640), 255)
    page.paste(0, (300, 100, 340, 540))
    found = io.BytesIO()
    page.save(found, "PNG")
    outline = translation.run_outline("en", base64.b64encode(found.getvalue()).decode(), "outline", "", "")[2]
    ink = sketch.outline(outline)[0, 0] < 0
    assert ink[15:50, 31:33].all() and not ink[:, :26].any() and not ink[:, 38:].any()


@pytest.mark.parametrize("data", ["", "!", base64.b64encode(b"no picture").decode(), None, 7])
def test_what_is_no_picture_is_refused(data):
    with pytest.raises(Refusal):
        translation.run_outline("en", data, "outline", APPLE, BLOCK)


@pytest.mark.parametrize("task", _try.TASKS)
def test_the_snippet_makes_the_same_picture(small, monkeypatch, tmp_path, task):
    code = _try.snippet(task, APPLE, BLOCK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("genmodels.load", lambda id, device: small[id])
    exec(compile(code, "snippet", "exec"), {})
    shown = pixels(json.loads(translation.run_paint("en", task, APPLE, BLOCK)[0])["picture"])
    assert np.array_equal(np.asarray(Image.open(tmp_path / "translation.png")), shown)


@languages
def test_eight_answers_follow_seed_drawing_and_code(lang):
    board, caption, z = translation.run_vary(lang, APPLE, 7, "")
    found = json.loads(board)
    assert len({one["uri"] for one in found["answers"]}) == 8 and f"{_vary.ANSWERS} " in caption
    assert [round(v, 2) for v in found["answers"][0]["z"]] == [float(v) for v in z.split(",")]
    assert found["picture"] == found["answers"][0]["uri"]
    again = json.loads(translation.run_vary(lang, APPLE, 7, "")[0])
    assert again["answers"] == found["answers"]
    other = json.loads(translation.run_vary(lang, APPLE, 8, "")[0])
    assert other["answers"] != found["answers"]
    moved = json.loads(translation.run_vary(lang, APPLE, 7, "2,0,0,0,0,0,0,0")[0])
    assert moved["answers"] == found["answers"] and moved["picture"] != found["picture"]


def test_the_pad_lies_on_the_two_numbers_that_change_most(small):
    with torch.no_grad():
        for layer in [small["bicycle-outline"].G.head, *(d[1] for d in small["bicycle-outline"].G.downs)]:
            layer.weight[:, -8:] = 0
        small["bicycle-outline"].G.head.weight[:, -8 + 5] = 1.0
        small["bicycle-outline"].G.head.weight[:, -8 + 2] = 0.4
    found = json.loads(translation.run_vary("en", APPLE, 7, "")[0])
    assert found["axes"] == [5, 2]
    assert [i for i, effect in enumerate(found["effects"]) if effect > 1e-6] == [2, 5]


@languages
def test_another_pictures_manner_is_its_code(small, lang):
    data = file((64, 64), (200, 30, 30, 255))
    board, _, z = translation.run_inject(lang, data, APPLE, 7)
    with torch.no_grad():
        x = torch.tensor([200, 30, 30.0]).view(1, 3, 1, 1).expand(1, 3, 64, 64) / 127.5 - 1
        expected = small["bicycle-outline"].encode(x)[0].clamp(-_vary.REACH, _vary.REACH)
    torch.testing.assert_close(torch.tensor([float(v) for v in z.split(",")]), expected, atol=0.006, rtol=0)
    assert json.loads(board)["z"] == pytest.approx([float(v) for v in z.split(",")], abs=0.006)


@pytest.mark.parametrize(
    "z", ["1,2", "a,b,c,d,e,f,g,h", "nan,0,0,0,0,0,0,0", "9,0,0,0,0,0,0,0", "inf" + ",0" * 7, "0" * 500]
)
def test_bad_codes_are_refused(z):
    with pytest.raises(Refusal):
        translation.run_vary("en", APPLE, 7, z)
    with pytest.raises(Refusal):
        _vary.checked(z)


@pytest.mark.parametrize("seed", [-1, 2**31, None, "7", float("nan")])
def test_bad_seeds_are_refused(seed):
    with pytest.raises(Refusal):
        translation.run_vary("en", APPLE, seed, "")


CARDS = {
    "pix2pix-outline": {
        "metrics": {
            "pictures": 99, "psnr_db": 20.1, "feature_distance": 0.5, "gradient_energy": 0.09, "frechet": 3.0,
            "noise_diversity": 0.001,
            "baselines": {"outline itself": {"psnr_db": 17.0}, "mean colouring": {"psnr_db": 17.3},
                          "real": {"gradient_energy": 0.11}},
        },
        "bench": {"picture_ms": {"pix2pix-outline": 4.2, "bicycle-outline, 8 answers": 33.0, "cyclegan-styles": 6.1,
                                 "published U-Net 256, enlarged": 90.0, "published ResNet, 9 blocks": 40.0}},
    },
    "pix2pix-noise": {"metrics": {"diversity": 0.0067}},
    "bicycle-outline": {"metrics": {"psnr_db": 18.8, "frechet": 3.2, "diversity": 0.4}},
    "cyclegan-styles": {"metrics": {"there": {"psnr_db": 15.5}, "untranslated": {"psnr_db": 14.4}}},
    "cyclegan-ablation": {"metrics": {"paired": {"there": {"psnr_db": 16.6}}}},
    "funit-styles": {
        "metrics": {
            style: {f"k={k}": {"accepted": share} for k, share in zip((1, 5, 20), shares, strict=True)}
            for style, shares in {"openmoji-line": (0.91, 0.92, 0.93), "openmoji": (0.11, 0.12, 0.13)}.items()
        }
    },
}  # fmt: skip


@languages
def test_tables_and_answer_say_what_the_cards_say(monkeypatch, lang):
    monkeypatch.setattr(_measure, "card", lambda id: CARDS.get(id, {}))
    shown = translation.run_tables(lang)
    point = (lambda said: said.replace(".", ",")) if lang == "pt" else str
    painted, apart, styles = ("20.10", "17.30", "3.20"), ("0.400", "0.0067", "0.001"), ("15.50", "16.60", "14.40")
    for figure in (*painted, *apart, *styles, "4.2", "33", "92 %", "12 %"):
        assert point(figure) in shown, figure
    assert all(point(figure) in translation.run_answer(lang) for figure in ("15.50", "16.60", "14.40"))


@languages
def test_without_cards_nothing_is_claimed(monkeypatch, lang):
    monkeypatch.setattr(_measure, "card", lambda id: {})
    assert _views.text(lang, "measure.none") in translation.run_tables(lang)
    assert translation.run_answer(lang) == _views.text(lang, "answer_none")


def test_a_row_that_was_not_measured_is_left_out(monkeypatch):
    monkeypatch.setattr(_measure, "card", lambda id: {} if id == "funit-styles" else CARDS.get(id, {}))
    shown = translation.run_tables("en")
    assert _views.text("en", "measure.few") not in shown and _views.text("en", "measure.cycle") in shown
