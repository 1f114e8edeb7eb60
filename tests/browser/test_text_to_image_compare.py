"""The comparisons of the prompt-to-image tab in a browser: divided frame, grid and its stop, walk, edit."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from demos import _i18n, text_to_image
from tests.browser.conftest import Visit
from tests.browser.serving import settled

STOP_AT_THE_FIRST_PICTURE = """([run, stop]) => new Promise((done) => {
  const watch = new MutationObserver(() => {
    if (!document.querySelector("#ti-grid td img")) return;
    watch.disconnect();
    stop.click();
    done();
  });
  watch.observe(document.body, { childList: true, subtree: true });
  run.click();
})"""


def says(lang: str, key: str, **values: object) -> str:
    return _i18n.fill(lang, text_to_image.TEXT[lang][key], **values)


def compare(visit: Visit, lang: str, query: str = "", **options: object) -> Page:
    """The page with the comparison of A and B drawn, as it is when its tab opens."""
    page = visit(f"?tab=text_to_image{query}", lang=lang, topic="text_to_image", **options)
    page.get_by_role("tab", name=says(lang, "tab_compare"), exact=True).click()
    page.locator("#ti-ab .ti-wipe").wait_for()
    settled(page)
    return page


def part(page: Page, lang: str, name: str, button: str) -> None:
    """Open one of the comparisons and start it."""
    page.get_by_role("tab", name=says(lang, f"compare.{name}"), exact=True).click()
    page.get_by_role("button", name=says(lang, f"compare.{button}"), exact=True).click()


@pytest.mark.parametrize(("lang", "width", "dark"), [("pt", 1280, False), ("en", 360, True)])
def test_a_and_b_are_divided_by_drag_and_by_key(visit: Visit, lang: str, width: int, dark: bool):
    page = compare(visit, lang, width=width, height=740, dark=dark)
    frame = page.locator("#ti-ab .ti-wipe")
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 20, steps=4)
    page.mouse.up()
    slider = page.get_by_label(says(lang, "compare.wipe_label"))
    assert abs(int(slider.input_value()) - 25) <= 1
    shares = [int(slider.input_value())]
    for key in ("ArrowRight", "ArrowRight", "Home"):
        slider.press(key)
        shares.append(int(slider.input_value()))
        assert frame.evaluate("frame => frame.style.getPropertyValue('--at')") == f"{shares[-1]}%"
    assert shares[1:] == [shares[0] + 1, shares[0] + 2, 0]
    clip = frame.locator("img").nth(1).evaluate("image => getComputedStyle(image).clipPath")
    assert clip == "inset(0px 0px 0px 0%)"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert Axe().run(page, context="#ti-ab").violations_count == 0


def test_the_grid_stops_and_the_walk_plays_and_is_saved(visit: Visit):
    page = compare(visit, "en", "&steps=2&scheduler=heun&cmp_walk=seeds&cmp_frames=8")
    page.get_by_role("tab", name=says("en", "compare.grid"), exact=True).click()
    own = page.locator(".ti-inner .ti-inner")  # Try and Measure have buttons of that name too
    run = page.get_by_role("button", name=says("en", "compare.grid_run"), exact=True).element_handle()
    stop = own.get_by_role("button", name=_i18n.say("en", "stop"), exact=True).locator("visible=true").element_handle()
    page.evaluate(STOP_AT_THE_FIRST_PICTURE, [run, stop])
    expect(own.locator(".gl-status").locator("visible=true")).to_have_text(_i18n.say("en", "stopped"))
    settled(page)
    drawn = page.locator("#ti-grid td img").count()
    assert 0 < drawn < 20
    page.wait_for_timeout(1000)
    assert page.locator("#ti-grid td img").count() == drawn
    part(page, "en", "walk", "walk_run")
    image = page.locator("#ti-walk .ti-player img")
    expect(image).to_have_attribute("alt", re.compile("Frame 1 of 8 .*seed 7 .*seed 8"))
    play = page.get_by_role("button", name=says("en", "compare.walk_play"))
    expect(play).to_have_attribute("aria-pressed", "false")  # this browser asks for reduced motion
    play.press("Enter")
    expect(image).to_have_attribute("alt", re.compile("Frame 3 of 8"))
    play.press("Enter")
    page.get_by_label(says("en", "compare.walk_frame"), exact=True).press("End")
    expect(image).to_have_attribute("alt", re.compile("Frame 8 of 8"))
    with page.expect_download() as download:
        page.get_by_role("link", name=says("en", "compare.walk_gif")).click()
    assert download.value.path().read_bytes().startswith(b"GIF89a")


def test_editing_a_word_and_an_empty_word_say_what_they_do(visit: Visit):
    page = compare(visit, "pt", "&prompt=gato&steps=3&cmp_edit=cachorro&cmp_word=carro")
    part(page, "pt", "edit", "edit_run")
    for key, prompt in (("original", "gato"), ("swapped", "cachorro"), ("plain", "cachorro")):
        label = says("pt", f"compare.edit_{key}", prompt=prompt)
        expect(page.get_by_role("img", name=label)).to_be_visible()
    page.locator("#ti-edit .ti-below").wait_for()
    page.get_by_role("button", name=says("pt", "compare.weigh_run"), exact=True).click()
    expect(page.get_by_text(_i18n.say("pt", "error.choice", value="carro", name="word"))).to_be_visible()
