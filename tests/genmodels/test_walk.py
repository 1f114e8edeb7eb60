"""Walks: the ends are the plain pictures, vectors turn without losing length, words fade in and out smoothly."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from genmodels.errors import Refusal
from genmodels.text_to_image import pipeline, text, walk
from genmodels.text_to_image.autoencoder import PatchAutoencoder
from genmodels.text_to_image.denoiser import EmojiTransformer2DModel

SETTINGS = {"steps": 4, "style": "noto"}


@pytest.fixture(scope="module")
def tiny() -> pipeline.EmojiPipeline:
    model = pipeline.EmojiPipeline(
        PatchAutoencoder(width=32), EmojiTransformer2DModel(dim=32, num_layers=4, num_heads=2)
    )
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) * 0.15)
    return model.eval()


def latents(steps):
    """(frames, 12, 8, 8) of a walk."""
    return torch.cat([step.x_t for step in steps if step.info["done"]])


def plain(model, prompt, seed, **settings):
    *_, end = pipeline.sample(model, [prompt], seed=seed, **SETTINGS | settings)
    return end.x_t[0]


def test_slerp_keeps_the_norm_and_the_speed():
    a, b = (torch.nn.functional.normalize(torch.randn(512), dim=0) * 3 for _ in range(2))
    way = walk.slerp(a, b, torch.linspace(0, 1, 9))
    torch.testing.assert_close(way.norm(dim=1), torch.full((9,), 3.0))
    cosines = (way[:-1] * way[1:]).sum(1) / 9
    torch.testing.assert_close(cosines, cosines[:1].expand(8))
    torch.testing.assert_close(way[[0, -1]], torch.stack([a, b]))


def test_slerp_of_a_right_angle_is_the_circle():
    share = torch.tensor([0.0, 1 / 3, 0.5, 1.0])
    way = walk.slerp(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), share)
    angle = share.numpy() * np.pi / 2
    np.testing.assert_allclose(way.numpy(), np.stack([np.cos(angle), np.sin(angle)], 1), atol=1e-6)


@pytest.mark.parametrize("b", [[1.0, 2.0], [-1.0, -2.0], [2.0, 4.0]])
def test_slerp_along_one_line_is_finite_and_arrives(b):
    a, b = torch.tensor([1.0, 2.0]), torch.tensor(b)
    way = walk.slerp(a, b, torch.linspace(0, 1, 5))
    assert torch.isfinite(way).all()
    torch.testing.assert_close(way[[0, -1]], torch.stack([a, b]))


def test_noise_stays_as_loud_as_noise(tiny):
    a, b = (pipeline.start_noise(1, seed, tiny)[0] for seed in (1, 2))
    spread = walk.slerp(a, b, torch.linspace(0, 1, 5)).flatten(1).std(1)
    assert (spread - 1).abs().max() < 0.06 and ((a + b) / 2).std() < 0.8


def test_text_between_two_prompts():
    tokens, presence = walk.between_prompts("gato preto", "cachorro", torch.tensor([0, 0.25, 1]))
    assert tokens.shape == (3, 3, 512)
    torch.testing.assert_close(tokens[0], text.tokens(["gato preto"])[0][0])
    torch.testing.assert_close(tokens[2, :2], text.tokens(["cachorro"])[0][0])
    torch.testing.assert_close(tokens.norm(dim=2), torch.ones(3, 3), atol=1e-3, rtol=0)
    assert presence.tolist() == [[1, 1, 1], [1, 1, 0.75], [1, 1, 0]]


@pytest.mark.parametrize("guidance", [1, 3])
@pytest.mark.parametrize(
    ("prompts", "seeds"),
    [
        (("gato preto", "cachorro"), (3, 3)),
        (("gato", "big black dog"), (3, 4)),
        (("gato", "gato"), (3, 4)),
        (("", ""), (3, 4)),
    ],
)
def test_both_ends_are_the_plain_pictures(tiny, prompts, seeds, guidance):
    frames = latents(walk.walk(tiny, prompts, seeds, frames=5, guidance_scale=guidance, batch=2, **SETTINGS))
    assert frames.shape == (5, 12, 8, 8)
    for at in (0, -1):
        expected = plain(tiny, prompts[at], seeds[at], guidance_scale=guidance)
        torch.testing.assert_close(frames[at], expected, atol=1e-4, rtol=1e-4)
        assert not torch.allclose(frames[2], expected, atol=1e-2)


def test_a_walk_to_where_one_is_stands_still(tiny):
    frames = latents(walk.walk(tiny, ("gato preto", "gato preto"), (3, 3), frames=3, **SETTINGS))
    torch.testing.assert_close(frames, frames[:1].expand(3, -1, -1, -1), atol=1e-4, rtol=1e-4)


def test_a_small_step_is_a_small_change(tiny):
    """A word that fades in, and a long negative prompt beside it, make no jump."""
    tokens, presence = walk.between_prompts("gato", "gato muito preto", torch.tensor([0, 1e-4]))
    noise = pipeline.start_noise(1, 0, tiny).expand(2, -1, -1, -1)
    *_, end = pipeline.sample(
        tiny,
        (tokens, presence > 0),
        noise=noise,
        attend=walk.faded(presence),
        negative="a very big red dog",
        **SETTINGS,
    )
    torch.testing.assert_close(end.x_t[0], end.x_t[1], atol=1e-2, rtol=1e-2)
    *_, jump = pipeline.sample(tiny, (tokens, presence > 0), noise=noise, negative="a very big red dog", **SETTINGS)
    assert not torch.allclose(jump.x_t[0], jump.x_t[1], atol=1e-2, rtol=1e-2)


def test_batches_are_numbered_and_do_not_change_the_frames(tiny):
    steps = list(walk.walk(tiny, ("gato", "cachorro"), (3, 4), frames=5, batch=2, **SETTINGS))
    assert [s.i for s in steps] == list(range(1, 13)) and {s.n for s in steps} == {12}
    assert [s.info["first"] for s in steps if s.info["done"]] == [0, 2, 4]
    whole = latents(walk.walk(tiny, ("gato", "cachorro"), (3, 4), frames=5, **SETTINGS))
    torch.testing.assert_close(latents(steps), whole, atol=1e-4, rtol=1e-4)


def test_there_and_back():
    assert walk.there_and_back([0, 1, 2, 3]) == [0, 1, 2, 3, 2, 1]
    assert walk.there_and_back([0, 1]) == [0, 1]


@pytest.mark.parametrize(
    "bad",
    [
        {"frames": 1},
        {"frames": 65},
        {"frames": 2.5},
        {"frames": float("nan")},
        {"seeds": (0, -1)},
        {"seeds": (0, "1")},
        {"prompts": ("", "cat")},
        {"prompts": ("cat", " \t")},
        {"scheduler": "lcm"},
        {"style": "apple"},
    ],
)
def test_bad_walks_are_refused(tiny, bad):
    given = {"prompts": ("cat", "dog"), "seeds": (0, 1)} | bad
    with pytest.raises(Refusal):
        next(walk.walk(tiny, **given))
