"""InstructPix2Pix from a fake hub: our loop against diffusers' own pipeline over the same tiny model."""

import dataclasses

import pytest
import torch
from diffusers import StableDiffusionInstructPix2PixPipeline
from diffusers import UNet2DConditionModel as UNet

from genmodels import registry
from genmodels.errors import Refusal
from genmodels.text_to_image import pipeline
from genmodels.translation import instruct
from tests.genmodels import tiny_hub
from tests.genmodels.test_published import fetch

ID = "instruct-pix2pix"


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """The folder as written; the same files fetched into the cache."""
    folder = tmp_path_factory.mktemp(ID)
    tiny_hub.instruct_pix2pix(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENLAB_CACHE", str(tmp_path_factory.mktemp("cache")))
        card, constructor = registry._entry(ID)
        patch.setitem(registry._ENTRIES, ID, (dataclasses.replace(card, min_vram_gb=0), constructor))
        registry.forget()
        fetch(ID, folder, patch)
        yield folder
    registry.forget()


def picture(size: int) -> torch.Tensor:
    return torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize(("image_scale", "text_scale"), [(1.5, 7.5), (3.0, 2.0)])
def test_same_latents_as_diffusers_own_pipeline(hub, image_scale, text_scale):
    model = registry.load(ID, "cpu")
    pipe = StableDiffusionInstructPix2PixPipeline.from_pretrained(hub, dtype=torch.float32, low_cpu_mem_usage=False)
    pipe.set_progress_bar_config(disable=True)
    pipe.scheduler = model.new_scheduler("ddim")
    x = picture(instruct.side(model))
    scales = {"image_scale": image_scale, "text_scale": text_scale}
    *_, step = instruct.edit(model, x, "a cat", seed=4, steps=3, **scales)
    start = torch.randn(step.x_t.shape, generator=torch.Generator().manual_seed(4))
    expected = pipe(
        "a cat",
        image=(x + 1) / 2,
        num_inference_steps=3,
        guidance_scale=text_scale,
        image_guidance_scale=image_scale,
        latents=start,
        output_type="latent",
    ).images
    torch.testing.assert_close(step.x_t, expected, atol=1e-4, rtol=1e-4)
    assert step.info["pictures"].shape == x.shape
    *_, other = instruct.edit(model, x, "two dogs", seed=4, steps=3, **scales)
    assert not torch.allclose(other.x_t, step.x_t, atol=1e-3)
    *_, other = instruct.edit(model, -x, "a cat", seed=4, steps=3, **scales)
    assert not torch.allclose(other.x_t, step.x_t, atol=1e-3)


@pytest.mark.parametrize(
    ("given", "code"),
    [({"image_scale": 0.5}, "range"), ({"text_scale": float("nan")}, "range"), ({"steps": 0}, "range")]
    + [({"seed": -1}, "range")],
)
def test_what_is_out_of_range_is_refused(hub, given, code):
    model = registry.load(ID, "cpu")
    with pytest.raises(Refusal) as caught:
        next(instruct.edit(model, picture(instruct.side(model)), "a cat", **given))
    assert caught.value.code == code
    with pytest.raises(Refusal):
        next(instruct.edit(model, picture(8), "a cat"))


def test_params_of_the_published_configuration():
    with torch.device("meta"):
        unet = UNet(
            in_channels=8, cross_attention_dim=768, attention_head_dim=8, block_out_channels=(320, 640, 1280, 1280)
        )
    rest = registry.card("stable-diffusion-1-5").params - 859_520_964
    assert registry.card(ID).params == sum(p.numel() for p in unet.parameters()) + rest


def test_without_a_gpu_or_the_files_it_says_why(monkeypatch, tmp_path):
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path))
    reason = registry.unavailable(registry.card(ID))
    assert reason is not None and reason.code in ("needs_gpu", "not_downloaded")
    assert pipeline.SCHEDULERS.keys() >= set(instruct.SCHEDULERS)
