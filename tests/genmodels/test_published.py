"""The published models' way in: downloaded from a fake hub, sampled by our loop, against diffusers' own pipelines."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from diffusers import AutoencoderKL, AutoencoderTiny, StableDiffusionPipeline, StableDiffusionXLPipeline
from diffusers import UNet2DConditionModel as UNet
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from safetensors.torch import load_file, save_file
from transformers import CLIPConfig, CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from genmodels import device, registry, weights
from genmodels.errors import Refusal
from genmodels.text_to_image import hub_pipeline, pipeline
from genmodels.text_to_image import sample as sample_command
from genmodels.text_to_image.settings import SETTINGS, SHARES
from tests.fake_hub import FakeHub
from tests.genmodels import tiny_hub

SD, TURBO, XL = "stable-diffusion-1-5", "sd-turbo", "sdxl-turbo"
PROMPTS = ["a cat", "two dogs"]
CARDS = {id: registry.card(id) for id in (SD, TURBO, XL)}
ALL = [(id, name) for id in (SD, TURBO, XL) for name in SETTINGS[id].schedulers]


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """Tiny models in place of the published ones: same cards, repositories and file lists. hub[id]: as written."""
    folders = {id: tmp_path_factory.mktemp(id) for id in (SD, TURBO, XL, "taesd", "taesdxl")}
    tiny_hub.stable_diffusion(folders[SD], checker=True)
    tiny_hub.stable_diffusion(folders[TURBO], checker=False)
    tiny_hub.stable_diffusion_xl(folders[XL])
    for id in ("taesd", "taesdxl"):
        tiny_hub.tiny_autoencoder(folders[id])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENLAB_CACHE", str(tmp_path_factory.mktemp("cache")))
        for id in folders:
            card, constructor = registry._entry(id)
            patch.setitem(registry._ENTRIES, id, (dataclasses.replace(card, min_vram_gb=0), constructor))
        registry.forget()
        for id in (SD, TURBO, XL, "taesd"):
            fetch(id, folders[id], patch)
        yield folders
    registry.forget()


def fetch(id: str, folder: Path, patch: pytest.MonkeyPatch) -> None:
    source = registry.card(id).weights
    files = {name: (folder / name).read_bytes() for name in source.files}
    with FakeHub(source.repo, source.revision, files) as server:
        patch.setattr(
            weights, "hf_hub_url", lambda repo, name, revision: f"{server.url()}/{repo}/resolve/{revision}/{name}"
        )
        steps = list(registry.fetch(id))
    assert steps[-1].i == steps[-1].n == sum(map(len, files.values()))


@pytest.fixture(scope="module")
def oracles(hub):
    """diffusers' own pipelines over the same folders."""
    kinds = {SD: StableDiffusionPipeline, TURBO: StableDiffusionPipeline, XL: StableDiffusionXLPipeline}
    made = {
        id: kind.from_pretrained(hub[id], variant="fp16", dtype=torch.float32, low_cpu_mem_usage=False)
        for id, kind in kinds.items()
    }
    for pipe in made.values():
        pipe.set_progress_bar_config(disable=True)
    return made


def last(steps):
    *_, end = steps
    return end


def draw(model, prompts=PROMPTS, **options):
    return last(pipeline.sample(model, prompts, **({"steps": 3, "seed": 4, "scheduler": "ddim"} | options)))


@pytest.mark.parametrize(("id", "name"), ALL)
@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_same_latents_as_diffusers_own_pipeline(oracles, id, name, scale):
    model, pipe = registry.load(id, "cpu"), oracles[id]
    step = draw(model, scheduler=name, guidance_scale=scale, negative="a red car")
    pipe.scheduler = model.new_scheduler(name)
    expected = pipe(
        PROMPTS,
        negative_prompt=["a red car"] * 2,
        num_inference_steps=3,
        guidance_scale=scale,
        latents=pipeline.start_noise(2, 4, model),
        generator=[torch.Generator().manual_seed(5 + i) for i in range(2)],
        output_type="latent",
    ).images
    torch.testing.assert_close(step.x_t, expected, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(draw(model, ["a dog", "a dog"], scheduler=name, guidance_scale=scale).x_t, expected)


@pytest.mark.parametrize("id", [SD, TURBO, XL])
def test_same_picture_as_diffusers_own_pipeline(oracles, id):
    model, pipe = registry.load(id, "cpu"), oracles[id]
    latents = pipeline.start_noise(2, 4, model) * 0.18
    expected = pipe.vae.decode(latents / pipe.vae.config.scaling_factor).sample.clamp(-1, 1)
    assert expected.shape[-1] == pipeline.picture_size(model)
    torch.testing.assert_close(pipeline.decode(model, latents), expected, atol=1e-4, rtol=1e-4)


def test_predictions_of_eps_end_where_the_solver_does(hub):
    model = registry.load(SD, "cpu")
    step = draw(model, guidance_scale=4)
    torch.testing.assert_close(step.x0, step.x_t, atol=0.05, rtol=0.05)  # the last DDIM step goes to the predicted end
    both = step.info["x0_empty"] + 4 * (step.info["x0_text"] - step.info["x0_empty"])
    torch.testing.assert_close(step.x0, both, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("id", [SD, XL])
def test_tokens_stand_for_their_texts(hub, id):
    model = registry.load(id, "cpu")
    given = model.tokens(PROMPTS)
    assert given[0].shape[:2] == given[1].shape
    assert given[1].sum(1).tolist() == [4 + (id == XL), 9 + (id == XL)]  # "cat" is one token, all else letters
    torch.testing.assert_close(draw(model, given, guidance_scale=3).x_t, draw(model, guidance_scale=3).x_t)


@pytest.mark.parametrize("id", [SD, XL])
@pytest.mark.parametrize("text", ["a cat " * 1700, "قطة سوداء", "\x00\x1b<b>", "", "\ud800 cat"])
def test_any_text_is_cut_as_the_tokenizer_does(oracles, id, text):
    model, pipe = registry.load(id, "cpu"), oracles[id]
    tokens, mask = model.tokens([text])
    encodable = text.encode("utf-8", "replace").decode()
    arguments = {"prompt": [encodable], "device": "cpu", "num_images_per_prompt": 1}
    expected = pipe.encode_prompt(**arguments, do_classifier_free_guidance=False)
    torch.testing.assert_close(tokens[:, -77:], expected[0])
    if id == XL:
        torch.testing.assert_close(tokens[:, 0, : tiny_hub.DIM], expected[2])
    assert mask.sum() == mask.shape[1] or len(text) < 100


def test_two_requests_at_once_do_not_meet(hub):
    model = registry.load(XL, "cpu")
    alone = [draw(model, scheduler="euler-a", seed=seed, steps=4).x_t for seed in (1, 2)]
    streams = [
        pipeline.sample(model, PROMPTS, scheduler="euler-a", seed=s, steps=4, guidance_scale=3.0) for s in (1, 2)
    ]
    together = [[a.x_t, b.x_t] for a, b in zip(*streams, strict=True)][-1]
    for a, b in zip(alone, together, strict=True):
        assert torch.equal(a, b)


def test_closing_stops_the_work(hub, monkeypatch):
    model, calls = registry.load(SD, "cpu"), []
    real = model.denoise
    monkeypatch.setattr(model, "denoise", lambda *args: calls.append(1) or real(*args))
    stream = pipeline.sample(model, PROMPTS, steps=50)
    next(stream), next(stream)
    stream.close()
    assert len(calls) == 2
    with pytest.raises(StopIteration):
        next(stream)


@pytest.mark.parametrize("id", [SD, XL])
def test_attend_sees_and_edits_each_layers_weights(hub, id):
    model, seen = registry.load(id, "cpu"), {}

    def record(layer, weights):
        seen[layer] = weights
        return weights

    plain = draw(model, steps=1).x_t
    torch.testing.assert_close(draw(model, steps=1, attend=record).x_t, plain, atol=1e-4, rtol=1e-4)
    assert sorted(seen) == list(range(len(hub_pipeline.cross_attentions(model.unet)))) and len(seen) >= 4
    for layer in seen.values():
        assert layer.shape[0] == 4 and layer.shape[2] in (16, 64) and layer.shape[3] == 77
        torch.testing.assert_close(layer.sum(-1), torch.ones(layer.shape[:3]))
    edited = draw(model, steps=1, attend=lambda i, w: torch.full_like(w, 1 / 77)).x_t
    assert not torch.allclose(edited, plain, atol=1e-3)


def test_the_safety_checker_blanks_what_it_flags(oracles, monkeypatch):
    model, pipe = registry.load(SD, "cpu"), oracles[SD]
    step = draw(model)
    pictures = step.info["pictures"]
    assert step.info["flagged"] == (False, False)
    assert torch.equal(pictures, pipeline.decode(model, step.x_t))
    assert "pictures" not in next(pipeline.sample(model, PROMPTS, steps=2)).info
    checker = model.safety_checker
    seen = model.feature_extractor(list(((pictures + 1) * 127.5).round().byte()), return_tensors="pt").pixel_values
    with torch.no_grad():
        first, second = torch.nn.functional.normalize(checker.visual_projection(checker.vision_model(seen)[1]))
    concept = second - (first @ second) * first  # at a right angle to the first picture's vector
    concept = concept / concept.norm()
    monkeypatch.setattr(checker.concept_embeds, "data", concept.expand(17, -1).clone())
    monkeypatch.setattr(checker.concept_embeds_weights, "data", (concept @ second / 2).expand(17).clone())
    step = draw(model)
    assert step.info["flagged"] == (False, True)
    assert (step.info["pictures"][1] == -1).all() and torch.equal(step.info["pictures"][0], pictures[0])
    assert torch.equal(pipeline.decode(model, step.x_t), step.info["pictures"])
    pipe.safety_checker, pipe.feature_extractor = checker, model.feature_extractor
    assert pipe.run_safety_checker(pictures.clone(), "cpu", torch.float32)[1] == [False, True]


def test_previews_by_the_tiny_autoencoder(hub, monkeypatch):
    latents = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    tiny = AutoencoderTiny.from_pretrained(hub["taesd"], low_cpu_mem_usage=False)
    model = registry.load(TURBO, "cpu")
    with torch.no_grad():
        torch.testing.assert_close(model.preview(latents), tiny.decode(latents).sample.clamp(-1, 1))
    assert registry.load(XL, "cpu").preview(latents) is None, "taesdxl is not on this machine"
    checked = registry.load(SD, "cpu")
    monkeypatch.setattr(checked.safety_checker.concept_embeds_weights, "data", torch.full((17,), -1.0))
    assert (checked.preview(latents) == -1).all()


@pytest.mark.parametrize("bad", [{"style": "noto"}, {"scheduler": "lcm"}, {"steps": 0}, {"seed": -1}])
def test_what_does_not_fit_is_refused(hub, bad):
    with pytest.raises(Refusal):
        next(pipeline.sample(registry.load(TURBO, "cpu"), PROMPTS, **({"scheduler": "euler"} | bad)))


def test_a_missing_weight_is_an_error_not_a_random_one(hub, tmp_path):
    for path in hub[TURBO].rglob("*"):
        if path.is_file():
            copy = tmp_path / path.relative_to(hub[TURBO])
            copy.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, copy)
    for part in ("unet/diffusion_pytorch_model", "text_encoder/model"):
        path = tmp_path / f"{part}.fp16.safetensors"
        whole = load_file(path)
        path.unlink()
        save_file(dict(list(whole.items())[1:]), path, metadata={"format": "pt"})
        with pytest.raises(ValueError, match="lacks 1 weights"):
            hub_pipeline.HubPipeline.read(tmp_path, SETTINGS[TURBO])
        save_file(whole, path, metadata={"format": "pt"})
    assert hub_pipeline.HubPipeline.read(tmp_path, SETTINGS[TURBO])


def test_parts_take_turns_where_memory_is_short(hub, monkeypatch):
    model = registry.load(SD, "cpu")
    expected, moved = draw(model).info["pictures"], []
    for name in hub_pipeline.IN_TURNS:
        real = getattr(model, name).to
        monkeypatch.setattr(
            getattr(model, name), "to", lambda place, n=name, f=real: moved.append((n, str(place))) or f(place)
        )
    monkeypatch.setattr(model, "in_turns", True)
    monkeypatch.setattr(model, "device", torch.device("cpu", 0))  # told apart from "cpu", where parts wait
    assert torch.equal(draw(model).info["pictures"], expected)
    there = [("text_encoders", "cpu:0"), ("unet", "cpu:0"), ("vae", "cpu:0")]
    assert moved == [there[0], ("text_encoders", "cpu"), there[1], ("unet", "cpu"), there[2]]
    monkeypatch.setattr(model, "_resident", "")


@pytest.mark.parametrize("id", [SD, XL])
def test_half_precision_as_on_a_gpu(hub, id):
    expected = draw(registry.load(id, "cpu"), attend=lambda i, w: w)
    model = hub_pipeline.HubPipeline.read(hub[id], SETTINGS[id])
    model.dtype = torch.float16
    for part in (model.unet, model.text_encoders, model.safety_checker):
        if part is not None:
            part.half()
    step = draw(model, attend=lambda i, w: w)
    assert step.x_t.dtype == torch.float32
    torch.testing.assert_close(step.x_t, expected.x_t, atol=0.1, rtol=0.1)
    assert pipeline.pictures(model, step).dtype == torch.float32


@pytest.mark.parametrize(("gb", "turns"), [(4.2, True), (8.3, True), (60.0, False)])
def test_which_parts_wait_follows_from_the_memory(hub, monkeypatch, gb, turns):
    model = hub_pipeline.HubPipeline.read(hub[XL], SETTINGS[XL])
    places = {name: [] for name in hub_pipeline.IN_TURNS}
    for name, seen in places.items():
        monkeypatch.setattr(getattr(model, name), "to", lambda place, seen=seen: seen.append(str(place)))
    monkeypatch.setattr(device, "size_bytes", lambda m: 7_300_000_000)
    monkeypatch.setattr(device, "memory_budget", lambda: int(gb * 0.8e9))
    model.text_encoders = torch.nn.ModuleList()
    monkeypatch.setattr(model.text_encoders, "to", lambda place: places["text_encoders"].append(str(place)))
    model.to("cuda")
    assert model.in_turns is turns
    assert {name: seen[-1] for name, seen in places.items()} == dict.fromkeys(places, "cpu" if turns else "cuda")


def test_what_this_machine_cannot_run_says_why(monkeypatch, tmp_path):
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path))
    for card in CARDS.values():
        monkeypatch.setattr(device, "vram_gb", lambda: 2.0)
        assert registry.unavailable(card).code == "needs_gpu"
        monkeypatch.setattr(device, "vram_gb", lambda: 24.0)
        assert registry.unavailable(card).code == "not_downloaded"


def test_params_of_the_published_configurations():
    """Counted from the hub's configurations, without weights; their fp16 files are twice as many bytes."""
    text = {"vocab_size": 49408, "max_position_embeddings": 77}
    large = CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_attention_heads=12, **text)
    huge = CLIPTextConfig(
        hidden_size=1024, intermediate_size=4096, num_hidden_layers=23, num_attention_heads=16, **text
    )
    giant = {"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20}
    giant = CLIPTextConfig(projection_dim=1280, **giant, **text)
    vision = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16}
    vision = CLIPConfig(text_config={}, vision_config=vision | {"patch_size": 14}, projection_dim=768)
    down, up = ("DownBlock2D", *["CrossAttnDownBlock2D"] * 2), (*["CrossAttnUpBlock2D"] * 2, "UpBlock2D")
    xl = {"block_out_channels": (320, 640, 1280), "down_block_types": down, "up_block_types": up}
    xl |= {"transformer_layers_per_block": [1, 2, 10], "attention_head_dim": [5, 10, 20], "use_linear_projection": True}
    xl |= {"addition_embed_type": "text_time", "addition_time_embed_dim": 256, "cross_attention_dim": 2048}
    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4}
    with torch.device("meta"):
        vae = AutoencoderKL(block_out_channels=(128, 256, 512, 512), layers_per_block=2, **blocks)
        parts = {
            SD: [UNet(cross_attention_dim=768), CLIPTextModel(large), vae, StableDiffusionSafetyChecker(vision)],
            TURBO: [
                UNet(cross_attention_dim=1024, attention_head_dim=[5, 10, 20, 20], use_linear_projection=True),
                CLIPTextModel(huge),
                vae,
            ],
            XL: [
                UNet(projection_class_embeddings_input_dim=2816, **xl),
                CLIPTextModel(large),
                CLIPTextModelWithProjection(giant),
                vae,
            ],
            "taesd": [AutoencoderTiny()],
            "taesdxl": [AutoencoderTiny()],
        }
    for id, modules in parts.items():
        assert registry.card(id).params == sum(p.numel() for module in modules for p in module.parameters()), id


def test_sample_command_takes_a_published_model(hub, tmp_path):
    out = tmp_path / "cat.png"
    done = CliRunner().invoke(sample_command.command, ["a cat", "--model", SD, "--steps", "2", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert out.is_file()
    refused = CliRunner().invoke(sample_command.command, ["a cat", "--model", SD, "--style", "noto", "--out", str(out)])
    assert isinstance(refused.exception, Refusal)


def test_every_model_that_draws_has_its_settings():
    drawing = {card.id for card in registry.cards("text_to_image") if "generate" in card.can}
    assert drawing <= set(SETTINGS | SHARES)
    for settings in SETTINGS.values():
        assert settings.scheduler in settings.schedulers and set(settings.schedulers) <= set(hub_pipeline.SCHEDULERS)
        assert settings.guided or settings.guidance_scale == 1
