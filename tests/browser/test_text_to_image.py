"""The prompt-to-image tab in a real browser: type, draw, stop, switch language, follow a link, scrub, read it."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from demos import _i18n, open_set, text_to_image
from tests.browser.conftest import Visit
from tests.browser.serving import filled, settled
from tests.browser.test_page import NAMELESS, OUTSIDE, SIZES, serious


def says(lang: str, key: str, **values: object) -> str:
    return _i18n.fill(lang, text_to_image.TEXT[lang][key], **values)


def start(visit: Visit, query: str = "", **options: object) -> Page:
    return visit(query, topic="text_to_image", **options)


def picture(page: Page) -> Locator:
    return page.locator("#ti-picture img").first


def prompt(page: Page) -> Locator:
    return page.locator("#ti-prompt textarea, #ti-prompt input")


def inner(page: Page, name: str) -> None:
    page.locator(".ti-inner").first.get_by_role("tab", name=name, exact=True).click()
    settled(page)


def test_the_picture_follows_the_typing(visit: Visit):
    page = start(visit)
    assert prompt(page).input_value() == says("en", "examples").split("|")[0]
    before = picture(page).get_attribute("src")
    prompt(page).fill("quantum field theory")  # as pasting does: no key is pressed
    expect(picture(page)).not_to_have_attribute("src", before)
    expect(picture(page)).to_have_attribute("alt", says("en", "picture_alt", prompt="quantum field theory"))
    expect(page.locator(".ti-hint")).to_contain_text(says("en", "far"))
    before = picture(page).get_attribute("src")
    page.locator(".ti-hint .ti-chip").first.click()
    expect(picture(page)).not_to_have_attribute("src", before)
    expect(page.locator(".ti-hint")).to_have_text("")
    prompt(page).fill("")
    expect(page.locator(".ti-hint")).to_have_text(says("en", "empty"))


def test_a_drawing_is_stopped(visit: Visit):
    page = start(visit, "steps=50&count=8&scheduler=heun")
    before = picture(page).get_attribute("src")
    status = page.locator(".gl-text_to_image .gl-try .gl-status").first
    page.get_by_role("button", name=says("en", "draw"), exact=True).click()
    expect(picture(page)).not_to_have_attribute("src", before)
    page.locator(".gl-try").get_by_role("button", name=_i18n.say("en", "stop"), exact=True).click()
    expect(status).to_have_text(_i18n.say("en", "stopped"))
    settled(page)
    expect(status).to_have_text(_i18n.say("en", "stopped"))
    assert re.search(says("en", "forming", i=r"\d+", n=99), page.locator("#ti-picture").inner_text())


def test_switching_language_keeps_the_picture(visit: Visit):
    page = start(visit, lang="pt")
    prompt(page).fill("sapo verde")
    expect(picture(page)).to_have_attribute("alt", says("pt", "picture_alt", prompt="sapo verde"))
    settled(page)
    before = picture(page).get_attribute("src")
    page.get_by_role("radio", name="English").check()
    settled(page)
    assert picture(page).get_attribute("src") == before and prompt(page).input_value() == "sapo verde"
    expect(picture(page)).to_have_attribute("alt", says("en", "picture_alt", prompt="sapo verde"))
    for name in (says("en", "tab_guidance"), says("en", "tab_limits"), open_set.TEXT["en"]["tab"]):
        expect(page.get_by_role("tab", name=name, exact=True)).to_be_visible()
    expect(page.locator("#ti-steps")).to_contain_text(says("en", "steps_x0"))


def test_a_link_makes_the_same_drawing_in_a_fresh_profile(visit: Visit):
    page = start(visit, "prompt=red+apple&steps=6&guidance=2&scheduler=heun&count=2&seed=11&style=noto", lang="pt")
    page.get_by_role("button", name=says("pt", "draw"), exact=True).click()
    expect(page.locator(".gl-try .gl-status").first).to_have_text(re.compile("^Concluído"))
    settled(page)
    page.get_by_role("button", name=_i18n.say("pt", "share")).click()
    expect(page.locator(".gl-toast")).to_be_visible()
    link = urlsplit(page.url).query
    asked = parse_qs(link)
    assert asked["made"] == ["full"] and asked["scheduler"] == ["heun"] and asked["prompt"] == ["red apple"]
    other = start(visit, "?" + link, lang="en")
    asked = []
    other.on("request", lambda request: asked.append(request.url) if "/queue/" in request.url else None)
    other.reload()
    filled(other, text_to_image.ID)
    assert not asked, "a link's values open no stream of the queue's"
    drawn = [one.locator("#ti-picture img") for one in (page, other)]
    expect(drawn[1]).to_have_count(2)
    addresses = [[image.get_attribute("src") for image in images.all()] for images in drawn]
    assert addresses[0] == addresses[1]


def test_scrubbing_goes_through_every_view(visit: Visit):
    page = start(visit)
    chosen = page.locator("#ti-steps .ti-chosen")
    last = page.locator("#ti-steps figure img").nth(1).get_attribute("src")
    slider = page.locator("#ti-steps [data-step]")
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    expect(chosen).to_have_attribute("data-i", str(int(slider.get_attribute("max")) - 3))
    expect(page.locator("#ti-steps figure img").nth(1)).not_to_have_attribute("src", last)
    page.locator("#ti-steps [data-i='2']").click()
    expect(chosen).to_have_attribute("data-i", "2")
    page.locator("#ti-steps [data-play]").click()
    expect(chosen).to_have_attribute("data-i", slider.get_attribute("max"))
    inner(page, says("en", "tab_words"))
    expect(page.locator("#ti-words .ti-word")).to_have_count(2)
    opacity = page.locator("#ti-words rect").evaluate_all("all => all.map((one) => one.getAttribute('fill-opacity'))")
    assert len(set(opacity)) > 4


def test_steps_are_taken_away_as_files(visit: Visit):
    page = start(visit)
    for kind, suffix in (("strip", ".png"), ("gif", ".gif")):
        with page.expect_download() as download:
            page.get_by_role("button", name=says("en", f"save_{kind}")).click()
        assert download.value.suggested_filename.endswith(suffix)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_everyone_can_read_it_at_any_size(visit: Visit, dark: bool):
    page = start(visit, lang="en" if dark else "pt", dark=dark)
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        for name in text_to_image.VIEWS:
            inner(page, says("en" if dark else "pt", f"tab_{name}"))
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate(OUTSIDE) == [], f"{name} sticks out at {width} px"
            assert page.evaluate(NAMELESS) == []
        assert serious(page) == {}


def test_presenting_shows_the_picture_whole(visit: Visit):
    page = start(visit, "present=1", lang="pt")
    expect(picture(page)).to_be_in_viewport(ratio=0.99)
    expect(prompt(page)).to_be_in_viewport(ratio=0.99)
    page.keyboard.press("ArrowRight")
    expect(page.locator(".gl-text_to_image .gl-try")).to_be_hidden()
    page.keyboard.press("ArrowLeft")
    expect(picture(page)).to_be_visible()
