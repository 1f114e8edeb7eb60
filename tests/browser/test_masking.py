"""The masking tab in a real browser: hide and show by mouse, finger and keyboard, crop, upload, a camera, a link."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Request, expect

from demos import _i18n, masking
from tests.browser import serving
from tests.browser.conftest import Visit
from tests.browser.serving import settled
from tests.browser.test_page import NAMELESS, OUTSIDE, SIZES, serious

LANGS = ["pt", "en"]
TABS = ("tab_attention", "tab_leak", "tab_few", "tab_own")


@pytest.fixture
def filmed(browser: Browser) -> Iterator[Browser]:
    """A browser whose camera sees a test picture."""
    fake = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    found = browser.browser_type.launch(executable_path=shutil.which("chromium"), args=[*serving.FLAGS, *fake])
    yield found
    found.close()


def says(lang: str, key: str, **values: object) -> str:
    return _i18n.fill(lang, masking.TEXT[lang][key], **values)


def start(visit: Visit, query: str = "", **options: object) -> Page:
    page = visit(query, topic="masking", **options)
    page.locator("#mk-caption b").wait_for()
    return page


def hidden(page: Page) -> int:
    """How many patches the caption says are hidden."""
    return int(re.match(r"\d+", page.locator("#mk-caption b").inner_text())[0])


def mask(page: Page) -> str:
    return page.evaluate("genlabMasking.mask()")


def agreed(page: Page) -> None:
    """Wait until the caption is about the mask on the board."""
    page.wait_for_function("""() => parseInt(document.querySelector("#mk-caption b")?.innerText) ===
        [...BigInt(`0x${genlabMasking.mask()}`).toString(2)].filter((bit) => bit === "1").length""")
    settled(page)


def source(page: Page, panel: str) -> str:
    return page.locator(f'#mk-board img[data-panel="{panel}"]').get_attribute("src")


def places(page: Page, *patches: tuple[int, int], side: int = 8) -> list[tuple[float, float]]:
    """Where the middles of patches (column, row) lie on the page."""
    canvas = page.locator(".mk-mask")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    size = box["width"] / side
    return [(box["x"] + (column + 0.5) * size, box["y"] + (row + 0.5) * size) for column, row in patches]


def drag(page: Page, *patches: tuple[int, int]) -> None:
    first, *rest = places(page, *patches)
    page.mouse.move(*first)
    page.mouse.down()
    for point in rest:
        page.mouse.move(*point, steps=4)
    page.mouse.up()


def inner(page: Page, name: str) -> None:
    page.locator(".mk-inner").get_by_role("tab", name=name, exact=True).click()
    settled(page)


def button(page: Page, name: str) -> Locator:
    return page.locator(".gl-masking").get_by_role("button", name=name, exact=True).locator("visible=true")


def picture(path: Path, width: int = 90, height: int = 60, color: tuple[int, int, int] = (30, 160, 70)) -> Path:
    noise = np.random.default_rng(width).integers(-25, 25, (height, width, 3))
    Image.fromarray((np.array(color) + noise).clip(0, 255).astype(np.uint8)).save(path)
    return path


def give(page: Page, host: str, *files: Path) -> None:
    """Choose files, and wait until the server has them."""
    with page.expect_response(lambda answer: "/gradio_api/" in answer.url):
        page.locator(f"{host} input[type=file]").set_input_files(files)
    settled(page)


def test_the_reconstruction_follows_the_mouse(visit: Visit):
    page = start(visit)
    agreed(page)
    assert hidden(page) == 48
    before, rebuilt = mask(page), source(page, "reconstruction")
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request) if "/gradio_api/run/" in request.url else None)
    drag(page, (0, 0), (7, 7))  # across the diagonal, as the first patch goes
    agreed(page)
    bits = f"{int(mask(page), 16):064b}"
    assert {bits[9 * i] for i in range(8)} == {"0" if f"{int(before, 16):064b}"[0] == "1" else "1"}
    assert source(page, "reconstruction") != rebuilt
    assert 1 < len(asked) < 30
    button(page, says("en", "redraw")).click()
    page.wait_for_function("(before) => genlabMasking.mask() === before", arg=before)
    agreed(page)


def test_many_strokes_do_not_pile_up_and_the_last_one_wins(visit: Visit):
    page = start(visit)
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request) if "/gradio_api/run/" in request.url else None)
    page.evaluate("""() => {
      const canvas = document.querySelector(".mk-mask"), box = canvas.getBoundingClientRect();
      const fire = (kind, i) => canvas.dispatchEvent(new PointerEvent(kind, { pointerId: 1, bubbles: true,
        clientX: box.x + (i % 8 + 0.5) * box.width / 8, clientY: box.y + (Math.floor(i / 8) + 0.5) * box.height / 8 }));
      canvas.setPointerCapture = () => {};
      for (let i = 0; i < 64; i++) { fire("pointerdown", i); fire("pointerup", i); }
    }""")
    agreed(page)
    assert hidden(page) == 16 and len(asked) < 20


def test_by_keyboard(visit: Visit):
    page = start(visit, lang="pt")
    page.locator(".mk-mask").focus()
    before = f"{int(mask(page), 16):064b}"
    for key in ("ArrowRight", "ArrowDown", "Space"):
        page.keyboard.press(key)
    agreed(page)
    after = f"{int(mask(page), 16):064b}"
    assert [i for i in range(64) if before[i] != after[i]] == [9]
    what = says("pt", "hidden" if after[9] == "1" else "visible")
    expect(page.locator(".mk-live")).to_have_text(
        _i18n.fill("pt", masking.TEXT["pt"]["board.at"], row=2, column=2, what=what)
    )
    page.keyboard.press("Enter")
    expect(page.locator("#mk-attention .mk-says").first).to_contain_text(re.compile("Linha 2, coluna 2"))


def test_by_finger(visit: Visit):
    page = start(visit, width=360, height=740, touch=True)
    before = hidden(page)
    touch = page.context.new_cdp_session(page)
    points = places(page, (0, 3), (3, 3), (7, 3))
    scrolled = page.evaluate("scrollY")
    for kind, at in [("touchStart", points[0]), *(("touchMove", at) for at in points[1:])]:
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": at[0], "y": at[1]}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    agreed(page)
    row = f"{int(mask(page), 16):064b}"[24:32]
    assert row in ("00000000", "11111111") and hidden(page) != before
    assert page.evaluate("scrollY") == scrolled


def test_a_clicked_patch_shows_where_it_looks(visit: Visit):
    page = start(visit)
    page.locator(".mk-clickable").scroll_into_view_if_needed()
    box = page.locator(".mk-clickable").bounding_box()
    page.mouse.click(box["x"] + 5.5 / 8 * box["width"], box["y"] + 2.5 / 8 * box["height"])
    line = page.locator("#mk-attention .mk-says").first
    expect(line).to_contain_text("Row 3, column 6")
    first = line.inner_text()
    slider = page.locator(".mk-inner input[type=number]").locator("visible=true").first
    slider.fill("2")
    slider.press("Enter")
    expect(line).to_contain_text(says("en", "attention.layer", i=2))
    settled(page)
    drag(page, (5, 1), (6, 1))
    settled(page)
    assert line.inner_text() != first and "Row 3, column 6" in line.inner_text()


def test_nothing_leaks(visit: Visit):
    page = start(visit, lang="pt")
    inner(page, says("pt", "tab_leak"))
    button(page, says("pt", "leak.button")).click()
    verdicts = page.locator("#mk-leak .mk-verdict")
    expect(verdicts.nth(1)).to_have_text(says("pt", "leak.same", count=0, total=48 * 64 * 3))
    expect(verdicts.nth(2)).not_to_contain_text("Nada vaza")


def test_photographs_frames_and_sliders(visit: Visit):
    page = start(visit)
    page.get_by_role("button", name=says("en", "photo.rocket")).click()
    expect(page.locator("#mk-caption")).to_contain_text("427 × 427")
    settled(page)
    frame = page.locator(".mk-frame")
    frame.scroll_into_view_if_needed()
    original, box = source(page, "original"), frame.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 20, steps=5)
    page.mouse.up()
    settled(page)
    assert frame.bounding_box()["x"] > box["x"] + 20 and source(page, "original") != original
    assert page.evaluate("genlabMasking.crop()").startswith("1,")
    frame.press("-")
    settled(page)
    expect(page.locator("#mk-caption")).to_contain_text("388 × 388")
    which = page.locator(".gl-masking .gl-try")
    which.get_by_role("radio", name=says("en", "strategy.grid")).check()
    page.wait_for_function("/^(ff(aa|55)){4}$|^((aa|55)ff){4}$/.test(genlabMasking.mask())")
    agreed(page)
    number = page.locator(".gl-masking .gl-controls input[type=number]").first
    number.fill("25")
    number.press("Enter")
    expect(page.locator("#mk-caption b")).to_contain_text("16 of 64")
    before = mask(page)
    which.get_by_role("radio", name=says("en", "strategy.random")).check()
    page.get_by_role("button", name=_i18n.say("en", "dice")).click()
    page.wait_for_function("(before) => genlabMasking.mask() !== before", arg=before)
    agreed(page)
    assert hidden(page) == 16


def test_a_visitors_own_picture(visit: Visit, tmp_path: Path):
    page = start(visit, lang="pt")
    give(page, "#mk-source", picture(tmp_path / "mine.png", 300, 120))
    expect(page.locator("#mk-caption")).to_contain_text("120 × 120")
    expect(page.locator(".mk-hint")).to_contain_text("300 × 120")
    assert page.locator(".mk-thumbs button").count() == 7
    drag(page, (2, 2), (4, 2))
    agreed(page)
    page.get_by_role("button", name=says("pt", "photo.coffee")).click()
    expect(page.locator("#mk-caption")).to_contain_text("400 × 400")
    page.get_by_role("button", name=says("pt", "photo.own")).click()
    expect(page.locator("#mk-caption")).to_contain_text("120 × 120")
    (tmp_path / "notes.png").write_text("no picture")
    settled(page)
    before = source(page, "original")
    give(page, "#mk-source", tmp_path / "notes.png")
    expect(page.locator("#mk-caption")).to_have_text(_i18n.say("pt", "error.picture_kind"))
    assert source(page, "original") == before


def test_the_camera(address: str, filmed: Browser):
    page = serving.new_page(filmed, "en")
    page.goto(f"{address}/?tab=masking")
    serving.filled(page, "masking")
    host = page.locator("#mk-source")
    host.get_by_role("button", name="Camera").click()
    page.wait_for_function("document.querySelector('#mk-source video').videoWidth > 0")
    before = source(page, "original")
    with page.expect_response(lambda answer: "/gradio_api/" in answer.url):
        host.get_by_role("button", name="Take the picture").click()
    settled(page)
    assert source(page, "original") != before
    expect(host.locator(".gl-camera")).to_be_hidden()
    expect(page.locator(".mk-hint")).to_contain_text("480")
    page.context.close()


def test_own_classes(visit: Visit, tmp_path: Path):
    page = start(visit)
    inner(page, says("en", "tab_own"))
    colors = {"class0": (200, 50, 40), "class1": (40, 60, 200)}
    for name, color in colors.items():
        give(page, f"#mk-{name}", *(picture(tmp_path / f"{name}-{i}.png", 60 + i, 60, color) for i in range(3)))
        expect(page.locator(f"#mk-{name} .mk-shelf img")).to_have_count(3)
    page.get_by_label(says("en", "own.name_B")).fill("blue")
    button(page, says("en", "own.start")).click()
    expect(page.locator("#mk-own-learned")).to_contain_text("blue (3)")
    give(page, "#mk-new", picture(tmp_path / "new.png", 80, 70, colors["class1"]))
    expect(page.locator("#mk-decided .mk-says")).to_contain_text("blue")
    assert page.locator("#mk-decided .mk-bar-row").count() == 2
    button(page, says("en", "own.clear")).click()
    expect(page.locator("#mk-class0 .mk-shelf img")).to_have_count(0)
    give(page, "#mk-new", picture(tmp_path / "new.png"))
    expect(page.locator("#mk-decided")).to_have_text(_i18n.say("en", "error.untrained"))


def test_measuring_is_stopped(visit: Visit):
    page = start(visit)
    section = page.locator(".gl-masking .gl-measure")
    section.get_by_role("button", name=says("en", "measure.button")).click()
    expect(page.locator("#mk-measured svg")).to_have_count(3)
    section.get_by_role("button", name=_i18n.say("en", "stop")).click()
    expect(section.locator(".gl-status")).to_have_text(_i18n.say("en", "stopped"))


def test_a_link_restores_everything(visit: Visit):
    page = start(visit, lang="pt")
    page.get_by_role("button", name=says("pt", "photo.astronaut")).click()
    page.get_by_role("button", name=_i18n.say("pt", "dice")).click()
    settled(page)
    drag(page, (1, 1), (6, 1))
    agreed(page)
    page.locator(".mk-mask").press("Enter")
    expect(page.locator("#mk-attention .mk-says").first).to_contain_text("Linha 2, coluna 2")
    settled(page)
    button(page, _i18n.say("pt", "share")).click()
    page.wait_for_url("**/*patches=*")
    query = urlsplit(page.url).query
    assert {"photo", "crop", "ratio", "strategy", "seed", "model", "patches", "patch"} <= parse_qs(query).keys()
    other = start(visit, f"?{query}", lang="pt")
    agreed(other)
    assert mask(other) == mask(page) and source(other, "reconstruction") == source(page, "reconstruction")
    expect(other.locator("#mk-attention .mk-says").first).to_have_text(
        page.locator("#mk-attention .mk-says").first.inner_text()
    )


def test_switching_language_keeps_the_work(visit: Visit):
    page = start(visit, lang="pt")
    drag(page, (0, 0), (7, 0))
    agreed(page)
    before = mask(page)
    page.get_by_role("radio", name="English").check()
    expect(page.locator("#mk-caption")).to_contain_text("patches hidden")
    agreed(page)
    assert mask(page) == before
    expect(page.locator('figcaption[data-panel="masked"]')).to_have_text(says("en", "panel.masked"))
    expect(page.get_by_role("button", name="Choose a file").first).to_be_visible()


def test_the_saved_picture_says_how_it_was_made(visit: Visit):
    page = start(visit)
    with page.expect_download() as download:
        button(page, _i18n.say("en", "save")).click()
    with Image.open(io.BytesIO(download.value.path().read_bytes())) as saved:
        settings = json.loads(saved.text["parameters"])
        assert settings["seed"] == 7 and settings["ratio"] == 0.75 and settings["photo"] == "chelsea"
        assert saved.text["DigitalSourceType"] == "trainedAlgorithmicMedia"
        colors = np.asarray(saved.convert("RGB")).reshape(-1, 3)
    assert len(np.unique(colors, axis=0)) > 2000


def test_the_question_is_answered_after_a_guess(visit: Visit):
    page = start(visit, lang="pt")
    page.locator(".gl-predict").get_by_role("radio", name=says("pt", "strategy.grid")).check()
    expect(page.locator("#mk-answer strong").first).to_be_visible()


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_everyone_can_read_it_at_any_size(visit: Visit, lang: str, dark: bool):
    page = start(visit, lang=lang, dark=dark)
    for name in TABS:
        inner(page, says(lang, name))
        if name == "tab_leak":
            button(page, says(lang, "leak.button")).click()
            page.locator("#mk-leak .mk-verdict").first.wait_for()
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(300)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate(OUTSIDE) == [], f"{name} sticks out at {width} px"
            # The canvas of the mask is no picture but a control, with a name of its own.
            assert [node for node in page.evaluate(NAMELESS) if 'class="mk-mask"' not in node] == []
            assert page.locator(".mk-mask[role=application]").get_attribute("aria-label")
            assert serious(page) == {}
