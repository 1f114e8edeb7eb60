"""The tiny NeRF and the ablation's networks on a ball whose every pixel is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from genmodels import registry, train, weights
from genmodels.nerf import ablation, metrics, rays, tiny_nerf
from genmodels.nerf.batches import RayBatches, squared_error
from genmodels.nerf.scene import Scene
from genmodels.registry import ModelCard
from genmodels.train import Budget, Trained


def ball(size: int = 12, views: int = 12) -> Scene:
    """A unit ball round the origin, coloured by its normal, from all round; every fourth view is held out."""
    focal, images, poses = 1.4 * size, [], []
    for view in range(views):
        c2w = rays.orbit(360 * view / views, 25.0 * math.sin(view), 4.0)
        rays_o, rays_d = rays.get_rays(c2w, focal, size, size)
        near, far = rays.sphere(rays_o, rays_d, 1.0)
        color = 0.5 + 0.5 * (rays_o + near[..., None] * rays_d)
        rgba = np.concatenate([color, np.ones((size, size, 1))], -1) * (far > near)[..., None]
        images.append((rgba * 255).round().clip(0, 255).astype(np.uint8))
        poses.append(c2w)
    return Scene("ball", np.stack(images), np.stack(poses), focal, np.arange(views) % 4 == 0)


@pytest.fixture
def small(tmp_path, monkeypatch) -> Scene:
    """Cache and assets in a folder of the test, recipes of few rays and steps."""
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(weights, "ASSETS", tmp_path / "weights")
    monkeypatch.setattr(train, "YIELD_SECONDS", 0.0)  # a Step for each step
    for module, values in ((tiny_nerf, (64, 16, 20)), (ablation, (64, 12, 20))):
        for name, value in zip(("RAYS", "SAMPLES", "STEPS"), values, strict=True):
            monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(ablation, "ROWS", {"full": ablation.Row(), "views_3": ablation.Row(L=2, views=3)})
    return ball()


def count(model: torch.nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


# batches


def test_batches_hold_each_pixel_with_its_ray():
    scene = ball()
    views = np.flatnonzero(~scene.held_out)
    batches = RayBatches.between(scene, views, 2.0, 6.0, 32, 8)
    assert len(batches.rays_o) == 9 * 12 * 12
    row = 1 * 144 + 5 * 12 + 7  # second training view, row 5, column 7
    rays_o, rays_d = rays.get_rays(scene.poses[2], scene.focal, 12, 12)
    assert np.array_equal(batches.rays_d[row], rays_d[5, 7]) and np.array_equal(batches.rays_o[row], rays_o[5, 7])
    assert_close(batches.target[row], torch.from_numpy(scene.images[2, 5, 7, :3]) / 255)
    found = next(batches(0))
    assert [tuple(t.shape) for t in found] == [(32, 3), (32, 3), (32, 8), (32,), (32, 3)]
    assert (found[2] >= 2).all() and (found[2] <= 6).all() and (found[3] == 6).all()


def test_batches_are_the_same_for_the_same_step_and_seed():
    scene = ball()
    stream = RayBatches.within(scene, [1, 2], 1.3, 16, 4)(0)
    first, second = next(stream), next(stream)
    again = next(RayBatches.within(scene, [1, 2], 1.3, 16, 4)(1))
    other = next(RayBatches.within(scene, [1, 2], 1.3, 16, 4, seed=1)(1))
    assert all(torch.equal(a, b) for a, b in zip(second, again, strict=True))
    assert not torch.equal(first[2], second[2]) and not torch.equal(second[2], other[2])


def test_rays_that_miss_the_sphere_are_left_out_and_were_black():
    scene = ball()
    every, inside = RayBatches.between(scene, [1], 2.0, 6.0, 8, 4), RayBatches.within(scene, [1], 1.3, 8, 4)
    assert 0 < len(inside.target) < len(every.target)
    assert_close(inside.target.sum(), every.target.sum())
    ends = inside.rays_o + inside.far[:, None] * inside.rays_d
    assert_close(ends.norm(dim=1), torch.full((len(ends),), 1.3))


# the tiny NeRF


def test_parameters_of_the_tiny_nerf():
    inputs = 39
    layers = (inputs * 256 + 256) + 4 * (256 * 256 + 256) + ((256 + inputs) * 256 + 256) + 2 * (256 * 256 + 256)
    assert count(tiny_nerf.TinyNeRF()) == layers + 256 * 4 + 4 == 481_796


def test_the_tiny_nerf_against_numpy():
    model = tiny_nerf.new_model(0)
    points = torch.rand(7, 3, generator=torch.Generator().manual_seed(1)) * 2 - 1
    x = points.numpy().astype(np.float64)
    x = np.concatenate([x] + [f(2.0**k * x) for k in range(6) for f in (np.sin, np.cos)], 1)
    h = x
    for i, layer in enumerate(model.layers):
        h = np.maximum(h @ layer.weight.detach().numpy().T + layer.bias.detach().numpy(), 0)
        if i == 4:
            h = np.concatenate([h, x], 1)
    raw = h @ model.head.weight.detach().numpy().T + model.head.bias.detach().numpy()
    rgb, sigma = model(points, points)
    assert np.allclose(rgb.detach(), 1 / (1 + np.exp(-raw[:, :3])), atol=1e-5)
    assert np.allclose(sigma.detach(), np.maximum(raw[:, 3], 0), atol=1e-5) and (sigma > 0).any()


def trained_tiny(scene: Scene, seed: int) -> tiny_nerf.TinyNeRF:
    model, trained = tiny_nerf.new_model(seed), Trained()
    steps = list(tiny_nerf.recipe("tiny-test", scene, model, Budget(), trained, seed))
    assert steps[-1].i == trained.steps == 20 and trained.images == 20 * 64
    return model


def error(model: torch.nn.Module, scene: Scene) -> float:
    batches = RayBatches.between(scene, np.flatnonzero(scene.held_out), 2.0, 6.0, 432, 32, seed=9)
    with torch.no_grad():
        return float(squared_error(model, *next(batches(0))))


def test_twenty_steps_teach_the_tiny_nerf_something(small):
    assert error(trained_tiny(small, 0), small) < 0.8 * error(tiny_nerf.new_model(0), small)


def test_the_tiny_nerf_is_its_seed(small):
    one, two, other = (trained_tiny(small, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert not torch.equal(one["head.weight"], other["head.weight"])


# the ablation


def test_every_row_changes_one_thing_and_the_papers_rows_stand_beside():
    assert ablation.ROWS["full"] == ablation.Row(10, True, None)
    for name, row in ablation.ROWS.items():
        changed = [key for key, value in vars(row).items() if value != vars(ablation.Row())[key]]
        assert len(changed) == (name != "full"), name
    assert {"full", "no_encoding", "no_view_dirs", "views_50", "views_25"} <= set(ablation.ROWS) & set(
        ablation.PUBLISHED
    )


def test_parameters_of_a_row():
    trunk = 3 * (128 * 128 + 128) + 128 + 1 + (128 * 128 + 128) + 64 * 3 + 3
    for L, view_dirs, dirs in ((10, True, 27), (4, True, 27), (0, True, 3), (10, False, 0)):
        expected = trunk + (3 + 6 * L) * 128 + 128 + (128 + dirs) * 64 + 64
        assert count(ablation.NeRF(L, view_dirs)) == expected
    assert count(ablation.Ablation()) == sum(count(ablation.new_model(row)) for row in ablation.ROWS.values())


def test_only_colour_may_depend_on_the_direction():
    points, generator = torch.rand(50, 3) * 2 - 1, torch.Generator().manual_seed(0)
    a, b = (torch.nn.functional.normalize(torch.randn(50, 3, generator=generator), dim=1) for _ in range(2))
    for view_dirs in (True, False):
        model = ablation.new_model(ablation.Row(view_dirs=view_dirs))
        (rgb_a, sigma_a), (rgb_b, sigma_b) = model(points, a), model(points, b)
        assert torch.equal(sigma_a, sigma_b) and (sigma_a > 0).all()
        assert torch.equal(rgb_a, rgb_b) != view_dirs


def test_fewer_views_are_spread_over_all():
    scene = ball(views=48)
    every = set(np.flatnonzero(~scene.held_out).tolist())
    for views in (36, 18, 9, 5):
        found = ablation.training_views(scene, ablation.Row(views=views))
        assert len(set(found.tolist())) == views and set(found.tolist()) <= every
        gap = math.ceil(36 / views) * 4 / 3 + 1
        assert np.diff(found).max() <= gap and 48 - found.max() <= gap
    assert set(ablation.training_views(scene, ablation.Row()).tolist()) == every
    with pytest.raises(ValueError, match="36 training views; 50"):
        ablation.training_views(scene, ablation.Row(views=50))


def test_measuring_is_the_mean_over_the_held_out_views():
    scene, field = ball(), ablation.new_model(ablation.Row())
    *_, (views, figures) = ablation.measure(field, scene)
    drawn = [ablation.picture(field, scene.poses[v], scene.focal, 12, 12)["rgb"] for v in (0, 4, 8)]
    truth = [torch.from_numpy(scene.images[v, ..., :3]) / 255 for v in (0, 4, 8)]
    expected = np.mean([metrics.psnr(a, b) for a, b in zip(drawn, truth, strict=True)])
    assert views == 3 and figures["psnr"] == pytest.approx(expected, abs=5e-3)
    assert figures["ssim"] < 1


def test_rows_are_trained_measured_and_kept(small):
    steps = list(ablation.run(small, ["full", "views_3"], Budget()))
    assert [step.n for step in steps] == [40] * len(steps) and steps[-1].i == 40
    assert [step.i for step in steps] == sorted(step.i for step in steps)
    results = {name: ablation.finished(name) for name in ("full", "views_3")}
    assert steps[-1].info == {"row": "views_3", **results["views_3"]}
    for found in results.values():
        assert set(found) == {"psnr", "ssim", "steps", "seconds"} and found["steps"] == 20
    untrained = [figures for _, figures in ablation.measure(ablation.new_model(ablation.Row()), small)][-1]
    assert results["full"]["psnr"] > untrained["psnr"] + 0.5


def test_a_finished_row_is_not_trained_again(small, monkeypatch):
    list(ablation.run(small, ["full"], Budget()))
    monkeypatch.setattr(ablation, "fit", lambda *a, **k: pytest.fail("trained again"))
    (only,) = ablation.run(small, ["full"], Budget())
    assert only.i == only.n == 20 and only.info["row"] == "full"
    monkeypatch.setattr(ablation, "STEPS", 30)  # another budget is another row
    assert ablation.finished("full") is None


def test_a_row_stopped_half_way_goes_on(small):
    steps = ablation.run(small, ["full"], Budget())
    assert [next(steps).i, next(steps).i] == [1, 2]
    steps.close()
    assert ablation.finished("full") is None
    kept = train.checkpoint("nerf-ablation-full")
    assert kept.is_file()
    resumed = list(ablation.run(small, ["full"], Budget(resume=True)))
    assert resumed[0].i == 3 and ablation.finished("full")["steps"] == 20
    assert not kept.is_file()


def test_no_minutes_no_row(small):
    list(ablation.run(small, ["full", "views_3"], Budget(minutes=1e-9)))
    assert ablation.finished("full") is None and ablation.finished("views_3") is None
    assert train.checkpoint("nerf-ablation-full").is_file()
    assert not train.checkpoint("nerf-ablation-views_3").is_file()


def test_the_recipe_writes_every_network_and_what_it_measured(small, tmp_path, monkeypatch):
    path = tmp_path / "ball.npz"
    arrays = {"images_premult_rgba": small.images, "poses": small.poses, "focal": small.focal}
    np.savez(path, **arrays, held_out=small.held_out)
    facts = ModelCard(
        ablation.ID, "nerf", frozenset(), weights.Embedded(ablation.ID), 1, "a licence", "a paper", "a set"
    )
    monkeypatch.setattr(registry, "card", {ablation.ID: facts}.get)
    monkeypatch.setattr(ablation, "SIZE", 12)
    list(ablation.recipe(Budget(data=path)))
    card = weights.read_card("nerf-ablation")
    assert [card[key] for key in ("license", "source", "data")] == ["a licence", "a paper", "a set"]
    assert card["held_out"] == {name: ablation.finished(name) for name in ablation.ROWS}
    assert card["trained"]["steps"] == 40 and card["trained"]["images"] == 40 * 64 and card["scene"] == "ball"
    model = ablation.Ablation()
    assert card["params"] == count(model)
    model.load_state_dict(weights.read(weights.ASSETS / "nerf-ablation"), strict=True)
    kept = load_file(weights.cache() / "nerf-ablation" / "full.safetensors")
    assert all(torch.equal(kept[key], value) for key, value in model["full"].state_dict().items())
    for name in ablation.ROWS:  # what was measured is what ships
        *_, (_, figures) = ablation.measure(model[name], small)
        assert figures["psnr"] == card["held_out"][name]["psnr"]
