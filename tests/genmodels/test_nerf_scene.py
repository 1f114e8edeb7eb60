"""Scene files, their refusals and sizes; meshes and the renderer against known answers; the scenes that ship."""

import io
import sys
import zipfile

import numpy as np
import pytest

from genmodels.data import meshes, nerf_scenes
from genmodels.errors import Refusal
from genmodels.nerf import scene
from genmodels.nerf.rays import orbit, project


@pytest.fixture
def arrays():
    """A sound scene of 12 views, 6x8 pixels."""
    images = np.random.default_rng(0).integers(0, 256, (12, 6, 8, 4), np.uint8)
    images[..., :3] = np.minimum(images[..., :3], images[..., 3:])
    return {
        "images_premult_rgba": images,
        "poses": np.stack([orbit(30.0 * k, 20.0, 4.0) for k in range(12)]),
        "focal": np.array(10.0),
    }


def save(path, arrays):
    np.savez_compressed(path, **arrays)
    return path


def reflected(poses):
    return poses @ np.diag([-1, 1, 1, 1]).astype(np.float32)


def changed(poses, row, column, value):
    poses = poses.copy()
    poses[3, row, column] = value
    return poses


def test_a_sound_file_is_read_as_it_is(tmp_path, arrays):
    found = scene.read(save(tmp_path / "mine.npz", arrays))
    assert found.name == "mine" and found.focal == 10.0
    assert np.array_equal(found.images, arrays["images_premult_rgba"])
    assert np.array_equal(found.poses, arrays["poses"]) and found.poses.dtype == np.float32
    assert np.flatnonzero(found.held_out).tolist() == [0, 10]


def test_writing_and_reading_gives_the_same_scene(tmp_path, arrays):
    held_out = np.arange(12) > 9
    made = scene.Scene("a", arrays["images_premult_rgba"], arrays["poses"], 10.0, held_out)
    nerf_scenes.write(tmp_path / "a.npz", made)
    found = scene.read(tmp_path / "a.npz")
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]
    assert (found.name, found.focal) == ("a", 10.0)
    for field in ("images", "poses", "held_out"):
        assert np.array_equal(getattr(found, field), getattr(made, field))


@pytest.mark.parametrize(
    ("code", "said", "change"),
    [
        ("scene_lacks", "the file has no array poses", lambda a: a.pop("poses")),
        ("scene_lacks", "the file has no array focal", lambda a: a.pop("focal")),
        (
            "scene_array",
            "images_premult_rgba is float32 (12, 6, 8, 4); it must be uint8 (N, H, W, 4)",
            lambda a: a.update(images_premult_rgba=a["images_premult_rgba"].astype(np.float32)),
        ),
        (
            "scene_array",
            "images_premult_rgba is uint8 (12, 6, 8, 3)",
            lambda a: a.update(images_premult_rgba=a["images_premult_rgba"][..., :3]),
        ),
        (
            "scene_array",
            "images_premult_rgba is uint8 (12, 0, 8, 4)",
            lambda a: a.update(images_premult_rgba=a["images_premult_rgba"][:, :0]),
        ),
        ("scene_array", "poses is (11, 4, 4); it must be (12, 4, 4)", lambda a: a.update(poses=a["poses"][:11])),
        ("scene_array", "poses is float32 (12, 3, 4)", lambda a: a.update(poses=a["poses"][:, :3])),
        ("scene_array", "held_out is (11,); it must be (12,)", lambda a: a.update(held_out=np.zeros(11, bool))),
        ("scene_array", "held_out is int64 (12,)", lambda a: a.update(held_out=np.zeros(12, np.int64))),
        ("scene_array", "poses is object", lambda a: a.update(poses=a["poses"].astype(object))),
        ("scene_array", "focal is float64 (2,)", lambda a: a.update(focal=np.array([10.0, 10.0]))),
        ("scene_focal", "focal is 0; it must be a positive number", lambda a: a.update(focal=np.array(0.0))),
        ("scene_focal", "focal is nan", lambda a: a.update(focal=np.array(np.nan))),
        ("scene_pose", "pose 0 is not a rotation", lambda a: a.update(poses=reflected(a["poses"]))),
        ("scene_pose", "pose 3 is not a rotation", lambda a: a.update(poses=changed(a["poses"], 0, 0, 0.5))),
        ("scene_pose", "pose 3 is not a rotation", lambda a: a.update(poses=changed(a["poses"], 3, 3, 2))),
        ("scene_pose", "pose 3 is not a rotation", lambda a: a.update(poses=changed(a["poses"], 0, 3, np.nan))),
        (
            "scene_pose",
            "pose 3 is not a rotation",
            lambda a: a.update(poses=changed(a["poses"].astype(np.float64), 1, 3, 1e200)),
        ),
        ("scene_views", "1 views to train on and 11 held out", lambda a: a.update(held_out=np.arange(12) > 0)),
        ("scene_views", "12 views to train on and 0 held out", lambda a: a.update(held_out=np.zeros(12, bool))),
        (
            "scene_straight",
            "is not premultiplied",
            lambda a: a["images_premult_rgba"].__setitem__((2, 1, 1), (9, 9, 9, 5)),
        ),
    ],
)
def test_a_malformed_scene_is_refused_in_one_sentence(tmp_path, arrays, code, said, change):
    change(arrays)
    path = save(tmp_path / "bad.npz", arrays)
    with pytest.raises(Refusal) as refused:
        scene.read(path)
    assert refused.value.code == code and said in str(refused.value)


def test_what_is_no_archive_of_arrays_is_refused(tmp_path, arrays):
    with pytest.raises(Refusal, match="there is no file nowhere.npz"):
        scene.read(tmp_path / "nowhere.npz")
    plain = tmp_path / "plain.npz"
    with plain.open("wb") as file:
        np.save(file, arrays["poses"])
    whole = save(tmp_path / "whole.npz", arrays).read_bytes()
    cut, bent = tmp_path / "cut.npz", tmp_path / "bent.npz"
    cut.write_bytes(whole[: len(whole) // 2])
    bent.write_bytes(whole[:600] + bytes(200) + whole[800:])
    for path in (plain, cut, bent):
        with pytest.raises(Refusal, match="is not an .npz archive of plain arrays") as refused:
            scene.read(path)
        assert refused.value.code == "scene_file"


def test_a_header_that_announces_more_than_the_file_holds_is_refused_before_memory_is_taken(tmp_path, arrays):
    path = save(tmp_path / "vast.npz", {k: v for k, v in arrays.items() if k != "images_premult_rgba"})
    header = io.BytesIO()
    said = {"descr": "|u1", "fortran_order": False, "shape": (10**6, 4000, 4000, 4)}
    np.lib.format.write_array_header_1_0(header, said)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("images_premult_rgba.npy", header.getvalue() + bytes(64))
    with pytest.raises(Refusal) as refused:
        scene.read(path)
    assert refused.value.code == "scene_file"


def test_a_scene_that_unpacks_to_more_than_the_limit_is_refused(tmp_path, arrays, monkeypatch):
    monkeypatch.setattr(scene, "LIMIT", 2_000_000)
    arrays["images_premult_rgba"] = np.zeros((12, 300, 300, 4), np.uint8)
    path = save(tmp_path / "zeros.npz", arrays)
    assert path.stat().st_size < 100_000
    with pytest.raises(Refusal, match="the scene takes 4 MB; at most 2") as refused:
        scene.read(path)
    assert refused.value.values == {"megabytes": 4, "limit": 2}


@pytest.mark.parametrize("size", [1, 2, 4, 5])
def test_smaller_pixels_are_means_over_the_area_they_cover(arrays, size):
    images = arrays["images_premult_rgba"]
    before = scene.Scene("a", images, arrays["poses"], 10.0, np.arange(12) == 0)
    after = before.smaller(size)
    width = round(8 * size / 6)
    assert after.images.shape == (12, size, width, 4) and after.focal == pytest.approx(10 * size / 6)
    fine = images[0].repeat(size, 0).repeat(width, 1).astype(float)  # 6 * size by 8 * width: both grids divide it
    expected = fine.reshape(size, 6, width, 8, 4).mean((1, 3))
    assert np.abs(after.images[0] - expected).max() <= 0.501


@pytest.mark.parametrize("size", [0, 7])
def test_a_scene_is_not_made_larger_than_it_is(arrays, size):
    full = scene.Scene("a", arrays["images_premult_rgba"], arrays["poses"], 10.0, np.arange(12) == 0)
    with pytest.raises(Refusal, match="size is"):
        full.smaller(size)


def test_targets_stand_on_the_background_asked_for():
    images = np.array([[[[100, 50, 0, 128], [0, 0, 0, 0]]]] * 3, np.uint8)
    made = scene.Scene("a", images, np.stack([np.eye(4)] * 3), 1.0, np.array([True, False, False]))
    black, white = made.targets(~made.held_out), made.targets([1], background=1.0)
    assert black.shape == (2, 1, 2, 3) and black.dtype == np.float32
    np.testing.assert_allclose(black[0, 0], [[100 / 255, 50 / 255, 0], [0, 0, 0]], atol=1e-6)
    np.testing.assert_allclose(white[0, 0], [[227 / 255, 177 / 255, 127 / 255], [1, 1, 1]], atol=1e-6)


def test_an_unknown_scene_is_refused():
    with pytest.raises(Refusal, match="there is no scene 'castle'; the scenes are tea, bunny"):
        scene.load("castle")


@pytest.mark.parametrize("name", nerf_scenes.NAMES)
def test_the_scenes_that_ship_are_whole(name):
    found = scene.small(name)
    assert (scene.SCENES / f"{name}.npz").stat().st_size < 1_200_000
    assert found.name == name and found.images.shape == (45, 100, 100, 4)
    assert found.focal == pytest.approx(138.88889) and found.held_out.sum() == 5
    at = found.poses[:, :3, 3]
    np.testing.assert_allclose(np.linalg.norm(at, axis=1), 4, atol=1e-5)
    np.testing.assert_allclose(at, 4 * found.poses[:, :3, 2], atol=1e-5)  # every camera looks at the origin
    shown = (found.images[..., 3] > 0).mean((1, 2))
    assert 0.1 < shown.min() and shown.max() < 0.8
    assert (found.images[:, [0, -1]] == 0).all() and (found.images[:, :, [0, -1]] == 0).all()  # nothing is cut off


def test_cameras_fill_the_shell_and_held_out_ones_stand_apart():
    train = nerf_scenes.shell(nerf_scenes.TRAIN)[:, :3, 2]
    held = nerf_scenes.shell(nerf_scenes.HELD_OUT, turn=nerf_scenes.BETWEEN)[:, :3, 2]
    apart = np.degrees(np.arccos(np.clip(train @ held.T, -1, 1)))
    assert apart.min() > 2.5
    among = np.degrees(np.arccos(np.clip(train @ train.T - 2 * np.eye(len(train)), -1, 1))).min(1)
    assert 12 < among.min() and among.max() < 17  # an even spread: the shell's area over 100 views is 15 degrees square
    up = np.degrees(np.arcsin(np.concatenate([train, held])[:, 2]))
    assert nerf_scenes.LOWEST <= up.min() < -4 and 68 < up.max() <= nerf_scenes.HIGHEST


def test_spread_takes_the_corners_first():
    places = np.array([[0, 0, 0], [0.1, 0, 0], [1, 0, 0], [1, 1, 0], [0.5, 0.5, 0], [0, 1, 0]])
    poses = np.stack([np.eye(4)] * 6)
    poses[:, :3, 3] = places
    assert nerf_scenes.spread(poses, 4).tolist() == [0, 2, 3, 5]


@pytest.fixture
def renderer():
    """A picture-taker of a white sphere of radius 0.05 at AT, lit evenly from everywhere."""
    shapes = {"light": {"type": "constant"}, "ball": {"type": "sphere", "center": list(AT), "radius": 0.05}}
    return nerf_scenes.Renderer("ball", shapes)


AT = (0.5, -0.3, 0.7)


@pytest.mark.parametrize(("azimuth", "elevation"), [(0.0, 0.0), (30.0, 20.0), (200.0, 60.0), (-75.0, -5.0)])
def test_a_point_is_rendered_where_our_cameras_project_it(renderer, azimuth, elevation):
    c2w = orbit(azimuth, elevation, 4.0)
    alpha = renderer(c2w, 100, 138.88889, 64)[..., 3].astype(float)
    row, column = np.mgrid[:100, :100] + 0.5
    seen = [(alpha * column).sum() / alpha.sum(), (alpha * row).sum() / alpha.sum()]
    np.testing.assert_allclose(seen, project(np.array([AT]), c2w, 138.88889, 100, 100)[0], atol=0.05)
    depth = -(np.linalg.inv(c2w) @ [*AT, 1])[2]
    assert alpha.sum() / 255 == pytest.approx(np.pi * (138.88889 * 0.05 / depth) ** 2, rel=0.05)


def test_the_light_behind_is_transparent_and_a_seed_repeats_a_picture(renderer):
    c2w = orbit(10.0, 10.0, 4.0)
    first, again, other = (renderer(c2w, 50, 69.4, 4, seed=s) for s in (1, 1, 2))
    assert (first[0, 0] == 0).all() and first[..., 3].max() == 255
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_pictures_are_srgb_first_and_premultiplied_then():
    linear = np.array([[[0.25, 0.001, 1.0, 0.5], [0.5, 9.0, 0.0, 1.0], [0, 0, 0, 0]]], np.float32)
    grey = 1.055 * 0.5 ** (1 / 2.4) - 0.055
    expected = 255 * np.array([[grey / 2, 12.92 * 0.002 / 2, 0.5, 0.5], [grey, 1, 0, 1], [0, 0, 0, 0]])
    assert np.abs(nerf_scenes.encode(linear)[0] - expected).max() <= 0.501


@pytest.mark.parametrize("name", nerf_scenes.NAMES)
def test_the_still_lifes_fit_into_their_sphere(monkeypatch, name):
    """With a box in the place of the fetched mesh: one unit tall, as that is."""
    monkeypatch.setattr(meshes, "npm", lambda spec, file: meshes.box((0.9, 0.6, 1.0)))
    shot = nerf_scenes.Renderer(name)
    for part in shot.scene.shapes():
        vertices = np.array(shot.mi.traverse(part).get("vertex_positions", [])).reshape(-1, 3)
        assert np.linalg.norm(vertices, axis=1).max(initial=0) < 1.2
    picture = shot(orbit(-60.0, 30.0, 4.0), 40, 55.6, 4)
    assert len(np.unique(picture[..., :3].reshape(-1, 3), axis=0)) > 100


def test_without_mitsuba_rendering_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "mitsuba", None)
    with pytest.raises(Refusal) as refused:
        nerf_scenes.Renderer("tea")
    assert refused.value.code == "scene_renderer"


def volume(mesh):
    a, b, c = (mesh.positions[mesh.faces[:, k]] for k in range(3))
    return (a * np.cross(b, c)).sum() / 6


def test_meshes_turn_their_outside_outwards():
    half = np.radians(np.linspace(90, -90, 25))
    sphere = meshes.lathe(np.stack([np.cos(half), np.sin(half)], 1))
    assert volume(sphere) == pytest.approx(4 / 3 * np.pi, rel=0.01)
    assert np.abs(sphere.normals() - sphere.positions).max() < 0.02
    assert volume(meshes.box((2, 3, 0.5))) == pytest.approx(3.0)
    low, high = (f(meshes.box((2, 3, 0.5)).positions, axis=0) for f in (np.min, np.max))
    assert low == pytest.approx([-1, -1.5, 0]) and high == pytest.approx([1, 1.5, 0.5])
    rod = meshes.tube(np.array([[0, 0], [1, 0], [2, 0]]), lambda t: 0.1 + 0 * t, segments=64)
    assert np.hypot(rod.positions[:, 1], rod.positions[:, 2]) == pytest.approx(0.1)
    a, b, c = (rod.positions[rod.faces[:, k]] for k in range(3))
    outwards = np.cross(b - a, c - a) * [0, 1, 1] * (a + b + c)
    assert (outwards.sum(1) > 0).all()


def test_placing_scales_then_turns_then_moves():
    point = meshes.Mesh(np.array([[1.0, 0, 0]]), np.zeros((0, 3), int))
    np.testing.assert_allclose(point.placed(2, turn=90, at=(0, 0, 5)).positions, [[0, 2, 5]], atol=1e-12)


def test_a_javascript_mesh_is_read_with_z_up(tmp_path, monkeypatch):
    text = "exports.positions=[[0,0,0],[2,0,0],[0,4,0],[0,0,-2]];\nexports.cells=[[0,1,2],[0,2,3]]"
    (tmp_path / "index.js").write_text(text, encoding="utf-8")
    monkeypatch.setattr(meshes.packages, "npm", lambda spec: tmp_path)
    found = meshes.npm("thing@1.0.0", "index.js")
    # One unit tall, so a quarter of the size; centred; what pointed away from the viewer (-z) is at +y.
    expected = [[-0.25, -0.25, 0], [0.25, -0.25, 0], [-0.25, -0.25, 1], [-0.25, 0.25, 0]]
    np.testing.assert_allclose(found.positions, expected)
    assert found.faces.tolist() == [[0, 1, 2], [0, 2, 3]]
    (tmp_path / "index.js").write_text("exports.positions=[[0,0,0]]", encoding="utf-8")
    with pytest.raises(RuntimeError, match="exports no cells"):
        meshes.npm("thing@1.0.0", "index.js")
