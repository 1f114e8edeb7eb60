"""The viewpoint tab's functions, on a small scene whose answers are known: a ball of one colour in empty space."""

from __future__ import annotations

import base64
import io
import json
import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import gradio as gr
import numpy as np
import pytest
import torch
from PIL import Image

from demos import _i18n, _shell, nerf
from demos.nerf import _measure, _plan, _ray, _train, _try, _views
from genmodels import registry
from genmodels.errors import Refusal
from genmodels.nerf import ablation, bake, fourier, rays, tiny_nerf, voxels
from genmodels.nerf import scene as scenes
from genmodels.nerf.scene import Scene
from tests.demos.in_loop import in_loop

ROOT = Path(__file__).resolve().parents[2]
languages = pytest.mark.parametrize("lang", _i18n.LANGUAGES)
SIZE, RADIUS, MIDDLE = 33, 0.5, np.array([0.3, 0.1, 0.0])
COLOR = np.array([0.9, 0.4, 0.1])
AHEAD = json.dumps([0.5, 0.5, 0, 0, 4])  # from +x straight at the middle of the scene, and so through the ball


def ball() -> voxels.VoxelField:
    """A solid ball of RADIUS around MIDDLE, of one colour from everywhere."""
    voxel = 2 / (SIZE - 1)
    places = np.argwhere(np.ones((SIZE,) * 3, bool))
    away = np.linalg.norm(places * voxel - 1 - MIDDLE, axis=1)
    kept = away < RADIUS + 2 * voxel
    rows = np.zeros((int(kept.sum()), 13), np.float32)
    rows[:, 0] = np.clip((RADIUS - away[kept]) / voxel * 8, -5, 6)
    rows[:, (1, 5, 9)] = (COLOR - 0.5) / 0.28209479
    return voxels.VoxelField(places[kept], rows, np.full(3, -1.0), voxel, SIZE)


def views(field: voxels.VoxelField, count: int = 24, size: int = 32) -> Scene:
    """The ball from all round; the last four views held out."""
    poses = np.stack([rays.orbit(i * 137.5 % 360 - 180, -5 + 80 * i / count, 4.0) for i in range(count)])
    drawn = np.stack([voxels.picture(field, c2w, 1.388889 * size, size, size)[..., :4] for c2w in poses])
    images = (drawn.clip(0, 1) * 255).round().astype(np.uint8)
    return Scene("ball", images, poses, 1.388889 * size, np.arange(count) >= count - 4)


@pytest.fixture(scope="module", autouse=True)
def models():
    """Every model and scene of the tab, replaced by the ball's."""
    field = ball()
    made = {"fast": field, "baked": bake.bake(field), "tiny": tiny_nerf.new_model(0)}
    small = views(field)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    _plan.from_above.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "load", lambda id, device_name=None: made[id.split("-")[-1]])
        patch.setattr(scenes, "small", lambda name: small)
        patch.setattr(
            voxels, "LIVE_STAGES", (voxels.Stage(12, 12, (0.2, 0.05, 0.02)), voxels.Stage(16, 12), voxels.Stage(20, 12))
        )
        yield made
    _plan.from_above.cache_clear()
    torch.set_num_threads(threads)


def parsed(html: str) -> list[ElementTree.Element]:
    """Every inline SVG of a piece of HTML, as XML."""
    return [ElementTree.fromstring("<svg" + part.split("</svg>")[0] + "</svg>") for part in html.split("<svg")[1:]]


def pixels(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))))


def says(html: str) -> str:
    return unescape(re.sub("<[^>]+>", "", re.search(r'class="nf-says">(.*?)</p>', html)[1]))


@languages
def test_a_ray_through_the_middle_meets_the_front_of_the_ball(lang: str):
    found = _ray.cast("tea", *json.loads(AHEAD))
    low, high, behind = found.layer()
    front = 4 - MIDDLE[0] - RADIUS  # from the camera to the ball
    assert abs(low - front) < 0.1 and abs(high - front) < 0.2 and low < high
    assert found.near == pytest.approx(3) and found.far == pytest.approx(5)
    assert found.free < 1e-3 and behind < 0.1
    np.testing.assert_allclose(found.rgb, COLOR, atol=0.02)
    np.testing.assert_allclose(found.weights.sum(), 1 - found.free, atol=1e-4)
    html = nerf.run_ray(lang, "tea", AHEAD)
    assert len(parsed(html)) == 5 and all(svg.get("aria-label") for svg in parsed(html))
    assert _i18n.fill(lang, "{:.2f}", low) in says(html) and "data-generated" in html
    assert "rgb(229,102,26)" in html or "rgb(230,102,26)" in html


def test_the_layer_is_the_thinnest_with_that_weight():
    rng = np.random.default_rng(0)
    for _ in range(20):
        w = rng.random(30) ** 6
        ray = _ray.Ray(np.arange(30.0), 0, 30, w, w, w, np.zeros((30, 3)), np.zeros(3), 0.0)
        low, high, behind = ray.layer()
        held = w[int(low) : int(high) + 1].sum() / w.sum()
        assert held >= _ray.MOST - 1e-5 and behind == pytest.approx(w[int(high) + 1 :].sum())
        spans = [(j - i, i) for i in range(30) for j in range(i, 30) if w[i : j + 1].sum() >= _ray.MOST * w.sum()]
        assert high - low == min(spans)[0]


@languages
def test_a_ray_beside_the_ball_meets_nothing(lang: str):
    through = nerf.run_ray(lang, "tea", json.dumps([0.2, 0.5, 0, 0, 4]))
    share = re.search(r"([\d.,]+) % (?:of the light|da luz)", says(through))[1]
    assert float(share.replace(",", ".")) > 98  # an empty vertex stands for a density of exp(-5)
    missed = nerf.run_ray(lang, "tea", json.dumps([0.0, 0.0, 0, 0, 6]))
    assert says(missed).endswith(_views.text(lang, "ray_missed")) and not parsed(missed)


def test_right_and_up_in_the_picture_are_right_and_up_in_the_world():
    # Seen from -y, +x is to the right: the ball stands there, and a bit above it there is nothing.
    assert _ray.cast("tea", 0.6, 0.5, -90, 0, 4).free < 0.01 < 0.9 < _ray.cast("tea", 0.4, 0.5, -90, 0, 4).free
    down = _ray.cast("tea", 0.5, 0.7, 0, 85, 4)  # from above, with -x up in the picture: the ball lies below
    assert down.free < 0.01 and _ray.cast("tea", 0.5, 0.3, 0, 85, 4).free > 0.9


@pytest.mark.parametrize(
    "pixel", ["", "[]", "nonsense", "[1,2]", "{}", "[[0]]", None, 5, "[" * 500, json.dumps([0.5, 0.5, 0, 0, 4, 4])]
)
def test_a_pixel_that_is_none_is_refused(pixel: object):
    with pytest.raises(Refusal) as refusal:
        nerf.run_ray("en", "tea", pixel)
    assert refusal.value.code == "pixel"


@pytest.mark.parametrize(
    ("place", "value"),
    [(0, 1.2), (1, -0.1), (2, 181), (3, 86), (3, -6), (4, 0), (4, 7), (0, float("nan")), (1, None), (4, "4"), (2, [0])],
)
def test_a_pixel_out_of_range_is_refused(place: int, value: object):
    values = [0.5, 0.5, 0, 0, 4]
    values[place] = value
    with pytest.raises(Refusal) as refusal:
        nerf.run_ray("en", "tea", json.dumps(values))
    assert refusal.value.code == "range"


@languages
@pytest.mark.parametrize("view", ["color", "depth", "normals"])
def test_a_view_on_the_server(lang: str, view: str):
    value, caption = nerf.run_view(lang, "cpu", "tea", 0.0, 0.0, 4.0, view)
    image = pixels(json.loads(value)["image"])
    assert image.shape == (_try.CPU_SIZE, _try.CPU_SIZE, 4)
    centre, corner = image[_try.CPU_SIZE // 2, _try.CPU_SIZE // 2], image[0, 0]
    assert centre[3] > 250 and corner[3] == 0
    if view == "color":
        np.testing.assert_allclose(centre[:3] / 255, COLOR, atol=0.03)
    if view == "normals":  # nearly towards +x, where the camera is
        np.testing.assert_allclose(centre[:3] / 255, [0.99, 0.4, 0.5], atol=0.08)
    assert re.search(r"\d+ ms", caption) and "data-generated" in caption


def test_a_view_elsewhere_takes_the_servers_picture_away_or_leaves_it():
    value, caption = nerf.run_view("en", "browser", "tea", 0.0, 0.0, 4.0, "color")
    assert json.loads(value) == {"image": ""} and "ms" not in caption
    assert json.loads(nerf.run_view("en", "", "tea", 0.0, 0.0, 4.0, "color")[0]) == {"image": ""}
    assert nerf.run_view("en", _try.TINY, "tea", 0.0, 0.0, 4.0, "color") == [gr.skip(), gr.skip()]


GOOD = {"renderer": "cpu", "scene": "tea", "azimuth": 0.0, "elevation": 0.0, "distance": 4.0, "view": "color"}


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("renderer", "gpu", "choice"),
        ("scene", "lego", "choice"),
        ("scene", None, "choice"),
        ("scene", "../tea", "choice"),
        ("view", "<b>", "choice"),
        ("azimuth", float("nan"), "range"),
        ("azimuth", 400, "range"),
        ("elevation", 86, "range"),
        ("elevation", -90, "range"),
        ("elevation", "up", "range"),
        ("distance", 0, "range"),
        ("distance", 100, "range"),
        ("distance", None, "range"),
        ("distance", float("inf"), "range"),
    ],
)
def test_a_bad_view_is_refused(name: str, value: object, code: str):
    with pytest.raises(Refusal) as refusal:
        nerf.run_view("en", **(GOOD | {name: value}))
    assert refusal.value.code == code
    if name in ("scene", "elevation", "distance"):
        scene, elevation, distance = ((GOOD | {name: value})[key] for key in ("scene", "elevation", "distance"))
        with pytest.raises(Refusal):
            next(nerf.run_turn("en", scene, elevation, distance))
        with pytest.raises(Refusal):
            next(nerf.run_tiny("en", scene, 0.0, elevation, distance))


@languages
def test_the_viewer_gets_the_scene(lang: str):
    value, caption = nerf.run_scene(lang, "tea")
    said = json.loads(value)
    assert said["volume"]["name"] == "tea" and len(said["cameras"]["poses"]) == 24 and "image" not in said
    assert _views.text(lang, "scene.tea") in caption
    with pytest.raises(Refusal):
        nerf.run_scene(lang, "lego")


def test_the_tiny_nerf_fills_the_picture_strip_by_strip(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_try, "TINY_SIZE", 24)
    monkeypatch.setattr(_try, "TINY_CHUNK", 96)
    shown = list(nerf.run_tiny("en", "tea", 0.0, 0.0, 4.0))
    assert [step.i for step, *_ in shown] == [96 * (i + 1) for i in range(6)] and shown[-1][0].n == 576
    filled = [(pixels(json.loads(value)["image"])[..., 3] > 0).any(1).sum() for _, value, _, _ in shown]
    assert filled == sorted(filled) and filled[0] <= 4 and filled[-1] > 20
    assert {end for *_, end in shown} == {_try.TINY}
    stopped = nerf.run_tiny("en", "tea", 0.0, 0.0, 4.0)
    next(stopped)
    stopped.close()


@languages
def test_a_turn_is_a_film_and_two_files(lang: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_try, "TURN_SIZE", 32)
    monkeypatch.setattr(_try, "TURN_FRAMES", 6)
    steps, found = zip(*nerf.run_turn(lang, "tea", 20.0, 4.0), strict=True)
    assert [step.i for step in steps] == list(range(7)) and isinstance(found[-1], str)
    gif = re.search(r'href="data:image/gif;base64,([^"]+)"', found[-1])[1]
    with Image.open(io.BytesIO(base64.b64decode(gif))) as film:
        assert film.n_frames == 6
    mp4 = base64.b64decode(re.search(r'href="data:video/mp4;base64,([^"]+)"', found[-1])[1])
    assert mp4[4:8] == b"ftyp" and 'aria-label="' in found[-1] and "data-generated" in found[-1]


@languages
def test_the_plan_shows_every_camera_and_the_rays_end(lang: str):
    html = nerf.run_plan(lang, "tea", AHEAD)
    (svg,) = parsed(html)
    assert len(svg.findall("path")) == 24 + 1 and "nf-you" in html  # the frusta and the ray
    dashed = [path for path in svg.findall("path") if path.get("stroke-dasharray")]
    assert len(dashed) == 4
    (end,) = svg.findall("circle")
    assert float(end.get("cx")) == pytest.approx(MIDDLE[0] + RADIUS, abs=0.1)
    assert float(end.get("cy")) == pytest.approx(0, abs=0.02)
    assert html.count("<img") == _plan.SHOWN


def test_from_above_the_ball_lies_where_it_is():
    image, side, middle = _plan.from_above("tea")
    top = pixels(image)
    rows, columns = np.nonzero(top[..., 3])
    voxel = side / SIZE
    at = np.array([columns.mean() + 0.5, SIZE - rows.mean() - 0.5]) * voxel + np.array(middle) - side / 2
    np.testing.assert_allclose(at, MIDDLE[:2], atol=voxel)
    np.testing.assert_allclose(top[SIZE // 2, SIZE // 2, :3] / 255, COLOR, atol=0.02)


def trained(seconds: float, learner: _train.Learner | None = None, count: int = 20) -> _train.Learner:
    """Train through the tab's own function for about that long, then close it as Stop does."""
    run = nerf.run_train("en", learner, "tea", count)
    for step, found, _ in run:
        learner = learner if isinstance(found, dict) else found
        if step.i and (learner.trainer.seconds >= seconds or step.i == step.n):
            break
    run.close()
    return learner


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_train, "SHOW_SECONDS", 0.0)
    monkeypatch.setattr(_train, "SHARE", 0)
    monkeypatch.setattr(_train, "VIEWS", (2, 20))
    monkeypatch.setattr(voxels, "YIELD_SECONDS", 0.0)


@pytest.mark.usefixtures("often")
def test_training_rises_from_fog_and_goes_on_where_it_stopped():
    first = trained(0.0)
    before = first.trainer.done
    assert first.views == 20 and len(first.trainer.views) == 20
    again = trained(1e9, first)
    assert again is first and again.trainer.done == again.trainer.steps > before
    psnrs = [psnr for _, psnr in again.curve]
    assert psnrs[-1] > psnrs[0] + 5 and [s for s, _ in again.curve] == sorted(s for s, _ in again.curve)
    held = np.flatnonzero(scenes.small("tea").held_out)
    assert not set(held) & set(again.trainer.views)
    step, value, caption, renderer, asked = next(nerf.run_trained("en", again))
    assert json.loads(value)["volume"]["name"] == f"tea-20-{again.trainer.done}" and (renderer, asked) == (
        "browser",
        "",
    )
    html = nerf.run_first("pt", again, "tea")
    assert _i18n.fill("pt", "{:.2f} dB", psnrs[-1]) in html and len(parsed(html)) == 1
    assert "polyline" not in nerf.run_first("pt", again, "bunny")


@pytest.mark.usefixtures("often")
def test_fewer_views_and_another_scene_start_anew():
    learner = trained(0.0)
    other = trained(0.0, learner, 3)
    assert other is not learner and len(other.trainer.views) == 3
    assert learner.trainer.done > 0 and other.curve[0][0] == 0.0


@pytest.mark.parametrize("count", [4, 41, float("nan"), None, "5"])
def test_a_bad_number_of_views_is_refused(count: object):
    with pytest.raises(Refusal) as refusal:
        next(nerf.run_train("en", None, "tea", count))
    assert refusal.value.code == "range"


def test_what_is_not_trained_is_not_shown():
    with pytest.raises(Refusal) as refusal:
        next(nerf.run_trained("en", None))
    assert refusal.value.code == "untrained"


@languages
def test_the_warm_up_shows_three_networks(lang: str, monkeypatch: pytest.MonkeyPatch):
    learn = fourier.learn
    monkeypatch.setattr(fourier, "learn", lambda photo, seed: learn(photo, seed, 10))
    empty = nerf.run_fourier_first(lang, "tea")
    steps, found = zip(*nerf.run_fourier(lang, "tea"), strict=True)
    assert steps[-1].i == steps[-1].n == 10
    for html in (empty, found[-1]):
        assert html.count("<img") == 4 and len(parsed(html)) == 1
    assert empty.count("data-generated") == 0 and found[-1].count("data-generated") == 3
    assert len(parsed(found[-1])[0].findall("polyline")) == 3
    assert _i18n.fill(lang, "{:.1f}", fourier.PUBLISHED["gaussian"]) in found[-1]


@languages
def test_the_tables_say_what_is_published_and_what_was_measured(lang: str, monkeypatch: pytest.MonkeyPatch):
    rows = {"full": {"psnr": 30.0}, "no_encoding": {"psnr": 26.5}, "no_view_dirs": {"psnr": 29.25}}
    cards = {
        "nerf-tea-baked": {"metrics": {"psnr": 31.0, "baked_psnr": 30.75, "baked_ssim": 0.95, "megabytes": 2.5}},
        "nerf-tea-fast": {"metrics": {"psnr": 31.0, "ssim": 0.961}, "trained": {"seconds": 90}},
        ablation.ID: {"held_out": rows},
    }
    monkeypatch.setattr(_measure, "_card", lambda id: cards.get(id, {}))
    table = nerf.run_tables(lang)
    ElementTree.fromstring(f"<div>{table}</div>")
    shown = [_i18n.fill(lang, "{:.2f} dB", x) for x in (31.0, 30.75, 31.01, 27.66, 29.25)]
    shown += [_i18n.fill(lang, *x) for x in (("{:.1f} min", 1.5), ("{:.1f} MB", 2.5), ("{:+.2f}", -3.5))]
    assert all(cell in table for cell in shown)
    assert table.count(_views.text(lang, "not_yet")) == 4  # two tiny NeRFs and the other scene
    answer = nerf.run_answer(lang)
    assert all(_i18n.fill(lang, "{:+.2f}", x) in answer for x in (-3.5, -0.75, -2.24, -3.35))
    cards.clear()
    assert nerf.run_tables(lang).count(_views.text(lang, "not_yet")) == 7
    assert _i18n.fill(lang, "{:+.2f}", -2.24) in nerf.run_answer(lang)


@languages
def test_measuring_now(lang: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_measure, "FRAME", 16)
    steps, tables = zip(*nerf.run_measure(lang, "tea"), strict=True)
    assert steps[-1].i == steps[-1].n and [s.i for s in steps] == sorted(s.i for s in steps)
    ElementTree.fromstring(f"<div>{tables[-1]}</div>")
    found = [float(x.replace(",", ".")) for x in re.findall(r"([\d.,]+) dB", tables[-1])]
    assert found[0] > 45 and found[1] > 35  # the scene's views are the field's own, rounded to bytes
    assert len(re.findall(r"\d+ ms", tables[-1])) == 2


def test_the_snippet_draws_the_view():
    code = nerf.snippet("tea", 30.0, 25.0, 4.0)
    compile(code, "snippet", "exec")
    fake = "import genmodels; from genmodels.nerf import voxels; import numpy as np\n"
    fake += "class Grey:\n    def render(self, o, d): return np.full((len(o), 5), 0.5, np.float32)\n"
    fake += "genmodels.load = lambda id, device: Grey()\n"
    program = fake + code.replace('"tea.png"', "sys.stderr.buffer, 'PNG'").replace("import genmodels\n", "import sys\n")
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    assert b"50%" in done.stdout and Image.open(io.BytesIO(done.stderr)).size == (400, 400)


def test_links_carry_every_control_and_refuse_the_rest():

    def build() -> _shell.Context:
        with gr.Blocks():
            ctx = _shell.Context(nerf, _i18n.translations([nerf]), gr.Radio(["pt", "en"]))
            nerf.build(ctx)
        return ctx

    ctx = in_loop(build)
    wanted = {"scene", "azimuth", "elevation", "distance", "view", "renderer", "cameras", "pixel", "views"}
    assert set(ctx.controls) == wanted
    for control in ctx.controls.values():
        assert control.decode(control.encode(control.component.value)) == control.component.value
    bad = {"scene": "lego", "distance": "0", "elevation": "nan", "view": "x-ray", "views": "1"}
    found, wrong = ctx.restored("en", bad)
    updates = dict(zip(ctx.controls, found, strict=True))
    assert not any("value" in update for update in updates.values()) and len(wrong) == len(bad)


def test_importing_the_tab_loads_nothing_heavy():
    code = "import sys, demos.nerf; print([m for m in ('torch', 'scipy', 'numba') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=600, check=True
    )
    assert done.stdout.strip() == "[]"
