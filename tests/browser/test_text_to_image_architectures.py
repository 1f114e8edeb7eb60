"""The architectures, the gallery and the limits in a real browser: press, run, search, click, compare."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from demos import text_to_image
from tests.browser.conftest import Visit
from tests.browser.serving import settled

PHONE = {"width": 360, "height": 740}


def says(lang: str, key: str) -> str:
    return text_to_image.TEXT[lang][key]


def opened(visit: Visit, tab: str, lang: str = "en", **options: object) -> Page:
    page = visit("?tab=text_to_image", lang=lang, topic="text_to_image", **options)
    page.get_by_role("tab", name=says(lang, f"tab_{tab}")).click()
    return page


def test_blocks_are_pressed_by_mouse_and_by_keyboard(visit: Visit):
    page = opened(visit, "architectures")
    block = page.locator(".ti-lying g[data-block]")
    expect(page.locator(".ti-lying g[aria-pressed=true]")).to_have_attribute("data-block", "denoiser")
    block.nth(1).click()
    expect(block.nth(1)).to_have_attribute("aria-pressed", "true")
    expect(page.locator("[data-panel=text]")).to_be_visible()
    expect(page.locator("[data-panel=denoiser]")).to_be_hidden()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.locator("[data-panel=noise]")).to_be_visible()
    expect(page.locator(".ti-lying g[aria-pressed=true]")).to_have_count(1)


def test_a_run_lights_the_blocks_and_shows_each_result(visit: Visit):
    page = opened(visit, "architectures", "pt")
    page.get_by_role("button", name=says("pt", "arch.run")).click()
    expect(page.locator(".ti-results[data-show=picture]")).to_be_attached()
    expect(page.locator("#arch-results [data-result=picture] img")).to_be_visible()
    assert page.locator(".ti-lying image[data-thumb=denoiser]").get_attribute("href").startswith("data:image/png")
    page.locator(".ti-lying g[data-block=denoiser]").click()
    expect(page.locator(".ti-strip-two img").first).to_be_visible()
    expect(page.locator("#arch-results [data-result=picture]")).to_be_hidden()


def test_the_drawing_stands_on_a_phone(visit: Visit):
    page = opened(visit, "architectures", **PHONE)
    expect(page.locator(".ti-standing")).to_be_visible()
    expect(page.locator(".ti-lying")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_gallery_is_searched_without_accents_and_fills_the_prompt(visit: Visit):
    page = opened(visit, "gallery", "pt")
    buttons = page.locator("#ti-gallery section button:visible")
    every = buttons.count()
    page.locator("#ti-gallery input").fill("cao-guia")
    wanted = buttons.filter(has_text="cão-guia")
    expect(wanted).to_have_count(1)
    assert every > 900 and buttons.count() < 5
    wanted.click()
    expect(page.locator("#ti-prompt textarea, #ti-prompt input").first).to_have_value("cão-guia")
    page.locator("#ti-gallery input").fill("zzzz")
    expect(page.locator("#ti-gallery .ti-none")).to_be_visible()
    settled(page)


@pytest.mark.parametrize("lang", ["pt", "en"])
def test_a_pair_of_phrases_is_compared(visit: Visit, lang: str):
    page = opened(visit, "limits", lang)
    chip = page.locator(".ti-chip[data-second]").first
    chip.click()
    expect(page.locator("#limits-space .ti-letter")).to_have_text(["A", "B"])
    expect(page.locator("#limits-space .ti-lists h4").nth(1)).to_contain_text(chip.get_attribute("data-second"))
    settled(page)
