"""Cameras, rays and the reference renderer against closed forms, naive loops and other libraries."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special
import torch
from torch.testing import assert_close

from genmodels.errors import Refusal
from genmodels.nerf import metrics, rays, render

FOCAL, HEIGHT, WIDTH = 138.9, 80, 100


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# cameras


def test_a_camera_on_the_x_axis_has_a_known_pose():
    c2w = rays.orbit(0.0, 0.0, 4.0)
    assert c2w.dtype == np.float32
    # It stands at (4, 0, 0) and looks along -x; its right is +y, its up +z, its own z points back at it.
    assert np.allclose(c2w, [[0, 0, 1, 4], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])


@pytest.mark.parametrize("azimuth, elevation", [(0, 0), (37.5, 20), (-120, -30), (250, 89), (10, 90), (10, -90)])
def test_an_orbit_is_rigid_and_looks_at_the_origin(azimuth, elevation):
    c2w = rays.orbit(azimuth, elevation, 3.0).astype(np.float64)
    rotation, position = c2w[:3, :3], c2w[:3, 3]
    assert np.allclose(rotation.T @ rotation, np.eye(3), atol=1e-6) and np.isclose(np.linalg.det(rotation), 1)
    a, e = math.radians(azimuth), math.radians(elevation)
    assert np.allclose(position, [3 * math.cos(e) * math.cos(a), 3 * math.cos(e) * math.sin(a), 3 * math.sin(e)])
    assert np.allclose(rays.project(np.zeros((1, 3)), c2w, FOCAL, HEIGHT, WIDTH), [[WIDTH / 2, HEIGHT / 2]])
    assert rotation[2, 0] == 0 and rotation[2, 1] >= -1e-6  # a level horizon, the right way up


def test_right_appears_right_and_up_appears_up():
    c2w = rays.orbit(0.0, 0.0, 4.0)
    here = rays.project(np.array([[0, 0.5, 0], [0, 0, 0.5], [1, 0.5, 0.5]]), c2w, FOCAL, HEIGHT, WIDTH)
    shift = FOCAL * 0.5 / 4
    expected = [[50 + shift, 40], [50, 40 - shift], [50 + FOCAL * 0.5 / 3, 40 - FOCAL * 0.5 / 3]]
    assert np.allclose(here, expected)


def test_points_behind_the_camera_are_nowhere():
    behind = rays.project(np.array([[5.0, 0, 0], [4.0, 0, 0]]), rays.orbit(0.0, 0.0, 4.0), FOCAL, HEIGHT, WIDTH)
    assert np.isnan(behind).all()


def test_rays_pass_through_the_centres_of_pixels():
    c2w = rays.orbit(37.0, 25.0, 4.0)
    rays_o, rays_d = rays.get_rays(c2w, FOCAL, HEIGHT, WIDTH)
    assert rays_o.shape == rays_d.shape == (HEIGHT, WIDTH, 3) and rays_o.dtype == rays_d.dtype == np.float32
    assert np.allclose(rays_d @ c2w[:3, 2], -1, atol=1e-6)  # t is depth along the axis
    t = np.random.default_rng(0).uniform(1, 6, (HEIGHT, WIDTH, 1))
    seen = rays.project((rays_o + t * rays_d).reshape(-1, 3), c2w, FOCAL, HEIGHT, WIDTH).reshape(HEIGHT, WIDTH, 2)
    columns, rows = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    assert np.allclose(seen, np.stack([columns, rows], -1), atol=1e-3)


@pytest.mark.parametrize("distance", [0, 0.0, -1.0, math.nan, math.inf, "4", True])
def test_a_camera_needs_a_distance(distance):
    with pytest.raises(Refusal) as refusal:
        rays.orbit(0.0, 0.0, distance)
    assert refusal.value.code == "camera_distance"


@pytest.mark.parametrize("azimuth, elevation", [(0, 90.1), (0, -91), (0, math.nan), (361, 0), (math.inf, 0)])
def test_angles_have_a_range(azimuth, elevation):
    with pytest.raises(Refusal) as refusal:
        rays.orbit(azimuth, elevation, 4.0)
    assert refusal.value.code == "range"


def test_unit_vectors():
    assert np.allclose(rays.unit(np.array([[3.0, 0, 4], [0, -2, 0]])), [[0.6, 0, 0.8], [0, -1, 0]])


def test_rays_meet_the_sphere_where_they_should():
    rays_o = np.array([[4.0, 0, 0], [4, 0, 0], [0, 0, 0], [4, 1, 0], [4, 0.6, 0]])
    rays_d = np.array([[-2.0, 0, 0], [1, 0, 0], [0, 0, 1], [-1, 0, 0], [-1, 0, 0]])
    near, far = rays.sphere(rays_o, rays_d, 1.0)
    # through the middle at half the pace; away from it; from its middle; a tangent; off the middle
    assert np.allclose(near, [1.5, 0, 0, 0, 3.2]) and np.allclose(far, [2.5, 0, 1, 0, 4.8])


# the renderer, equation by equation


def test_positional_encoding_against_a_loop():
    x = torch.tensor([[0.3, -1.1, 0.7], [2.0, 0.0, -0.4]])
    for include in (True, False):
        expected = []
        for row in x.tolist():
            line = list(row) if include else []
            for k in range(4):
                line += [math.sin(2**k * c) for c in row] + [math.cos(2**k * c) for c in row]
            expected.append(line)
        assert_close(render.positional_encoding(x, 4, include), torch.tensor(expected))
    assert_close(render.positional_encoding(x, 0, True), x)


def test_stratified_samples_lie_one_in_each_bin():
    near, far = torch.tensor([2.0, 1.0]), torch.tensor([6.0, 1.5])
    middle = render.stratified(near, far, 8)
    assert_close(middle[0], 2 + (torch.arange(8) + 0.5) / 2)
    drawn = torch.stack([render.stratified(near, far, 8, seeded(s)) for s in range(400)])  # (400, 2, 8)
    bins = (drawn - near[:, None]) / (far - near)[:, None] * 8
    assert (bins.floor() == torch.arange(8)).all()
    assert (bins - torch.arange(8)).mean() == pytest.approx(0.5, abs=0.02)
    assert_close(render.stratified(near, far, 8, seeded(3)), drawn[3], rtol=0, atol=0)


def test_a_slab_of_constant_density_follows_beer_and_lambert():
    sigma, length = 0.7, 3.0
    deltas = torch.full((1, 50), length / 50)
    alpha = render.alphas(torch.full((1, 50), sigma), deltas)
    passed = render.transmittance(alpha)
    assert_close(passed[0], torch.exp(-sigma * torch.arange(50) * length / 50), rtol=1e-5, atol=1e-6)
    weights = render.volume_weights(alpha)
    assert float(weights.sum()) == pytest.approx(1 - math.exp(-sigma * length), abs=1e-6)


def test_a_wall_has_a_depth():
    t_vals = torch.linspace(2, 6, 81)[None]
    alpha = torch.zeros(1, 81)
    alpha[0, 40] = 1.0  # at t = 4
    weights = render.volume_weights(alpha)
    assert float(render.expected_depth(weights, t_vals)) == pytest.approx(4.0, abs=1e-5)
    alpha[0, 20] = 0.25  # a veil at t = 3 in front of it
    weights = render.volume_weights(alpha)
    assert float(render.expected_depth(weights, t_vals)) == pytest.approx(0.25 * 3 + 0.75 * 4, abs=1e-5)


def test_intervals_are_lengths_in_the_scene():
    t_vals, rays_d = torch.tensor([[1.0, 1.5, 3.0]]), torch.tensor([[0.0, 3.0, 4.0]])
    assert_close(render.intervals(t_vals, torch.tensor([4.0]), rays_d), torch.tensor([[2.5, 7.5, 5.0]]))


def naive_ray(sigma, rgb, t_vals, far, background):
    """One ray by a loop over its samples, in double precision."""
    passed, color, depth = 1.0, np.zeros(3), 0.0
    for i, t in enumerate(t_vals):
        end = t_vals[i + 1] if i + 1 < len(t_vals) else far
        alpha = 1 - math.exp(-sigma[i] * (end - t))
        color += passed * alpha * rgb[i]
        depth += passed * alpha * t
        passed *= 1 - alpha
    return color + passed * background, depth, 1 - passed


def cloud(points, dirs):
    """A smooth field with a colour that depends on the direction."""
    sigma = 3 * torch.exp(-4 * points.square().sum(-1))
    return (0.5 + 0.25 * torch.sin(3 * points) + 0.25 * dirs), sigma


def test_rays_against_a_loop():
    c2w = rays.orbit(20.0, 30.0, 4.0)
    rays_o, rays_d = (torch.from_numpy(r.reshape(-1, 3)) for r in rays.get_rays(c2w, 8.0, 5, 6))
    background = torch.tensor([0.2, 0.4, 0.9])
    found = render.render_rays(cloud, rays_o, rays_d, 2.0, 6.0, 24, background, seeded())
    for i in range(len(rays_o)):
        d, t_vals = rays_d[i].double().numpy(), found["t_vals"][i].double().numpy()
        length = np.linalg.norm(d)
        points = torch.from_numpy(rays_o[i].double().numpy() + t_vals[:, None] * d)
        rgb, sigma = cloud(points, torch.from_numpy(d / length).expand_as(points))
        color, depth, acc = naive_ray(
            sigma.numpy() * length, rgb.numpy(), t_vals, 6.0, background.double().numpy()
        )  # density per unit of t
        assert np.allclose(found["rgb"][i], color, atol=1e-5)
        assert float(found["depth"][i]) == pytest.approx(depth, abs=1e-5)
        assert float(found["acc"][i]) == pytest.approx(acc, abs=1e-5)
    assert_close(
        found["transmittance"]
        * render.alphas(found["sigma"], render.intervals(found["t_vals"], torch.full((30,), 6.0), rays_d)),
        found["weights"],
    )


def test_the_length_of_a_direction_changes_nothing():
    rays_o, rays_d = torch.tensor([[4.0, 0.1, 0.2]]), torch.tensor([[-1.0, 0.05, -0.1]])
    one = render.render_rays(cloud, rays_o, rays_d, 2.0, 6.0, 64, 1.0)
    two = render.render_rays(cloud, rays_o, 2 * rays_d, 1.0, 3.0, 64, 1.0)
    assert_close(one["weights"], two["weights"])
    assert_close(one["rgb"], two["rgb"])
    assert_close(one["depth"], 2 * two["depth"])


def test_a_picture_is_its_rays_whatever_the_chunk():
    rays_o, rays_d = rays.get_rays(rays.orbit(-60.0, 10.0, 4.0), 12.0, 9, 11)
    near, far = map(torch.from_numpy, rays.sphere(rays_o, rays_d, 1.3))
    rays_o, rays_d = torch.from_numpy(rays_o), torch.from_numpy(rays_d)
    assert 0 < int((far > near).sum()) < 99
    whole = render.render_rays(cloud, rays_o, rays_d, near, far, 16, 0.25)
    asked = []

    def field(points, dirs):
        asked.append(points.numel() // 3)
        return cloud(points, dirs)

    steps = list(render.image_steps(field, rays_o, rays_d, near, far, 16, 0.25, chunk=10))
    assert sum(asked) == 16 * int((far > near).sum())  # rays that miss are not asked about
    assert steps[-1].i == steps[-1].n == int((far > near).sum()) and len(steps) == math.ceil(steps[-1].n / 10)
    picture = render.render_image(cloud, rays_o, rays_d, near, far, 16, 0.25)
    for name in ("rgb", "depth", "acc"):
        assert_close(steps[-1].info[name], picture[name])
        assert_close(picture[name], whole[name])
    assert_close(picture["rgb"][far == near], torch.full((int((far == near).sum()), 3), 0.25))


def test_a_picture_of_nothing_is_background():
    rays_d = torch.tensor([[[0.0, 0.0, -1.0]] * 3] * 2)
    picture = render.render_image(cloud, torch.zeros(3), rays_d, 1.0, 1.0, 4, torch.tensor([0.1, 0.2, 0.3]))
    assert_close(picture["rgb"], torch.tensor([0.1, 0.2, 0.3]).expand(2, 3, 3))
    assert not picture["acc"].any()


def test_inverse_cdf_against_numpy():
    edges = torch.tensor([[0.0, 1.0, 3.0, 4.0, 8.0]])
    weights = torch.tensor([[0.1, 0.4, 0.0, 0.5]])
    u = torch.linspace(0, 1, 41)[None]
    expected = np.interp(u[0].numpy(), [0, 0.1, 0.5, 0.5 + 1e-12, 1], edges[0].numpy())
    found = render.inverse_cdf(edges, weights, u)[0].numpy()
    away = np.abs(u[0].numpy() - 0.5) > 1e-3  # at the empty bin the inverse jumps
    assert np.allclose(found[away], expected[away], atol=5e-3)


def test_fine_samples_go_where_the_weight_is():
    edges, weights = torch.linspace(2, 6, 9)[None], torch.tensor([[0, 0, 0.9, 0, 0, 0.1, 0, 0]])
    drawn = render.sample_pdf(edges, weights, 1000, seeded())[0]
    assert (drawn.diff() >= 0).all()
    first = ((drawn >= 3.0) & (drawn <= 3.5)).float().mean()
    second = ((drawn >= 4.5) & (drawn <= 5.0)).float().mean()
    assert float(first) == pytest.approx(0.9, abs=2e-3) and float(second) == pytest.approx(0.1, abs=2e-3)
    empty = render.sample_pdf(edges, torch.zeros(1, 8), 8)[0]
    assert_close(empty, 2.25 + torch.arange(8) / 2, rtol=0, atol=1e-4)


def test_spherical_harmonics_against_scipy():
    v = torch.randn(200, 3, generator=seeded(), dtype=torch.float64)
    v /= v.norm(dim=1, keepdim=True)
    polar, around = np.arccos(v[:, 2].numpy()), np.arctan2(v[:, 1].numpy(), v[:, 0].numpy())
    column = 0
    found = render.spherical_harmonics(v, 2).numpy()
    for degree in range(3):
        for order in range(-degree, degree + 1):
            y = scipy.special.sph_harm_y(degree, abs(order), polar, around)  # with the Condon-Shortley phase
            part = y.real if order >= 0 else y.imag
            real = part * (math.sqrt(2) if order else 1)
            assert np.allclose(found[:, column], real, atol=1e-6), (degree, order)
            column += 1


def test_spherical_harmonics_are_orthonormal():
    z, share = np.polynomial.legendre.leggauss(8)
    around = np.arange(16) * 2 * math.pi / 16
    ring = np.sqrt(1 - z**2)[:, None]
    dirs = np.stack([ring * np.cos(around), ring * np.sin(around), np.broadcast_to(z[:, None], (8, 16))], -1)
    basis = render.spherical_harmonics(torch.from_numpy(dirs), 2).numpy().reshape(-1, 9)
    gram = basis.T @ (basis * np.repeat(share * 2 * math.pi / 16, 16)[:, None])
    assert np.allclose(gram, np.eye(9), atol=1e-6)


def test_degrees_of_spherical_harmonics():
    dirs = torch.tensor([[0.0, 0.0, 1.0]])
    assert [render.spherical_harmonics(dirs, degree).shape[-1] for degree in (0, 1, 2)] == [1, 4, 9]
    with pytest.raises(ValueError, match="degree is 3"):
        render.spherical_harmonics(dirs, 3)


# how close two pictures are


def test_psnr_of_a_known_error():
    truth = torch.full((4, 5, 3), 0.5)
    assert metrics.psnr(truth + 0.1, truth) == pytest.approx(20.0, abs=1e-4)
    assert metrics.psnr(truth, truth) == math.inf


def test_ssim_of_two_flat_pictures():
    x, y = 0.25, 0.75  # without structure, Wang et al.'s formula is its luminance term alone
    expected = (2 * x * y + 1e-4) / (x * x + y * y + 1e-4)
    flat = torch.ones(20, 20, 3)
    assert metrics.ssim(x * flat, y * flat) == pytest.approx(expected, abs=1e-6)
    assert metrics.ssim(flat, flat) == pytest.approx(1)
