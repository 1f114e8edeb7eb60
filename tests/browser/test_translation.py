"""The image-to-image tab's easel and many answers in a real browser: mouse, finger, keyboard, upload, a link."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Request, expect

from demos import _i18n, translation
from demos.translation import _examples
from genmodels.translation.bicyclegan import draw_codes
from tests.browser.conftest import Visit
from tests.browser.serving import settled
from tests.browser.test_page import NAMELESS, OUTSIDE, SIZES, serious

TABS = list(translation.PARTS)


def says(lang: str, key: str, **values: object) -> str:
    return _i18n.fill(lang, translation.TEXT[lang][key], **values)


def start(visit: Visit, query: str = "", **options: object) -> Page:
    return visit(query, topic="translation", **options)


def drawing(page: Page, kind: str = "outline") -> str:
    return page.evaluate(f"genlabTranslation.drawing('{kind}')")


def painted(page: Page) -> str:
    return page.locator(".tr-painted img").get_attribute("src")


def button(page: Page, name: str) -> Locator:
    return page.locator("#tr-easel").get_by_role("button", name=name, exact=True)


def places(page: Page, *points: tuple[float, float]) -> list[tuple[float, float]]:
    """Points of the easel, in parts of its side, on the page."""
    canvas = page.locator(".tr-drawn canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]


def drag(page: Page, *points: tuple[float, float]) -> None:
    first, *rest = places(page, *points)
    page.mouse.move(*first)
    page.mouse.down()
    for point in rest:
        page.mouse.move(*point, steps=8)
    page.mouse.up()


def test_the_picture_follows_the_pen_and_undo_takes_it_back(visit: Visit):
    page = start(visit)
    before, picture = drawing(page), painted(page)
    assert before == _examples.OUTLINES["apple"]
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request) if "/gradio_api/run/" in request.url else None)
    drag(page, (0.3, 0.5), (0.5, 0.7), (0.7, 0.5))
    page.wait_for_function("(old) => document.querySelector('.tr-painted img').src !== old", arg=picture)
    settled(page)
    assert drawing(page).startswith(f"{before};p") and 1 <= len(asked) < 60
    button(page, says("en", "easel.undo")).click()
    page.wait_for_function("(old) => document.querySelector('.tr-painted img').src === old", arg=picture)
    assert drawing(page) == before
    button(page, says("en", "easel.clear")).click()
    expect(page.locator("#tr-caption")).to_contain_text(says("en", "empty.outline"))
    assert drawing(page) == "" and button(page, says("en", "easel.clear")).is_disabled()


def test_examples_the_eraser_and_the_answers_that_follow(visit: Visit):
    page = start(visit, lang="pt")
    first = page.locator(".tr-answers img").first.get_attribute("src")
    button(page, says("pt", "example.cat")).click()
    page.wait_for_function("(old) => document.querySelector('.tr-answers img').src !== old", arg=first)
    settled(page)
    assert drawing(page) == _examples.OUTLINES["cat"]
    button(page, says("pt", "easel.e")).click()
    expect(button(page, says("pt", "easel.e"))).to_have_attribute("aria-pressed", "true")
    drag(page, (0.2, 0.2), (0.8, 0.2))
    settled(page)
    assert ";e" in drawing(page)


def test_by_keyboard(visit: Visit):
    page = start(visit)
    button(page, says("en", "easel.clear")).click()
    page.locator(".tr-drawn canvas").focus()
    for key in ["Space", *["ArrowRight"] * 5, "Space"]:
        page.keyboard.press(key)
    settled(page)
    assert re.fullmatch("p(..){6}", drawing(page))
    page.keyboard.press("Control+z")
    settled(page)
    assert drawing(page) == ""


def test_by_finger(visit: Visit):
    page = start(visit, width=360, height=740, touch=True)
    before = drawing(page)
    touch = page.context.new_cdp_session(page)
    points = places(page, (0.2, 0.5), (0.5, 0.6), (0.8, 0.5))
    scrolled = page.evaluate("scrollY")
    for kind, at in [("touchStart", points[0]), *(("touchMove", at) for at in points[1:])]:
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": at[0], "y": at[1]}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    settled(page)
    assert drawing(page).startswith(f"{before};p") and page.evaluate("scrollY") == scrolled


def test_a_photograph_becomes_an_outline(visit: Visit, tmp_path: Path):
    page = start(visit)
    photo = np.full((90, 120, 3), 230, np.uint8)
    photo[20:70, 30:90] = (30, 90, 160)
    Image.fromarray(photo).save(tmp_path / "photo.jpg")
    picture = painted(page)
    page.locator("#tr-easel input[type=file]").set_input_files(tmp_path / "photo.jpg")
    page.wait_for_function("(old) => document.querySelector('.tr-painted img').src !== old", arg=picture)
    settled(page)
    assert drawing(page).startswith("i")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    page.locator("#tr-easel input[type=file]").set_input_files(tmp_path / "bad.png")
    expect(page.locator("#tr-caption .gl-status")).to_be_visible()
    assert drawing(page).startswith("i")


def test_house_fronts_are_built_from_boxes(visit: Visit):
    page = start(visit)
    page.get_by_text(says("en", "task.facade")).click()
    page.locator('#tr-easel[data-filled="facade"], #tr-easel [data-filled="facade"]').first.wait_for(state="attached")
    settled(page)
    picture = painted(page)
    button(page, says("en", "label.door")).click()
    drag(page, (0.1, 0.6), (0.3, 0.95))
    page.wait_for_function("(old) => document.querySelector('.tr-painted img').src !== old", arg=picture)
    settled(page)
    assert re.search(r";bD.{4}$", drawing(page, "facade"))
    assert drawing(page, "outline") == _examples.OUTLINES["apple"]


def test_the_code_by_pad_slider_and_answer(visit: Visit):
    page = start(visit)
    pad = page.locator(".tr-pad")
    pad.scroll_into_view_if_needed()
    one = page.locator(".tr-one img")
    before = one.get_attribute("src")
    box = pad.bounding_box()
    page.mouse.click(box["x"] + 0.9 * box["width"], box["y"] + 0.9 * box["height"])
    page.wait_for_function("(old) => document.querySelector('.tr-one img').src !== old", arg=before)
    settled(page)
    moved = page.evaluate("genlabCode.z()")
    pad.press("ArrowUp")
    settled(page)
    assert page.evaluate("genlabCode.z()") != moved
    by_hand = one.get_attribute("src")
    page.locator(".tr-answers button").nth(3).click()
    page.wait_for_function("(old) => document.querySelector('.tr-one img').src !== old", arg=by_hand)
    expected = [round(float(value), 2) for value in draw_codes(8, 8, 7)[3]]
    assert [float(v) for v in page.evaluate("genlabCode.z()").split(",")] == pytest.approx(expected, abs=0.0051)


def test_a_link_brings_drawing_and_code_back(visit: Visit):
    outline = "pKKoo;pKooK"
    page = start(visit, f"outline={outline}&z=1.00,0.00,0.00,0.00,0.00,0.00,0.00,-1.00", lang="pt")
    assert drawing(page) == outline
    assert page.evaluate("genlabCode.z()") == "1,0,0,0,0,0,0,-1"
    again = start(visit, "outline=<script>&task=x")
    assert drawing(again) == _examples.OUTLINES["apple"]


@pytest.mark.parametrize("lang", ["pt", "en"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_everyone_can_read_it_at_any_size(visit: Visit, lang: str, dark: bool):
    page = start(visit, lang=lang, dark=dark)
    for name in TABS:
        page.locator(".tr-inner").get_by_role("tab", name=says(lang, name), exact=True).click()
        settled(page)
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(300)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate(OUTSIDE) == [], f"{name} sticks out at {width} px"
            assert [node for node in page.evaluate(NAMELESS) if "<canvas" not in node] == []
            assert page.locator(".tr-drawn canvas[role=application]").get_attribute("aria-label")
            assert serious(page) == {}
