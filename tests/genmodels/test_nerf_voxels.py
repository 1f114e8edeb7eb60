"""The compiled field and its bake against the plain equations, and a scene whose answer is known."""

import numpy as np
import pytest
import torch

from genmodels import weights
from genmodels.nerf import bake, kernels, render, voxels
from genmodels.nerf.rays import get_rays, orbit, project, unit
from genmodels.nerf.scene import Scene

BALL, RADIUS = np.array([0.4, -0.2, 0.3], np.float32), 0.35
FOCAL, SIZE = 55.0, 40
QUICK = (voxels.Stage(24, 60, (0.2, 0.03, 0.02)), voxels.Stage(40, 60, fall=0.2))


def ball_scene(views: int = 16) -> Scene:
    """A ball seen from all round, red where it faces +x and green elsewhere, with exact edges."""
    poses = np.stack([orbit(360 * i / views, 15 + 40 * (i % 2), 3.0) for i in range(views)])
    images = np.zeros((views, SIZE, SIZE, 4), np.uint8)
    for image, pose in zip(images, poses, strict=True):
        o, d = get_rays(pose, FOCAL, SIZE, SIZE)
        d = unit(d)
        toward = ((BALL - o) * d).sum(-1)
        inside = RADIUS**2 - (((BALL - o) ** 2).sum(-1) - toward**2)
        point = o + (toward - np.sqrt(inside.clip(0)))[..., None] * d
        red = point[..., 0] > BALL[0]
        image[inside > 0] = np.where(red[inside > 0, None], [230, 30, 30, 255], [20, 190, 60, 255])
    return Scene("ball", images, poses, FOCAL, np.arange(views) % 8 == 3)


def soft_field(size: int = 12, seed: int = 0) -> voxels.VoxelField:
    """Every vertex of a block inside the grid filled at random."""
    rng = np.random.default_rng(seed)
    places = np.argwhere(np.ones((size - 5, size - 4, size - 6), bool)) + 2
    rows = rng.normal(0, 0.25, (len(places), 13)).astype(np.float32)
    rows[:, 0] = rng.normal(1.0, 1.0, len(places))
    return voxels.VoxelField(places, rows, np.full(3, -1.0, np.float32), 2.0 / (size - 1), size)


def some_rays(count: int = 24, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    o = unit(rng.normal(size=(count, 3))) * 3
    target = rng.uniform(-0.7, 0.7, (count, 3))
    return o.astype(np.float32), unit(target - o).astype(np.float32)


def samples(field: voxels.VoxelField, o: np.ndarray, d: np.ndarray, jitter: float) -> np.ndarray:
    """t of every sample that the compiled march takes of one ray."""
    basis, n = np.zeros(4, np.float32), 400
    found = np.zeros((n, 5), np.float32)
    work = np.zeros((n, 8), np.int32), np.zeros((n, 8), np.float32)
    count = kernels.gather(o, d, jitter, *field.grid(), basis, *work, found)
    return found[:count, 4].astype(np.float64)


def plain(field: voxels.VoxelField, o: np.ndarray, d: np.ndarray, t: np.ndarray) -> torch.Tensor:
    """(5,): rgb, opacity and distance times opacity by render.py's equations at samples t, one step wide each."""
    points = torch.from_numpy(o + t[:, None] * d).float()
    rgb, sigma = field(points, torch.from_numpy(d).expand(len(t), 3))
    weight = render.volume_weights(render.alphas(sigma, torch.full(sigma.shape, kernels.STEP * float(field.voxel))))
    depth = (weight * torch.from_numpy(t).float()).sum()
    return torch.cat([render.composite(weight, rgb, 0.0), weight.sum()[None], depth[None]])


def test_the_compiled_march_is_the_plain_sum_along_the_ray():
    field, (o, d) = soft_field(), some_rays()
    drawn = field.render(o, d)
    assert (drawn[:, 3] > 0.2).sum() > 10
    for i in range(len(o)):
        expected = plain(field, o[i], d[i], samples(field, o[i], d[i], 0.5)).detach().numpy()
        np.testing.assert_allclose(drawn[i], expected, atol=2e-3)


def test_empty_space_is_skipped_without_a_trace():
    """Samples every half voxel through the whole box, empty cells too, give the same picture."""
    field, (o, d) = soft_field(), some_rays()
    for i, drawn in enumerate(field.render(o, d)):
        t0, t1 = kernels.span(o[i], d[i], field.low.numpy(), field.low.numpy() + 2)
        step = kernels.STEP * float(field.voxel)
        every = np.arange(t0 + step / 2, t1, step) if t1 > t0 else np.zeros(1)
        expected = plain(field, o[i], d[i], every).detach().numpy()
        # 0.02 is the opacity of exp(-5) over the box's diagonal, which the march leaves out; distances are 3 and more.
        np.testing.assert_allclose(drawn[:4], expected[:4], atol=0.02)
        np.testing.assert_allclose(drawn[4], expected[4], atol=0.08)


def test_the_gradient_by_hand_is_the_one_of_autograd():
    field, (o, d) = soft_field(), some_rays()
    jitter = np.random.default_rng(2).random(len(o)).astype(np.float32)
    target = np.random.default_rng(3).random((len(o), 4)).astype(np.float32)
    grads = np.zeros((kernels.GROUPS, *field.rows.shape), np.float32)
    losses = np.zeros(kernels.GROUPS)
    kernels.gradient(o, d, jitter, target, *field.grid(), 4, grads, losses)
    field.rows.requires_grad_(True)
    loss = 0.0
    for i in range(len(o)):
        found = plain(field, o[i], d[i], samples(field, o[i], d[i], jitter[i]))
        loss = loss + (found[:4] - torch.from_numpy(target[i])).square().sum() / len(o)
    loss.backward()
    assert losses.sum() / len(o) == pytest.approx(loss.item(), rel=1e-4)
    expected = field.rows.grad.numpy()
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(grads.sum(0), expected, atol=1e-4 * np.abs(expected).max() + 1e-6, rtol=2e-2)


def test_adam_is_torchs():
    rng = np.random.default_rng(0)
    start = rng.normal(size=(6, 13)).astype(np.float32)
    mine, peer = start.copy(), torch.nn.Parameter(torch.from_numpy(start.copy()))
    optimizer = torch.optim.Adam([peer], lr=0.05, betas=(0.9, 0.99), eps=1e-12)
    moments = np.zeros_like(start), np.zeros_like(start)
    for time in (1, 2, 3):
        grads = rng.normal(size=(kernels.GROUPS, *start.shape)).astype(np.float32)
        peer.grad = torch.from_numpy(grads.sum(0))
        optimizer.step()
        kernels.adam(mine, grads, *moments, time, 0.05, 0.05, 0.05, 4)
        assert not grads.any()
    np.testing.assert_allclose(mine, peer.detach().numpy(), atol=1e-5)


def test_distances_count_cells_to_the_nearest_occupied_one():
    occupied = np.random.default_rng(0).random((9, 9, 9)) > 0.995
    occupied[4, 5, 6] = True
    found = voxels.distances(occupied)
    corners = np.argwhere(occupied)
    filled = {tuple(c - o) for c in corners for o in np.ndindex(2, 2, 2) if (c - o >= 0).all() and (c - o < 8).all()}
    for cell in np.ndindex(8, 8, 8):
        assert found[cell] == min(max(abs(a - b) for a, b in zip(cell, other, strict=True)) for other in filled)


@pytest.fixture(scope="module")
def trained() -> tuple[Scene, voxels.Trainer]:
    scene = ball_scene()
    trainer = voxels.Trainer(scene, stages=QUICK)
    list(trainer.run())
    return scene, trainer


def error(scene: Scene, model: torch.nn.Module) -> float:
    """Mean square error over the held-out views."""
    views = np.flatnonzero(scene.held_out)
    drawn = [voxels.picture(model, scene.poses[v], FOCAL, SIZE, SIZE)[..., :3] for v in views]
    return float(np.square(np.stack(drawn) - scene.targets(views)).mean())


def test_training_finds_the_ball_where_it_is(trained):
    scene, trainer = trained
    assert error(scene, trainer.field) < 0.2 * float(np.square(scene.targets(scene.held_out)).mean())
    pose = orbit(75, 5, 3.2)
    drawn = voxels.picture(trainer.field, pose, FOCAL, SIZE, SIZE)
    rows, columns = np.nonzero(drawn[..., 3] > 0.5)
    middle = [columns.mean() + 0.5, rows.mean() + 0.5]
    np.testing.assert_allclose(middle, project(BALL[None], pose, FOCAL, SIZE, SIZE)[0], atol=1.0)
    front = drawn[rows.mean().astype(int), columns.mean().astype(int)]
    assert front[4] / front[3] == pytest.approx(np.linalg.norm(BALL - pose[:3, 3]) - RADIUS, abs=0.15)


def test_the_box_holds_the_ball_and_little_else(trained):
    scene, _ = trained
    field = voxels.fog(scene, np.flatnonzero(~scene.held_out), 24)
    low, high = field.low.numpy(), field.low.numpy() + 23 * float(field.voxel)
    assert (low < BALL - RADIUS).all() and (high > BALL + RADIUS).all()
    assert (high - low).max() < 4 * RADIUS


def test_the_same_seed_learns_the_same_and_another_not():
    def learned(seed: int) -> torch.Tensor:
        trainer = voxels.Trainer(ball_scene(8), seed=seed, stages=(voxels.Stage(12, 5),))
        list(trainer.run())
        return trainer.field.rows

    torch.testing.assert_close(learned(0), learned(0), rtol=0, atol=0)
    assert not torch.equal(learned(0), learned(1))


def test_training_stops_and_goes_on():
    trainer = voxels.Trainer(ball_scene(8), stages=(voxels.Stage(12, 6), voxels.Stage(16, 4)))
    first = list(trainer.run(seconds=0.0))
    assert trainer.done == 1 and first[-1].i == 1
    last = list(trainer.run())[-1]
    assert last.i == last.n == 10 and int(trainer.field.size) == 16


def test_what_no_ray_sees_is_dropped(trained):
    scene, trainer = trained
    field = trainer.finish()
    assert len(field.rows) < 0.8 * len(trainer.field.rows)
    assert error(scene, field) < 1.3 * error(scene, trainer.field) + 1e-3


def test_the_bake_shows_the_field(trained):
    scene, trainer = trained
    field = trainer.finish()
    baked = bake.bake(field)
    o, d = get_rays(orbit(40, 20, 3.0), FOCAL, SIZE, SIZE)
    rays = o.reshape(-1, 3), unit(d).reshape(-1, 3)
    there, here = field.render(*rays), baked.render(*rays)
    assert float(np.square(there - here)[:, :4].mean()) < 1e-3
    assert baked.rows.dtype == torch.uint8 and baked.rows.shape == field.rows.shape


def test_the_march_of_the_bake_is_the_march_of_its_floats(monkeypatch, trained):
    baked = bake.bake(trained[1].finish())
    monkeypatch.setattr(bake, "STEP", kernels.STEP)
    o, d = get_rays(orbit(-60, 40, 3.0), FOCAL, SIZE, SIZE)
    rays = o.reshape(-1, 3), unit(d).reshape(-1, 3)
    # The few colours of nearly transparent samples that the march leaves out are the difference.
    np.testing.assert_allclose(baked.render(*rays), baked.unpacked().render(*rays), atol=0.05)
    assert np.abs(baked.render(*rays) - baked.unpacked().render(*rays)).mean() < 2e-3


def test_the_background_shows_where_nothing_is(trained):
    baked = bake.bake(trained[1].finish())
    away = np.array([[0, 0, 3]], np.float32), np.array([[0, 0, 1]], np.float32)
    assert baked.render(*away, background=0.75)[0].tolist() == [0.75, 0.75, 0.75, 0, 0]


def test_only_fields_of_degree_one_bake():
    field = voxels.VoxelField(np.zeros((1, 3), int), np.zeros((1, 28), np.float32), np.zeros(3), 0.1, 4)
    with pytest.raises(ValueError, match="harmonics"):
        bake.bake(field)


def test_field_and_bake_come_back_from_their_files(monkeypatch, tmp_path, trained):
    monkeypatch.setattr(weights, "ASSETS", tmp_path)
    field = trained[1].finish()
    rays = some_rays()
    for name, model, kind in (("f", field, voxels.VoxelField), ("b", bake.bake(field), bake.BakedVolume)):
        weights.write(name, model)
        again = kind.read(tmp_path / name)
        np.testing.assert_allclose(again.render(*rays), model.render(*rays), atol=0.02)
