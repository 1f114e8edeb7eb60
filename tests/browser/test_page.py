"""The page in a real browser: draw, click, drag, stop, switch language, follow a link, present, save."""

from __future__ import annotations

import base64
import io
import json
import re
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import httpx
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from demos import _i18n, open_set, topics
from tests.browser.conftest import Visit
from tests.browser.serving import GUARD, ROOT, filled, settled

ONE = [(0.5, 0.15), (0.5, 0.5), (0.49, 0.88)]
ZIGZAG = [(0.1, 0.2), (0.9, 0.25), (0.1, 0.5), (0.9, 0.55), (0.1, 0.8), (0.9, 0.9), (0.15, 0.15)]
SIZES = [(1280, 720), (360, 740)]
LANGS = ["pt", "en"]


def says(lang: str, key: str, **values: object) -> str:
    return _i18n.fill(lang, open_set.TEXT[lang][key], **values)


def word(page: Page, card: int = 0) -> Locator:
    """The verdict of one of the two methods."""
    return page.locator(".os-verdict .os-word").nth(card)


def seen(page: Page) -> str:
    """What the network saw, as a data address; unlike the verdict, no two drawings share it."""
    return page.locator(".os-verdict img").first.get_attribute("src")


def path(page: Page, points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    canvas = page.locator("#pad canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]


def draw(page: Page, points: list[tuple[float, float]] = ONE) -> None:
    """Draw with the mouse and wait for the verdict on it."""
    before = seen(page) if page.locator(".os-verdict img").count() else None
    first, *rest = path(page, points)
    page.mouse.move(*first)
    page.mouse.down()
    for point in rest:
        page.mouse.move(*point, steps=8)
    page.mouse.up()
    if before:
        expect(page.locator(".os-verdict img").first).not_to_have_attribute("src", before)
    settled(page)


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_label(label, exact=True).click()
    page.get_by_role("option", name=option, exact=True).click()
    settled(page)


def slider(page: Page) -> Locator:
    return page.locator(".gl-open_set .gl-controls input[type=range]")


def drag_slider(page: Page, to: float) -> None:
    box = slider(page).bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.9 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + to * box["width"], y, steps=10)
    page.mouse.up()
    settled(page)


def speak(page: Page, language: str) -> None:
    page.get_by_role("radio", name=language).check()
    settled(page)


@pytest.mark.parametrize(
    "locale, query, lang",
    [("pt-BR", "", "pt"), ("fr-FR", "", "en"), ("pt-BR", "?lang=en", "en"), ("en", "?lang=pt", "pt")],
)
def test_first_language(visit: Visit, locale: str, query: str, lang: str):
    page = visit(query, lang=locale)
    expect(page.locator("html")).to_have_attribute("lang", {"pt": "pt-BR", "en": "en"}[lang])
    expect(page.get_by_role("tab", name=says(lang, "tab"))).to_be_visible()
    expect(word(page)).to_have_text(says(lang, "unknown"))
    expect(page.get_by_role("radio", name={"pt": "Português", "en": "English"}[lang])).to_be_checked()


def test_opening_the_page_asks_for_its_tab_alone(visit: Visit):
    page = visit()
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/gradio_api/" in request.url else None)
    page.reload()
    filled(page, "open_set")
    assert not [url for url in asked if "/queue/" in url], "no stream of the queue's is opened"
    assert 2 <= len([url for url in asked if "/run/" in url]) <= 6


def test_switching_language_half_way_keeps_the_work(visit: Visit):
    page = visit(lang="pt")
    draw(page, ZIGZAG)
    choose(page, says("pt", "method_a"), says("pt", "method.pca"))
    drag_slider(page, 0.4)
    drawn, kept, answer = seen(page), slider(page).input_value(), word(page).inner_text()
    assert answer == says("pt", "unknown") and kept != "98"
    speak(page, "English")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(word(page)).to_have_text(says("en", "unknown"))
    expect(page.locator(".os-verdict h3").first).to_have_text(says("en", "method.pca"))
    expect(page.get_by_label(says("en", "method_a"), exact=True)).to_have_value(says("en", "method.pca"))
    expect(page.get_by_text(says("en", "kept"))).to_be_visible()
    expect(page.get_by_role("button", name=says("en", "leak_button"))).to_be_visible()
    expect(page.locator(".os-plot figcaption").nth(1)).to_have_text(says("en", "roc"))
    assert (seen(page), slider(page).input_value()) == (drawn, kept)
    body = page.locator("body").inner_text()
    for left in ("idea", "method_a", "kept", "pad", "noise_button", "measure_button", "digits"):
        assert open_set.TEXT["pt"][left].strip().split("\n")[0] not in body
    speak(page, "Português")
    expect(word(page)).to_have_text(says("pt", "unknown"))


def test_drawing_with_the_mouse(visit: Visit):
    page = visit()
    first = seen(page)
    draw(page, ONE)
    expect(word(page)).to_have_text(says("en", "digit", digit=1))
    one = seen(page)
    page.get_by_role("button", name=re.compile("Clear")).click()
    expect(page.locator("#verdicts")).to_contain_text(says("en", "empty"))
    draw(page, ZIGZAG)
    expect(word(page)).to_have_text(says("en", "unknown"))
    assert len({first, one, seen(page)}) == 3


def test_drawing_by_touch(visit: Visit):
    page = visit(lang="pt", width=360, height=740, touch=True)
    before = seen(page)
    touch = page.context.new_cdp_session(page)
    points = path(page, ONE)
    scrolled = page.evaluate("scrollY")
    for kind, at in [("touchStart", points[0]), *(("touchMove", at) for at in points[1:])]:
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": at[0], "y": at[1]}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(page.locator(".os-verdict img").first).not_to_have_attribute("src", before)
    expect(word(page)).to_have_text(says("pt", "digit", digit=1))
    assert page.evaluate("scrollY") == scrolled


def test_an_example_lands_on_the_pad_and_is_judged(visit: Visit):
    page = visit()
    before = page.locator("#pad canvas").evaluate("canvas => canvas.toDataURL()")
    example = page.locator("#examples button").nth(3)
    example.click()
    expect(page.locator(".os-verdict img").first).to_have_attribute("src", example.locator("img").get_attribute("src"))
    expect(word(page, 1)).to_have_text(says("en", "digit", digit=3))
    assert page.locator("#pad canvas").evaluate("canvas => canvas.toDataURL()") != before


def test_another_seed_makes_other_examples_and_shows_its_number(visit: Visit):
    page = visit()
    before = page.locator("#examples img").first.get_attribute("src")
    page.get_by_role("button", name=_i18n.say("en", "dice")).click()
    expect(page.locator("#examples img").first).not_to_have_attribute("src", before)
    assert page.locator(".gl-open_set .gl-seed input").input_value() != "7"


def test_the_slider_moves_the_rates(visit: Visit):
    page = visit()
    kept = page.locator(".os-rates dd").first
    before = kept.inner_text()
    drag_slider(page, 0.25)
    expect(kept).not_to_have_text(before)
    chosen = float(slider(page).input_value())
    assert 80 <= chosen < 90
    assert abs(float(re.search(r"[\d.,]+", kept.inner_text())[0].replace(",", ".")) - chosen) < 3


def test_methods_change_their_cards_and_the_plots(visit: Visit):
    page = visit()
    roc = page.locator(".os-plot svg").nth(1)
    before = roc.get_attribute("aria-label")
    choose(page, says("en", "method_a"), says("en", "method.knn"))
    expect(page.locator(".os-verdict h3")).to_have_text([says("en", "method.knn"), says("en", "method.softmax")])
    expect(roc).not_to_have_attribute("aria-label", before)
    choose(page, says("en", "method_b"), says("en", "method.flow"))
    expect(page.locator(".os-verdict h3")).to_have_text([says("en", "method.knn"), says("en", "method.flow")])
    before = roc.get_attribute("aria-label")
    choose(page, says("en", "against"), says("en", "set.noise"))
    expect(roc).not_to_have_attribute("aria-label", before)


@pytest.mark.parametrize("lang", LANGS)
def test_noise_and_leak(visit: Visit, lang: str):
    page = visit(lang=lang)
    before = seen(page)
    page.get_by_role("button", name=says(lang, "noise_button")).click()
    expect(page.locator("#told strong").first).to_have_text(
        re.search(r"\*\*(.+?)\*\*", says(lang, "noise_done", **NOISE))[1]
    )
    expect(page.locator(".os-verdict img").first).not_to_have_attribute("src", before)
    page.get_by_role("button", name=says(lang, "leak_button")).click()
    expect(page.locator("#told strong")).to_have_count(3)
    leak, proper = (float(t.replace(",", ".")) for t in page.locator("#told strong").all_inner_texts()[1:])
    assert leak > 0.99 > proper > 0.5
    expect(page.locator("svg[aria-label]").filter(has_text=says(lang, "leak_x"))).to_have_count(2)


NOISE = {"before": 1, "steps": 1, "levels": 2, "digit": 1, "after": 1, "n": 1, "surest": 1}


def test_measuring_live_and_stopping(visit: Visit):
    page = visit()
    status = page.locator(".gl-open_set .gl-measure .gl-status")
    rows = page.locator("#live tbody tr")
    page.get_by_role("button", name=says("en", "measure_button")).click()
    expect(status).to_have_text(re.compile(r"^Step \d+ of \d+"))
    page.get_by_role("button", name=_i18n.say("en", "stop"), exact=True).click()
    expect(status).to_have_text(_i18n.say("en", "stopped"))
    settled(page)
    stopped_at = rows.count()
    assert 0 < stopped_at < len(open_set.METHODS)
    page.wait_for_timeout(1500)
    assert rows.count() == stopped_at
    draw(page, ONE)
    expect(word(page)).to_have_text(says("en", "digit", digit=1))
    page.get_by_role("button", name=says("en", "measure_button")).click()
    expect(status).to_have_text(re.compile(r"^Done in"))
    expect(rows).to_have_count(len(open_set.METHODS))


def test_a_link_restores_everything_in_a_fresh_profile(visit: Visit):
    page = visit(lang="pt")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    draw(page, ONE)
    choose(page, says("pt", "method_a"), says("pt", "method.pca"))
    choose(page, says("pt", "method_b"), says("pt", "method.energy"))
    choose(page, says("pt", "against"), says("pt", "set.fashion"))
    drag_slider(page, 0.5)
    page.get_by_role("button", name=_i18n.say("pt", "share")).click()
    expect(page.locator(".gl-toast")).to_have_text(_i18n.say("pt", "shared"))
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == page.url
    assert set(parse_qs(urlsplit(link).query)) == {"tab", "lang", "x", "method", "compare", "kept", "seed", "against"}
    assert len(link) < 2000

    other = visit("?" + urlsplit(link).query, lang="fr-FR")
    expect(other.locator("html")).to_have_attribute("lang", "pt-BR")
    for key, method in (("method_a", "method.pca"), ("method_b", "method.energy"), ("against", "set.fashion")):
        expect(other.get_by_label(says("pt", key), exact=True)).to_have_value(says("pt", method))
    expect(slider(other)).to_have_value(slider(page).input_value())
    assert seen(other) == seen(page)
    expect(other.locator("#verdicts")).to_have_text(page.locator("#verdicts").inner_text(), use_inner_text=True)
    expect(other.locator(".os-rates")).to_have_text(page.locator(".os-rates").inner_text(), use_inner_text=True)
    pads = [one.locator("#pad canvas").evaluate("canvas => canvas.toDataURL()") for one in (page, other)]
    assert all(np.asarray(Image.open(io.BytesIO(base64.b64decode(p.split(",")[1])))).any() for p in pads)


@pytest.mark.parametrize("lang", ["pt"])
def test_a_link_with_rubbish_still_opens(visit: Visit, lang: str):
    rubbish = "tab=open_set&x=%00@@@&method=zzz&compare=&kept=nan&seed=-5&against=<script>alert(1)</script>&more=1"
    page = visit(f"?{rubbish}", lang=lang)
    said = page.locator("[data-testid=toast-body]")
    expect(said.first).to_be_visible()
    assert _i18n.say(lang, "bad_link", name="method") in " ".join(said.all_inner_texts())
    expect(slider(page)).to_have_value("98")
    expect(page.get_by_label(says(lang, "method_a"), exact=True)).to_have_value(says(lang, "method.gmm"))


def test_a_link_to_no_tab_says_so(visit: Visit):
    page = visit("?tab=nowhere", topic=topics()[0].ID)
    said = page.locator("[data-testid=toast-body]")
    expect(said).to_contain_text(_i18n.say("en", "no_tab"))
    page.wait_for_timeout(11_000)  # Gradio's own toasts go after ten seconds, which a slow page may take to fill
    expect(said).to_be_visible()


def test_presenter_keys(visit: Visit):
    page = visit()
    body = page.locator("body")
    presenting, not_presenting = re.compile(r"\bgl-present\b"), re.compile(r"^(?!.*\bgl-present\b)")
    page.keyboard.press("p")
    expect(body).to_have_class(presenting)
    expect(page.locator(".gl-open_set .gl-idea")).to_be_hidden()
    expect(page.locator("#pad canvas")).to_be_visible()
    names = [topic.TEXT["en"]["tab"] for topic in topics()]
    at = names.index(says("en", "tab"))
    for key, step in (("ArrowRight", 1), ("ArrowLeft", -1), ("ArrowLeft", -1), ("ArrowRight", 1)):
        page.keyboard.press(key)
        at = (at + step) % len(names)
        expect(page.get_by_role("tab", name=names[at], exact=True)).to_have_attribute("aria-selected", "true")
        settled(page)
    expect(word(page)).to_be_visible()
    draw(page, ONE)
    expect(word(page)).to_have_text(says("en", "digit", digit=1))
    page.keyboard.press("Escape")
    expect(body).to_have_class(not_presenting)
    page.locator(".gl-open_set .gl-seed input").focus()
    page.keyboard.press("p")
    expect(body).to_have_class(not_presenting)
    page.get_by_role("button", name=_i18n.say("en", "present")).click()
    expect(body).to_have_class(presenting)


@pytest.mark.parametrize("lang", ["pt"])
def test_presenting_by_link_fits_a_projector(visit: Visit, lang: str):
    page = visit("?present=1", lang=lang)
    expect(page.locator("body")).to_have_class(re.compile(r"\bgl-present\b"))
    for part in ("#pad canvas", ".os-verdict >> nth=0", ".os-verdict >> nth=1"):
        expect(page.locator(part)).to_be_in_viewport(ratio=0.99)
    for plot in page.locator(".os-plot svg").all():
        expect(plot).to_be_in_viewport(ratio=0.6)
    inside = page.evaluate(
        "() => [...document.querySelectorAll('.os-word')].every((w) => w.scrollWidth <= w.clientWidth)"
    )
    assert inside


def test_theme_is_switched_and_remembered(visit: Visit):
    page = visit()
    dark = re.compile(r"\bdark\b")
    expect(page.locator("body")).not_to_have_class(dark)
    page.get_by_role("button", name=_i18n.say("en", "theme")).click()
    expect(page.locator("body")).to_have_class(dark)
    page.reload()
    word(page).wait_for()
    settled(page)
    expect(page.locator("body")).to_have_class(dark)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_saved_picture_carries_its_settings(visit: Visit, dark: bool):
    page = visit(dark=dark)
    with page.expect_download() as download:
        page.get_by_role("button", name=_i18n.say("en", "save")).click()
    assert download.value.suggested_filename == "genlab-open_set.png"
    with Image.open(download.value.path()) as picture:
        picture.load()
        pixels, text = np.asarray(picture.convert("RGB")), picture.text
    assert text["Software"] == "GenLab"
    assert json.loads(text["parameters"]) == {"model": "digits-cnn-1", "methods": ["gmm", "softmax"], "kept": 98}
    box = page.locator("#verdicts").bounding_box()
    assert pixels.shape == (np.ceil(2 * box["height"]), np.ceil(2 * box["width"]), 3)
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20
    corner = pixels[4, 4].mean()
    assert corner < 60 if dark else corner > 200


def test_the_python_code_gives_the_same_verdict(visit: Visit):
    page = visit()
    draw(page, ONE)
    page.get_by_role("button", name=_i18n.say("en", "code")).click()
    lines = page.locator(".gl-open_set .gl-code .cm-line")
    expect(lines.filter(has_text="genmodels.load")).to_be_visible()
    code = "\n".join(line.rstrip("\n") for line in lines.all_text_contents())
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=GUARD, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(word(page).inner_text())


def test_the_question_is_answered_after_a_guess(visit: Visit):
    page = visit(lang="pt")
    assert page.locator("#answer").inner_text().strip() == ""
    page.get_by_role("radio", name=says("pt", "guess.low")).check()
    expect(page.locator("#answer strong").first).to_contain_text("%")


def test_everything_is_reached_by_keyboard(visit: Visit):
    page = visit()
    wanted = {
        "language": ".gl-lang input",
        "tab": "[role=tab]",
        "clear": "#pad button",
        "method": ".gl-controls input[role=listbox], .gl-controls input[role=combobox]",
        "slider": ".gl-controls input[type=range]",
        "example": "#examples button",
        "share": ".gl-actions button",
        "measure": ".gl-measure button",
        "guess": ".gl-predict input",
    }
    found, unseen = set(), []
    for _ in range(120):
        page.keyboard.press("Tab")
        found |= set(
            page.evaluate("w => Object.keys(w).filter((key) => document.activeElement.matches(w[key]))", wanted)
        )
        unseen += page.evaluate(
            """() => {
                const at = document.activeElement, style = getComputedStyle(at), box = at.getBoundingClientRect();
                const shown = box.width > 0 && box.right > 0 && style.visibility !== "hidden";
                return shown || at === document.body ? [] : [at.outerHTML.slice(0, 150)];
            }"""
        )
        if found == set(wanted):
            break
    assert found == set(wanted)
    assert not unseen
    page.locator("#examples button").nth(1).focus()
    before = seen(page)
    page.keyboard.press("Enter")
    expect(page.locator(".os-verdict img").first).not_to_have_attribute("src", before)


OUTSIDE = """() => [...document.querySelectorAll("button, img, svg, canvas, input, p, h3, td, .katex-html .base")]
    .filter((node) => node.checkVisibility() && !node.closest(".gl-scroll, .gl-code") &&
        (node.getBoundingClientRect().right > innerWidth + 1 || node.getBoundingClientRect().left < -1))
    .map((node) => node.outerHTML.slice(0, 120))"""
NAMELESS = """() => [...document.querySelectorAll("img, svg, canvas")].filter((node) => {
    const box = node.getBoundingClientRect();
    if (!node.checkVisibility() || node.closest("[aria-hidden=true]")) return false;
    if (node.closest("button[aria-label], a[aria-label]")?.ariaLabel) return false;
    if (node.tagName === "IMG") return !node.alt;
    const label = document.getElementById(node.getAttribute("aria-labelledby"))?.innerText.trim();
    return box.width > 40 && !(node.getAttribute("role") === "img" && (node.getAttribute("aria-label") || label));
}).map((node) => node.outerHTML.slice(0, 150))"""


def serious(page: Page) -> dict[str, list[str]]:
    """What axe finds serious or critical: rule -> the first places."""
    return {
        found["id"]: [f"{node['target']} {node['failureSummary'][:200]}" for node in found["nodes"][:5]]
        for found in Axe().run(page).response["violations"]
        if found["impact"] in ("serious", "critical")
    }


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_everyone_can_read_it_at_any_size(visit: Visit, lang: str, dark: bool):
    page = visit(lang=lang, dark=dark)
    page.get_by_role("button", name=says(lang, "leak_button")).click()
    expect(page.locator("#told strong").first).to_be_visible()
    page.get_by_role("radio", name=says(lang, "guess.mid")).check()
    expect(page.locator("#answer strong").first).to_contain_text("%")
    settled(page)
    assert page.locator(".os-plot svg[role=img]").count() >= 5
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(OUTSIDE) == [], f"sticks out at {width} px"
        assert page.evaluate(NAMELESS) == []
        assert serious(page) == {}
        for part in (page.locator("#pad canvas"), word(page), word(page, 1)):
            part.scroll_into_view_if_needed()
            expect(part).to_be_in_viewport(ratio=0.99)


GOOD = ["en", open_set.first_drawing(), "gmm", "softmax", 98, "omniglot_28"]
BAD = {
    "not a number": (4, float("nan")),
    "infinite": (4, float("inf")),
    "too low": (4, -1),
    "too high": (4, 100),
    "a word": (4, "many"),
    "nothing": (4, None),
    "unknown method": (2, "magic"),
    "a list": (2, ["gmm"]),
    "unknown set": (5, "../../etc/passwd"),
    "unknown language": (0, "xx"),
    "malformed drawing": (1, "@@@"),
    "short drawing": (1, "AAAA"),
    "a number as drawing": (1, 7),
    "10,000 characters": (1, "A" * 10_000),
    "no drawing": (1, None),
}


def judge(address: str, values: list[object]) -> str:
    """The raw answer of the public endpoint."""
    with httpx.Client(base_url=address, timeout=GUARD, trust_env=False) as client:
        asked = client.post(
            "/gradio_api/call/open_set_judge",
            content=json.dumps({"data": values}),
            headers={"content-type": "application/json"},
        )
        if asked.status_code != 200:
            return asked.text
        return client.get(f"/gradio_api/call/open_set_judge/{asked.json()['event_id']}").text


@pytest.mark.parametrize("place, value", BAD.values(), ids=BAD)
def test_bad_input_to_the_api(address: str, place: int, value: object):
    answer = judge(address, [value if i == place else good for i, good in enumerate(GOOD)])
    for leak in ("Traceback", 'File \\"', 'File "', str(ROOT), "site-packages"):
        assert leak not in answer
    assert "event: complete" in judge(address, GOOD)
    assert says("en", "unknown") in judge(address, GOOD)


def test_only_the_announced_endpoints_are_public(address: str):
    info = httpx.get(f"{address}/gradio_api/info", timeout=GUARD, trust_env=False).json()
    drawing = {f"/text_to_image_{name}" for name in ("draw", "ab", "grid", "walk", "edit", "reweight")}
    views = {f"/nerf_{name}" for name in ("view", "ray", "tiny", "turn")}
    masks = {f"/masking_{name}" for name in ("rebuild", "attention", "leak", "probe")}
    translators = {f"/translation_{name}" for name in ("paint", "vary", "cycle", "few")}
    known = drawing | views | masks | translators
    assert set(info["named_endpoints"]) == {"/open_set_judge", "/open_set_examples"} | known
    assert not info["unnamed_endpoints"]
