"""The viewer's messages hold the volume whole, its constants are the march's own, and its views have known answers."""

import base64
import json
import re
import string
import zlib

import numpy as np
import pytest
import torch

from demos.nerf import _viewer
from genmodels.nerf import bake, kernels, march, rays, voxels
from genmodels.nerf.scene import Scene

CENTRE, RADIUS = np.array([0.4, -0.3, 0.2]), 0.45


@pytest.fixture(scope="module")
def ball() -> bake.BakedVolume:
    """A ball beside the middle of a grid of 40 vertices, red where x is large, brighter seen from above."""
    size = 40
    voxel = 2.4 / (size - 1)
    grid = np.stack(np.meshgrid(*[np.arange(size)] * 3, indexing="ij"), -1).reshape(-1, 3)
    points = -1.2 + voxel * grid
    raw = (RADIUS - np.linalg.norm(points - CENTRE, axis=1)) / voxel * 4 + 2
    kept = raw > kernels.EMPTY
    rows = np.zeros((int(kept.sum()), 13), np.float32)
    rows[:, 0] = raw[kept]
    rows[:, 1], rows[:, 3], rows[:, 5] = points[kept, 0], 0.3, 0.5
    return bake.bake(voxels.VoxelField(grid[kept], rows, np.full(3, -1.2), voxel, size))


def unpacked(said: dict) -> tuple[np.ndarray, np.ndarray]:
    """What viewer_march.js makes of a message, by a plain loop: the kept vertices' rows, and the distances."""
    data = np.frombuffer(zlib.decompress(base64.b64decode(said["data"])), np.uint8)
    shape, count = said["shape"], said["count"]
    vertices, bits = int(np.prod(shape)), -(-int(np.prod(shape)) // 8)
    rows = np.zeros((vertices, bake.COLUMNS), np.uint8)
    rows[:, 1:] = np.round(said["zero"][1:])
    row = 0
    for v in range(vertices):
        if data[v >> 3] & (128 >> (v & 7)):
            rows[v] = [data[bits + column * count + row] for column in range(bake.COLUMNS)]
            row += 1
    assert row == count
    gaps = data[bits + bake.COLUMNS * count :]
    return rows.reshape(*shape, -1), gaps.reshape([n - 1 for n in shape])


def test_the_message_holds_all_that_the_volume_does(ball):
    said = json.loads(_viewer.pack(ball, "ball"))["volume"]
    rows, gaps = unpacked(said)
    assert said["name"] == "ball" and max(said["shape"]) < int(ball.size), "the empty rim is left out"
    kept = tuple(slice(i, i + n) for i, n in zip(said["first"], said["shape"], strict=True))
    cells = tuple(slice(i, i + n - 1) for i, n in zip(said["first"], said["shape"], strict=True))
    np.testing.assert_array_equal(rows, ball.volume[kept][..., : bake.COLUMNS])
    np.testing.assert_array_equal(gaps, ball.free[cells])
    outside = np.ones(ball.volume.shape[:3], bool)
    outside[kept] = False
    assert not ball.volume[outside][:, 0].any()


def test_the_constants_are_those_of_the_cpus_march(ball):
    said = json.loads(_viewer.pack(ball))["volume"]
    assert said["settings"] == {
        "step": bake.STEP,
        "most": kernels.MOST,
        "opaque": march.FAINT,
        "faint": march.FAINT,
    }
    d = rays.unit(np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32))
    table = np.array(said["harmonics"])  # (4, 1 + 3)
    for direction in d:
        shade = np.zeros(16, np.float32)
        march.shades(direction, np.ones((2, 16), np.float32), shade)
        np.testing.assert_allclose(table @ [1, *direction], shade[1:5], atol=1e-6)


def test_no_constant_of_the_march_is_typed_again():
    scripts = "".join((_viewer.HERE / name).read_text(encoding="utf-8") for name in (*_viewer.SCRIPTS, "viewer.glsl"))
    for constant in ("0.282", "0.488", "0.001", "1e-3", "256.0;", "0.0039", "9.0", "-5.0"):
        assert constant not in scripts, constant


def test_depth_and_normals_of_a_ball(ball):
    azimuth, elevation, distance, side = 20.0, 30.0, 4.0, 96
    c2w = rays.orbit(azimuth, elevation, distance)
    rays_o, rays_d = rays.get_rays(c2w, _viewer.FOCAL * side, side, side)
    d = rays.unit(rays_d)
    along = ((CENTRE - rays_o) * d).sum(-1)
    aside = ((CENTRE - rays_o) ** 2).sum(-1) - along**2
    hit = aside < (0.7 * RADIUS) ** 2  # away from the rim, where the soft edge has no one depth
    t = along - np.sqrt(np.maximum(RADIUS**2 - aside, 0))
    depth = _viewer.view(ball, azimuth, elevation, distance, side, "depth")
    reach = json.loads(_viewer.pack(ball))["volume"]["reach"]
    found = distance + reach - 2 * reach * depth[..., 0] / depth[..., 3].clip(1e-4)
    assert hit.sum() > 200
    assert np.abs(found - t)[hit].max() < 1.5 * float(ball.voxel)
    normals = _viewer.view(ball, azimuth, elevation, distance, side, "normals")
    towards = 2 * normals[..., :3] / normals[..., 3:].clip(1e-4) - 1
    truth = rays.unit(rays_o + t[..., None] * d - CENTRE)
    assert ((towards * truth).sum(-1))[hit].min() > np.cos(np.radians(8))


def test_the_color_view_is_the_bakes_picture(ball):
    picture = voxels.picture(ball, rays.orbit(10.0, 5.0, 3.0), 50 * _viewer.FOCAL, 50, 50)
    np.testing.assert_array_equal(_viewer.view(ball, 10.0, 5.0, 3.0, 50), picture[..., :4])


def test_an_unchanged_part_is_not_named(ball):
    assert json.loads(_viewer.pack()) == {}
    assert json.loads(_viewer.pack(image="")) == {"image": ""}
    assert set(json.loads(_viewer.pack(ball, "ball", image="data:,"))) == {"volume", "image"}


def test_cameras_and_their_sheet():
    images = np.zeros((5, 20, 20, 4), np.uint8)
    images[3] = 255
    held_out = np.array([True, False, False, False, False])
    poses = np.stack([rays.orbit(40.0 * i, 20.0, 4.0) for i in range(5)])
    said = json.loads(_viewer.pack(cameras=Scene("s", images, poses, 25.0, held_out)))["cameras"]
    np.testing.assert_allclose(np.array(said["poses"]), poses[:, :3], atol=1e-4)
    assert said["held_out"] == held_out.tolist() and said["spread"] == [0.4, 0.4] and said["columns"] == 3
    from torchvision.io import ImageReadMode, decode_image

    sheet = np.frombuffer(base64.b64decode(said["sheet"].split(",")[1]), np.uint8).copy()
    pixels = decode_image(torch.from_numpy(sheet), mode=ImageReadMode.RGB)
    assert pixels.shape == (3, 2 * _viewer.THUMB, 3 * _viewer.THUMB)
    assert pixels[:, _viewer.THUMB + 10, 10].min() > 240 and pixels[:, 10, 10].max() < 230  # view 3, view 0


def test_both_languages_say_the_same():
    assert _viewer.TEXT["en"].keys() == _viewer.TEXT["pt"].keys()
    for key, text in _viewer.TEXT["en"].items():
        fields = [
            {name for _, name, _, _ in string.Formatter().parse(said)} for said in (text, _viewer.TEXT["pt"][key])
        ]
        assert fields[0] == fields[1], key
    scripts = "".join((_viewer.HERE / name).read_text(encoding="utf-8") for name in _viewer.SCRIPTS)
    for key in set(re.findall(r'says\("(\w+)"', scripts)):
        assert key in _viewer.TEXT["en"]
