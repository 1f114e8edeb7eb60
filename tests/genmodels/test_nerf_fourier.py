"""Fourier features: their kernel, and what they do to a photograph."""

from __future__ import annotations

import math

import numpy as np
import pytest
import skimage.data
import skimage.transform
import torch
from torch.testing import assert_close

from genmodels.errors import Refusal
from genmodels.nerf import fourier


def photo(size: int = 48) -> np.ndarray:
    cat = skimage.data.chelsea()[:, 75:375]
    return (skimage.transform.resize(cat, (size, size), anti_aliasing=True) * 255).round().astype(np.uint8)


def test_features_against_a_loop():
    generator = torch.Generator().manual_seed(0)
    v, B = torch.rand(4, 2, generator=generator), torch.randn(3, 2, generator=generator)
    for row, found in zip(v.tolist(), fourier.fourier_features(v, B), strict=True):
        angles = [2 * math.pi * (a * row[0] + b * row[1]) for a, b in B.tolist()]
        assert_close(found, torch.tensor([math.cos(x) for x in angles] + [math.sin(x) for x in angles]))


def test_gaussian_features_have_a_gaussian_kernel(monkeypatch):
    monkeypatch.setattr(fourier, "FEATURES", 20_000)
    generator = torch.Generator().manual_seed(0)
    v = torch.tensor([[0.3, 0.4], [0.32, 0.4], [0.35, 0.37], [0.6, 0.9]])
    features = fourier.encode(v, "gaussian", 5.0, generator)
    kernel = features @ features[0] / 20_000
    # E cos(2 pi b.d) for b ~ N(0, sigma^2 I) is exp(-2 pi^2 sigma^2 |d|^2)
    expected = torch.exp(-2 * math.pi**2 * 25 * (v - v[0]).square().sum(1))
    assert_close(kernel, expected, atol=0.02, rtol=0)


def test_positional_features_are_whole_waves_along_the_axes():
    generator = torch.Generator().manual_seed(0)
    v = torch.tensor([[0.1, 0.7]])
    found = fourier.encode(v, "positional", 5.0, generator)
    assert found.shape == (1, 4 * fourier.L)
    assert_close(found, fourier.encode(v + 1.0, "positional", 5.0, generator), atol=1e-4, rtol=0)
    assert_close(found[0, :4], torch.tensor([f(2 * math.pi * x) for f in (math.sin, math.cos) for x in (0.1, 0.7)]))
    assert torch.equal(fourier.encode(v, "none", 5.0, generator), v)


def test_fourier_features_turn_blurred_into_sharp():
    steps = list(fourier.learn(photo(), seed=0, steps=80))
    assert [step.i for step in steps] == [1, *range(5, 81, 5)] and steps[-1].n == 80
    first, last = steps[0].info["psnr"], steps[-1].info["psnr"]
    assert tuple(last) == fourier.VARIANTS
    assert all(last[name] > first[name] + 2 for name in fourier.VARIANTS)
    assert last["gaussian"] > last["positional"] > last["none"] + 3
    for name, picture in steps[-1].info["picture"].items():
        assert picture.shape == (48, 48, 3) and picture.dtype == np.uint8
        left_out = np.ones((48, 48), bool)
        left_out[::2, ::2] = False
        error = np.square(picture[left_out] / 255 - photo()[left_out] / 255).mean()
        assert -10 * math.log10(error) == pytest.approx(last[name], abs=0.05)


def test_the_pixels_that_are_measured_are_not_learned_from():
    changed = photo()
    changed[1::2] = 0
    changed[:, 1::2] = 0
    pictures = [list(fourier.learn(p, seed=0, steps=3))[-1].info["picture"] for p in (photo(), changed)]
    assert all(np.array_equal(pictures[0][name], pictures[1][name]) for name in fourier.VARIANTS)


def test_the_same_seed_gives_the_same_pictures():
    one, two, other = (list(fourier.learn(photo(32), seed=s, steps=3))[-1].info["picture"] for s in (0, 0, 1))
    assert all(np.array_equal(one[name], two[name]) and not np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("shape", [(48, 48), (48, 48, 4), (31, 48, 3), (48, 257, 3)])
def test_pictures_of_another_shape_are_refused(shape):
    with pytest.raises(Refusal) as refusal:
        next(fourier.learn(np.zeros(shape, np.uint8), seed=0))
    assert refusal.value.code == "photo_size"


@pytest.mark.parametrize("values", [{"steps": 0}, {"steps": 5001}, {"sigma": 0.0}, {"sigma": math.nan}])
def test_out_of_range(values):
    with pytest.raises(Refusal) as refusal:
        next(fourier.learn(photo(32), seed=0, **values))
    assert refusal.value.code == "range"
