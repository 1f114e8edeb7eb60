"""The comparisons of the prompt-to-image tab: what each draws, says and refuses, in both languages."""

from __future__ import annotations

import base64
import io
import re
from html import escape

import pytest
import torch
from PIL import Image

from demos import _i18n
from demos.text_to_image import _compare, _parts
from demos.text_to_image import _compare_views as views
from demos.text_to_image._settings import Settings
from genmodels import registry
from genmodels.errors import Refusal
from genmodels.text_to_image import pipeline
from genmodels.text_to_image.autoencoder import PatchAutoencoder
from genmodels.text_to_image.denoiser import EmojiTransformer2DModel

A = ("gato preto", "", "noto", 7, 3, 3.0, "ddim", _parts.TEACHER)
languages = pytest.mark.parametrize("lang", _i18n.LANGUAGES)


@pytest.fixture(scope="module", autouse=True)
def tiny():
    model = pipeline.EmojiPipeline(
        PatchAutoencoder(width=32, latents_mean=(0.5,) * 12, latents_std=(2.0,) * 12),
        EmojiTransformer2DModel(dim=32, num_layers=2, num_heads=2),
    )
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) * 0.15)
    model.eval()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "load", lambda id, device_name=None: model)
        yield model
    torch.set_num_threads(threads)


def shown(results) -> list[str]:
    """The HTML of a run, without what is skipped; its Steps must count up to their end."""
    results = list(results)
    steps = [step for step, _ in results]
    assert steps[-1].i == steps[-1].n and [s.i for s in steps] == sorted(s.i for s in steps)
    return [html for _, html in results if isinstance(html, str)]


def pictures(html: str) -> list[str]:
    return re.findall(r'src="(data:image/[^"]+)"', html)


def alts(html: str) -> list[str]:
    return re.findall(r'<img[^>]* alt="([^"]*)"', html)


def pixels(uri: str) -> torch.Tensor:
    image = Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1])))
    return torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).int()


def plain(prompt: str, **settings) -> str:
    """The address of the picture that the sampler alone makes."""
    given = {"style": "noto", "seed": 7, "steps": 3} | settings
    return _parts.data_uri(_parts.pictures(_parts.last(_parts.draw([prompt], **given)))[0])


def ab(lang="en", prompt="", guidance=7.5, steps=3, scheduler="ddim", model=_parts.TEACHER, a=A):
    return shown(_compare.run_ab(lang, prompt, guidance, steps, scheduler, model, *a))


@languages
def test_a_and_b_are_the_plain_pictures_and_the_differences_are_listed(lang):
    html = ab(lang, "cachorro", 7.5, 4, "euler")[-1]
    a, b, *both = pictures(html)
    assert (a, b) == (plain("gato preto"), plain("cachorro", guidance=7.5, steps=4, scheduler="euler"))
    assert both == [a, b]  # in the divided frame
    rows = re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td><td>(.*?)</td>', html)
    three, seven = _i18n.fill(lang, "{:g}", 3.0), _i18n.fill(lang, "{:g}", 7.5)
    assert [row[1:] for row in rows[:-1]] == [
        ("gato preto", "cachorro"), ("3", "4"), (three, seven), ("DDIM", "Euler"),
    ]  # fmt: skip
    assert all(alts(html)) and "data-wipe" in html and "data-generated" in html


def test_the_same_settings_make_the_same_picture():
    html = ab(guidance=3)[-1]
    assert len(set(pictures(html))) == 1
    assert views.text("en", "same") in html and views.text("en", "distance", distance=0.0) in html


def test_an_unfinished_comparison_keeps_its_places():
    first = ab()[0]
    assert first.count("<figure>") == 3 and "data-wipe" not in first


def test_a_prompt_is_shown_as_text():
    html = ab(prompt='<script>"x"</script>')[-1]
    assert "<script>" not in html and "&lt;script&gt;" in html


def test_distance_is_the_root_mean_square_in_percent_of_the_range():
    white, black = torch.ones(3, 64, 64), -torch.ones(3, 64, 64)
    assert views.distance(white, black) == pytest.approx(100)
    assert views.distance(white, torch.zeros(3, 128, 128)) == pytest.approx(50)


@languages
def test_grid_is_drawn_row_by_row_and_each_cell_is_the_plain_picture(lang, monkeypatch):
    monkeypatch.setattr(_compare, "GRID_STEPS", (2, 3))
    monkeypatch.setattr(_compare, "GRID_GUIDANCE", (1.0, 7.5))
    html = shown(_compare.run_grid(lang, *A))
    assert [len(pictures(one)) for one in html] == [0, 1, 2, 3, 4]
    cells = dict(zip(alts(html[-1]), pictures(html[-1]), strict=True))
    for n in (2, 3):
        for w in (1.0, 7.5):
            assert cells[views.text(lang, "grid_alt", n=n, w=w)] == plain("gato preto", steps=n, guidance=w)
    assert html[-1].count('scope="col"') == 3 and html[-1].count('scope="row"') == 2


def test_closing_the_grid_stops_the_denoiser(tiny, monkeypatch):
    calls = []
    denoise = pipeline.EmojiPipeline.denoise
    monkeypatch.setattr(pipeline.EmojiPipeline, "denoise", lambda self, *a: calls.append(1) or denoise(self, *a))
    run = _compare.run_grid("en", *A)
    next(run), next(run)
    run.close()
    assert len(calls) == 1


@languages
@pytest.mark.parametrize("between", ["prompts", "seeds"])
def test_a_walk_is_played_and_saved(lang, between):
    html = shown(_compare.run_walk(lang, between, "cachorro", 8, 8, *A))
    frames = re.search(r'data-walk="([^"]+)"', html[-1])[1].split(" ")
    settings = Settings.read(*A, 1).teacher()
    end = {"prompts": ("cachorro", 7), "seeds": ("gato preto", 8)}[between]
    keywords = {"steps": settings.steps, "scheduler": settings.scheduler, "guidance": settings.guidance}
    assert len(frames) == 8
    for frame, (prompt, seed) in ((frames[0], ("gato preto", 7)), (frames[-1], end)):
        expected = plain(prompt, seed=seed, **keywords)
        assert (pixels(frame) - pixels(expected)).abs().max() <= 2  # a batch is rounded differently
    assert (pixels(frames[0]) - pixels(frames[-1])).abs().max() > 20
    gif = base64.b64decode(re.search(r'href="data:image/gif;base64,([^"]+)"', html[-1])[1])
    assert Image.open(io.BytesIO(gif)).n_frames == 14  # there and back, the ends once
    assert all(alts(html[-1])) and all(one.count("ti-strip2") == 1 for one in html)


def test_edit_shows_original_swapped_and_plain():
    html = shown(_compare.run_edit("pt", "cachorro preto", 0.5, *A))[-1]
    original, swapped, unswapped = pictures(html)
    assert len({original, swapped, unswapped}) == 3
    assert alts(html) == ["Original: gato preto", "Com troca: cachorro preto", "Sem troca: cachorro preto"]
    assert any(views.text("pt", key) in html for key in ("edit_held", "edit_not_held"))
    nothing = shown(_compare.run_edit("pt", "cachorro preto", 0, *A))[-1]
    assert pictures(nothing)[1] == pictures(nothing)[2]
    assert not any(views.text("pt", key) in nothing for key in ("edit_held", "edit_not_held"))


def test_what_the_edit_says_follows_the_distances():
    original, near, far = torch.zeros(3, 64, 64), torch.full((3, 64, 64), 0.1), torch.ones(3, 64, 64)
    says = {key: escape(views.text("en", key)) for key in ("edit_held", "edit_not_held")}
    assert says["edit_held"] in views.edited("en", ("a", "b"), [original, near, far], True)
    assert says["edit_not_held"] in views.edited("en", ("a", "b"), [original, far * 0.9, far], True)


def test_weighing_takes_the_last_word_unless_told():
    html = shown(_compare.run_weigh("en", "", *A))[-1]
    assert alts(html) == [f"“preto” × {scale:g}" for scale in _compare.SCALES]
    assert "“gato” × 2" in shown(_compare.run_weigh("en", "Gato", *A))[-1]


@pytest.mark.parametrize(
    "run",
    [
        lambda: ab(guidance=float("nan")),
        lambda: ab(steps=51),
        lambda: ab(prompt=7),
        lambda: ab(model="other"),
        lambda: ab(a=("x", "", "apple", 7, 3, 3.0, "ddim", _parts.TEACHER)),
        lambda: list(_compare.run_grid("en", *A[:3], -1, *A[4:])),
        lambda: list(_compare.run_walk("en", "styles", "dog", 8, 8, *A)),
        lambda: list(_compare.run_walk("en", "prompts", "", 8, 8, *A)),
        lambda: list(_compare.run_walk("en", "seeds", "", 1.5, 8, *A)),
        lambda: list(_compare.run_walk("en", "seeds", "", 8, 1000, *A)),
        lambda: list(_compare.run_edit("en", "dog", 1.1, *A)),
        lambda: list(_compare.run_weigh("en", "dog", *A)),
        lambda: list(_compare.run_weigh("en", "", "", *A[1:])),
    ],
)
def test_bad_values_are_refused_in_both_languages(run):
    with pytest.raises(Refusal) as refused:
        run()
    for lang in _i18n.LANGUAGES:
        assert _i18n.explain(lang, refused.value) != _i18n.say(lang, "error.unexpected")
