"""The viewer alone in a browser whose WebGL2 the processor draws: its pixels are the CPU march's, it follows the hand.

Run as a module, this file serves the page that its tests open.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Callable, Iterator

import gradio as gr
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from demos import _theme
from demos.nerf import _viewer
from tests.browser import serving

LOW, VOXEL, SIZE = -1.0, 2 / 23, 24
BALL, RADIUS = np.array([0.45, -0.3, 0.25]), 0.4
BOX, HALF = np.array([-0.4, 0.35, -0.4]), 0.3
SIDE = 160
STAGE = "#viewer .nv-stage"
READ = "(side) => btoa(String.fromCharCode(...window.genlabNerf.read(side)))"
BLIND = """HTMLCanvasElement.prototype.getContext = ((old) => function (kind, ...rest) {
  return kind === "webgl2" ? null : old.call(this, kind, ...rest);
})(HTMLCanvasElement.prototype.getContext)"""
LOSE = """() => {
  const gl = document.querySelector(".nv-view").getContext("webgl2");
  window.lost = gl.getExtension("WEBGL_lose_context");
  window.lost.loseContext();
}"""
Visit = Callable[..., Page]


def things():
    """A ball, redder from +x than from -x, and a box that is greener from above: nothing is its own mirror image."""
    from genmodels.nerf import bake, kernels, voxels

    places = np.stack(np.meshgrid(*[np.arange(SIZE)] * 3, indexing="ij"), -1).reshape(-1, 3)
    points = LOW + VOXEL * places
    ball = RADIUS - np.linalg.norm(points - BALL, axis=1)
    box = HALF - np.abs(points - BOX).max(1)
    raw = np.maximum(ball, box) / VOXEL * 4 + 2
    rows = np.zeros((len(places), 13), np.float32)
    rows[:, 0] = raw
    inside = ball > box
    rows[inside, 1], rows[inside, 4], rows[~inside, 5], rows[~inside, 7] = 0.8, -0.7, 0.8, 0.7
    rows[:, 9] = np.sin(9 * points[:, 2])
    kept = raw > kernels.EMPTY
    return bake.bake(voxels.VoxelField(places[kept], rows[kept], np.full(3, LOW), VOXEL, SIZE))


def serve() -> None:
    """The viewer between three sliders that follow it and a box that says what Python heard."""
    from genmodels.nerf.rays import orbit
    from genmodels.nerf.scene import Scene

    def heard(event: gr.EventData) -> str:
        return json.dumps(event._data)

    def ready(event: gr.EventData) -> str | dict:
        return json.dumps(event._data) if event._data else gr.skip()  # Gradio's own load says nothing

    poses = np.stack([orbit(60.0 * i, 15.0, 4.0) for i in range(6)])
    views = Scene("few", np.full((6, 8, 8, 4), 255, np.uint8), poses, 11.1, np.arange(6) == 0)
    red = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'><rect width='9' height='9' fill='red'/></svg>"
    with gr.Blocks() as demo:
        viewer = _viewer.component(value=_viewer.pack(things(), "things", views), elem_id="viewer")
        names = [("azimuth", -180, 180), ("elevation", -5, 85), ("distance", 2.5, 6)]
        sliders = [gr.Slider(low, high, label=name, elem_id=name, step=0.01) for name, low, high in names]
        said, loaded = (gr.Textbox(label=name, elem_id=name) for name in ("said", "loaded"))
        picture, back = gr.Button("picture"), gr.Button("back")
        picture.click(lambda: _viewer.pack(image=red), None, viewer)
        back.click(lambda: _viewer.pack(image=""), None, viewer)
        viewer.input(None, None, sliders, js="() => window.genlabNerf.camera()")
        moved = [slider.input for slider in sliders]
        gr.on(moved, None, sliders, None, js="(...place) => window.genlabNerf.set(...place)")
        gr.on([viewer.release, viewer.select, viewer.load], heard, None, said)
        viewer.load(ready, None, loaded, trigger_mode="multiple")  # Gradio's own load leaves none out
    demo.launch(theme=_theme.theme(), css_paths=[_theme.CSS], head=_theme.head(), ssr_mode=False)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving.served(tmp_path_factory.mktemp("viewer") / "log.txt", "-m", "tests.browser.test_nerf_viewer") as found:
        yield found


@pytest.fixture(scope="module")
def drawing(browser: Browser) -> Iterator[Browser]:
    """A browser whose WebGL2 the processor draws."""
    flags = [*serving.FLAGS, "--enable-unsafe-swiftshader"]
    found = browser.browser_type.launch(executable_path=shutil.which("chromium"), args=flags)
    yield found
    found.close()


@pytest.fixture
def visit(address: str, drawing: Browser) -> Iterator[Visit]:
    """visit(lang, blind, ...) opens the page; blind: without WebGL2. An error in the browser fails the test."""
    pages: list[Page] = []
    faults: list[str] = []

    def open_page(lang: str = "en", blind: bool = False, **options: object) -> Page:
        page = serving.new_page(drawing, lang, **options)
        pages.append(page)
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        if blind:
            page.add_init_script(BLIND)
        page.goto(address)
        page.locator(STAGE if blind else f'{STAGE}[data-volume="things"]').wait_for()
        expect(page.locator("#said textarea")).not_to_have_value("")  # its load is heard, and drops no later event
        return page

    yield open_page
    for page in pages:
        page.context.close()
    assert not faults


def pixels(page: Page, side: int = SIDE) -> np.ndarray:
    """What the viewer shows, (side, side, 4) in [0, 1]."""
    data = base64.b64decode(page.evaluate(READ, side))
    return np.frombuffer(data, np.uint8).reshape(side, side, 4) / 255


def look(page: Page, azimuth: float, elevation: float, distance: float, mode: str = "color") -> np.ndarray:
    page.evaluate("(place) => genlabNerf.set(...place)", [azimuth, elevation, distance])
    page.evaluate("(mode) => genlabNerf.mode(mode)", mode)
    return pixels(page)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(-10 * np.log10(((a - b) ** 2).mean()))


def camera(page: Page) -> list[float]:
    return page.evaluate("genlabNerf.camera()")


def press(page: Page, key: str, times: int = 1) -> list[float]:
    for _ in range(times):
        page.keyboard.press(key)
    return camera(page)


def drag(page: Page, right: float, down: float) -> None:
    """From the middle of the picture, in its sides."""
    stage = page.locator(STAGE)
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + right * box["width"], y + down * box["height"], steps=6)
    page.mouse.up()


@pytest.mark.parametrize("place", [(30.0, 25.0, 4.0), (-125.0, -5.0, 2.5), (170.0, 85.0, 6.0)])
def test_the_shader_draws_what_the_processor_does(visit: Visit, place: tuple[float, float, float]):
    page, volume = visit(), things()
    for mode, floor in (("color", 50), ("depth", 45), ("normals", 38)):
        found = look(page, *place, mode)
        truth = _viewer.view(volume, *place, SIDE, mode).clip(0, 1)
        assert truth[..., 3].mean() > 0.05, "there is something to see"
        assert psnr(found, truth) > floor, mode
        mirrored = _viewer.view(volume, -place[0], *place[1:], SIDE, mode).clip(0, 1)
        assert psnr(found, mirrored) < 30, mode


def test_dragging_turns_the_thing_with_the_hand(visit: Visit):
    from genmodels.nerf.rays import orbit, project, unit

    page = visit()
    look(page, -20.0, 20.0, 4.0)
    c2w = orbit(-20.0, 20.0, 4.0)
    u, v = project(BALL[None], c2w, _viewer.FOCAL, 1, 1)[0]
    box = page.locator(STAGE).bounding_box()
    page.mouse.click(box["x"] + u * box["width"], box["y"] + v * box["height"])
    expect(page.locator("#said textarea")).to_have_value(re.compile(r'"u": 0\.\d+'))
    *pixel, azimuth, elevation, distance = page.evaluate("genlabNerf.pixel()")
    np.testing.assert_allclose(pixel, [u, v], atol=0.01)
    assert (azimuth, elevation, distance) == (-20, 20, 4)
    mark = np.array(page.evaluate("genlabNerf.memory.mark"))
    np.testing.assert_allclose(mark, BALL - RADIUS * unit(BALL - c2w[:3, 3]), atol=VOXEL)
    before = project(mark[None], c2w, _viewer.FOCAL, 1, 1)[0]
    drag(page, 0.2, 0)
    assert camera(page) == [-56, 20, 4]
    after = project(mark[None], orbit(*map(float, camera(page))), _viewer.FOCAL, 1, 1)[0]
    assert after[0] > before[0] + 0.05, "dragged to the right, its near side goes to the right"
    drag(page, 0, 0.1)
    assert camera(page) == [-56, 38, 4]
    lower = project(mark[None], orbit(*map(float, camera(page))), _viewer.FOCAL, 1, 1)[0]
    assert lower[1] > after[1], "dragged down, its near side goes down"
    expect(page.locator("#said textarea")).to_have_value('{"azimuth": -56, "elevation": 38, "distance": 4}')
    expect(page.locator("#azimuth input[type=number]")).to_have_value("-56")
    expect(page.locator("#elevation input[type=number]")).to_have_value("38")


def test_the_sliders_move_the_camera_and_nothing_answers_back(visit: Visit):
    page = visit()
    number = page.locator("#azimuth input[type=number]")
    page.locator("#distance input[type=number]").fill("5")
    page.locator("#elevation input[type=number]").fill("10")
    number.fill("77")
    page.wait_for_function("genlabNerf.camera().join() === '77,10,5'")
    page.wait_for_timeout(400)
    expect(page.locator("#said textarea")).to_have_value("null")  # what Gradio's own event `load` says
    expect(number).to_have_value("77")


def test_keys_wheel_and_limits(visit: Visit):
    page = visit(height=420)
    stage = page.locator(STAGE)
    stage.hover()
    page.mouse.wheel(0, 120)
    page.wait_for_function("scrollY > 0")
    assert camera(page) == list(_viewer.HOME), "the wheel scrolls the page until one has clicked"
    page.evaluate("scrollTo(0, 0)")
    stage.focus()
    assert press(page, "ArrowRight") == [25, 25, 4] and press(page, "ArrowLeft", 2) == [35, 25, 4]
    assert press(page, "ArrowDown") == [35, 30, 4] and press(page, "ArrowUp", 20) == [35, -5, 4]
    assert press(page, "ArrowDown", 20)[1] == 85
    assert press(page, "-")[2] > 4 and press(page, "-", 9)[2] == 6 and press(page, "+", 12)[2] == 2.5
    at = page.evaluate("scrollY")
    stage.hover()
    page.mouse.wheel(0, 300)
    page.wait_for_function("genlabNerf.camera()[2] > 2.5")
    assert page.evaluate("scrollY") == at
    stage.dblclick()
    assert camera(page) == list(_viewer.HOME)


def test_two_fingers_move_nearer(visit: Visit):
    page = visit(touch=True, width=400)
    box = page.locator(STAGE).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = page.context.new_cdp_session(page)

    def fingers(kind: str, *gaps: float) -> None:
        points = [{"x": x + side * gap, "y": y, "id": i} for gap in gaps for i, side in enumerate((-1, 1))]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", 40)
    for gap in (45, 50, 55, 60):
        fingers("touchMove", gap)
    fingers("touchEnd")
    page.wait_for_function("genlabNerf.camera()[2] < 4")
    assert camera(page)[2] == pytest.approx(4 * 40 / 60, abs=0.25)
    assert camera(page)[:2] == list(_viewer.HOME[:2])


def test_training_cameras_are_drawn_and_name_themselves(visit: Visit):
    from genmodels.nerf.rays import orbit, project

    page = visit()
    over = "document.querySelector('.nv-over').getContext('2d')"
    ink = f"() => {over}.getImageData(0, 0, 640, 640).data.some(Boolean)"
    assert not page.evaluate(ink)
    page.evaluate("genlabNerf.cameras(true)")
    page.wait_for_function(ink)
    assert camera(page)[2] == _viewer.HOME[2], "the page's distance waits for the way back"
    place = page.evaluate("genlabNerf.memory.camera")
    assert place[2] > 6
    box = page.locator(STAGE).bounding_box()
    for view, says in ((0, "held_out"), (2, "train")):
        eye = orbit(60.0 * view, 15.0, 4.0)[:3, 3]
        u, v = project(eye[None], orbit(*map(float, place)), _viewer.FOCAL, 1, 1)[0]
        page.mouse.move(box["x"] + u * box["width"], box["y"] + v * box["height"])
        expect(page.locator(".nv-thumb b")).to_have_text(_viewer.TEXT["en"][says].format(view=view))
    page.evaluate("genlabNerf.cameras(false)")
    assert page.evaluate("genlabNerf.memory.camera[2]") == _viewer.HOME[2]
    page.wait_for_function(f"() => !({ink})()")


def test_a_picture_of_the_server_covers_the_viewer(visit: Visit):
    page = visit()
    page.get_by_role("button", name="picture").click()
    expect(page.locator(".nv-image")).to_be_visible()
    expect(page.locator(".nv-view")).to_be_hidden()
    drag(page, 0.1, 0)
    assert camera(page)[0] == _viewer.HOME[0] - 18
    page.get_by_role("button", name="back").click()
    expect(page.locator(".nv-image")).to_be_hidden()
    assert psnr(pixels(page), _viewer.view(things(), 12.0, 25.0, 4.0, SIDE).clip(0, 1)) > 45


@pytest.mark.parametrize("lang", ["pt", "en"])
def test_without_webgl2_it_says_so_and_still_turns(visit: Visit, lang: str):
    page = visit(lang=lang, blind=True)
    page.evaluate(f"document.documentElement.lang = '{lang}'")
    expect(page.locator(".nv-note")).to_have_text(_viewer.TEXT[lang]["missing"])
    expect(page.locator("#loaded textarea")).to_have_value('{"webgl": false}')
    assert not page.evaluate("genlabNerf.webgl")
    page.get_by_role("button", name="picture").click()
    expect(page.locator(".nv-image")).to_be_visible()
    drag(page, -0.1, 0)
    expect(page.locator("#azimuth input[type=number]")).to_have_value("48")
    values = dict(zip(("azimuth", "elevation", "distance"), (48, 25, 4), strict=True))
    expect(page.locator(STAGE)).to_have_attribute("aria-label", _viewer.TEXT[lang]["label"].format(**values))


def test_a_lost_context_comes_back(visit: Visit):
    page = visit()
    before = look(page, 30.0, 25.0, 4.0)
    page.evaluate(LOSE)
    expect(page.locator(".nv-note")).to_have_text(_viewer.TEXT["en"]["lost"])
    page.evaluate("delete document.querySelector('.nv-stage').dataset.volume; window.lost.restoreContext()")
    page.locator(f'{STAGE}[data-volume="things"]').wait_for()
    expect(page.locator(".nv-note")).to_have_text(_viewer.TEXT["en"]["hint"])
    np.testing.assert_array_equal(pixels(page), before)


def test_at_rest_it_is_drawn_with_all_pixels(visit: Visit):
    page = visit(width=500)
    page.locator(STAGE).focus()
    press(page, "ArrowRight", 3)
    page.wait_for_function("Number(document.querySelector('.nv-stage').dataset.side) >= 400")
    speed = page.evaluate("genlabNerf.measure(64, 4)")
    assert speed["fps"] > 0 and "SwiftShader" in speed["renderer"]


if __name__ == "__main__":
    serve()
