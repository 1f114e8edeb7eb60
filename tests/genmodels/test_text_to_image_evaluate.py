"""How the topic measures: Fréchet distance, the judge's rows, cards and tables, the sheet, the cost of a picture."""

from __future__ import annotations

import itertools
import json
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch import nn

from genmodels import registry, weights
from genmodels.data import emoji
from genmodels.text_to_image import alignment, bench, cost, evaluate, judge, pipeline, report, sheet
from genmodels.text_to_image.autoencoder import PatchAutoencoder
from genmodels.text_to_image.denoiser import EmojiTransformer2DModel
from genmodels.text_to_image.frechet import components, frechet_distance, mean_distance

# diffusers' own numpy conversion of a tensor, with numpy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")


@pytest.fixture(scope="module")
def tiny() -> pipeline.EmojiPipeline:
    autoencoder = PatchAutoencoder(width=32, latents_mean=(0.5,) * 12, latents_std=(2.0,) * 12)
    model = pipeline.EmojiPipeline(autoencoder, EmojiTransformer2DModel(dim=32, num_layers=2, num_heads=2)).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) * 0.15)
    return model


@pytest.fixture(scope="module")
def data() -> emoji.Emoji:
    """101 subjects in eight styles, pictures of noise; the first 70 for training, then 20 and 11 held out."""
    groups, rng = list(emoji.GROUPS.values()), np.random.default_rng(0)
    known = tuple(
        emoji.Subject(f"{i:04x}", groups[i % 6], 0, {"en": f"thing {i}", "pt": f"coisa {i}"}, {"en": (), "pt": ()})
        for i in range(101)
    )
    subject, style = (a.ravel() for a in np.meshgrid(np.arange(101), np.arange(8)))
    split = np.where(subject < 70, emoji.TRAIN, np.where(subject < 90, emoji.HELD_PAIR, emoji.HELD_SUBJECT))
    return emoji.Emoji(rng.integers(0, 256, (808, 64, 64, 3), np.uint8), subject, style, split, known)


# Fréchet distance


def exactly(mean: list[float], std: list[float], count: int, seed: int) -> np.ndarray:
    """(count, D) whose sample mean and covariance are exactly these, the covariance diagonal."""
    x = np.random.default_rng(seed).standard_normal((count, len(mean)))
    x -= x.mean(0)
    x = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False)).T)
    return x * std + mean


def test_frechet_distance_of_known_gaussians():
    """Of two normal distributions with diagonal covariances: |m_a - m_b|^2 + sum of (s_a - s_b)^2."""
    a = exactly([0, 1, 2], [1.0, 2.0, 0.5], 200, 0)
    b = exactly([1, 1, 0], [3.0, 2.0, 1.0], 50, 1)
    assert frechet_distance(a, b) == pytest.approx((1 + 0 + 4) + (4 + 0 + 0.25))
    assert frechet_distance(b, a) == pytest.approx(9.25)


def test_frechet_distance_where_the_covariances_turn():
    """A rotation of both changes nothing; the same set moved by m is |m|^2 away; a set from itself 0."""
    a, b = exactly([0, 1], [1.0, 2.0], 100, 0), exactly([1, 1], [3.0, 0.5], 100, 1)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    assert frechet_distance(a @ turn, b @ turn) == pytest.approx(frechet_distance(a, b))
    assert frechet_distance(a, a @ turn) > 0.1
    assert frechet_distance(a, a + [3, 4]) == pytest.approx(25)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("a, b", [((1, 3), (9, 3)), ((9, 3), (9, 4)), ((9,), (9,))])
def test_frechet_distance_refuses_what_has_no_covariance(a, b):
    with pytest.raises(ValueError, match="must be"):
        frechet_distance(np.zeros(a), np.zeros(b))


def test_components_are_those_of_scikit_learn():
    from sklearn.decomposition import PCA

    x = np.random.default_rng(0).standard_normal((60, 9)) * np.arange(1, 10)
    mean, basis = components(x, 4)
    peer = PCA(4).fit(x)
    np.testing.assert_allclose(np.abs((x - mean) @ basis), np.abs(peer.transform(x)), atol=1e-9)


def test_mean_distance_is_over_pairs_inside_a_group():
    groups = np.random.default_rng(0).standard_normal((3, 4, 5))
    naive = [np.linalg.norm(a - b) for g in groups for a, b in itertools.combinations(g, 2)]
    assert mean_distance(groups) == pytest.approx(np.mean(naive))


# The judge's rows


def test_the_list_is_fixed_and_of_one_side(data):
    few, many = (alignment.chosen(data, emoji.HELD_PAIR, n, list(range(8))) for n in (40, 100))
    assert few.tolist() == many[:40].tolist()
    assert (data.split[many] == emoji.HELD_PAIR).all() and len(set(many.tolist())) == 100
    assert len(set(data.style[few].tolist())) == 8  # spread, not one style after the other
    assert set(data.style[alignment.chosen(data, emoji.HELD_PAIR, 30, [2, 5])].tolist()) == {2, 5}


def test_generated_pictures_do_not_depend_on_their_batch(tiny, data, monkeypatch):
    monkeypatch.setattr(registry, "load", lambda *_: tiny)
    monkeypatch.setattr(alignment, "precision", lambda _: nullcontext())
    prompts, styles = ["gato", "sun", "casa", "car"], ["noto", "twemoji", "noto", "any"]
    sampler = alignment.Sampler("tiny", 3, 2.0, "ddim")
    together = alignment.generate(sampler, prompts, styles, seed=5)
    monkeypatch.setattr(alignment, "BATCH", 1)
    torch.testing.assert_close(alignment.generate(sampler, prompts, styles, seed=5), together, atol=1e-4, rtol=1e-4)
    noise = pipeline.start_noise(4, 5, tiny)[2:3]
    *_, last = pipeline.sample(tiny, ["casa"], style="noto", steps=3, guidance_scale=2.0, noise=noise)
    torch.testing.assert_close(together[2:3], pipeline.decode(tiny, last.x_t), atol=1e-4, rtol=1e-4)


@pytest.fixture
def judged(tiny, data, monkeypatch):
    """Models that are tiny, and a judge without training that is trusted."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = judge.PictureEncoder().eval()
    models = {"emoji-judge": encoder, "emoji-autoencoder": tiny.autoencoder}
    monkeypatch.setattr(registry, "load", lambda id, *_: models.get(id, tiny))
    short = {alignment.REFERENCE: alignment.Sampler("emoji-diffusion", 1, 1.0, "ddim")}
    monkeypatch.setattr(alignment, "available", lambda: short)
    monkeypatch.setattr(alignment, "PROMPTS", 2)
    vectors = np.random.default_rng(0).standard_normal((256, 512)).astype(np.float32)
    monkeypatch.setattr("genmodels.text_to_image.text.vectors", lambda texts: vectors[: len(texts)])
    return monkeypatch


def test_a_weak_judge_is_not_quoted(judged, data):
    found = alignment.measure(10, data)
    assert set(found) == {"judge", "withheld"}
    assert "not quoted" in found["withheld"]


def test_the_judge_is_trusted_by_style(data, monkeypatch):
    """One that knows every name in five of the eight styles and none in the others is trusted in those five alone."""
    names = torch.nn.functional.normalize(torch.randn(101, 2, 16, generator=torch.Generator().manual_seed(0)), dim=2)
    rows = np.flatnonzero(data.split == emoji.HELD_PAIR)

    class Seeing:
        def __init__(self, known):
            self.names, self.known = names[:, :1].expand(-1, 2, -1), known

        def look(self, pictures):
            good = torch.from_numpy(np.isin(data.style[rows], self.known))[:, None]
            return torch.where(good, names[data.subject[rows], 0], -names[data.subject[rows], 0]), None

    assert alignment.trusted(Seeing([0, 2, 3, 5, 7]), data) == [0, 2, 3, 5, 7]
    assert alignment.trusted(Seeing([0, 2, 3]), data) == []  # fewer than half
    assert alignment.trusted(Seeing(list(range(8))), data) == list(range(8))


def test_rows_of_a_trusted_judge(judged, data):
    judged.setattr(alignment, "TRUSTED", 0.0)
    found = alignment.measure(12, data)
    rows = found["unseen_pairs"]
    assert list(rows) == ["real", "autoencoder", alignment.REFERENCE]
    assert rows["real"]["frechet"] == pytest.approx(0, abs=1e-3)  # from itself
    assert rows[alignment.REFERENCE]["frechet"] > 0
    assert rows[alignment.REFERENCE][f"frechet_over_{alignment.REFERENCE}"] == 1
    assert rows["real"]["diversity"] > 0 and rows[alignment.REFERENCE]["diversity"] > 0
    assert "diversity" not in rows["autoencoder"]
    assert set(rows["real"]["pt"]) == {"top1", "top5"}


# Cards and tables


FIGURES = {
    "autoencoder": {"psnr_db_seen": 27.0},
    "denoiser": {"loss_seen_en": 0.4},
    "alignment": {
        "judge": {"top5_unseen_pairs_en": 0.93, "top5_unseen_pairs_pt": 0.91},
        "styles": ["noto", "twemoji"],
        "unseen_pairs": {
            name: {"en": {"top1": a, "top5": a + 0.2}, "pt": {"top1": a - 0.01, "top5": a + 0.2}, "frechet": f} | more
            for name, a, f, more in (
                ("real", 0.7, 0.0, {"diversity": 2.0}),
                ("teacher_50", 0.69, 1.0, {"frechet_over_teacher_50": 1.0}),
                ("teacher_20", 0.6, 1.1, {"frechet_over_teacher_50": 1.1}),
                ("fewstep_4", 0.6, 1.3, {"frechet_over_teacher_50": 1.3}),
            )
        },
    },
}


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """Cards in a folder of their own, and a registry that knows four of the models."""
    monkeypatch.setattr(weights, "ASSETS", tmp_path)
    ids = ("emoji-autoencoder", "emoji-diffusion", "emoji-fewstep", "emoji-judge")
    for id in ids:
        weights.write_card(id, held_out={"kept": 1})
    found = {
        id: registry.ModelCard(id, "text_to_image", frozenset(), weights.Embedded(id), 1, "MIT", "-", "-") for id in ids
    }
    monkeypatch.setattr(registry, "cards", lambda topic=None: list(found.values()))
    monkeypatch.setattr(registry, "card", found.__getitem__)
    return tmp_path


def test_figures_go_to_their_cards_and_come_back_as_rows(shelf):
    evaluate.write(FIGURES)
    card = json.loads((shelf / "emoji-fewstep" / "card.json").read_text(encoding="utf-8"))
    assert list(card["metrics"]["unseen_pairs"]) == ["fewstep_4"] and card["held_out"] == {"kept": 1}
    assert weights.read_card("emoji-diffusion")["metrics"]["loss_seen_en"] == 0.4
    assert report.rows_of(report.cards(), "unseen_pairs") == FIGURES["alignment"]["unseen_pairs"]


def test_tables_say_what_was_reached(shelf):
    evaluate.write(FIGURES)
    weights.write_card("emoji-diffusion", bench={"seconds": {"teacher_20": 0.5, "fewstep_1": 0.1}, "peer": {}})
    lines = report.markdown().splitlines()

    def line(start):
        (found,) = (text for text in lines if text.startswith(f"| {start}"))
        return found

    assert "| 0.91 | yes |" in line("judge")
    assert "| 0.855 | no, by 0.0949 |" in line("20 guided steps, unseen pairs: top1")
    assert "| ≤ 1.15 | 1.3 | no, by 0.15 |" in line("emoji-fewstep, 4 steps: Fréchet")
    assert "| ≤ 1 | 0.5 | yes |" in line("emoji-diffusion, 20 steps: seconds")
    assert "| 70.0 % | 69.0 % | 90.0 % | 90.0 % | 0 | – | 2 |" in line("real pictures")


def test_tables_without_figures_say_so(shelf):
    assert report.markdown() == "Not measured yet."


# The sheet


def test_sheet_is_balanced_and_repeats_no_subject():
    known = tuple(
        emoji.Subject(f"{i:04x}", list(emoji.GROUPS.values())[i % 6], 0, {"en": f"en {i}", "pt": f"pt {i}"}, {})
        for i in range(120)
    )
    subject, style = (a.ravel() for a in np.meshgrid(np.arange(120), np.arange(8)))
    split = np.where(subject % 10 == 0, emoji.HELD_PAIR, emoji.TRAIN)
    data = emoji.Emoji(np.zeros((960, 64, 64, 3), np.uint8), subject, style, split, known)
    chosen = sheet.entries(data)
    assert len({data.subject[e.picture] for e in chosen}) == sheet.COUNT == 64
    assert [e.language for e in chosen].count("pt") == 32
    assert {e.style for e in chosen} == set(sheet.STYLES)
    assert {data.subjects[data.subject[e.picture]].group for e in chosen} == set(emoji.GROUPS.values())
    for e in chosen:
        assert data.split[e.picture] == emoji.TRAIN
        assert emoji.STYLES[data.style[e.picture]].id == e.style
        assert data.subjects[data.subject[e.picture]].names[e.language] == e.prompt


def test_labels_fit():
    from PIL import ImageFont

    font = ImageFont.load_default(10)
    assert sheet._shortened("cat", font, 128) == "cat"
    cut = sheet._shortened("a very long name of a thing " * 3, font, 128)
    assert cut.endswith("…") and font.getlength(cut) <= 128


# Cost and gain


def test_multiply_adds_are_those_of_every_layer(tiny):
    """Against a sum over the layers as they run, plus the two products of each attention."""
    macs = {"denoise": 0, "decode": 0}
    part = "denoise"

    def linear(module, inputs, output):
        macs[part] += output.numel() * module.in_features

    def convolution(module, inputs, output):
        macs[part] += output.numel() * module.in_channels * module.kernel_size[0] ** 2

    def transposed(module, inputs, output):
        macs[part] += inputs[0].numel() * module.out_channels * module.kernel_size[0] ** 2

    kinds = {nn.Linear: linear, nn.Conv2d: convolution, nn.ConvTranspose2d: transposed}
    hooks = [m.register_forward_hook(kinds[type(m)]) for m in tiny.modules() if type(m) in kinds]
    with torch.no_grad():
        tiny.denoise(torch.zeros(1, 12, 8, 8), torch.tensor(500), tiny.tokens([cost.PROMPT]), "any", None)
        part = "decode"
        tiny.decode(torch.zeros(1, 12, 8, 8))
    for hook in hooks:
        hook.remove()
    attention = 2 * 2 * 32 * 16 * (16 + 4)  # layers, products, width, queries, keys: 16 patches; sink, phrase, 2 words
    call, decode = cost.parts(tiny)
    assert (call, decode) == (macs["denoise"] + attention, macs["decode"])
    assert cost.multiply_adds(tiny, 20, True) == 20 * cost.parts(tiny, 2)[0] + decode
    assert cost.parts(tiny, 2)[0] == 2 * call
    with pytest.raises(ValueError, match="steps"):
        cost.multiply_adds(tiny, 0, False)


def test_gain_is_the_product_of_its_parts():
    found = bench.gain(0.168, 250, 0.5, 20)  # 42 s against half a second
    assert found["times"] == pytest.approx(84, rel=1e-3)
    assert found["architecture"] * found["steps"] == pytest.approx(found["times"], rel=1e-3)
