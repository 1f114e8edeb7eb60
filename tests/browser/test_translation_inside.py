"""The image-to-image tab's inside in a real browser: cycles, styles, diffusion, inpainting, losses."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

from demos import _i18n, translation
from tests.browser.conftest import Visit
from tests.browser.serving import settled


def says(lang: str, key: str, **values: object) -> str:
    return _i18n.fill(lang, translation.TEXT[lang][key], **values)


def start(visit: Visit, name: str, query: str = "", lang: str = "en") -> Page:
    page = visit(query, topic="translation", lang=lang)
    page.locator(".tr-inner").get_by_role("tab", name=says(lang, name), exact=True).click()
    settled(page)
    return page


def pixels(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))))


def changes(page: Page, place: str, work: object) -> None:
    """Do the work and wait until the first picture in `place` is another."""
    page.locator(f"{place} img").first.wait_for()
    before = page.locator(f"{place} img").nth(1).get_attribute("src")
    work()
    page.wait_for_function(
        "([place, old]) => document.querySelectorAll(place + ' img')[1]?.src !== old", arg=[place, before]
    )
    settled(page)


def test_a_subject_there_and_back_and_ones_own(visit: Visit, tmp_path: Path):
    page = start(visit, "tab_cycle")
    expect(page.locator("#tr-cycle img")).to_have_count(6)
    changes(page, "#tr-cycle", page.locator("#tr-shelf-cycle .tr-shelf button").nth(0).click)
    changes(page, "#tr-cycle", page.get_by_text(says("en", "cycle.back")).click)
    Image.fromarray(np.full((50, 70, 3), (240, 150, 20), np.uint8)).save(tmp_path / "orange.png")
    page.get_by_text(says("en", "cycle.model.cyclegan-fruit")).click()
    expect(page.locator("#tr-cycle")).to_contain_text(says("en", "cycle.needs"))
    page.locator("#tr-shelf-cycle input[type=file]").set_input_files(tmp_path / "orange.png")
    expect(page.locator("#tr-cycle img")).to_have_count(5)


def test_a_style_from_more_examples_and_from_ones_own(visit: Visit, tmp_path: Path):
    page = start(visit, "tab_few", "k=2", lang="pt")
    expect(page.locator("#tr-few")).to_contain_text(says("pt", "few.openmoji-line", k=2))
    files = []
    for i in range(2):
        Image.fromarray(np.full((40, 40, 3), (20, 60 * i, 200), np.uint8)).save(tmp_path / f"{i}.png")
        files.append(tmp_path / f"{i}.png")
    page.locator("#tr-shelf-few input[type=file]").set_input_files(files)
    expect(page.locator("#tr-few")).to_contain_text(says("pt", "few.own", k=2))


def test_diffusion_edits_and_paints_only_what_was_covered(visit: Visit):
    page = start(visit, "tab_diffuse", "prompt=apple&strength=0.5")
    page.locator("#tr-start-edit").click()
    expect(page.locator("#tr-diffuse-edit")).to_contain_text(says("en", "diffuse.result"))
    page.locator("#tr-start-paint").click()
    expect(page.get_by_text(_i18n.SHELL["en"]["error.mask"])).to_be_visible()
    canvas = page.locator("#tr-canvas canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.75 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.75 * box["height"], steps=8)
    page.mouse.up()
    settled(page)
    page.locator("#tr-start-paint").click()
    expect(page.locator("#tr-diffuse-paint img")).to_have_count(3)
    before, _, after = (pixels(one.get_attribute("src")) for one in page.locator("#tr-diffuse-paint img").all())
    assert np.array_equal(before[:40], after[:40]) and not np.array_equal(before[44:52], after[44:52])


def test_the_losses_follow_the_drawing_and_failures_say_why(visit: Visit):
    page = start(visit, "tab_losses")
    expect(page.locator("#tr-losses img")).to_have_count(7)
    clear = page.locator("#tr-easel").get_by_role("button", name=says("en", "easel.clear"), exact=True)
    changes(page, "#tr-losses", clear.click)
    page.locator(".tr-inner").get_by_role("tab", name=says("en", "tab_failures"), exact=True).click()
    expect(page.locator("#tr-failures section")).to_have_count(4)


def test_the_question_is_answered_after_a_guess(visit: Visit):
    page = visit("", topic="translation", lang="pt")
    page.locator(".gl-predict").get_by_role("radio", name=says("pt", "guess.cycle")).check()
    expect(page.locator("#tr-answer")).to_contain_text("dB")
