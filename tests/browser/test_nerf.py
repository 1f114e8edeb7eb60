"""The viewpoint tab in a real browser, with WebGL2 by software: drag, slide, click a pixel, train and stop, a link."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Request, expect

from demos import _i18n, nerf
from tests.browser import serving
from tests.browser.conftest import Visit
from tests.browser.serving import settled
from tests.browser.test_page import NAMELESS, OUTSIDE, SIZES, serious

LANGS = ["pt", "en"]
# SwiftShader is the graphics processor of a machine without one.
FLAGS = [flag for flag in serving.FLAGS if flag != "--disable-gpu"]
FLAGS += ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
DRAWN = "() => genlabNerf.read(32).filter((value, i) => i % 4 === 3 && value > 128).length"

AGREED = """() => [...document.querySelectorAll(".gl-nerf .gl-try input[type=number]")]
    .every((slider, i) => +slider.value === genlabNerf.camera()[i])"""


@pytest.fixture(scope="module")
def browser(browser: Browser) -> Iterator[Browser]:
    """A browser with WebGL2."""
    found = browser.browser_type.launch(executable_path=shutil.which("chromium"), args=FLAGS)
    yield found
    found.close()


@pytest.fixture
def blind(browser: Browser) -> Iterator[Browser]:
    """A browser without WebGL2."""
    found = browser.browser_type.launch(
        executable_path=shutil.which("chromium"), args=[*serving.FLAGS, "--disable-3d-apis"]
    )
    yield found
    found.close()


def says(lang: str, key: str, **values: object) -> str:
    return _i18n.fill(lang, nerf.TEXT[lang][key], **values)


def start(visit: Visit, query: str = "", **options: object) -> Page:
    """The tab, its scene drawn."""
    page = visit(query, topic="nerf", **options)
    page.locator("#nf-viewer .nv-stage[data-volume]").wait_for()
    page.wait_for_function(DRAWN)
    settled(page)
    return page


def stage(page: Page) -> Locator:
    found = page.locator("#nf-viewer .nv-stage")
    found.scroll_into_view_if_needed()
    return found


def sliders(page: Page) -> list[float]:
    """Azimuth, elevation and distance as the sliders have them."""
    return [float(one.input_value()) for one in page.locator(".gl-nerf .gl-try input[type=number]").all()]


def camera(page: Page) -> list[float]:
    return page.evaluate("genlabNerf.camera()")


def drag(page: Page, dx: float, dy: float) -> None:
    """Drag from the middle of the viewer by a share of its side."""
    box = stage(page).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx * box["width"], y + dy * box["height"], steps=6)
    page.mouse.up()
    agreed(page)


def agreed(page: Page) -> None:
    """Wait until the sliders say what the viewer shows."""
    page.wait_for_function(AGREED)
    settled(page)


def click(page: Page, u: float, v: float) -> None:
    """Click the viewer at a share of its side, and wait for the ray of that pixel."""
    box = stage(page).bounding_box()
    page.mouse.click(box["x"] + u * box["width"], box["y"] + v * box["height"])
    expect(page.locator("#nf-ray .nf-says b")).to_have_text(re.compile(rf"{100 * u:.0f} %, {100 * v:.0f} %"))
    settled(page)


def inner(page: Page, name: str) -> None:
    page.locator(".nf-inner").get_by_role("tab", name=name, exact=True).click()
    settled(page)


def button(page: Page, name: str) -> Locator:
    return page.locator(".nf-inner").get_by_role("button", name=name, exact=True).locator("visible=true")


def test_the_sliders_follow_the_hand_and_the_hand_the_sliders(visit: Visit):
    page = start(visit)
    assert sliders(page) == [30, 25, 4] == camera(page)
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request) if "/gradio_api/" in request.url else None)
    drag(page, 0.2, 0.1)
    azimuth, elevation, distance = camera(page)
    assert azimuth == pytest.approx(30 - 180 * 0.2, abs=2) and elevation == pytest.approx(25 + 18, abs=2)
    assert sliders(page) == [azimuth, elevation, distance]
    slider = page.get_by_label(says("en", "azimuth")).locator("visible=true").last
    slider.focus()
    for _ in range(5):
        slider.press("ArrowRight")
    agreed(page)
    assert sliders(page)[0] == azimuth + 5 == camera(page)[0]
    assert not asked  # all of that is the browser's own


def test_depth_and_normals_are_other_pictures(visit: Visit):
    page = start(visit)
    pictures = [np.array(page.evaluate("() => [...genlabNerf.read(64)]"))]
    for view in ("depth", "normals"):
        page.get_by_role("radio", name=says("en", f"view.{view}")).check()
        page.wait_for_timeout(500)
        pictures.append(np.array(page.evaluate("() => [...genlabNerf.read(64)]")))
    for i, one in enumerate(pictures):
        assert all(np.abs(one - other).mean() > 4 for other in pictures[:i])
        np.testing.assert_allclose(one[3::4], pictures[0][3::4], atol=3)  # the same shape


def test_a_clicked_pixel_shows_its_ray(visit: Visit):
    page = start(visit)
    first = page.locator("#nf-ray .nf-says").inner_text()
    assert says("en", "ray_pixel", u=50, v=50) in first
    click(page, 0.45, 0.6)
    expect(page.locator("#nf-ray .nf-says")).to_contain_text(says("en", "ray_pixel", u=45, v=60))
    assert page.locator("#nf-ray svg").count() == 5
    click(page, 0.02, 0.02)
    expect(page.locator("#nf-ray .nf-says")).to_contain_text("background")


def test_the_servers_processor_draws_when_asked(visit: Visit):
    page = start(visit, lang="pt")
    image = page.locator("#nf-viewer .nv-image")
    expect(image).to_be_hidden()
    page.get_by_role("radio", name=says("pt", "renderer.cpu")).check()
    expect(page.locator("#nf-caption")).to_contain_text(re.compile(r"200 × 200 .* \d+ ms"))
    expect(image).to_be_visible()
    before = image.get_attribute("src")
    drag(page, 0.15, 0)
    expect(image).not_to_have_attribute("src", before)
    page.get_by_role("radio", name=says("pt", "renderer.browser")).check()
    expect(image).to_be_hidden()
    assert page.evaluate(DRAWN) > 20


def test_without_webgl_the_server_draws_by_itself(address: str, blind: Browser):
    page = serving.new_page(blind, "en")
    page.goto(f"{address}/?tab=nerf&azimuth=100")
    image = page.locator("#nf-viewer .nv-image")
    expect(image).to_be_visible()
    expect(page.get_by_role("radio", name=says("en", "renderer.cpu"))).to_be_checked()
    page.wait_for_function("genlabNerf.camera()[0] === 100")  # as the link says
    settled(page)
    before = image.get_attribute("src")
    drag(page, 0.15, 0)
    expect(image).not_to_have_attribute("src", before)
    assert sliders(page)[0] == pytest.approx(100 - 27, abs=2)
    page.context.close()


def test_the_cameras_stand_round_the_scene(visit: Visit):
    page = start(visit)
    inner(page, says("en", "tab_cameras"))
    you = page.locator("#nf-plan .nf-you")
    expect(you).to_have_attribute("transform", re.compile(r"rotate\(-30\)"))
    assert page.locator("#nf-plan .nf-thumbs img").count() == 12
    drag(page, 0.25, 0)
    turned = camera(page)[0]
    expect(you).to_have_attribute("transform", re.compile(rf"rotate\({-turned:g}\)"))
    page.get_by_role("checkbox", name=says("en", "cameras")).check()
    page.wait_for_function("genlabNerf.memory.cameras && genlabNerf.memory.camera[2] > 9")


def test_training_is_stopped_kept_continued_and_dropped(visit: Visit):
    page = start(visit)
    inner(page, says("en", "tab_train"))
    line = page.locator("#nf-train .nf-says")
    counted = re.compile(r"(\d+) steps")
    button(page, says("en", "train_start")).click()
    expect(line).to_contain_text(counted)
    page.wait_for_function("() => +document.querySelector('#nf-train .nf-says').innerText.match(/(\\d+) steps/)[1] > 2")
    button(page, _i18n.say("en", "stop")).click()
    expect(page.locator(".nf-inner .gl-status").locator("visible=true")).to_have_text(_i18n.say("en", "stopped"))
    settled(page)
    kept = int(counted.search(line.inner_text())[1])
    assert kept > 2
    button(page, says("en", "train_start")).click()
    page.wait_for_function(
        "(kept) => +document.querySelector('#nf-train .nf-says').innerText.match(/(\\d+) steps/)[1] > kept", arg=kept
    )
    button(page, says("en", "train_show")).click()
    page.locator('#nf-viewer .nv-stage[data-volume^="tea-40-"]').wait_for()
    expect(page.locator("#nf-caption")).to_contain_text(says("en", "train_shown"))
    button(page, says("en", "train_reset")).click()
    expect(line).to_have_text(says("en", "train_idle"))


def test_the_warm_up_sharpens(visit: Visit):
    page = start(visit, lang="pt")
    inner(page, says("pt", "tab_fourier"))
    assert page.locator("#nf-fourier img").count() == 4
    button(page, says("pt", "fourier_start")).click()
    expect(page.locator("#nf-fourier figcaption").nth(2)).to_contain_text("dB")
    button(page, _i18n.say("pt", "stop")).click()
    settled(page)
    assert page.locator("#nf-fourier svg polyline").count() == 3


def test_the_saved_picture_shows_the_scene(visit: Visit):
    page = start(visit)
    with page.expect_download() as download:
        page.get_by_role("button", name=_i18n.say("en", "save")).click()
    with Image.open(download.value.path()) as picture:
        colors = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    assert len(np.unique(colors, axis=0)) > 2000, "the canvas of WebGL is in it"


def test_a_turn_is_downloaded(visit: Visit):
    page = start(visit)
    page.get_by_role("button", name=says("en", "turn_start")).click()
    link = page.locator("#nf-film a").first
    link.wait_for()
    with page.expect_download() as download:
        link.click()
    assert download.value.path().read_bytes().startswith(b"GIF89a")


def test_a_link_restores_everything(visit: Visit):
    page = start(visit, lang="pt")
    drag(page, -0.3, 0.1)
    click(page, 0.4, 0.55)
    page.get_by_role("radio", name=says("pt", "view.normals")).check()
    page.get_by_role("checkbox", name=says("pt", "cameras")).check()
    page.locator(".gl-actions").get_by_role("button", name=_i18n.say("pt", "share")).click()
    page.wait_for_url("**/*pixel=*")
    query = urlsplit(page.url).query
    assert {"scene", "azimuth", "elevation", "distance", "view", "pixel", "cameras", "views"} <= parse_qs(query).keys()
    wanted, ray = sliders(page), page.locator("#nf-ray .nf-says").inner_text()
    other = start(visit, f"?{query}", lang="pt")
    assert sliders(other) == wanted
    expect(other.get_by_role("radio", name=says("pt", "view.normals"))).to_be_checked()
    expect(other.locator("#nf-ray .nf-says")).to_have_text(ray)
    other.wait_for_function("genlabNerf.memory.view === 'normals' && genlabNerf.memory.cameras")
    assert camera(other)[:2] == wanted[:2]


def test_the_question_is_answered_after_a_guess(visit: Visit):
    page = start(visit, lang="pt")
    page.get_by_role("radio", name=says("pt", "guess.same")).check()
    expect(page.locator("#nf-answer strong").first).to_contain_text("dB")


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_everyone_can_read_it_at_any_size(visit: Visit, lang: str, dark: bool):
    page = start(visit, lang=lang, dark=dark)
    page.get_by_role("radio", name=says(lang, "guess.same")).check()
    expect(page.locator("#nf-answer strong").first).to_contain_text("dB")
    for name in ("tab_ray", "tab_cameras", "tab_train", "tab_fourier"):
        inner(page, says(lang, name))
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(300)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate(OUTSIDE) == [], f"{name} sticks out at {width} px"
            # The stage is one picture with one name; the canvases inside it have none of their own.
            assert [node for node in page.evaluate(NAMELESS) if 'class="nv-' not in node] == []
            assert page.locator("#nf-viewer .nv-stage[role=img]").get_attribute("aria-label")
            assert serious(page) == {}
