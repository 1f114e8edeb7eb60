"""The gallery of subjects, its search data, and the sheet of the model's own pictures."""

import json
import re
from html import unescape

import pytest
import torch
from PIL import Image

from demos.text_to_image import _gallery
from genmodels import registry
from genmodels.data.emoji import GROUPS, HELD_SUBJECT, split_of
from genmodels.text_to_image import gallery, known
from genmodels.text_to_image.autoencoder import PatchAutoencoder
from genmodels.text_to_image.denoiser import EmojiTransformer2DModel
from genmodels.text_to_image.pipeline import EmojiPipeline


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty place for the sheet, and the subjects as they are."""
    subjects = known.subjects()
    monkeypatch.setattr(known, "FOLDER", tmp_path)
    monkeypatch.setattr(known, "subjects", lambda: subjects)
    _gallery.run_gallery.cache_clear()
    yield tmp_path
    _gallery.run_gallery.cache_clear()


@pytest.mark.parametrize("lang", _gallery.LANGUAGES)
def test_every_subject_that_was_trained_on_can_be_clicked_and_no_other(lang, folder):
    html = _gallery.run_gallery()
    buttons = re.findall(r"<button.*?</button>", html)
    shown = [unescape(re.search(rf'<span data-lang="{lang}">([^<]*)<', button)[1]) for button in buttons]
    assert sorted(shown) == sorted(subject.names[lang] for subject in gallery.subjects())
    held = [s for s in known.subjects() if split_of(s.key, "") == HELD_SUBJECT]
    assert len(shown) == len(known.subjects()) - len(held)


def test_groups_are_headings_in_both_languages(folder):
    headings = re.findall(r"<h4>(.*?)</h4>", _gallery.run_gallery())
    assert len(headings) == len(GROUPS)
    for heading, group in zip(headings, GROUPS.values(), strict=True):
        assert all(_gallery.TEXT[lang][f"gallery.{group}"] in unescape(heading) for lang in _gallery.LANGUAGES)


def test_the_search_reads_tags_of_both_languages(folder):
    dog = next(s for s in gallery.subjects() if s.names["en"] == "dog")
    button = next(b for b in re.findall(r"<button.*?</button>", _gallery.run_gallery()) if ">dog<" in b)
    for lang in _gallery.LANGUAGES:
        said = unescape(re.search(rf'data-{lang}="([^"]*)"', button)[1])
        assert said == " ".join(dog.tags[lang])


def test_without_a_sheet_there_are_names_only(folder):
    assert gallery.sheet() is None
    html = _gallery.run_gallery()
    assert "<i " not in html and "--sheet" not in html and "data-generated" not in html


def test_the_sheet_places_each_subjects_picture(folder):
    count = len(gallery.subjects())
    pictures = torch.linspace(-1, 1, count).view(-1, 1, 1, 1).expand(-1, 3, 64, 64)
    gallery.write(pictures, {"model": "emoji-diffusion", "style": "any", "seed": 7})
    sheet = gallery.sheet()
    with Image.open(sheet.path) as opened:
        picture = opened.convert("L")
    html = _gallery.run_gallery()
    places = [tuple(map(int, place)) for place in re.findall(r"--x:(\d+);--y:(\d+)", html)]
    assert len(set(places)) == count and "data-generated" in html
    for i in (0, 31, 32, count // 2, count - 1):
        x, y = (sheet.side * (k + 0.5) for k in (i % sheet.columns, i // sheet.columns))
        assert picture.getpixel((int(x), int(y))) == pytest.approx(255 * i / (count - 1), abs=4)
    assert sheet.path.stat().st_size < 1_500_000


def test_a_sheet_of_other_subjects_is_not_shown(folder):
    gallery.write(torch.zeros(len(gallery.subjects()), 3, 64, 64), {})
    note = folder / "gallery.json"
    note.write_text(json.dumps(json.loads(note.read_text()) | {"count": 3}))
    assert gallery.sheet() is None
    with pytest.raises(ValueError, match="3 pictures"):
        gallery.write(torch.zeros(3, 3, 64, 64), {})


def test_drawing_yields_steps_and_writes_at_the_end_only(folder, monkeypatch):
    torch.manual_seed(0)
    coder = PatchAutoencoder(width=32, latents_mean=(0.0,) * 12, latents_std=(1.0,) * 12)
    model = EmojiPipeline(coder, EmojiTransformer2DModel(dim=32, num_layers=2, num_heads=2)).eval()
    monkeypatch.setattr(registry, "load", lambda id: model)
    few = gallery.subjects()[:3]
    monkeypatch.setattr(gallery, "subjects", lambda: few)
    monkeypatch.setattr(gallery, "BATCH", 2)
    stream = gallery.draw("any", steps=2)
    next(stream)
    stream.close()
    assert gallery.sheet() is None
    assert [(step.i, step.n) for step in gallery.draw("any", steps=2)] == [(i, 4) for i in range(1, 5)]
    assert gallery.sheet() is not None
