"""The architecture drawings: every block told, drawn and run; what this copy lacks is passed by in a sentence."""

import re
from xml.etree import ElementTree

import pytest
import torch

from demos import text_to_image
from demos._i18n import LANGUAGES
from demos.text_to_image import _architectures, _architectures_run, _diagram, _papers, _parts
from demos.text_to_image._architectures_text import TEXT, say
from genmodels import registry
from genmodels.errors import Refusal
from genmodels.step import Step
from genmodels.text_to_image import text
from genmodels.text_to_image.autoencoder import PatchAutoencoder
from genmodels.text_to_image.denoiser import EmojiTransformer2DModel
from genmodels.text_to_image.pipeline import EmojiPipeline

languages = pytest.mark.parametrize("lang", LANGUAGES)
papers = pytest.mark.parametrize("name", _papers.NAMES)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> EmojiPipeline:
    """A tiny pipeline of the same classes in place of the shipped one, four steps, and none of the other models."""
    torch.manual_seed(0)
    coder = PatchAutoencoder(width=32, latents_mean=(0.0,) * 12, latents_std=(1.0,) * 12)
    model = EmojiPipeline(coder, EmojiTransformer2DModel(dim=32, num_layers=2, num_heads=2)).eval()
    for weight in model.transformer.parameters():  # it begins at zero, where no prompt makes a difference
        torch.nn.init.normal_(weight, std=0.1)
    monkeypatch.setattr(registry, "load", lambda id, device=None: model)
    monkeypatch.setattr(_papers, "have", lambda id: id in (_papers.DIFFUSION, _papers.AUTOENCODER))
    monkeypatch.setattr(_architectures_run, "STEPS", 4)
    return model


def svgs(html: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(f"<svg{part.split('</svg>')[0]}</svg>") for part in html.split("<svg")[1:]]


def blocks(svg: ElementTree.Element) -> dict[str, ElementTree.Element]:
    return {g.get("data-block"): g for g in svg.iter("g") if g.get("data-block")}


def results(html: str) -> dict[str, str]:
    """HTML of each block's result."""
    parts = re.split(r'<div data-result="(\w+)" hidden>', html)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


@languages
@papers
def test_every_block_can_be_pressed_and_has_its_panel(lang, name):
    lying, standing = svgs(_architectures.drawing(lang, name))
    panels = re.findall(r'data-panel="(\w+)"', _architectures.panels(lang, name))
    wanted = [block.id for block in _papers.DIAGRAMS[name].blocks]
    for svg in (lying, standing):
        found = blocks(svg)
        assert list(found) == wanted == panels
        for g in found.values():
            assert (g.get("role"), g.get("tabindex"), g.get("aria-pressed")) == ("button", "0", "false")
            assert g.get("aria-label")
    assert _architectures.FIRST[name] in wanted


@papers
def test_the_drawings_stay_inside_their_frames_and_blocks_do_not_touch(name):
    for svg in svgs(_architectures.drawing("pt", name)):
        _, _, width, height = map(float, svg.get("viewBox").split())
        boxes = [next(g.iter("rect")) for g in blocks(svg).values()]
        corners = [tuple(float(box.get(side)) for side in ("x", "y", "width", "height")) for box in boxes]
        for x, y, w, h in corners:
            assert x >= 0 and y >= 0 and x + w <= width and y + h <= height
        for i, (x, y, w, h) in enumerate(corners):
            for u, v, p, q in corners[:i]:
                assert x + w <= u or u + p <= x or y + h <= v or v + q <= y


@papers
def test_arrows_begin_and_end_at_the_sides_of_their_blocks(name):
    diagram = _papers.DIAGRAMS[name]
    for frame in (_diagram.LYING, _diagram.STANDING):
        for arrow in diagram.arrows:
            for id, side in (arrow.start, arrow.end):
                block = diagram.block(id)
                x, y = frame.side(block, side)
                u, v = frame.pixel(block.column, block.row)
                away = abs(x - u) / (frame.width / 2), abs(y - v) / (frame.height / 2)
                assert max(away) == pytest.approx(1) and min(away) < 1


@languages
def test_sizes_come_from_the_cards(lang):
    card = registry.card(_papers.DIFFUSION).params - registry.card(_papers.AUTOENCODER).params
    million = say(lang, "million", count=card / 1e6)
    assert million in _architectures.panels(lang, "sd")
    assert ("," in million) == (lang == "pt")


@languages
@papers
def test_what_this_copy_lacks_is_marked_and_said(lang, name, monkeypatch):
    monkeypatch.setattr(_papers, "have", lambda id: False)
    lacking = [key for key in _papers.PLAYED_BY if key.startswith(name) and f"arch.{key}.none" in TEXT[lang]]
    monkeypatch.setattr(_papers, "have", lambda id: id in (_papers.DIFFUSION, _papers.AUTOENCODER))
    drawn, told = _architectures.drawing(lang, name), _architectures.panels(lang, name)
    assert drawn.count("ti-absent") == 2 * len(lacking)
    assert all(say(lang, f"{key}.none") in told for key in lacking)


@papers
def test_a_run_lights_the_parts_in_order_and_leaves_a_result_for_each(name, tiny):
    lit = []
    for step, html in _architectures.run_architecture("pt", name, "gato preto", "any", 7):
        assert isinstance(step, Step) and 0 <= step.i <= step.n
        active, show = re.search(r'data-active="([^"]*)" data-done="[^"]*" data-show="(\w*)"', html).groups()
        assert show == (active.split(" ")[0] or "picture")
        lit += [id for id in active.split() if id not in lit]
    order = {
        "sd": ["text", "noise", "denoiser", "scheduler", "decoder"],
        "imagen": ["text", "noise", "base", "sr1"],
        "dalle": ["text", "prior", "noise", "decoder", "upsamplers"],
    }
    assert lit == order[name]
    assert set(results(html)) == {block.id for block in _papers.DIAGRAMS[name].blocks}
    assert "data-generated" in results(html)["picture"]


def test_the_picture_is_the_samplers_own(tiny):
    steps = _parts.draw(["gato preto"], seed=7, steps=4, guidance=3.0)
    expected = _parts.data_uri(_parts.pictures(_parts.last(steps))[0])
    for name in ("sd", "imagen"):
        *_, (_, html) = _architectures.run_architecture("en", name, "gato preto", "any", 7)
        assert expected in results(html)["picture"]
        *_, (_, other) = _architectures.run_architecture("en", name, "gato preto", "any", 8)
        assert expected not in results(other)["picture"]


def test_without_a_prior_the_phrase_itself_stands_for_the_picture(tiny):
    *_, step = _architectures_run.picture_vectors("Gato  Preto", "any", 7)
    assert torch.equal(step.x0[0], torch.from_numpy(text.vector("gato preto").copy()))
    *_, (_, html) = _architectures.run_architecture("pt", "dalle", "gato preto", "any", 7)
    assert say("pt", "skipped.prior") in results(html)["prior"]
    assert say("pt", "skipped.upscaler", size=64) in results(html)["upsamplers"]


def test_the_words_are_shown_as_tokens(tiny):
    *_, (_, html) = _architectures.run_architecture("en", "sd", "black <b>cat</b>", "any", 7)
    shown = results(html)["text"]
    assert shown.count("<tr>") == 1 + 4 and "whole phrase" in shown  # black, b, cat, b
    assert "<b>" not in html
    *_, (_, html) = _architectures.run_architecture("en", "sd", "", "any", 7)
    assert say("en", "no_words") in results(html)["text"]


def test_results_speak_both_languages(tiny):
    *_, (_, html) = _architectures.run_architecture("en", "sd", "cat", "any", 7)
    for lang in LANGUAGES:
        assert f'<p data-lang="{lang}">{say(lang, "steps_shown")}</p>' in html


@pytest.mark.parametrize(
    ("values", "code"),
    [
        (("gan", "cat", "any", 7), "choice"),
        (("sd", None, "any", 7), "choice"),
        (("sd", "cat", "oil", 7), "unknown_style"),
        (("sd", "cat", "any", -1), "range"),
        (("sd", "cat", "any", float("nan")), "range"),
    ],
)
def test_anything_else_is_refused(values, code, tiny):
    with pytest.raises(Refusal) as refused:
        list(_architectures.run_architecture("en", *values))
    assert refused.value.code == code


@languages
def test_more_like_this_says_when_the_picture_encoder_is_missing(lang, tiny):
    ((_, html),) = _architectures.run_more(lang, "cat", "any", 7, 4)
    assert say(lang, "more_missing") in html
    with pytest.raises(Refusal):
        next(_architectures.run_more(lang, "cat", "any", 7, 3))


@pytest.mark.parametrize("count", _architectures.COUNTS)
def test_more_like_this_draws_that_many(count, tiny, monkeypatch):
    from torch.nn import functional as F

    def clip(pictures: torch.Tensor) -> torch.Tensor:
        return F.normalize(pictures.flatten(1)[:, :512], dim=1)

    monkeypatch.setattr(_papers, "have", lambda id: id != _papers.PRIOR)
    monkeypatch.setattr(registry, "load", lambda id, device=None: clip if id == _papers.CLIP else tiny)
    *_, (_, html) = _architectures.run_more("pt", "gato", "any", 7, count)
    sources = re.findall(r'src="([^"]+)"', html)
    assert len(sources) == 1 + count == len(set(sources)) and "data-generated" in html


def test_cells_are_blue_below_zero_white_at_zero_and_orange_above():
    low, zero, high = _architectures_run.cells(torch.tensor([-0.2, 0.0, 0.2]), 1)[:, 0].T
    assert low[2] > low[0] and high[0] > high[2]
    torch.testing.assert_close(zero, torch.ones(3))
    assert _architectures_run.cells(torch.zeros(512), 8).shape == (3, 8, 64)


@pytest.mark.parametrize("n", [1, 2, 7, 20, 50])
def test_shown_steps_include_the_first_and_the_last(n):
    kept = _architectures_run.kept_steps(n)
    assert {1, n} <= kept <= set(range(1, n + 1)) and len(kept) == min(n, _architectures_run.FRAMES)


def test_the_tab_has_the_drawings():
    assert _architectures in [part for _, part in text_to_image.INNER]
