"""SDEdit and inpainting, with a denoiser that knows the end and a latent space that is the picture folded."""

from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close

from genmodels.errors import Refusal
from genmodels.text_to_image import pipeline
from genmodels.translation import sdedit


class Oracle:
    """Predicts the velocity towards `target` latents, whatever x_t is: DDIM then ends there exactly."""

    styles = pipeline.STYLE_IDS
    factor = 8
    latent_shape = (192, 8, 8)
    device = torch.device("cpu")

    def __init__(self, target: torch.Tensor) -> None:
        self.target, self.asked = target, []
        self.autoencoder = SimpleNamespace(
            encode=lambda x: SimpleNamespace(latent_dist=SimpleNamespace(mode=lambda: F.pixel_unshuffle(x, 8))),
            normalize=lambda z: z,
        )

    def tokens(self, texts):
        return torch.zeros(len(texts), 1, 4), torch.ones(len(texts), 1, dtype=torch.bool)

    def new_scheduler(self, name):
        return pipeline.new_scheduler(name)

    def denoise(self, x, t, given, style, attend):
        self.asked.append((len(x), int(t), style))
        alpha = pipeline.alphas_cumprod()[int(t)]
        eps = (x - alpha.sqrt() * self.target) / (1 - alpha).sqrt()
        return alpha.sqrt() * eps - (1 - alpha).sqrt() * self.target

    def decode(self, latents):
        return F.pixel_shuffle(latents, 8)

    def finish(self, latents):
        return {}


def picture(seed: int) -> torch.Tensor:
    return torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.fixture
def model() -> Oracle:
    return Oracle(F.pixel_unshuffle(picture(9), 8))


def run(model, strength=0.6, **options):
    return list(sdedit.sdedit(model, picture(1), "cat", strength=strength, steps=10, **options))


def test_the_start_is_the_picture_noised_to_the_strength(model):
    steps = run(model, 0.6, seed=3)
    assert [(s.i, s.n) for s in steps] == [(i, 6) for i in range(1, 7)]
    t = int(steps[0].info["t"])
    alpha = pipeline.alphas_cumprod()[t]
    eps = pipeline.start_noise(1, 3, model)
    expected = alpha.sqrt() * F.pixel_unshuffle(picture(1), 8) + (1 - alpha).sqrt() * eps
    assert_close(steps[0].info["start"], expected)
    assert t == 599, "six of ten steps are left, so six tenths of the noise"


def test_it_ends_where_the_model_leads_and_strength_0_changes_nothing(model):
    assert_close(pipeline.decode(model, run(model)[-1].x_t), picture(9), rtol=0, atol=1e-4)
    [only] = run(model, 0.0)
    assert (only.i, only.n) == (1, 1)
    assert_close(pipeline.decode(model, only.x_t), picture(1))


def test_more_strength_starts_farther_from_the_picture(model):
    known = F.pixel_unshuffle(picture(1), 8)
    apart = [float((run(model, s)[0].info["start"] - known).square().mean()) for s in (0.2, 0.5, 0.8, 1.0)]
    assert apart == sorted(apart) and apart[0] < 0.3 < apart[-1]
    assert float(pipeline.alphas_cumprod()[-1]) < 1e-3, "at full strength nothing of the picture is left"


def test_inpainting_keeps_what_is_kept_and_paints_the_rest(model):
    keep = torch.zeros(1, 1, 64, 64)
    keep[..., :35] = 1  # cuts through a latent place, which is then painted anew
    steps = run(model, 1.0, keep=keep)
    made = pipeline.decode(model, steps[-1].x_t)
    assert_close(made[..., :32], picture(1)[..., :32])
    assert_close(made[..., 32:], picture(9)[..., 32:], rtol=0, atol=1e-4)
    pasted = sdedit.paste(model, picture(1), steps[-1], keep)
    assert pasted[..., :35].equal(picture(1)[..., :35])
    assert sdedit.latent_mask(keep, model).flatten().tolist() == [1, 1, 1, 1, 0, 0, 0, 0] * 8


def test_on_the_way_the_kept_part_is_the_picture_noised(model):
    keep = torch.ones(1, 1, 64, 64)
    for i, step in enumerate(steps := run(model, 0.5, keep=keep, seed=2)):
        last = i + 1 == len(steps)
        alpha = torch.ones(()) if last else pipeline.alphas_cumprod()[int(steps[i + 1].info["t"])]
        expected = sdedit.noised(F.pixel_unshuffle(picture(1), 8), pipeline.start_noise(1, 2, model), alpha)
        assert_close(step.x_t, expected)


def test_guidance_asks_twice_and_none_once(model):
    run(model, guidance_scale=3.0, style="noto")
    assert set(model.asked) == {(2, t, "noto") for _, t, _ in model.asked}
    model.asked.clear()
    run(model, guidance_scale=1.0)
    assert {count for count, *_ in model.asked} == {1}


def test_a_seed_is_a_picture(model):
    one, same, other = (run(model, seed=s)[0].x_t for s in (1, 1, 2))
    assert one.equal(same) and not one.equal(other)


@pytest.mark.parametrize(
    "options", [{"strength": -0.1}, {"strength": 1.1}, {"strength": float("nan")}, {"style": "cubist"}, {"seed": -1}]
)
def test_what_is_out_of_range_is_refused(model, options):
    with pytest.raises(Refusal):
        run(model, **options)


def test_another_size_is_refused(model):
    with pytest.raises(Refusal, match="32"):
        next(sdedit.sdedit(model, torch.zeros(1, 3, 32, 32), "cat"))


def test_the_miniature_draws_with_it():
    """The shipped model, two steps: the same code path, pictures of the right shape."""
    from genmodels import registry

    model = registry.load("emoji-diffusion", "cpu")
    given = torch.ones(1, 3, 64, 64)
    given[:, :, 16:48, 16:48] = torch.tensor([0.9, 0.2, -0.8]).view(1, 3, 1, 1)
    kept = pipeline.decode(model, sdedit.encode(model, given))
    assert float((kept - given).abs().mean()) < 0.1, "encoding and decoding keep a plain picture"
    steps = list(sdedit.sdedit(model, given, "", strength=0.5, steps=4))
    registry.forget()
    assert len(steps) == 2 and sdedit.paste(model, given, steps[-1]).shape == (1, 3, 64, 64)
    assert steps[-1].x_t.isfinite().all()


def test_a_published_model_takes_the_same_path(tmp_path):
    """A tiny Stable Diffusion in the hub's layout, its safety checker included."""
    from genmodels.text_to_image.hub_pipeline import HubPipeline
    from genmodels.text_to_image.settings import SETTINGS
    from tests.genmodels import tiny_hub

    with torch.random.fork_rng():
        tiny_hub.stable_diffusion(tmp_path, checker=True)
    model = HubPipeline.read(tmp_path, SETTINGS["stable-diffusion-1-5"])
    side = pipeline.picture_size(model)
    given, keep = picture(1)[..., :side, :side], torch.zeros(1, 1, side, side)
    known = sdedit.encode(model, given)
    assert known.shape == (1, *model.latent_shape)
    assert_close(known / model.vae.config.scaling_factor, model.vae.encode(given).latent_dist.mean)
    steps = list(sdedit.sdedit(model, given, "cat", strength=0.5, steps=4, keep=keep, guidance_scale=7.5))
    made = sdedit.paste(model, given, steps[-1], keep)
    assert len(steps) == 2 and made.shape == given.shape and made.isfinite().all()
    assert made.equal(steps[-1].info["pictures"]), "what the safety checker let through"
