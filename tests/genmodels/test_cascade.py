"""The upscaler: folding, sampling against a perfect network, what is refused, its batches, and that it learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from genmodels.data import emoji
from genmodels.errors import Refusal
from genmodels.text_to_image import cascade, cascade_train, pipeline
from genmodels.text_to_image.autoencoder import PatchAutoencoder


def tiny(seed: int = 0, std: float = 0.1) -> cascade.UpscalerUNet2DModel:
    model = cascade.UpscalerUNet2DModel(widths=(16, 16, 16), blocks=1, condition=16)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) * std)
    return model.eval()


def last(steps):
    *_, end = steps
    return end


SMALL = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(4)) * 2 - 1


def test_fold_there_and_back_keeps_each_block_with_its_pixel():
    x = torch.randn(2, 3, 32, 16)
    folded = cascade.fold(x)
    assert folded.shape == (2, 48, 8, 4)
    assert torch.equal(cascade.unfold(folded), x)
    assert torch.equal(folded[:, :, 1, 2].view(2, 3, 4, 4), x[:, :, 4:8, 8:12])


def test_the_network_keeps_shapes_and_starts_at_zero():
    model = cascade.UpscalerUNet2DModel(widths=(16, 16, 16), blocks=1, condition=16)
    asked = SMALL, torch.tensor([0.0, 1.0]), torch.randn(2, 512), torch.tensor([True, False])
    x = torch.randn(2, 48, 16, 16)
    out = model(x, torch.tensor([3, 999]), *asked)
    assert out.shape == x.shape and not out.any()


def test_every_condition_changes_the_prediction():
    model, x, t = tiny(), torch.randn(1, 48, 16, 16), torch.tensor([500])
    phrase = torch.nn.functional.normalize(torch.randn(1, 512), dim=1)
    asked = [SMALL[:1], torch.tensor([0.3]), phrase, torch.tensor([True])]
    with torch.no_grad():
        plain = model(x, t, *asked)
        for i, other in enumerate((SMALL[1:], torch.tensor([0.9]), -phrase, torch.tensor([False]))):
            changed = [other if i == j else part for j, part in enumerate(asked)]
            assert not torch.allclose(model(x, t, *changed), plain, atol=1e-5)
        unsaid = [*asked[:3], torch.tensor([False])]
        expected = model(x, t, *unsaid)
        unsaid[2] = -phrase
        assert torch.equal(model(x, t, *unsaid), expected)  # without a phrase its vector does not count


def test_a_perfect_network_gives_the_real_picture(monkeypatch):
    """With the v that leads to a known picture, every x0 and the end are that picture."""
    real = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(5)) * 2 - 1
    target = cascade.fold(real - cascade.enlarge(SMALL)) / cascade.RESIDUAL_STD
    kept = pipeline.alphas_cumprod()

    def exact(self, x_t, t, *asked):
        alpha = kept[t[0]]
        return (alpha.sqrt() * x_t - target) / (1 - alpha).sqrt()

    monkeypatch.setattr(cascade.UpscalerUNet2DModel, "forward", exact)
    steps = list(cascade.upscale(tiny(), SMALL, ["gato", ""], steps=5))
    assert [(s.i, s.n) for s in steps] == [(i, 5) for i in range(1, 6)]
    for step in steps:
        torch.testing.assert_close(cascade.decode(step.x0), real, atol=2e-3, rtol=0)
    torch.testing.assert_close(cascade.decode(steps[-1].x_t), real, atol=2e-3, rtol=0)
    assert not torch.allclose(steps[0].x_t, steps[0].x0, atol=0.05)  # still noisy


def test_same_seed_same_picture_and_a_picture_does_not_depend_on_its_neighbours():
    def draw(seed, rows):
        return last(cascade.upscale(tiny(), SMALL[rows], ["gato", "dog"][rows], seed=seed, steps=2)).x_t

    both = draw(3, slice(0, 2))
    assert both.shape == (2, 3, 64, 64)
    assert torch.equal(draw(3, slice(0, 2)), both)
    torch.testing.assert_close(draw(3, slice(0, 1)), both[:1], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(draw(4, slice(0, 2)), both, atol=1e-3)


def test_closing_stops_the_work(monkeypatch):
    calls = []
    forward = cascade.UpscalerUNet2DModel.forward
    monkeypatch.setattr(
        cascade.UpscalerUNet2DModel, "forward", lambda self, *given: calls.append(1) or forward(self, *given)
    )
    stream = cascade.upscale(tiny(), SMALL, ["", ""], steps=9)
    next(stream), next(stream)
    stream.close()
    assert len(calls) == 2


@pytest.mark.parametrize("bad", [{"steps": 0}, {"seed": -1}, {"level": 1.5}, {"level": float("nan")}])
def test_bad_values_are_refused(bad):
    with pytest.raises(Refusal):
        next(cascade.upscale(tiny(), SMALL, ["a", "b"], **bad))


def test_shapes_that_do_not_fit_are_an_error():
    with pytest.raises(ValueError, match="must match"):
        next(cascade.upscale(tiny(), SMALL, ["only one"]))
    with pytest.raises(ValueError, match="divisible"):
        next(cascade.upscale(tiny(), SMALL[:, :, :15], ["a", "b"]))


def test_psnr_and_gradient_energy_have_their_closed_forms():
    real = torch.zeros(1, 3, 8, 8)
    assert cascade.psnr_db(real + 0.2, real) == pytest.approx(20)  # 0.2 of a range of 2
    ramp = torch.arange(8.0).expand(1, 3, 8, 8)
    assert cascade.gradient_energy(ramp) == pytest.approx(0.5)
    assert cascade.gradient_energy(cascade.enlarge(SMALL)) < 0.5 * cascade.gradient_energy(SMALL)


def test_folder_round_trip(tmp_path):
    model = tiny()
    model.save_pretrained(tmp_path)
    again = cascade.UpscalerUNet2DModel.from_pretrained(tmp_path).eval()
    expected, found = (last(cascade.upscale(m, SMALL, ["a", "b"], steps=2)).x_t for m in (model, again))
    assert torch.equal(found, expected)


# The recipe


@pytest.fixture
def batches(monkeypatch) -> cascade_train.CropBatches:
    """Batches over three made-up pictures: discs at 256x256 and their means of 4x4 at 64x64."""
    y, x = np.mgrid[:256, :256]
    discs = [np.where((y - 128) ** 2 + (x - c) ** 2 < 80**2, 40, 255) for c in (100, 128, 150)]
    large = [np.repeat(d[..., None], 3, 2).astype(np.uint8) for d in discs]
    small = np.stack([p.reshape(64, 4, 64, 4, 3).mean((1, 3)).round().astype(np.uint8) for p in large])
    subject = emoji.Subject("1f34e", "food", 1, {"en": "apple", "pt": "maçã"}, {"en": ("fruit",), "pt": ("fruta",)})
    data = emoji.Emoji(small, np.zeros(3, int), np.zeros(3, int), np.zeros(3, np.uint8), (subject,))
    monkeypatch.setattr(
        "genmodels.text_to_image.latents._vectors", lambda texts: torch.ones(len(texts), 512) / 512**0.5
    )
    autoencoder = PatchAutoencoder(width=32, latents_mean=(0.0,) * 12, latents_std=(1.0,) * 12)
    return cascade_train.CropBatches(data, large, autoencoder, 8)


def test_batches_hold_the_difference_to_the_real_crop(batches, monkeypatch):
    monkeypatch.setattr(cascade_train, "spoil", lambda small, level, autoencoder, generator: small)
    x_t, v, t, small, level, phrase, mask = next(batches(0))
    size = cascade_train.CROP
    assert x_t.shape == v.shape == (8, 48, size, size) and small.shape == (8, 3, size, size)
    assert phrase.shape == (8, 512) and mask.shape == level.shape == t.shape == (8,)
    assert 0 <= level.min() and level.max() <= 1 and t.min() < 200 and t.max() > 800
    alpha = pipeline.alphas_cumprod()[t].view(-1, 1, 1, 1)
    x0 = (alpha.sqrt() * x_t - (1 - alpha).sqrt() * v) * cascade.RESIDUAL_STD
    inside = slice(12, -12)  # at its border a crop's own enlargement is another than the picture's
    again = (cascade.enlarge(small) + cascade.unfold(x0))[:, :, inside, inside]
    means = torch.nn.functional.avg_pool2d(again, 4)
    torch.testing.assert_close(means, small[:, :, 3:-3, 3:-3], atol=0.01, rtol=0)  # the real one, and in its place
    flat = (again - 1).abs().minimum((again - (40 / 127.5 - 1)).abs())
    assert flat.max() < 0.01  # two colours and no blur


def test_batches_repeat_by_step(batches):
    first, again, other = next(batches(3)), next(batches(3)), next(batches(4))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])


def test_spoiling_grows_with_the_level(batches):
    small = cascade_train.to_float(batches.data.images)
    far = []
    for level in (0.0, 0.5, 1.0):
        given = small, torch.full((3,), level), batches.autoencoder, torch.Generator().manual_seed(1)
        far.append(float((cascade_train.spoil(*given) - small).square().mean()))
    assert far[0] == 0 and 0 < far[1] < far[2]


def test_a_few_steps_lower_the_loss(batches):
    model = cascade.UpscalerUNet2DModel(widths=(16, 16, 16), blocks=1, condition=16)
    optimizer = torch.optim.AdamW(model.parameters(), 4e-3)
    losses = []
    for _, batch in zip(range(16), batches(0), strict=False):
        optimizer.zero_grad()
        losses.append(cascade_train.velocity_loss(model, *batch))
        losses[-1].backward()
        optimizer.step()
    assert sum(losses[-3:]) < 0.7 * sum(losses[:3])


def test_measure_of_a_perfect_and_of_an_idle_network(batches, monkeypatch):
    large, small = np.stack(batches.large), batches.data.images
    real = cascade_train.to_float(large)
    target = cascade.fold(real - cascade.enlarge(cascade_train.to_float(small))) / cascade.RESIDUAL_STD
    kept = pipeline.alphas_cumprod()
    for share in (1, 0):  # of the difference that the network knows of

        def known(self, x_t, t, *asked, share=share):
            return (kept[t[0]].sqrt() * x_t - share * target) / (1 - kept[t[0]]).sqrt()

        monkeypatch.setattr(cascade.UpscalerUNet2DModel, "forward", known)
        figures = cascade.measure(tiny(), small, large, ["maçã"] * 3, steps=2)
        assert figures["sharpness_bicubic"] < 0.7 and figures["psnr_db_bicubic"] < 35
        if share:
            assert figures["psnr_db"] > 50 and figures["sharpness"] == pytest.approx(1, abs=0.01)
        else:
            assert figures["psnr_db"] == pytest.approx(figures["psnr_db_bicubic"], abs=0.05)


def test_large_pictures_survive_packing():
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (256, 256, 3), np.uint8) for _ in range(3)]
    packed = [emoji._png(picture) for picture in pictures]
    kept = emoji._Packed(np.frombuffer(b"".join(packed), np.uint8), np.cumsum([len(p) for p in packed]))
    assert len(kept) == 3
    for picture, again in zip(pictures, kept, strict=True):
        np.testing.assert_array_equal(again, picture)


def test_sample_command_goes_on_to_256(tmp_path, monkeypatch):
    from click.testing import CliRunner
    from torchvision.io import decode_image

    from genmodels import registry
    from genmodels.text_to_image import sample
    from genmodels.text_to_image.denoiser import EmojiTransformer2DModel

    autoencoder = PatchAutoencoder(width=32, latents_mean=(0.0,) * 12, latents_std=(1.0,) * 12)
    painter = pipeline.EmojiPipeline(autoencoder, EmojiTransformer2DModel(dim=32, num_layers=2, num_heads=2)).eval()
    loaded = {"emoji-diffusion": painter, "emoji-upscaler": tiny(std=0.3)}
    monkeypatch.setattr(registry, "load", loaded.__getitem__)

    def draw(name, *more):
        out = str(tmp_path / name)
        done = CliRunner().invoke(sample.command, ["gato", "--steps", "1", "--size", "256", "--out", out, *more])
        assert done.exit_code == 0, done.output
        return decode_image(out)

    plain, large = draw("a.png"), draw("b.png", "--large")
    assert plain.shape == large.shape == (3, 256, 256)
    assert large.float().diff(dim=2).abs().mean() > 2 * plain.float().diff(dim=2).abs().mean()
