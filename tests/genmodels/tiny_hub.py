"""Tiny pipelines of the published models' classes, written as the hub stores them: old key names, no tokenizer.json."""

from __future__ import annotations

import json
from pathlib import Path

import diffusers
import torch
from diffusers import AutoencoderKL, AutoencoderTiny, UNet2DConditionModel
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import CLIPConfig, CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

DIM = 32
SIDE = 8
BYTES = [chr(c) for c in (*range(33, 127), *range(161, 173), *range(174, 256))]
SPECIAL = ("<|startoftext|>", "<|endoftext|>")
SCHEDULE = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000}


def stable_diffusion(folder: Path, checker: bool) -> None:
    """Stable Diffusion 1.5 (with its safety checker) or SD-Turbo (without)."""
    torch.manual_seed(0)
    _write(folder / "unet", _unet(DIM, attention_head_dim=8), "diffusion_pytorch_model")
    _common(folder, "PNDMScheduler" if checker else "EulerDiscreteScheduler")
    index = {"text_encoder": "CLIPTextModel", "tokenizer": "CLIPTokenizer", "unet": "UNet2DConditionModel"}
    index |= {"vae": "AutoencoderKL", "scheduler": "PNDMScheduler" if checker else "EulerDiscreteScheduler"}
    if checker:
        _safety_checker(folder)
        index |= {"safety_checker": "StableDiffusionSafetyChecker", "feature_extractor": "CLIPImageProcessor"}
    _index(folder, "StableDiffusionPipeline", index)


def instruct_pix2pix(folder: Path) -> None:
    """InstructPix2Pix: the U-Net takes the picture's latents beside the noisy ones; full precision, as on the hub."""
    stable_diffusion(folder, checker=True)
    torch.manual_seed(3)
    _write(folder / "unet", _unet(DIM, attention_head_dim=8, in_channels=8), "diffusion_pytorch_model")
    stored = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    _json(folder / "model_index.json", stored | {"_class_name": "StableDiffusionInstructPix2PixPipeline"})
    for path in folder.rglob("*.fp16.safetensors"):
        full = path.with_name(path.name.replace(".fp16", ""))
        save_file({k: v.float() for k, v in load_file(path).items()}, full, metadata={"format": "pt"})
        path.unlink()


def stable_diffusion_xl(folder: Path) -> None:
    """SDXL-Turbo: two text encoders, and the U-Net's conditioning on the phrase and the picture's size."""
    torch.manual_seed(1)
    extra = {"addition_embed_type": "text_time", "addition_time_embed_dim": 8}
    extra |= {"projection_class_embeddings_input_dim": 6 * 8 + DIM, "transformer_layers_per_block": (1, 2)}
    unet = _unet(2 * DIM, attention_head_dim=(2, 4), use_linear_projection=True, **extra)
    _write(folder / "unet", unet, "diffusion_pytorch_model")
    _common(folder, "EulerAncestralDiscreteScheduler")
    _tokenizer(folder / "tokenizer_2", pad="!")
    _write(folder / "text_encoder_2", CLIPTextModelWithProjection(_text_config("gelu")), "model")
    names = {"text_encoder": "CLIPTextModel", "tokenizer": "CLIPTokenizer", "unet": "UNet2DConditionModel"}
    names |= {"text_encoder_2": "CLIPTextModelWithProjection", "tokenizer_2": "CLIPTokenizer", "vae": "AutoencoderKL"}
    _index(folder, "StableDiffusionXLPipeline", names | {"scheduler": "EulerAncestralDiscreteScheduler"})


def tiny_autoencoder(folder: Path) -> None:
    """TAESD, whose pictures are as large as those of the tiny autoencoder."""
    torch.manual_seed(2)
    channels, blocks = (16, 16), (1, 1)
    model = AutoencoderTiny(
        encoder_block_out_channels=channels,
        decoder_block_out_channels=channels,
        num_encoder_blocks=blocks,
        num_decoder_blocks=blocks,
    )
    model.save_pretrained(folder)


def _unet(cross_attention_dim: int, **more: object) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=SIDE,
        block_out_channels=(DIM, 2 * DIM),
        layers_per_block=1,
        norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=cross_attention_dim,
        **more,
    )


def _common(folder: Path, scheduler: str) -> None:
    vae = AutoencoderKL(
        block_out_channels=(16, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=2 * SIDE,
    )
    _write(folder / "vae", vae, "diffusion_pytorch_model")
    _write(folder / "text_encoder", CLIPTextModel(_text_config("quick_gelu")), "model")
    _tokenizer(folder / "tokenizer", pad=SPECIAL[1])
    stored = {"_class_name": scheduler, "_diffusers_version": "0.6.0", "steps_offset": 1, "skip_prk_steps": True}
    _json(folder / "scheduler" / "scheduler_config.json", stored | SCHEDULE)


def _text_config(activation: str) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(_vocabulary()),
        hidden_size=DIM,
        intermediate_size=2 * DIM,
        num_hidden_layers=3,
        num_attention_heads=4,
        projection_dim=DIM,
        hidden_act=activation,
        bos_token_id=0,
        eos_token_id=2,  # as on the hub: the end of the text is then the largest id
    )


def _vocabulary() -> dict[str, int]:
    rest = [chr(256 + i) for i in range(256 - len(BYTES))]
    words = ["ca", "cat</w>"]
    letters = [*BYTES, *rest]
    return {w: i for i, w in enumerate([*letters, *(f"{c}</w>" for c in letters), *words, *SPECIAL])}


def _tokenizer(folder: Path, pad: str) -> None:
    _json(folder / "vocab.json", _vocabulary())
    (folder / "merges.txt").write_text("#version: 0.2\nc a\nca t</w>\n", encoding="utf-8")
    kind = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "do_lower_case": True, "errors": "replace"}
    kind |= {"add_prefix_space": False, "pad_token": pad}
    token = {"lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
    names = dict(zip(("bos_token", "eos_token", "unk_token"), (*SPECIAL, SPECIAL[1]), strict=True))
    rich = {key: token | {"content": content} for key, content in names.items()}
    _json(folder / "special_tokens_map.json", rich | {"pad_token": pad})
    if pad == SPECIAL[1]:  # as written in 2022
        _json(folder / "tokenizer_config.json", kind | {k: {"__type": "AddedToken"} | v for k, v in rich.items()})
    else:  # as written in 2023
        ids = {str(_vocabulary()[word]): token | {"content": word, "special": True} for word in (pad, *SPECIAL)}
        _json(folder / "tokenizer_config.json", kind | names | {"added_tokens_decoder": ids})


def _safety_checker(folder: Path) -> None:
    vision = {"hidden_size": DIM, "intermediate_size": 2 * DIM, "num_hidden_layers": 2, "num_attention_heads": 4}
    vision |= {"image_size": 16, "patch_size": 8}
    checker = StableDiffusionSafetyChecker(CLIPConfig(text_config={}, vision_config=vision, projection_dim=DIM))
    nn.init.normal_(checker.concept_embeds)
    nn.init.normal_(checker.special_care_embeds)
    _write(folder / "safety_checker", checker, "model")
    stored = json.loads((folder / "safety_checker" / "config.json").read_text(encoding="utf-8"))
    stored |= {"_commit_hash": None, "transformers_version": None, "vision_config_dict": vision}
    stored["vision_config"] |= {"bad_words_ids": None, "pruned_heads": {}, "torch_dtype": None, "top_k": 50}
    _json(folder / "safety_checker" / "config.json", stored)
    mean, std = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
    stored = {"crop_size": 16, "do_center_crop": True, "do_normalize": True, "do_resize": True, "resample": 3}
    stored |= {"feature_extractor_type": "CLIPFeatureExtractor", "image_mean": mean, "image_std": std, "size": 16}
    _json(folder / "feature_extractor" / "preprocessor_config.json", stored)


def _write(folder: Path, model: nn.Module, name: str) -> None:
    """Half precision, the variant's file name, and the key names with which the hub's files were written."""
    model.half().save_pretrained(folder, variant="fp16")
    path = folder / f"{name}.fp16.safetensors"
    save_file({_hub_key(model, k): v for k, v in load_file(path).items()}, path, metadata={"format": "pt"})


def _hub_key(model: nn.Module, key: str) -> str:
    if isinstance(model, CLIPTextModel):
        return f"text_model.{key}"
    if isinstance(model, StableDiffusionSafetyChecker) and key.startswith("vision_model."):
        return f"vision_model.{key}"
    return key


def _index(folder: Path, kind: str, parts: dict[str, str]) -> None:
    """model_index.json, which diffusers' own pipeline reads; ours does not need it."""
    library = {"scheduler": "diffusers", "unet": "diffusers", "vae": "diffusers", "safety_checker": "stable_diffusion"}
    rows = {part: [library.get(part, "transformers"), name] for part, name in parts.items()}
    _json(folder / "model_index.json", {"_class_name": kind, "_diffusers_version": diffusers.__version__} | rows)


def _json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
