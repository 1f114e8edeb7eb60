"""The limits: multiply-adds and times, the text encoder's space, and models on little data."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch.utils.flop_counter import FlopCounterMode

from demos._i18n import LANGUAGES
from demos.text_to_image import _limits, _papers, _parts, _space
from demos.text_to_image._limits_text import amount, grouped, say
from genmodels import registry, weights
from genmodels.errors import Refusal
from genmodels.text_to_image import cost, gallery, text
from genmodels.text_to_image.autoencoder import PatchAutoencoder
from genmodels.text_to_image.denoiser import EmojiTransformer2DModel
from genmodels.text_to_image.pipeline import EmojiPipeline

languages = pytest.mark.parametrize("lang", LANGUAGES)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> EmojiPipeline:
    torch.manual_seed(0)
    coder = PatchAutoencoder(width=32, latents_mean=(0.0,) * 12, latents_std=(1.0,) * 12)
    model = EmojiPipeline(coder, EmojiTransformer2DModel(dim=32, num_layers=2, num_heads=2)).eval()
    for weight in model.transformer.parameters():  # it begins at zero, where no prompt makes a difference
        torch.nn.init.normal_(weight, std=0.1)
    monkeypatch.setattr(registry, "load", lambda id, device=None: model)
    return model


def test_stable_diffusions_figures_are_those_of_its_shapes():
    from diffusers import AutoencoderKL, UNet2DConditionModel

    cross, wide = "CrossAttnDownBlock2D", (320, 640, 1280, 1280)
    with torch.device("meta"):
        unet = UNet2DConditionModel(
            block_out_channels=wide,
            down_block_types=(cross, cross, cross, "DownBlock2D"),
            up_block_types=("UpBlock2D", *("CrossAttnUpBlock2D",) * 3),
            cross_attention_dim=768,
        )
        coder = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
        )
        z, words, t = torch.empty(1, 4, 64, 64), torch.empty(1, 77, 768), torch.tensor([1])
    for key, work in {"pass": lambda: unet(z, t, words), "decode": lambda: coder.decode(z)}.items():
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            work()
        assert counter.get_total_flops() / 2 == pytest.approx(_limits.SD[key], rel=1e-5)
    count = sum(p.numel() for model in (unet, coder) for p in model.parameters())
    assert count == _limits.SD["params"] - 123_060_480


@languages
def test_the_table_says_what_the_counter_says(lang, tiny):
    values = ("gato", "", "any", 7, 4, 3.0, "ddim", _parts.TEACHER)
    *steps, (_, html) = _limits.run_compute(lang, *values)
    one, decode = cost.parts(tiny, 2)
    assert [step.i for step, _ in steps] == [1, 2, 3, 4]
    assert amount(lang, 4 * one + decode) in html and say(lang, "calls", steps=4, each=2) in html
    assert grouped(lang, (100 * _limits.SD["pass"] + _limits.SD["decode"]) / (4 * one + decode)) in html
    *_, (_, unguided) = _limits.run_compute(lang, *values[:5], 1.0, *values[6:])
    assert say(lang, "calls", steps=4, each=1) in unguided


@pytest.mark.parametrize(
    ("value", "en", "pt"), [(401_637_000_000, "402 G", "402 G"), (41.4e12, "41.4 T", "41,4 T"), (950, "950", "950")]
)
def test_amounts(value, en, pt):
    assert (amount("en", value), amount("pt", value)) == (en, pt)


@pytest.mark.parametrize(("value", "en", "pt"), [(2.5, "2.5", "2,5"), (64, "64", "64"), (9876, "9,900", "9.900")])
def test_ratios(value, en, pt):
    assert (grouped("en", value), grouped("pt", value)) == (en, pt)


@languages
def test_the_map_is_a_principal_component_analysis(lang):
    found = _space.space(lang)
    pca = PCA(2, svd_solver="full").fit(found.vectors)
    assert found.share == pytest.approx(100 * pca.explained_variance_ratio_.sum(), rel=1e-4)
    assert found.names == [subject.names[lang] for subject in gallery.subjects()]
    ours, theirs = (found.vectors - found.mean) @ found.axes, pca.transform(found.vectors)
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=1e-4)
    flat = found.flat(found.vectors)
    assert (flat >= 0).all() and (flat <= [_space.WIDTH, _space.HEIGHT]).all()


@languages
def test_nearest_names_agree_with_a_loop(lang):
    found, phrase = _space.space(lang), {"pt": "gato azul", "en": "blue cat"}[lang]
    cosines = [float(np.dot(row, text.vector(phrase))) for row in found.vectors]
    best = sorted(range(len(cosines)), key=lambda i: -cosines[i])[: _space.NEAREST]
    assert [i for i, _ in _space.nearest(found, phrase)] == best


@languages
def test_two_phrases_are_compared(lang):
    html = _limits.run_phrases(lang, "gato", "cat")
    cosine = float(text.vector("gato") @ text.vector("cat"))
    assert say(lang, "cosine", cosine=cosine) in html and say(lang, "same") in html
    svg = ElementTree.fromstring("<svg" + html.split("<svg")[1].split("</svg>")[0] + "</svg>")
    assert [mark.text for mark in svg.iter("text")] == ["A", "B"] and "gato" in svg.get("aria-label")
    assert say(lang, "far") in _limits.run_phrases(lang, "gato", "democracia")


@languages
@pytest.mark.parametrize("phrases", [("", ""), ("gato", ""), ("", "\x00 "), ("<b>x</b>", "a\"'")])
def test_any_text_can_be_compared(lang, phrases):
    html = _limits.run_phrases(lang, *phrases)
    assert "<b>x" not in html
    assert (say(lang, "one") in html) == (not all(text.clean(phrase) for phrase in phrases))


def test_both_phrases_are_drawn_from_the_same_noise(tiny):
    *_, (step, html) = _limits.run_both("pt", "gato", "gato", "any", 7)
    first, second = re.findall(r'src="([^"]+)"', html)
    assert first == second and (step.i, step.n) == (40, 40)
    *_, (_, html) = _limits.run_both("pt", "gato", "cachorro", "any", 7)
    assert len(set(re.findall(r'src="([^"]+)"', html))) == 2 and "data-generated" in html


@languages
def test_little_data_says_when_its_models_are_missing(lang, monkeypatch):
    monkeypatch.setattr(_papers, "have", lambda id: False)
    ((_, html),) = _limits.run_data(lang, "gato", "any", 7)
    assert say(lang, "data_missing") in html


@languages
def test_little_data_draws_three_prompts_by_three_models(lang, tiny, monkeypatch):
    held = {"subjects": 3, "pictures": 20, "loss_own": 0.1, "loss_unseen_subjects": 0.9}
    own = {"emoji-data-1": ["cat"], "emoji-data-10": ["cat", "dog"], "emoji-data-100": []}
    cards = {id: {"held_out": held, "subjects": dict.fromkeys(LANGUAGES, own[id])} for id in own}
    monkeypatch.setattr(_papers, "have", lambda id: True)
    monkeypatch.setattr(weights, "read_card", cards.__getitem__)
    shown = [html for _, html in _limits.run_data(lang, "gato", "any", 7) if isinstance(html, str)]
    assert [html.count("<img") for html in shown] == [3, 6, 9]
    for name in ("cat", "dog", "gato"):
        assert shown[-1].count(say(lang, "data_alt", prompt=name, share=10)) == 1
    assert say(lang, "data_head", share=1) in shown[-1] and "data-generated" in shown[-1]


@pytest.mark.parametrize("seed", [-1, float("nan"), None, "7"])
def test_bad_seeds_are_refused(seed, tiny):
    for run in (_limits.run_both("en", "a", "b", "any", seed), _limits.run_data("en", "a", "any", seed)):
        with pytest.raises(Refusal):
            next(run)
