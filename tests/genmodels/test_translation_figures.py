"""Measures against naive loops and scikit-image, baselines, outlines of any picture, tables, samples, peers."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio
from torch.testing import assert_close

from genmodels import evaluate as groups
from genmodels import images, registry, weights
from genmodels.data import emoji, emoji_styles, facades, outlines
from genmodels.errors import Refusal
from genmodels.translation import baselines, bench, cards, drawing, evaluate, held_out, published, report, sample, sheet
from genmodels.translation.bicyclegan import draw_codes
from genmodels.translation.measures import Features, Kinds, gradient_energy, psnr


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


class Small(torch.nn.Module):
    """A body of two ReLU layers, as PictureEncoder has one."""

    def __init__(self) -> None:
        super().__init__()
        conv = torch.nn.Conv2d
        self.body = torch.nn.Sequential(
            torch.nn.PixelUnshuffle(4), conv(48, 6, 3), torch.nn.ReLU(), conv(6, 4, 3), torch.nn.ReLU()
        )

    def features(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3))


@pytest.fixture
def features(monkeypatch) -> Features:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        found = Features(Small().eval())
    monkeypatch.setattr(held_out, "features", lambda: found)
    return found


def test_psnr_is_scikit_images():
    a, b = random(3, 3, 16, 16), random(3, 3, 16, 16, seed=1)
    expected = [
        peak_signal_noise_ratio(y.double().numpy(), x.double().numpy(), data_range=2) for x, y in zip(a, b, strict=True)
    ]
    assert_close(psnr(a, b).double(), torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-3)
    assert psnr(a, a).eq(100).all()


def test_gradient_energy_is_a_naive_loop():
    x = random(2, 3, 5, 4)
    for b in range(2):
        down = [float(x[b, c, i + 1, j] - x[b, c, i, j]) ** 2 for c in range(3) for i in range(4) for j in range(4)]
        right = [float(x[b, c, i, j + 1] - x[b, c, i, j]) ** 2 for c in range(3) for i in range(5) for j in range(3)]
        assert float(gradient_energy(x)[b]) == pytest.approx(np.mean(down) + np.mean(right), rel=1e-4)
    assert gradient_energy(torch.ones(1, 3, 8, 8)) == 0


def test_feature_distance_is_a_naive_loop(features):
    a, b = random(2, 3, 48, 48), random(2, 3, 48, 48, seed=1)
    found = features.distance(a, b)
    for n in range(2):
        total = 0.0
        for x, y in zip(features.maps(a[n : n + 1]), features.maps(b[n : n + 1]), strict=True):
            apart = []
            for i in range(x.shape[2]):
                for j in range(x.shape[3]):
                    u, v = x[0, :, i, j], y[0, :, i, j]
                    apart.append(float((u / (u.norm() + 1e-4) - v / (v.norm() + 1e-4)).square().sum()))
            total += np.mean(apart)
        assert float(found[n]) == pytest.approx(total, rel=2e-2)
    assert len(features.maps(a)) == 2 and features.distance(a, a).abs().max() < 1e-6


def test_diversity_is_the_mean_over_pairs_of_answers(features):
    answers = random(2, 3, 3, 48, 48)
    pairs = [features.distance(answers[:, i], answers[:, j]).mean() for i, j in ((0, 1), (0, 2), (1, 2))]
    assert features.diversity(answers) == pytest.approx(float(sum(pairs)) / 3, rel=1e-4)
    assert features.diversity(answers[:, :1].expand(-1, 4, -1, -1, -1)) < 1e-6


def test_kinds_tell_sharp_pictures_from_smooth_ones():
    sharp = random(40, 3, 48, 48)
    smooth = torch.nn.functional.avg_pool2d(sharp, 9, 1, 4)
    kinds = Kinds(torch.cat([sharp[:30], smooth[:30]]), torch.tensor([0] * 30 + [3] * 30))
    assert kinds.accepted(sharp[30:], 0) > 0.9 and kinds.accepted(smooth[30:], 3) > 0.9
    assert kinds.accepted(sharp[30:], 3) < 0.1


def ring() -> torch.Tensor:
    """A square of ink, hollow, on white: (1, 1, 64, 64)."""
    x = torch.ones(1, 1, 64, 64)
    x[:, :, 16:48, 16:48] = -1
    x[:, :, 18:46, 18:46] = 1
    return x


def test_mean_colouring_fills_what_lines_enclose():
    x, y = ring(), torch.ones(1, 3, 64, 64)
    y[:, :, 18:46, 18:46] = torch.tensor([0.5, -0.5, 0.0]).view(1, 3, 1, 1)
    made = baselines.mean_colouring(x, y)(x)
    assert_close(made[0, :, 30, 30], torch.tensor([0.5, -0.5, 0.0]))
    assert_close(made[0, :, 5, 5], torch.ones(3))
    assert made[0, :, 17, 30].max() <= -1
    assert baselines.outline_itself(x).shape == (1, 3, 64, 64)


def test_a_drawing_stays_one_and_a_photograph_becomes_edges():
    line = ((ring()[0] + 1) * 127.5).byte().expand(3, -1, -1)
    kept = drawing.outline(line)
    assert kept.shape == (1, 1, 64, 64) and ((kept < 0) == (ring() < 0)).float().mean() > 0.97
    grey = (line.float() / 2 + 127).byte()
    assert drawing.outline(grey).min() <= -0.99, "a faint pencil becomes ink"
    photo = torch.zeros(3, 200, 300, dtype=torch.uint8)
    photo[0] = 90
    photo[:, 60:140, 100:200] = torch.tensor([250, 200, 40], dtype=torch.uint8).view(3, 1, 1)
    edges = drawing.outline(photo)
    ink = (edges < 0)[0, 0]
    assert edges.shape == (1, 1, 64, 64) and 40 < ink.sum() < 400
    assert not ink[32, 32] and ink[31:34, 18:24].any(), "the square's inside is empty, its left side is drawn"


@pytest.mark.parametrize("shape", [(3, 1, 1), (3, 3000, 40), (3, 64, 64)])
@pytest.mark.parametrize("value", [0, 255])
def test_one_colour_of_any_size_gives_an_outline(shape, value):
    found = drawing.outline(torch.full(shape, value, dtype=torch.uint8))
    assert found.shape == (1, 1, 64, 64) and found.isfinite().all() and found.abs().max() <= 1
    if value == 255:
        assert found.sub(1).abs().max() < 1e-3, "an empty canvas stays empty"


def test_published_networks_have_their_published_size():
    with torch.device("meta"):
        unet, resnet = published.UNet256(), published.resnet_generator()
        assert unet(torch.empty(2, 3, 256, 256)).shape == (2, 3, 256, 256)
        assert resnet(torch.empty(1, 3, 64, 64)).shape == (1, 3, 64, 64)
    assert sum(p.numel() for p in resnet.parameters()) == 11_378_179  # "11.378 M" of CycleGAN's authors
    assert 54e6 < sum(p.numel() for p in unet.parameters()) < 55e6  # "54.4 M" of pix2pix's


def test_bench_names_every_model_and_peer(monkeypatch):
    monkeypatch.setattr(
        bench, "interleaved", lambda work, rounds: {name: 2.0 if "published" in name else 0.5 for name in work}
    )
    monkeypatch.setattr(bench, "peak_gflops", lambda: 100.0)
    small = {id: build() for id, (build, can, *_) in cards.MODELS.items() if "compare" not in can}
    monkeypatch.setattr(bench, "networks", lambda: small)
    found = bench.bench()
    assert len(found["picture_ms"]) == 7 and set(found["ratio"].values()) == {4.0}
    monkeypatch.undo()
    work = bench.work({id: model.eval() for id, model in small.items()})
    with torch.inference_mode():
        assert work["bicycle-outline, 8 answers"]().shape == (8, 3, 64, 64)
        assert work["pix2pix-facades"]().shape == (1, 3, 128, 128)
        assert work["funit-styles, 5 examples"]().shape == (1, 3, 64, 64)


@pytest.fixture
def data(monkeypatch) -> emoji.Emoji:
    """30 subjects in eight styles; every third is held out."""
    rng = np.random.default_rng(0)
    subject, style = (a.ravel().astype(np.int32) for a in np.meshgrid(np.arange(30), np.arange(8), indexing="ij"))
    split = np.where(subject % 3 == 0, emoji.HELD_SUBJECT, emoji.TRAIN).astype(np.uint8)
    pictures = rng.integers(0, 256, (240, 64, 64, 3), np.uint8)
    pictures[:, 0, 0, 0], pictures[:, 0, 0, 1] = subject, style
    subjects = tuple(emoji.Subject(f"{n:04x}", "food", 0, {}, {}) for n in range(30))
    found = emoji.Emoji(pictures, subject, style, split, subjects)
    monkeypatch.setattr(emoji, "load", lambda: found)
    known = outlines.pairs(found)
    monkeypatch.setattr(outlines, "load", lambda: known)
    return found


def marks(pictures: torch.Tensor) -> tuple[set[int], set[int]]:
    """Subjects and styles that pictures of `data` show."""
    value = ((pictures[:, :2, 0, 0] + 1) * 127.5).round().int()
    return set(value[:, 0].tolist()), set(value[:, 1].tolist())


def test_few_shot_content_is_held_out_and_examples_are_others(data):
    content, wanted, examples = held_out.few_shot_data(data, 1)
    (subjects, styles), (same, of), (others, theirs) = map(marks, (content, wanted, examples))
    assert subjects == same and all(s % 3 == 0 for s in subjects) and not subjects & others
    assert of == theirs == {1} and not styles & {1, 2} and len(examples) == 20
    value = ((torch.stack([content, wanted])[:, :, 0, 0, 0] + 1) * 127.5).round()
    assert value[0].equal(value[1]), "row by row the same subject"


def test_figures_of_every_kind_of_model(data, features):
    painted = held_out.painted(baselines.outline_itself)
    assert set(painted) == {"pictures", "psnr_db", "feature_distance", "gradient_energy", "frechet"}
    base = held_out.painted_baselines()
    assert base["outline itself"] == painted and base["real"]["gradient_energy"] > 0
    model = cards.pix2pix_outline().eval()
    assert held_out.noise_diversity(model) > 0
    told = held_out.coded(cards.pix2pix_noise().eval())
    assert set(told) == {"psnr_db", "feature_distance", "gradient_energy", "frechet", "diversity"}
    assert told["diversity"] > 0
    told = held_out.cycled(cards.cyclegan().eval())
    assert set(told) == {"there", "back", "cycle_error"} and 0 < told["cycle_error"] < 2
    truth = emoji_styles.truth(data)
    assert len(truth.a) == 10
    same = held_out.restyled(lambda x: held_out.truth()[1])
    assert same["psnr_db"] == 100 and same["feature_distance"] == 0


def test_few_shot_figures_have_a_row_for_each_k_and_held_style(data, features, monkeypatch):
    monkeypatch.setattr(held_out, "CONTENTS", 6)
    found = held_out.few_shot(cards.funit_styles().eval())
    assert set(found) == {"openmoji", "openmoji-line"}
    assert set(found["openmoji"]) == {"real", "untranslated", *(f"k={k}" for k in held_out.SHOTS)}
    assert 0 <= found["openmoji"]["k=5"]["accepted"] <= 1


def test_a_perfect_painter_is_perfect(data, features):
    y = held_out.held_outlines()[1]
    found = held_out.against(y, y)
    assert found["psnr_db"] == 100 and found["feature_distance"] == 0
    assert held_out.realism(y, y) < 1e-2 < held_out.realism(y / 2 + 0.5, y)


@pytest.fixture
def place(monkeypatch, tmp_path):
    """The topic registered, weights in an empty folder."""
    monkeypatch.setattr(weights, "ASSETS", tmp_path)
    monkeypatch.setattr(registry, "_ENTRIES", dict(registry._ENTRIES))
    registry.forget()
    yield tmp_path
    registry.forget()


def extent(path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def ship(*ids: str) -> None:
    for id in ids:
        weights.write(id, cards.MODELS[id][0]())
        weights.write_card(id, trained={"images": 1})


def test_evaluate_measures_what_ships_and_writes_it(place, data, features, monkeypatch):
    ship("pix2pix-outline")
    result = CliRunner().invoke(evaluate.command, ["--json", "--write"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert set(found) == {"pix2pix-outline"}
    assert {"baselines", "noise_diversity", "psnr_db"} <= set(found["pix2pix-outline"])
    assert weights.read_card("pix2pix-outline")["metrics"] == found["pix2pix-outline"]
    assert isinstance(groups.Topics("evaluate").get_command(None, "translation"), type(evaluate.command))


def test_evaluate_leaves_out_what_has_no_data_here(place, data, features, monkeypatch, caplog):
    def needed(path=None):
        raise Refusal("data_needed", "give the file with --data")

    monkeypatch.setattr(facades, "load", needed)
    ship("pix2pix-outline", "pix2pix-facades")
    result = CliRunner().invoke(evaluate.command, ["--json"])
    assert result.exit_code == 0 and set(json.loads(result.stdout)) == {"pix2pix-outline"}
    assert "pix2pix-facades is left out" in caplog.text
    alone = CliRunner().invoke(evaluate.command, ["--model", "pix2pix-facades"])
    assert alone.exit_code != 0


def test_a_sheet_holds_48_rows_at_most(place, data, features):
    columns = [random(60, 3, 8, 8), random(60, 3, 8, 8)]
    rows = sheet.panels(columns)
    assert len(rows) == 48 and rows[0].shape == (3, 8, 16) and rows[3][:, :, :8].equal(columns[0][3])
    assert set(sheet.SHEETS) == set(sheet.SAYS) == set(sample.WAYS)
    with pytest.raises(ValueError, match="no sheet"):
        sheet.draw("pix2pix-ablation", place / "a.png")
    ship("funit-styles")
    result = CliRunner().invoke(evaluate.command, ["--model", "funit-styles", "--sheet", str(place / "a.png")])
    assert result.exit_code == 0 and extent(place / "a.png")[0] == 3 * (5 * 64 + sheet.GAP) + sheet.GAP


@pytest.mark.parametrize("id", list(sample.WAYS))
def test_one_file_is_translated(id, place):
    ship(id)
    picture = Image.fromarray(np.full((50, 80, 4), (200, 30, 30, 128), np.uint8))
    picture.save(place / "in.png")
    command = ["--model", id, "--image", str(place / "in.png"), "--out", str(place / "out.png")]
    if id == "funit-styles":
        refused = CliRunner().invoke(sample.command, command)
        assert refused.exit_code and "example" in str(refused.exception)
        command += ["--example", str(place / "in.png")] * 2
    result = CliRunner().invoke(sample.command, command)
    assert result.exit_code == 0, result.output
    settings = images.png_settings((place / "out.png").read_bytes())
    assert settings == {"model": id, "seed": 0}
    panels = {"pix2pix-outline": 2, "pix2pix-facades": 2, "bicycle-outline": 9, "funit-styles": 4}.get(id, 3)
    side = 128 if id == "pix2pix-facades" else 64
    assert extent(place / "out.png") == (panels * (4 * side + 4) + 4, 4 * side + 8)


def figures(psnr_db: float, distance: float, **more) -> dict:
    return {"psnr_db": psnr_db, "feature_distance": distance, "gradient_energy": 0.05, "frechet": 2.0} | more


def test_tables_say_what_is_reached(place):
    assert report.markdown() == "Not measured yet."
    base = {"outline itself": figures(8, 4), "mean colouring": figures(12, 3), "real": {"gradient_energy": 0.06}}
    weights.write_card("pix2pix-outline", metrics=figures(14, 2, baselines=base, noise_diversity=0.01))
    weights.write_card("pix2pix-noise", metrics=figures(14, 2, diversity=0.001))
    weights.write_card("bicycle-outline", metrics=figures(13, 2.2, diversity=0.08, frechet=2.4))
    cycle = {"there": figures(11, 2.5), "back": figures(11, 2.5), "cycle_error": 0.1}
    weights.write_card("cyclegan-styles", metrics=cycle | {"untranslated": figures(9, 3.5)})
    weights.write_card(
        "cyclegan-ablation", metrics={"full": cycle, "paired": {"there": figures(15, 1.5)}, "untranslated": {}}
    )
    weights.write_card("pix2pix-ablation", metrics={"l1": figures(15, 2.1)})
    shots = {f"k={k}": {"accepted": 0.6 + k / 50, "feature_distance": 1.0} for k in held_out.SHOTS}
    weights.write_card("funit-styles", metrics={"openmoji": {"real": 0.98, "untranslated": {"accepted": 0.02}} | shots})
    text = report.markdown()
    assert "dB over the outline itself | ≥ 3 | 6 | yes" in text
    assert "dB over the mean colouring | ≥ 3 | 2 | no, by 1" in text
    assert "diversity over pix2pix-noise's | ≥ 50 | 80 | yes" in text
    assert "≤ 1.1 | 1.2 | no, by 0.1" in text
    assert "K = 5 | ≥ 0.7 | 0.7 | yes" in text
    assert "| untranslated | 9 | 3.5 | – |" in text and "| paired | 15 | 1.5 | – |" in text
    assert "| l1 | 15 | 2.1 | 0.05 | 2 | – | 0.42 |" in text
    assert "| openmoji | 2 % | 62 % | 64 % | 70 % | 80 % | 100 % | 98 % |" in text


def test_codes_for_a_bench_and_a_sample_are_of_the_models_length():
    model = SimpleNamespace(codes=8)
    assert draw_codes(bench.ANSWERS, model.codes, 0).shape == (8, 8) and cards.bicycle_outline().codes == 8
