"""The miniature Stable Diffusion with tiny models: shapes, maths against diffusers, seeds, captions, the split."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from genmodels import registry
from genmodels.data import emoji
from genmodels.errors import Refusal
from genmodels.text_to_image import captions, latents, pipeline, text
from genmodels.text_to_image import sample as sample_command
from genmodels.text_to_image.autoencoder import PatchAutoencoder, spread
from genmodels.text_to_image.denoiser import EmojiTransformer2DModel, patchify, unpatchify

# diffusers' own numpy conversion of a tensor, with numpy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")


def random_weights(model: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """Fill every parameter, so that branches that begin at zero take part."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) * 0.15)
    return model


@pytest.fixture(scope="module")
def tiny() -> pipeline.EmojiPipeline:
    autoencoder = PatchAutoencoder(width=32, latents_mean=(0.5,) * 12, latents_std=(2.0,) * 12)
    transformer = EmojiTransformer2DModel(dim=32, num_layers=4, num_heads=2)
    return random_weights(pipeline.EmojiPipeline(autoencoder, transformer)).eval()


def last(steps):
    *_, end = steps
    return end


def test_importing_the_topic_loads_no_torch():
    code = "import sys, genmodels.text_to_image; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# Text


def test_tokens_are_the_phrase_and_its_words():
    tokens, mask = text.tokens(["Gato preto", "", "black cat with heart eyes"])
    assert tokens.shape == (3, 6, 512)
    assert mask.sum(1).tolist() == [3, 0, 6]
    torch.testing.assert_close(tokens[0, 0], torch.from_numpy(text.vector("gato preto").copy()))
    torch.testing.assert_close(tokens[0, 2], torch.from_numpy(text.vector("preto").copy()))
    assert not tokens[0, 3:].any()
    torch.testing.assert_close(tokens[mask].norm(dim=1), torch.ones(9), atol=1e-3, rtol=0)


def test_two_languages_are_near_and_two_subjects_are_not():
    cat, gato, car = (text.vector(word) for word in ("cat", "gato", "car"))
    assert cat @ gato > 0.8 > 0.6 > cat @ car


@pytest.mark.parametrize(
    "prompt", ["a" * 10_000, "قطة سوداء", "🐈‍⬛", "<b>cat</b>\x00\x1b[0m", "  \n\t ", "猫", "é" * 500, "\ud800"]
)
def test_any_text_becomes_tokens(prompt):
    tokens, mask = text.tokens([prompt])
    assert torch.isfinite(tokens).all()
    assert mask.shape[1] <= 1 + text.MAX_WORDS
    assert len(text.clean(prompt)) <= text.MAX_CHARACTERS


# Autoencoder


def test_autoencoder_shapes_and_normalisation(tiny):
    x = torch.rand(2, 3, 64, 64) * 2 - 1
    z = tiny.autoencoder.encode(x).latent_dist.mode()
    assert z.shape == (2, 12, 8, 8)
    assert tiny.autoencoder.decode(z).sample.shape == x.shape
    torch.testing.assert_close(tiny.autoencoder.denormalize(tiny.autoencoder.normalize(z)), z)


def test_autoencoder_starts_as_principal_components():
    basis = torch.randn(12, 192, generator=torch.Generator().manual_seed(1))
    patches = torch.randn(4000, 12, generator=torch.Generator().manual_seed(2)) @ basis
    model = PatchAutoencoder(width=32)
    model.start_from_components(patches - patches.mean(0))
    rows = (patches - patches.mean(0))[:64].view(64, 3, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(model(rows), rows, atol=1e-2, rtol=1e-2)  # 12 components hold all of it


def test_spread_gives_a_mean_square_of_one_and_keeps_coarse_channels_louder():
    z = torch.randn(500, 12, 8, 8) * torch.linspace(5, 0.5, 12).view(1, -1, 1, 1) + 3
    mean, std = (torch.tensor(row).view(1, -1, 1, 1) for row in spread(z))
    out = (z - mean) / std
    assert float(out.square().mean()) == pytest.approx(1, abs=0.02)
    assert (out.std((0, 2, 3)).diff() < 0).all()


# Denoiser


def test_patchify_there_and_back():
    x = torch.randn(2, 12, 8, 6)
    assert patchify(x, 2).shape == (2, 12, 48)
    assert torch.equal(unpatchify(patchify(x, 2), 2, (8, 6)), x)
    assert torch.equal(patchify(x, 2)[:, 1], x[:, :, 0:2, 2:4].flatten(1))


def test_padding_of_the_text_changes_nothing(tiny):
    short, mask = text.tokens(["gato preto"])
    padded = torch.cat([short, torch.randn(1, 4, 512)], 1)
    longer = torch.cat([mask, torch.zeros(1, 4, dtype=torch.bool)], 1)
    x, t, style = torch.randn(1, 12, 8, 8), torch.tensor([300]), torch.tensor([2])
    with torch.no_grad():
        expected = tiny.transformer(x, t, short, mask, style).sample
        torch.testing.assert_close(tiny.transformer(x, t, padded, longer, style).sample, expected)
        assert not torch.allclose(tiny.transformer(x, t, padded, longer.logical_not(), style).sample, expected)


def test_attend_sees_and_edits_each_layers_weights(tiny):
    tokens, mask = text.tokens(["gato preto"])
    x, t, style = torch.randn(1, 12, 8, 8), torch.tensor([300]), torch.tensor([2])
    seen: dict[int, torch.Tensor] = {}

    def record(layer, weights):
        seen[layer] = weights
        return weights

    def only_the_sink(layer, weights):
        return torch.zeros_like(weights).index_fill_(-1, torch.tensor([0]), 1.0)

    with torch.no_grad():
        plain = tiny.transformer(x, t, tokens, mask, style).sample
        assert torch.equal(tiny.transformer(x, t, tokens, mask, style, record).sample, plain)
        assert not torch.allclose(tiny.transformer(x, t, tokens, mask, style, only_the_sink).sample, plain)
    assert sorted(seen) == [0, 1, 2, 3]
    assert seen[0].shape == (1, 2, 16, 4)  # sink, phrase, two words
    torch.testing.assert_close(seen[0].sum(-1), torch.ones(1, 2, 16))


# Sampling


def test_same_seed_same_picture_another_seed_another(tiny):
    def draw(seed, count=1):
        return last(pipeline.sample(tiny, ["gato"] * count, seed=seed, steps=3)).x_t

    assert torch.equal(draw(7), draw(7))
    assert not torch.allclose(draw(7), draw(8))
    assert torch.equal(pipeline.start_noise(3, 7, tiny)[:1], pipeline.start_noise(1, 7, tiny))
    # A batch of three rounds otherwise than one: over 30 seeds at most 1.4 times the default tolerances on some CPUs.
    torch.testing.assert_close(draw(7, count=3)[:1], draw(7), atol=2e-5, rtol=2.6e-6)


@pytest.mark.parametrize("name", sorted(pipeline.SCHEDULERS))
def test_every_scheduler_gives_finite_pictures_and_its_own_steps(tiny, name):
    steps = list(pipeline.sample(tiny, ["gato", "dog"], style="noto", steps=4, scheduler=name))
    assert [s.i for s in steps] == list(range(1, steps[-1].n + 1))
    assert all(torch.isfinite(s.x_t).all() and s.x0.shape == (2, 12, 8, 8) for s in steps)
    assert pipeline.decode(tiny, steps[-1].x_t).shape == (2, 3, 64, 64)


@pytest.mark.parametrize("name", sorted(pipeline.SCHEDULERS))
def test_a_perfect_denoiser_lands_on_the_picture(tiny, name, monkeypatch):
    """With v of one known x0, every solver must arrive at it, and x0 of every step is it."""
    target = torch.randn(1, 12, 8, 8, generator=torch.Generator().manual_seed(3))
    kept = pipeline.alphas_cumprod()

    def exact(x, t, given, style, attend):
        alpha = kept[round(float(t))]
        return (alpha.sqrt() * x - target) / (1 - alpha).sqrt()  # x = a x0 + s eps, v = a eps - s x0

    monkeypatch.setattr(tiny, "denoise", exact)
    steps = list(pipeline.sample(tiny, ["gato"], steps=10, scheduler=name))
    for step in steps:
        torch.testing.assert_close(step.x0, target, atol=2e-3, rtol=0)
    torch.testing.assert_close(steps[-1].x_t, target, atol=2e-2, rtol=0)


def test_schedule_ends_in_noise():
    kept = pipeline.alphas_cumprod()
    assert kept[0] > 0.999 and kept[-1] < 3e-4
    steps = torch.linspace(0.00085**0.5, 0.02**0.5, 1000) ** 2
    torch.testing.assert_close(kept, torch.cumprod(1 - steps, 0))


def test_guidance_is_the_difference_scaled(tiny):
    def first_x0(scale, negative=""):
        return next(pipeline.sample(tiny, ["gato"], steps=5, guidance_scale=scale, negative=negative)).x0

    with_text, without, guided = first_x0(1), first_x0(0), first_x0(4)
    torch.testing.assert_close(guided, without + 4 * (with_text - without), atol=1e-4, rtol=1e-4)
    assert not torch.allclose(first_x0(4, "dog"), guided)


def test_both_predictions_are_shown_under_guidance(tiny):
    def first(**options):
        return next(pipeline.sample(tiny, ["gato", "dog"], steps=5, **options))

    step = first(guidance_scale=4, negative="car")
    torch.testing.assert_close(step.info["x0_text"], first(guidance_scale=1).x0)
    alone = next(pipeline.sample(tiny, ["car", "car"], steps=5, guidance_scale=1)).x0
    torch.testing.assert_close(step.info["x0_empty"], alone)
    assert not {"x0_text", "x0_empty"} & set(first(guidance_scale=1).info)


@pytest.mark.parametrize("scale", [1, 3])
def test_tokens_stand_for_their_texts(tiny, scale):
    texts = ["gato preto", "dog"]

    def draw(prompts):
        return last(pipeline.sample(tiny, prompts, steps=2, guidance_scale=scale, negative="a very long phrase")).x_t

    torch.testing.assert_close(draw(text.tokens(texts)), draw(texts))
    assert not torch.allclose(draw(text.tokens(texts[::-1])), draw(texts))


@pytest.mark.parametrize("name", sorted(pipeline.SCHEDULERS))
def test_a_picture_does_not_depend_on_the_others(tiny, name):
    def draw(count):
        return last(pipeline.sample(tiny, ["gato"] * count, seed=5, steps=4, scheduler=name)).x_t

    torch.testing.assert_close(draw(3)[:1], draw(1))


def test_closing_after_two_steps_stops_the_work(tiny):
    calls = []
    stream = pipeline.sample(tiny, ["gato"], steps=50, attend=lambda i, w: calls.append(i) or w)
    next(stream), next(stream)
    stream.close()
    assert len(calls) == 2 * 4
    with pytest.raises(StopIteration):
        next(stream)


@pytest.mark.parametrize(
    "bad",
    [
        {"steps": 0},
        {"steps": 2.5},
        {"guidance_scale": float("nan")},
        {"guidance_scale": float("inf")},
        {"seed": -1},
        {"style": "apple"},
        {"scheduler": "none"},
    ],
)
def test_bad_values_are_refused_in_a_sentence(tiny, bad):
    with pytest.raises(Refusal):
        next(pipeline.sample(tiny, ["gato"], **bad))


def test_folder_round_trip(tiny, tmp_path):
    tiny.write(tmp_path, "1MB")
    again = pipeline.EmojiPipeline.read(tmp_path).eval()
    assert not list(tmp_path.rglob("*.bin"))
    expected = last(pipeline.sample(tiny, ["gato"], steps=2)).x_t
    torch.testing.assert_close(last(pipeline.sample(again, ["gato"], steps=2)).x_t, expected, atol=2e-2, rtol=2e-2)


def test_sample_command_writes_a_picture(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "load", lambda id: tiny)
    out = tmp_path / "cat.png"
    done = CliRunner().invoke(sample_command.command, ["gato preto", "--steps", "2", "--count", "2", "--out", str(out)])
    assert done.exit_code == 0, done.output
    from torchvision.io import decode_image

    assert decode_image(str(out)).shape == (3, 256, 512)


def test_params_on_the_cards_are_exact():
    autoencoder, transformer = PatchAutoencoder(), EmojiTransformer2DModel()
    sizes = [sum(p.numel() for p in m.parameters()) for m in (autoencoder, transformer)]
    assert registry.card("emoji-autoencoder").params == sizes[0]
    assert registry.card("emoji-diffusion").params == sum(sizes)


# Data


def test_split_is_fixed_and_keeps_families_together():
    keys = [f"{n:04x}" for n in range(0x1F300, 0x1F300 + 3000)]
    sides = np.array([[emoji.split_of(k, s.family) for s in emoji.STYLES] for k in keys])
    unseen = (sides == emoji.HELD_SUBJECT).any(1)
    assert (sides[unseen] == emoji.HELD_SUBJECT).all()  # a held-out subject is held out in every style
    assert unseen.mean() == pytest.approx(0.05, abs=0.015)
    assert (sides[~unseen] == emoji.HELD_PAIR).mean() == pytest.approx(0.10, abs=0.015)
    ids = [s.id for s in emoji.STYLES]
    for a, b in (("fluent-3d", "fluent-flat"), ("openmoji", "openmoji-line")):
        assert (sides[:, ids.index(a)] == sides[:, ids.index(b)]).all()
    assert emoji.split_of("1f408-200d-2b1b", "noto") == emoji.split_of("1f408-200d-2b1b", "noto")


@pytest.mark.parametrize(
    ("given", "key"), [("2764-FE0F", "2764"), ("23-FE0F-20E3", "0023-20e3"), ("1F408-200D-2B1B", "1f408-200d-2b1b")]
)
def test_key_of(given, key):
    assert emoji.key_of(given) == key


SUBJECT = emoji.Subject(
    "1f34e", "food", 42, {"en": "red apple", "pt": "maçã vermelha"}, {"en": ("apple", "fruit"), "pt": ("maçã", "fruta")}
)


def test_captions_in_both_languages():
    for language in captions.LANGUAGES:
        found = captions.phrases(SUBJECT, language, {SUBJECT.tags[language][0]})
        said = dict(found)
        assert said[SUBJECT.names[language]] == max(said.values())
        assert SUBJECT.tags[language][0] in said and SUBJECT.tags[language][1] not in said
        assert all(weight > 0 for _, weight in found)


def test_colour_words_replace_and_agree():
    blue, red = (next(i for i, c in enumerate(captions.COLORS) if c.id == name) for name in ("blue", "red"))
    assert captions.paint("red apple", "en", blue) == "blue apple"
    assert captions.paint("maçã vermelha", "pt", blue) == "maçã azul"
    assert captions.paint("maçã", "pt", red) == "maçã vermelha"
    assert captions.paint("carro", "pt", red) == "carro vermelho"


def test_recolour_changes_the_main_colour_only():
    picture = np.full((64, 64, 3), 255, np.uint8)
    picture[16:48, 16:48] = (220, 40, 40)
    picture[28:36, 28:36] = (20, 20, 20)
    for i, color in enumerate(captions.COLORS[:7]):
        changed = captions.recolor(picture, i)
        assert captions.color_of(changed) == i, color.id
        assert (changed[0, 0] == 255).all() and np.abs(changed[32, 32].astype(int) - 20).max() < 8
    assert captions.recolor(np.full((64, 64, 3), 255, np.uint8), 0) is None


def test_a_moved_copy_has_no_frame_and_keeps_its_colours():
    rng = np.random.default_rng(0)
    white = np.full((64, 64, 3), 255, np.uint8)
    assert min(latents.moved(white, rng).min() for _ in range(200)) == 255
    square = white.copy()
    square[24:40, 24:40] = [200, 30, 30]
    for _ in range(20):
        found = (latents.moved(square, rng) == [200, 30, 30]).all(2)
        assert 0.6 * 256 < found.sum() < 1.2 * 256 and abs(np.argwhere(found).mean(0) - 31.5).max() < 5
