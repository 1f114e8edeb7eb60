"""The miniature Stable Diffusion as one object: text -> tokens -> noise -> denoise -> decode.

On disk it is a diffusers pipeline folder: model_index.json, autoencoder/, transformer/, scheduler/.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import diffusers
import torch
from torch import Tensor, nn

from genmodels.data.emoji import STYLES
from genmodels.errors import Refusal, in_range
from genmodels.step import Step
from genmodels.text_to_image import text
from genmodels.text_to_image.autoencoder import FACTOR, PatchAutoencoder
from genmodels.text_to_image.denoiser import Attend, EmojiTransformer2DModel

ANY_STYLE = "any"
STYLE_IDS = (*(style.id for style in STYLES), ANY_STYLE)
SCHEDULERS = {
    "ddim": ("DDIMScheduler", {"timestep_spacing": "trailing", "clip_sample": False, "set_alpha_to_one": True}),
    "euler": ("EulerDiscreteScheduler", {"timestep_spacing": "trailing"}),
    "dpm++": ("DPMSolverMultistepScheduler", {"timestep_spacing": "trailing", "algorithm_type": "dpmsolver++"}),
    "heun": ("HeunDiscreteScheduler", {"timestep_spacing": "trailing"}),
    "lcm": ("LCMScheduler", {"timestep_spacing": "trailing", "original_inference_steps": 50, "clip_sample": False}),
}
# scaled_linear as in Stable Diffusion, but on to an end where nothing of the picture is left (sigma 65, not 15):
# "Common diffusion noise schedules are flawed", Lin et al. 2023, arXiv:2305.08891; finite, so every solver takes it.
SCHEDULE: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.02,
    "prediction_type": "v_prediction",
}


class EmojiPipeline(nn.Module):
    """Autoencoder and denoiser, with the schedule they were trained on. Holds nothing of a request."""

    def __init__(self, autoencoder: PatchAutoencoder, transformer: EmojiTransformer2DModel) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        self.transformer = transformer

    @classmethod
    def read(cls, folder: Path) -> EmojiPipeline:
        """From a folder that `write` made; half precision is widened to float32."""
        autoencoder = PatchAutoencoder.from_pretrained(folder / "autoencoder", torch_dtype=torch.float32)
        transformer = EmojiTransformer2DModel.from_pretrained(folder / "transformer", torch_dtype=torch.float32)
        return cls(autoencoder, transformer)

    def write(self, folder: Path, shard: str) -> None:
        """As a diffusers pipeline folder in half precision, safetensors shards of at most `shard`."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, part in (("autoencoder", self.autoencoder), ("transformer", self.transformer)):
            for old in (folder / name).glob("*"):
                old.unlink()
            part.register_to_config(_name_or_path=name)  # else diffusers notes where on this machine it was read from
            part.half().save_pretrained(folder / name, max_shard_size=shard)
            part.float()
        new_scheduler("ddim").save_pretrained(folder / "scheduler")
        index = {
            "_class_name": "EmojiPipeline",
            "_diffusers_version": diffusers.__version__,
            "autoencoder": ["genmodels.text_to_image.autoencoder", "PatchAutoencoder"],
            "transformer": ["genmodels.text_to_image.denoiser", "EmojiTransformer2DModel"],
            "scheduler": ["diffusers", "DDIMScheduler"],
        }
        (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def new_scheduler(name: str) -> Any:
    """A scheduler of its own for each request. Raises Refusal("unknown_scheduler") for a name not in SCHEDULERS."""
    if name not in SCHEDULERS:
        have = ", ".join(SCHEDULERS)
        raise Refusal("unknown_scheduler", f"there is no scheduler {str(name)[:40]!r}; there are {have}", name=name)
    kind, extra = SCHEDULERS[name]
    return getattr(diffusers, kind)(**SCHEDULE, **extra)


def alphas_cumprod() -> Tensor:
    """(1000,): the share of the picture's variance left in x_t."""
    return new_scheduler("ddim").alphas_cumprod


def start_noise(count: int, seed: int, model: EmojiPipeline) -> Tensor:
    """(count, 12, 8, 8) from a CPU generator, the same on every machine; picture i does not depend on count."""
    config = model.transformer.config
    shape = (config.in_channels, config.sample_size, config.sample_size)
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([torch.randn(shape, generator=generator) for _ in range(count)])


def sample(
    model: EmojiPipeline,
    prompts: Sequence[str],
    *,
    style: str = ANY_STYLE,
    seed: int = 0,
    steps: int = 20,
    guidance_scale: float = 3.0,
    scheduler: str = "ddim",
    negative: str = "",
    noise: Tensor | None = None,
    attend: Attend | None = None,
) -> Iterator[Step]:
    """Pictures for `prompts` (B), one Step for each call of the denoiser; x_t and x0 are latents (B, 12, 8, 8).

    `decode` turns latents into pictures. style is one of STYLE_IDS; guidance_scale 1 asks for the prompt alone, more
    pushes away from `negative` (Ho and Salimans 2022, arXiv:2207.12598); noise replaces the seed's; attend is handed
    to the denoiser, whose batch is [negative, prompts] under guidance. info: t, the timestep; sigma, of alpha + sigma.
    Raises Refusal for what is out of range.
    """
    check(steps, guidance_scale, seed, style)
    device = model.transformer.device
    solver = new_scheduler(scheduler)
    solver.set_timesteps(steps, device=device)
    x_t = (start_noise(len(prompts), seed, model) if noise is None else noise).to(device) * solver.init_noise_sigma
    ancestral = torch.Generator().manual_seed(seed + 1)
    predict = _predictor(model, prompts, negative, style, guidance_scale, attend)
    kept = alphas_cumprod().to(device)
    for i, t in enumerate(solver.timesteps):
        with torch.no_grad():
            x = solver.scale_model_input(x_t, t)
            v = predict(x, t)
            alpha = kept[round(float(t))]
            x0 = alpha.sqrt() * x - (1 - alpha).sqrt() * v
            extra = {"generator": ancestral} if scheduler == "lcm" else {}
            x_t = solver.step(v, t, x_t, **extra).prev_sample
        info = {"t": float(t), "sigma": float((1 - alpha).sqrt())}
        yield Step(i + 1, len(solver.timesteps), x_t=x_t, x0=x0, info=info)


def _predictor(
    model: EmojiPipeline,
    prompts: Sequence[str],
    negative: str,
    style: str,
    guidance_scale: float,
    attend: Attend | None,
) -> Callable[[Tensor, Tensor], Tensor]:
    """Function (x, t) -> v of shape (B, 12, 8, 8), guided; text is encoded once."""
    device = model.transformer.device
    guided = guidance_scale != 1
    tokens, mask = text.tokens([*([negative] * len(prompts) if guided else []), *prompts])
    tokens, mask = tokens.to(device), mask.to(device)
    styles = torch.full((len(tokens),), STYLE_IDS.index(style), device=device)

    def predict(x: Tensor, t: Tensor) -> Tensor:
        x = torch.cat([x, x]) if guided else x
        v = model.transformer(x, t.expand(len(x)), tokens, mask, styles, attend).sample
        if not guided:
            return v
        without, with_text = v.chunk(2)
        return without + guidance_scale * (with_text - without)

    return predict


@torch.no_grad()
def decode(model: EmojiPipeline, latents: Tensor) -> Tensor:
    """latents (B, 12, 8, 8) of a Step -> pictures (B, 3, 64, 64) in [-1, 1]."""
    return model.autoencoder.decode(model.autoencoder.denormalize(latents)).sample.clamp(-1, 1)


def check(steps: int, guidance_scale: float, seed: int, style: str) -> None:
    """Raises Refusal for anything out of range: NaN, infinities and non-numbers included."""
    in_range("guidance_scale", guidance_scale, 0, 30)
    for name, value, low, high in (("steps", steps, 1, 1000), ("seed", seed, 0, 2**63 - 2)):
        if in_range(name, value, low, high) != int(value):
            says = f"{name} is {value!r}; it must be a whole number"
            raise Refusal("range", says, name=name, value=repr(value)[:40], low=low, high=high)
    if style not in STYLE_IDS:
        have, given = ", ".join(STYLE_IDS), str(style)[:40]
        raise Refusal("unknown_style", f"there is no style {given!r}; there are {have}", style=given)


def picture_size(model: EmojiPipeline) -> int:
    """Height and width of the pictures, in pixels."""
    return model.transformer.config.sample_size * FACTOR
