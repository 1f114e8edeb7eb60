"""The masking tab's functions, on small untrained networks of the same classes."""

from __future__ import annotations

import base64
import io
import json
import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import ViTMAEConfig

from demos import _i18n, masking
from demos.masking import _few, _inside, _measure, _models, _photos, _rebuild, _source, _views
from genmodels import registry, weights
from genmodels.errors import Refusal
from genmodels.masking import fcmae, mae, masks

ROOT = Path(__file__).resolve().parents[2]
languages = pytest.mark.parametrize("lang", _i18n.LANGUAGES)
MAE, FCMAE = "mae-photos", "fcmae-photos"
GOOD = {
    "own": None,
    "photo": "chelsea",
    "crop": "0.5,0.5,1",
    "model": MAE,
    "ratio": 75,
    "strategy": "random",
    "seed": 7,
    "patches": "",
}


def network(image: int = 64, patch: int = 8, norm_pix_loss: bool = False) -> mae.MaskedAutoencoder:
    """An untrained ViT-MAE of two layers."""
    config = ViTMAEConfig(
        image_size=image, patch_size=patch, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, decoder_hidden_size=32, decoder_num_hidden_layers=2, decoder_num_attention_heads=2,
        decoder_intermediate_size=64, norm_pix_loss=norm_pix_loss,
    )  # fmt: skip
    return mae.fresh(config, 0).eval()


class FakeCodes:
    """Ten classes of codes, told apart by one dimension each."""

    def of(self, id: str) -> tuple[torch.Tensor, ...]:
        generator = torch.Generator().manual_seed(len(id))
        labels = torch.arange(10).repeat_interleave(100)
        train, test = (torch.randn(1000, 16, generator=generator) + 3 * torch.eye(10, 16)[labels] for _ in range(2))
        return train, labels, test, labels


@pytest.fixture(scope="module", autouse=True)
def models():
    """Every model of the topic, replaced by an untrained one that is here."""
    made = {
        MAE: network(),
        FCMAE: fcmae.fresh(0).eval(),
        "vit-mae-base": network(224, 16, norm_pix_loss=True),
        "cifar-codes": FakeCodes(),
    }
    missing = Refusal("not_downloaded", "not here", id="vit-mae-large")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "load", lambda id, device_name=None: made[id])
        patch.setattr(registry, "unavailable", lambda card: None if card.id in made else missing)
        yield made


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict]:
    """The cards of the models, empty at first."""
    found: dict[str, dict] = {}
    monkeypatch.setattr(weights, "read_card", lambda id: found.get(id, {}))
    return found


def values(**other: object) -> list[object]:
    return list((GOOD | other).values())


def rebuilt(lang: str = "en", **other: object) -> tuple[dict, str, str]:
    board, caption, patches = masking.run_rebuild(lang, *values(**other))
    return json.loads(board), unescape(re.sub("<[^>]+>", " ", caption)), patches


def parsed(html: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring("<svg" + part.split("</svg>")[0] + "</svg>") for part in html.split("<svg")[1:]]


def pixels(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))))


def file(picture: np.ndarray, kind: str = "PNG") -> str:
    """A picture's file in base64."""
    out = io.BytesIO()
    Image.fromarray(picture).save(out, kind)
    return base64.b64encode(out.getvalue()).decode()


def noise(height: int = 64, width: int = 64, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


@languages
@pytest.mark.parametrize("name", _photos.EXAMPLES)
def test_every_example_is_inside_an_installed_package(lang: str, name: str):
    photo = _photos.example(name)
    assert photo.pixels.dtype == torch.uint8 and min(photo.pixels.shape[1:]) >= 200
    board, caption, patches = rebuilt(lang, photo=name, crop=_photos.EXAMPLES[name][1])
    assert _views.text(lang, f"photo.{name}") in board["alts"]["original"]
    assert "48" in caption and "64" in caption and patches == ""


@languages
def test_the_panels_show_what_they_say(lang: str, models: dict):
    board, caption, _ = rebuilt(lang)
    hidden = masks.draw("random", 0.75, 1, 8, torch.Generator().manual_seed(7))
    assert board["hidden"] == _rebuild.pack(hidden, 0)[2:] and not board["by_hand"]
    x = _photos.Crop(0.5, 0.5, 1).cut(_photos.example("chelsea"), 64)
    predicted = mae.reconstruct(models[MAE], x, hidden)
    shown = {name: pixels(uri) for name, uri in board["pictures"].items()}
    assert shown.keys() == {"original", "reconstruction", "pasted", "error"}

    def close(name: str, wanted: torch.Tensor) -> None:
        np.testing.assert_allclose(shown[name], ((wanted[0].permute(1, 2, 0) + 1) * 127.5).numpy(), atol=1)

    close("original", x)
    close("reconstruction", predicted)
    where = np.kron(hidden.view(8, 8).numpy(), np.ones((8, 8)))[..., None] > 0
    np.testing.assert_array_equal(shown["pasted"], np.where(where, shown["reconstruction"], shown["original"]))
    np.testing.assert_array_equal(shown["error"][..., 3] > 0, where[..., 0])
    error = np.abs(shown["reconstruction"] / 255.0 - shown["original"] / 255.0)
    psnr = -10 * np.log10(np.square(error)[where[..., 0]].mean())
    assert _i18n.fill(lang, "PSNR {:.1f} dB", float(psnr)) in caption
    assert all(board["alts"].values()) and "{row}" in board["says"]["at"]


def test_a_higher_ratio_hides_more_and_every_bound_is_reached():
    counts = [rebuilt(ratio=ratio)[1].split(" of ")[0].strip() for ratio in (0, 25, 50, 95)]
    assert [int(count) for count in counts] == [0, 16, 32, 61]
    assert _views.text("en", "caption.nothing") in rebuilt(ratio=0)[1]


@pytest.mark.parametrize("model", [MAE, FCMAE])
@pytest.mark.parametrize("digits", ["f" * 16, "0" * 16, "8000000000000001"])
def test_a_mask_by_hand_is_kept(model: str, digits: str):
    board, caption, patches = rebuilt(model=model, patches=f"7-{digits}")
    assert board["hidden"] == digits and board["by_hand"] and patches == f"7-{digits}"
    assert f"{int(digits, 16).bit_count()} of 64" in caption and "nan" not in caption
    assert np.isfinite(pixels(board["pictures"]["reconstruction"])).all()


def test_sliders_undo_the_hand_and_a_link_keeps_it():
    by_hand = "7-" + "f" * 16
    assert not json.loads(masking.run_redraw("en", *values(patches=by_hand))[0])["by_hand"]
    assert not rebuilt(patches=by_hand, seed=8)[0]["by_hand"]  # another seed draws another mask
    board, caption, patches = rebuilt(patches=by_hand, model="vit-mae-base")  # which has other patches
    assert not board["by_hand"] and patches == "" and board["side"] == 14 and "147 of 196" in caption


def test_masks_survive_the_text():
    generator = torch.Generator().manual_seed(0)
    for side in (8, 14):
        for ratio in (0.0, 0.3, 0.95):
            hidden = masks.draw("block", ratio, 1, side, generator)
            packed = _rebuild.pack(hidden, 12)
            assert _rebuild.checked(packed) == packed and len(packed) <= 52
            assert torch.equal(_rebuild.unpack(packed, 12, side), hidden)
            assert _rebuild.unpack(packed, 13, side) is None and _rebuild.unpack(packed, 12, 22 - side) is None


BAD = [
    ("photo", "lena", "choice"), ("photo", None, "choice"), ("photo", "../chelsea", "choice"), ("photo", 3, "choice"),
    ("photo", "own", "no_photo"), ("crop", "", "frame"), ("crop", "1,2", "frame"), ("crop", None, "frame"),
    ("crop", "a,b,c", "frame"), ("crop", "0,0,0", "range"), ("crop", "nan,0,1", "range"), ("crop", "0,2,1", "range"),
    ("model", "mae", "choice"), ("model", None, "choice"), ("model", "cifar-codes", "choice"),
    ("model", [MAE], "choice"),
    ("ratio", 96, "range"), ("ratio", -1, "range"), ("ratio", float("nan"), "range"), ("ratio", "75", "range"),
    ("strategy", "all", "choice"), ("strategy", None, "choice"), ("seed", -1, "range"), ("seed", 2**31, "range"),
    ("seed", None, "range"), ("patches", "7-xyz", "patches"), ("patches", "f" * 16, "patches"),
    ("patches", "7-" + "f" * 80, "patches"), ("patches", 7, "patches"), ("patches", "٣-ff", "patches"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "code"), BAD)
def test_what_the_page_does_not_offer_is_refused(name: str, value: object, code: str):
    for run in (masking.run_rebuild, masking.run_leak, lambda lang, *v: masking.run_attention(lang, "", 0, *v)):
        with pytest.raises(Refusal) as refusal:
            run("en", *values(**{name: value}))
        assert refusal.value.code == code
        assert all(_i18n.explain(lang, refusal.value) for lang in _i18n.LANGUAGES)


SHAPES = {
    "one colour": np.full((50, 70, 3), 200, np.uint8),
    "1 x 1": noise(1, 1),
    "10,000 x 10": noise(10, 10_000),
    "10 x 10,000": noise(10_000, 10),
    "large": np.kron(noise(30, 40), np.ones((80, 80, 1), np.uint8)),
    "transparent": np.dstack([noise(), np.zeros((64, 64), np.uint8)]),
    "grey": noise()[..., 0],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_any_picture_gives_a_result(shape: str):
    own, name, crop, source, board, caption, _ = masking.run_upload("pt", file(SHAPES[shape]), *values()[2:])
    assert name == "own" and crop == _photos.WHOLE and own.pixels[0].numel() <= _photos.KEPT * 1.01
    height, width = SHAPES[shape].shape[:2]
    said = json.loads(source)
    assert (said["width"], said["height"]) == (width, height) and said["examples"][-1]["key"] == "own"
    assert "nan" not in caption and f"{min(width, height)} × {min(width, height)}" in caption
    if shape == "transparent":
        assert (pixels(json.loads(board)["pictures"]["original"]) == 255).all()
    for corner in ("0,0,0.1", "1,1,0.1"):
        json.loads(masking.run_rebuild("pt", *values(own=own, photo="own", crop=corner))[0])


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("", "picture_empty"),
        (None, "picture_bytes"),
        ("é", "picture_kind"),
        (base64.b64encode(b"GIF but not").decode(), "picture_kind"),
        (base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(40)).decode(), "picture_broken"),
        ("A" * 30_000_000, "picture_bytes"),
    ],
)
def test_what_is_no_picture_is_refused(data: object, code: str):
    with pytest.raises(Refusal) as refusal:
        masking.run_upload("en", data, *values()[2:])
    assert refusal.value.code == code and _i18n.explain("pt", refusal.value)


@languages
def test_another_photograph_begins_with_its_own_frame(lang: str):
    name, frame, source, board, caption, _ = masking.run_photo(lang, *values(photo="rocket", crop="0,0,0.2"))
    assert (name, frame) == ("rocket", _photos.EXAMPLES["rocket"][1]) and json.loads(source)["crop"] == frame
    assert "427 × 427" in caption
    assert json.loads(board)["pictures"] != rebuilt()[0]["pictures"]


def test_the_frame_cuts_where_it_lies():
    picture = np.zeros((40, 100, 3), np.uint8)
    picture[:, 60:] = 255
    own = _photos.own(file(picture))
    left, right = (_photos.Crop.read(f"{across},0.5,1").cut(own, 8) for across in (0, 1))
    assert left.max() < -0.9 and right.min() > 0.9
    assert _photos.Crop.read("0,0,0.5").side(own) == 20


@languages
def test_attention_shows_the_visible_patches_a_patch_looks_at(lang: str, models: dict):
    hidden = masks.draw("random", 0.75, 1, 8, torch.Generator().manual_seed(7))
    at = int(hidden[0].nonzero()[5])
    html = masking.run_attention(lang, str(at), 1, *values())
    maps = parsed(html)
    assert len(maps) == 3 and all(svg.get("aria-label") for svg in maps)
    x = _photos.Crop(0.5, 0.5, 1).cut(_photos.example("chelsea"), 64)
    weights = models[MAE].attention(x, hidden)[0, 0, at].detach()
    assert _i18n.fill(lang, "{:.0f} %", 100 * float(weights[~hidden[0]].sum())) in html
    cells = [(int(r.get("x")), int(r.get("y"))) for r in maps[0].findall("rect") if r.get("fill-opacity")]
    assert cells and not any(hidden[0, 8 * y + x] for x, y in cells)
    assert masking.run_attention(lang, str(at), 0, *values()) != html
    middle = masking.run_attention(lang, "", 0, *values())
    assert middle == masking.run_attention(lang, str(_inside.central(hidden, 8)), 0, *values())


def test_attention_elsewhere():
    assert _views.text("en", "attention.none", model=_views.name("en", FCMAE)) in unescape(
        masking.run_attention("en", "3", 0, *values(model=FCMAE))
    )
    large = masking.run_attention("en", "195", 8, *values(model="vit-mae-base"))
    assert "layer 2" in large and _views.text("en", "norm_pix") in unescape(large)
    assert masking.run_attention("en", "195", 0, *values()) == masking.run_attention("en", "", 0, *values())
    assert len(parsed(masking.run_attention("en", "", 0, *values(ratio=0)))) == 3
    for patch in ("-1", "1.5", "x", "٣", 3, "9" * 9):
        with pytest.raises(Refusal):
            masking.run_attention("en", patch, 0, *values())
    for layer in (-1, 9, None, float("nan")):
        with pytest.raises(Refusal):
            masking.run_attention("en", "", layer, *values())


@languages
@pytest.mark.parametrize("model", [MAE, FCMAE, "vit-mae-base"])
def test_hidden_pixels_have_no_influence_and_visible_ones_have(lang: str, model: str):
    html = unescape(masking.run_leak(lang, *values(model=model)))
    said = re.findall(r'mk-verdict">(.*?)</p>', html)
    total = (48 * 64 if model != "vit-mae-base" else 147 * 256) * 3
    assert said[1] == _views.text(lang, "leak.same", count=0, total=total)
    assert int(re.search(r"\d+", said[2])[0]) > 0 and html.count("<img") == 6
    assert (_views.text(lang, "norm_pix") in html) == (model == "vit-mae-base")
    assert _views.text(lang, "leak.need") in masking.run_leak(lang, *values(ratio=0, model=model))


def test_the_hand_waits_for_one_pass_of_the_model(monkeypatch: pytest.MonkeyPatch):
    rebuilt()
    passes, predict = [], mae.MaskedAutoencoder.predict
    monkeypatch.setattr(mae.MaskedAutoencoder, "predict", lambda *given: passes.append(given) or predict(*given))
    monkeypatch.setattr(_photos.images, "read", lambda *_: pytest.fail("the photograph was read again"))
    masking.run_rebuild("en", *values(patches="7-00ff00ff00ff00ff"))
    assert len(passes) == 1


@languages
def test_links_and_models(lang: str):
    assert masking.TEXT[lang]["model.vit-mae-large"] in _views.absent(lang, _views.cards("reconstruct"))
    update, _ = _models.arrived(lang)
    assert {id for _, id in update["choices"]} == {MAE, FCMAE, "vit-mae-base"}
    with pytest.raises(Refusal):
        next(masking.run_download(lang, "sd-turbo"))
    assert _source.checked_photo("coffee") == "coffee" and _source.checked_crop("0,0,1") == "0,0,1"
    for bad in ("own", "x", ""):
        with pytest.raises(Refusal):
            _source.checked_photo(bad)


@languages
def test_tables_cope_with_cards_of_any_age(lang: str, cards: dict):
    assert _views.text(lang, "measure.none") in unescape(masking.run_tables(lang))
    assert _i18n.fill(lang, "{:.1f}", 73.5) in masking.run_answer(lang)
    figures = {
        s: {f"{r:g}": {"psnr_hidden": 15 + r + i} for r in (0.5, 0.75)} for i, s in enumerate(_rebuild.STRATEGIES)
    }
    cards[MAE] = {
        "metrics": {"rebuilt": figures, "pictures": 200, "baselines": {"biharmonic": figures}},
        "bench": {"picture_ms": {"ours": 9.5, "biharmonic": 90.0}, "ratio": {"biharmonic": 9.47}, "threads": 2},
    }
    table = masking.run_tables(lang)
    ElementTree.fromstring(f"<div>{table}</div>")
    for shown in (15.75, 16.75, 17.75):
        assert _i18n.fill(lang, "{:.2f}", shown) in table
    assert _i18n.fill(lang, "{:.1f} ×", 9.47) in table and "200" in table
    assert _i18n.fill(lang, "{:.1f} dB", 17.75) in masking.run_answer(lang)
    assert len(set(masking.TEXT[lang]) & {f"strategy.{s}" for s in masks.STRATEGIES}) == len(masks.STRATEGIES)


def test_measuring_now_covers_every_method_and_can_be_closed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_measure, "COUNT", 6)
    monkeypatch.setattr(_measure, "RATIOS", (0.5, 0.9))
    steps, shown = zip(*masking.run_measure("pt"), strict=True)
    assert [s.i for s in steps] == sorted(s.i for s in steps) and steps[-1].i == steps[-1].n
    assert steps[-1].n == (2 + 4) * 3 * 2
    plots = parsed(shown[-1])
    assert len(plots) == 3 and all(len(plot.findall("polyline")) == 6 for plot in plots)
    assert _views.name("pt", "biharmonic") in shown[-1]
    stopped = masking.run_measure("en")
    next(stopped)
    stopped.close()


CURVE = {"1": {"mean": 0.21, "std": 0.02}, "100": {"mean": 0.52, "std": 0.0}, "all": {"mean": 0.71}}


@languages
def test_curves_show_what_the_cards_have(lang: str, cards: dict):
    assert masking.run_curves(lang).count(_views.text(lang, "few.none")) == 1
    cards[MAE] = {"few_shot": {"probe": CURVE, "finetune": {}, "scratch": CURVE}}
    cards[FCMAE] = {"few_shot": {"finetune": CURVE}}
    html = masking.run_curves(lang)
    (plot,) = parsed(html)
    assert len(plot.findall("polyline")) == 3
    assert _i18n.fill(lang, "{:.1f} ± {:.1f}", 21.0, 2.0) in html and _i18n.fill(lang, ">{:.1f}<", 71.0) in html
    assert _views.text(lang, "few.random") not in html
    cards[MAE]["few_shot"]["random"] = CURVE
    assert _views.text(lang, "few.random") in masking.run_curves(lang)


@languages
def test_a_probe_learns_from_few_labels(lang: str):
    steps, shown = zip(*masking.run_probe(lang, MAE, 30, 1), strict=True)
    assert [step.i for step in steps] == [1, 2, 3, 4, 5, 6] == [*range(1, steps[-1].n + 1)]
    plot, matrix = parsed(shown[-1])
    rates = [float(re.search(r"([\d.,]+) %", svg.get("aria-label"))[1].replace(",", ".")) for svg in (plot,)]
    first = float(re.search(r"([\d.,]+) %", parsed(shown[0])[0].get("aria-label"))[1].replace(",", "."))
    assert rates[0] > 85 > first
    assert any(text.text == _views.text(lang, "class.cat") for text in matrix.findall("text"))
    assert masking.TEXT[lang]["probe.idle"] in _few.run_probe_first(lang)


@pytest.mark.parametrize(
    ("model", "count", "seed"),
    [("vit-mae-base", 10, 0), (None, 10, 0), (MAE, 0, 0), (MAE, 101, 0), (MAE, "5", 0), (MAE, 10, -1), (MAE, 10, None)],
)
def test_a_bad_probe_is_refused(model: object, count: object, seed: object):
    with pytest.raises(Refusal):
        next(masking.run_probe("en", model, count, seed))


def test_the_confusion_matrix_by_hand():
    table = _few.confusion(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 1, 1]))
    np.testing.assert_allclose(table, [[0.5, 0.5], [0, 1]])


def test_the_snippet_makes_the_panels(tmp_path: Path):
    for given in (values(), values(patches="7-00000000ffffffff", model=FCMAE)):
        code = masking.snippet(*given)
        fake = (
            f"import sys; sys.path.insert(0, {str(ROOT)!r})\nimport genmodels\n"
            "from genmodels.masking import fcmae\ngenmodels.load = lambda id, device: fcmae.fresh(0).eval()\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", fake + code], cwd=tmp_path, capture_output=True, timeout=600, check=False
        )
        assert done.returncode == 0, done.stderr[-600:]
        assert (b"48 of 64" in done.stdout) == (given[-1] == "") and b"dB" in done.stdout
        with Image.open(tmp_path / "masking.png") as sheet:
            assert sheet.width > 4 * 64
