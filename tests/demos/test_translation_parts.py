"""The image-to-image tab's inside, on small untrained networks of the same classes: outputs follow the models."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from demos import _i18n, translation
from demos.translation import _cycle, _diffuse, _examples, _failures, _few, _gallery, _losses, _views
from genmodels import registry
from genmodels.errors import Refusal
from genmodels.text_to_image.hub_pipeline import HubPipeline
from genmodels.text_to_image.settings import SETTINGS
from genmodels.translation import ablation, bicyclegan, cyclegan, examples, funit, instruct, pix2pix, sketch
from tests.genmodels import tiny_hub

languages = pytest.mark.parametrize("lang", _i18n.LANGUAGES)
APPLE, CRAB, OURS = _examples.OUTLINES["apple"], "1f980", "emoji-diffusion"
NARROW = (8, 8, 8, 8)


class Painters(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.variants = torch.nn.ModuleDict({name: pix2pix.UNet(1, NARROW) for name in ablation.PAINTERS})


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.nn.Module]:
    """Untrained networks in the place of the shipped ones; our diffusion model stays."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        found = {
            "pix2pix-outline": pix2pix.UNet(1, NARROW),
            "pix2pix-noise": pix2pix.UNet(1, NARROW, 8),
            "bicycle-outline": bicyclegan.BicycleGAN(1, NARROW),
            "cyclegan-styles": cyclegan.CycleGAN(8, 1, 8),
            "cyclegan-fruit": cyclegan.CycleGAN(8, 1, 8),
            "funit-styles": funit.FUNIT(8, 8, 1),
            "pix2pix-ablation": Painters(),
        }
    for model in found.values():
        model.eval()
    load = registry.load
    monkeypatch.setattr(registry, "load", lambda id, *place: found[id] if id in found else load(id, *place))
    return found


def pixels(html: str) -> list[np.ndarray]:
    """Every picture of the page's HTML, in its order."""
    parts = html.split("data:image/png;base64,")[1:]
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(part.split('"')[0])))) for part in parts]


def file(color: tuple[int, ...] = (200, 30, 30)) -> str:
    found = io.BytesIO()
    Image.new("RGB", (40, 30), color).save(found, "PNG")
    return base64.b64encode(found.getvalue()).decode()


def as_pixels(x: torch.Tensor) -> np.ndarray:
    return ((x[0].permute(1, 2, 0) + 1) * 127.5).round().byte().numpy()


@languages
@pytest.mark.parametrize("way", _cycle.DIRECTIONS)
def test_there_and_back_beside_the_truth(small, lang, way):
    shelf, html, key = translation.run_cycle(lang, None, CRAB, "cyclegan-styles", way)
    here, there = _cycle.STYLES[way]
    x, truth = (_gallery.example(style, CRAB) for style in (here, there))
    with torch.no_grad():
        made, back, _ = cyclegan.cycle_error(small["cyclegan-styles"], x, way == "back")
    shown = pixels(html)
    for expected, at in ((x, 0), (made, 1), (truth, 2), (back, 3)):
        assert np.abs(shown[at].astype(int) - as_pixels(expected)).max() <= 1, at
    assert len(shown) == 6 and key == CRAB and json.loads(shelf)["chosen"] == CRAB
    assert html.count('data-generated="1"') == 2


def test_the_judge_s_map_follows_the_judge(small):
    before = pixels(translation.run_cycle("en", None, CRAB, "cyclegan-styles", "there")[1])[-1]
    with torch.no_grad():
        small["cyclegan-styles"].D_b.last.bias += 5.0
    after = pixels(translation.run_cycle("en", None, CRAB, "cyclegan-styles", "there")[1])[-1]
    assert (after == after[0, 0]).all() and not np.array_equal(before, after)


@languages
def test_own_pictures_are_translated_without_a_truth(lang):
    own, shelf, html, key = translation.run_cycle_own(lang, file(), "cyclegan-fruit", "there")
    assert own.shape == (1, 3, 64, 64) and key == "own" and len(pixels(html)) == 5
    assert [one["key"] for one in json.loads(shelf)["items"]] == ["own"]
    assert _views.text(lang, "cycle.needs") in translation.run_cycle(lang, None, CRAB, "cyclegan-fruit", "there")[1]


@pytest.mark.parametrize(
    ("given", "code"),
    [((None, CRAB, "x", "there"), "choice"), ((None, CRAB, "cyclegan-styles", "up"), "choice")]
    + [((None, "xx", "cyclegan-styles", "there"), "choice"), ((None, "own", "cyclegan-styles", "there"), "no_photo")],
)
def test_cycles_refuse_what_is_not_offered(given, code):
    with pytest.raises(Refusal) as caught:
        translation.run_cycle("en", *given)
    assert caught.value.code == code
    with pytest.raises(Refusal):
        translation.run_cycle_own("en", "!", "cyclegan-styles", "there")


def test_the_shipped_subjects_are_drawn_differently_and_named():
    found = examples.load()
    count = len(found.keys)
    assert (
        count == 18
        and [len(found.few[style]) for style in examples.HELD] == [20, 20]
        and all(len(names) == count for names in found.names.values())
    )
    for style in examples.SHOWN:
        assert found.pictures[style].shape == (count, 3, 64, 64)
        assert (found.pictures[style].std((1, 2, 3)) > 0.1).all()
    apart = (found.pictures["twemoji"] - found.pictures["fluent-3d"]).abs().mean((1, 2, 3))
    assert (apart > 0.02).all()


@languages
def test_content_by_style_follows_k_and_own_examples(small, lang):
    one, many = (translation.run_few(lang, None, k) for k in (1, 20))
    shown = pixels(one)
    columns = 5 + len(_few.KNOWN)
    assert len(shown) == columns * len(_few.CONTENTS) + 2
    found = examples.load()
    content = found.pictures["twemoji"][list(_few.CONTENTS)]
    with torch.no_grad():
        style = small["funit-styles"].style(found.few["openmoji-line"][None, :1])
        made = small["funit-styles"](content, style.expand(len(content), -1))
    assert np.abs(shown[1].astype(int) - as_pixels(made[:1])).max() <= 1
    assert not np.array_equal(shown[1], pixels(many)[1]), "other examples, another style"
    assert np.array_equal(shown[5], pixels(many)[5]), "known styles do not depend on K"
    own, shelf, html = translation.run_few_own(lang, json.dumps([file(), file((0, 200, 0))]), 1)
    assert own.shape == (2, 3, 64, 64) and len(json.loads(shelf)["items"]) == 2
    assert len(pixels(html)) == (columns + 1) * len(_few.CONTENTS) + 2


@pytest.mark.parametrize("k", [0, 21, None, "5", float("nan")])
def test_bad_counts_are_refused(k):
    with pytest.raises(Refusal):
        translation.run_few("en", None, k)


@pytest.mark.parametrize("data", ["", "[]", "{}", "[1]", None, json.dumps(["!"]), json.dumps(["x"] * 21)])
def test_bad_examples_are_refused(data):
    with pytest.raises(Refusal):
        translation.run_few_own("en", data, 5)


@languages
def test_the_losses_paint_the_same_drawing(small, lang):
    shown = pixels(translation.run_losses(lang, APPLE))
    assert len(shown) == 7
    x = sketch.outline(APPLE)
    for at, variant in enumerate(small["pix2pix-ablation"].variants.values(), 1):
        with torch.no_grad():
            assert np.abs(shown[at].astype(int) - as_pixels(variant(x))).max() <= 1
    assert not np.array_equal(pixels(translation.run_losses(lang, ""))[1], shown[1])
    with pytest.raises(Refusal):
        translation.run_losses(lang, "?")


CARDS = {
    "pix2pix-ablation": {
        name: {"psnr_db": 18.0 + i, "gradient_energy": 0.1 + i / 100, "frechet": 3.0 + i}
        for i, name in enumerate(ablation.PAINTERS)
    }
    | {"baselines": {"real": {"gradient_energy": 0.333}}},
    "cyclegan-styles": {
        "there": {"psnr_db": 15.5, "feature_distance": 0.9},
        "untranslated": {"psnr_db": 14.4, "feature_distance": 1.1},
        "cycle_error": 0.04,
    },
    "cyclegan-ablation": {
        "untranslated": {"psnr_db": 14.4, "feature_distance": 1.1},
        "paired": {"there": {"psnr_db": 16.6, "feature_distance": 0.7}},
        "no-cycle": {"there": {"psnr_db": 15.1, "feature_distance": 0.95}, "cycle_error": 0.2},
    },
    "funit-styles": {
        "openmoji": {
            "real": 0.9,
            "untranslated": {"accepted": 0.02},
            "k=1": {"accepted": 0.5},
            "k=20": {"accepted": 0.6},
        },
        "openmoji-line": {
            "real": 1.0,
            "untranslated": {"accepted": 0.0},
            "k=1": {"accepted": 0.7},
            "k=20": {"accepted": 0.8},
        },
    },
}


@languages
def test_tables_say_what_the_cards_say(monkeypatch, lang):
    for part in (_cycle, _few, _losses):
        monkeypatch.setattr(part, "card", lambda id: {"metrics": CARDS[id]} if id in CARDS else {})
    monkeypatch.setattr(_views, "card", lambda id: {"trained": {"images": 1000 * len(id)}})
    point = (lambda said: said.replace(".", ",")) if lang == "pt" else str
    many = "mil" if lang == "pt" else "thousand"
    for shown, figures in (
        (translation.run_cycle_table(lang), ["15.50", "16.60", "14.40", "10.0 %", "0.700", f"17 {many}", f"15 {many}"]),
        (translation.run_losses_table(lang), ["18.00", "0.150", "8.00", "0.333", "0.66", f"16 {many}", f"15 {many}"]),
    ):
        assert all(point(figure) in shown for figure in figures)
    curve = translation.run_few_curve(lang)
    assert "K = 20: 80 %" in curve and "K = 20: 60 %" in curve and "90 %" in curve
    for part in (_cycle, _few, _losses):
        monkeypatch.setattr(part, "card", lambda id: {})
    for run in (translation.run_cycle_table, translation.run_losses_table, translation.run_few_curve):
        assert _views.text(lang, "measure.none") in run(lang)


@languages
def test_failures_are_made_by_the_models(small, lang):
    before = pixels(translation.run_failures(lang))
    assert len(before) == 20
    with torch.no_grad():
        for id in ("pix2pix-outline", "pix2pix-noise"):
            small[id].last[1].bias += 1.0
    after = pixels(translation.run_failures(lang))
    changed = [not np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
    assert changed[:4] == [True] * 4 and changed[4:8] == [False] * 4 and changed[17] and changed[19]


@languages
def test_a_case_whose_model_is_missing_leaves_the_others(small, monkeypatch, lang):
    load = registry.load

    def missing(id, *place):
        if id == "pix2pix-ablation":
            raise Refusal("not_trained", "train it first", id=id)
        return load(id, *place)

    monkeypatch.setattr(registry, "load", missing)
    shown = translation.run_failures(lang)
    assert len(pixels(shown)) == 16 and shown.count("<section>") == 4 and "pix2pix-ablation" in shown


@languages
def test_what_is_said_of_traces_and_ghosts_fits_what_was_measured(small, monkeypatch, lang):
    said = translation.run_failures(lang)
    assert _views.text(lang, "failures.identity.no_traces") in said, "an untrained network hides nothing"
    monkeypatch.setattr(_failures, "TRACES", 0.0)
    assert _views.text(lang, "failures.identity.traces") in _failures.identity(lang)
    for name in ("cgan", "patch-70"):
        with torch.no_grad():
            last = small["pix2pix-ablation"].variants[name].last[1]
            last.weight.zero_()
            last.bias.fill_(-2.0 if name == "cgan" else 5.0)
    assert _views.text(lang, "failures.ghosts.held") in _failures.ghosts(lang)
    with torch.no_grad():
        small["pix2pix-ablation"].variants["cgan"].last[1].bias.fill_(5.0)
    assert _views.text(lang, "failures.ghosts.not_held") in _failures.ghosts(lang)


def test_apart_is_none_for_equal_pictures_and_half_for_black_and_white():
    black, white = torch.full((1, 3, 4, 4), -1.0), torch.ones(1, 3, 4, 4)
    assert _views.apart(torch.cat([black, black])) == 0
    assert _views.apart(torch.cat([black, white])) == pytest.approx(100)


@languages
def test_sdedit_shows_the_start_the_steps_and_the_result(lang):
    steps = list(translation.run_sdedit(lang, OURS, None, APPLE, "outline", "apple", 7, 0.5))
    assert [step.i for step, _ in steps] == list(range(1, 11))
    shown = pixels(steps[-1][1])
    assert 6 <= len(shown) <= 10 and not np.array_equal(shown[0], shown[-1])
    other = pixels(list(translation.run_sdedit(lang, OURS, None, APPLE, "outline", "apple", 8, 0.5))[-1][1])
    assert not np.array_equal(other[1], shown[1]), "another seed, another noise"


def test_another_prompt_another_picture_and_four_strengths_side_by_side():
    given = [OURS, None, APPLE, "outline"]
    one, two = (pixels(list(translation.run_strengths("en", *given, p, 7))[-1][1]) for p in ("red apple", "blue car"))
    assert len(one) == 5 and np.array_equal(one[0], two[0]) and not np.array_equal(one[-1], two[-1])
    apart = [np.abs(part.astype(int) - one[0]).mean() for part in one[1:]]
    assert apart[0] < apart[-1], "more strength, further from the drawing"


@languages
def test_the_first_prompt_speaks_the_language_and_ones_own_stays(lang):
    usual = [_views.text(other, "diffuse.example") for other in _i18n.LANGUAGES]
    assert {translation.run_prompt(lang, one) for one in ("", *usual)} == {_views.text(lang, "diffuse.example")}
    assert translation.run_prompt(lang, "blue car") == "blue car"


def test_no_strength_changes_nothing_but_what_the_autoencoder_does():
    shown = pixels(list(translation.run_sdedit("en", OURS, None, APPLE, "outline", "", 7, 0.0))[-1][1])
    assert np.abs(shown[0].astype(int) - shown[-1]).mean() < 12


def test_inpainting_leaves_the_rest_exactly():
    mask = "0" * 512 + "f" * 512  # the lower half
    shown = pixels(list(translation.run_inpaint("en", OURS, None, APPLE, "painted", "apple", 7, mask))[-1][1])
    before, after = shown[0], shown[-1]
    assert np.array_equal(before[:32], after[:32]) and not np.array_equal(before[32:], after[32:])


@pytest.mark.parametrize("mask", ["", None, "f", "g" * 1024, "f" * 1025, 7])
def test_bad_masks_are_refused(mask):
    with pytest.raises(Refusal) as caught:
        next(translation.run_inpaint("en", OURS, None, APPLE, "outline", "", 7, mask))
    assert caught.value.code == "mask"


@pytest.mark.parametrize(
    "given",
    [(None, APPLE, "x", "", 7, 0.5), (None, APPLE, "own", "", 7, 0.5), (None, "?", "outline", "", 7, 0.5)]
    + [(None, APPLE, "outline", None, 7, 0.5), (None, APPLE, "outline", "a" * 201, 7, 0.5)]
    + [(None, APPLE, "outline", "", 7, 1.1), (None, APPLE, "outline", "", -1, 0.5)],
)
def test_sdedit_refuses_what_is_not_offered(given):
    with pytest.raises(Refusal):
        next(translation.run_sdedit("en", OURS, *given))


@languages
def test_the_canvas_shows_the_source(small, lang):
    own, shelf, source, canvas = translation.run_own_picture(lang, file(), APPLE)
    assert source == "own" and _diffuse.chosen(own, APPLE, "own") is own
    seen = [json.loads(translation.run_canvas(lang, own, APPLE, one))["picture"] for one in _diffuse.SOURCES]
    assert len(set(seen)) == 3 and json.loads(canvas)["picture"] == seen[2]


@languages
def test_published_models_are_listed_with_their_reason(lang, monkeypatch, tmp_path):
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path))
    shown = translation.run_published(lang)
    assert shown.count("<li>") == 4 and "InstructPix2Pix" in shown
    assert _views.text(lang, "diffuse.ready") not in shown


def test_another_model_is_refused():
    for id in ("emoji-fewstep", None, "x"):
        with pytest.raises(Refusal):
            next(translation.run_sdedit("en", id, None, APPLE, "outline", "", 7, 0.5))


@pytest.mark.parametrize("id", ["stable-diffusion-1-5", "instruct-pix2pix"])
def test_published_models_edit_through_the_same_functions(small, id, tmp_path):
    if id == "instruct-pix2pix":
        tiny_hub.instruct_pix2pix(tmp_path)
        small[id] = instruct.read(tmp_path)
    else:
        tiny_hub.stable_diffusion(tmp_path, checker=True)
        small[id] = HubPipeline.read(tmp_path, SETTINGS[id])
    steps = list(translation.run_sdedit("en", id, None, APPLE, "painted", "a cat", 7, 0.5))
    shown = pixels(steps[-1][1])
    assert steps[-1][0].i == steps[-1][0].n and shown[0].shape == shown[-1].shape == (16, 16, 3)
    inpaint = translation.run_inpaint("en", id, None, APPLE, "painted", "a cat", 7, "0" * 512 + "f" * 512)
    if id == "instruct-pix2pix":
        with pytest.raises(Refusal):
            list(inpaint)
    else:
        before, _, after = pixels(list(inpaint)[-1][1])
        assert np.array_equal(before[:8], after[:8]) and not np.array_equal(before[8:], after[8:])
