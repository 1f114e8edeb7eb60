"""Text -> tokens -> noise -> denoise -> decode: one loop for the embedded miniature and the published models.

`sample` is that loop, over the parts that `Pipeline` names. `EmojiPipeline` is the miniature: on disk a diffusers
pipeline folder (model_index.json, autoencoder/, transformer/, scheduler/). The published ones are in `hub_pipeline`.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import diffusers
import torch
from torch import Tensor, nn

from genmodels.data.emoji import STYLES
from genmodels.errors import Refusal, in_range
from genmodels.step import Step
from genmodels.text_to_image import text
from genmodels.text_to_image.autoencoder import FACTOR, PatchAutoencoder
from genmodels.text_to_image.denoiser import Attend, EmojiTransformer2DModel

Tokens = tuple[Tensor, Tensor]  # (B, L, D) and a mask (B, L), True where a token stands
ANY_STYLE = "any"
STYLE_IDS = (*(style.id for style in STYLES), ANY_STYLE)
SCHEDULERS: dict[str, tuple[str, dict[str, Any]]] = {
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


class Pipeline(Protocol):
    """The parts of a model that `sample` drives. They hold nothing of a request: several may use them at once.

    styles: what may be asked for as `style`; latent_shape: (C, H, W); factor: pixels of a picture per latent.
    """

    styles: tuple[str, ...]
    factor: int

    @property
    def latent_shape(self) -> tuple[int, int, int]: ...

    @property
    def device(self) -> torch.device: ...

    def tokens(self, texts: Sequence[str]) -> Tokens:
        """texts (B) -> tokens (B, L, D), mask (B, L); an empty text asks for any picture."""

    def new_scheduler(self, name: str) -> Any:
        """A scheduler for one request. Raises Refusal("unknown_scheduler") for one that does not fit the model."""

    def denoise(self, x: Tensor, t: Tensor, given: Tokens, style: str, attend: Attend | None) -> Tensor:
        """x (B, C, H, W) at time t -> what the scheduler takes: v or eps, of the same shape, in float32."""

    def decode(self, latents: Tensor) -> Tensor:
        """latents (B, C, H, W) -> pictures (B, 3, factor * H, factor * W) in [-1, 1]."""

    def preview(self, latents: Tensor) -> Tensor | None:
        """`decode` in a few milliseconds, for pictures on the way; None where the model has nothing for it."""

    def finish(self, latents: Tensor) -> dict[str, Any]:
        """What the last Step's info says beside the rest."""


class EmojiPipeline(nn.Module):
    """Autoencoder and denoiser, with the schedule they were trained on. Holds nothing of a request."""

    styles = STYLE_IDS
    factor = FACTOR

    def __init__(self, autoencoder: PatchAutoencoder, transformer: EmojiTransformer2DModel) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        self.transformer = transformer

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        config = self.transformer.config
        return config.in_channels, config.sample_size, config.sample_size

    @property
    def device(self) -> torch.device:
        return self.transformer.device

    def tokens(self, texts: Sequence[str]) -> Tokens:
        return text.tokens(texts)

    def new_scheduler(self, name: str) -> Any:
        return new_scheduler(name)

    def denoise(self, x: Tensor, t: Tensor, given: Tokens, style: str, attend: Attend | None) -> Tensor:
        styles = torch.full((len(x),), STYLE_IDS.index(style), device=x.device)
        return self.transformer(x, t.expand(len(x)), *given, styles, attend).sample

    def decode(self, latents: Tensor) -> Tensor:
        return self.autoencoder.decode(self.autoencoder.denormalize(latents)).sample.clamp(-1, 1)

    def preview(self, latents: Tensor) -> Tensor | None:
        return decode(self, latents)

    def finish(self, latents: Tensor) -> dict[str, Any]:
        return {}

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


def new_scheduler(
    name: str,
    kinds: Mapping[str, tuple[str, dict[str, Any]]] = SCHEDULERS,
    schedule: Mapping[str, Any] = SCHEDULE,
) -> Any:
    """A scheduler of its own for each request. Raises Refusal("unknown_scheduler") for a name not in `kinds`."""
    if name not in kinds:
        have = ", ".join(kinds)
        raise Refusal("unknown_scheduler", f"there is no scheduler {str(name)[:40]!r}; there are {have}", name=name)
    kind, extra = kinds[name]
    return getattr(diffusers, kind)(**schedule, **extra)


def alphas_cumprod() -> Tensor:
    """(1000,): the share of the picture's variance left in x_t."""
    return new_scheduler("ddim").alphas_cumprod


def start_noise(count: int, seed: int, model: Pipeline) -> Tensor:
    """(count, C, H, W) from a CPU generator, the same on every machine; picture i does not depend on count."""
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([torch.randn(model.latent_shape, generator=generator) for _ in range(count)])


def sample(
    model: Pipeline,
    prompts: Sequence[str] | Tokens,
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
    """Pictures for `prompts`, one Step for each call of the denoiser; x_t and x0 are latents (B, C, H, W).

    `decode` turns latents into pictures. prompts: B texts, or (tokens, mask) as `model.tokens` gives them; style is one
    of model.styles; guidance_scale 1 asks for the prompt alone, more pushes away from `negative` (Ho and Salimans 2022,
    arXiv:2207.12598); noise replaces the seed's; attend is handed to the denoiser, whose batch is [negative, prompts]
    under guidance. info: t; sigma, of alpha + sigma; under guidance x0_text and x0_empty, the ends that the two
    predictions see; in the last Step what `model.finish` adds. Raises Refusal for what is out of range.
    """
    check(steps, guidance_scale, seed, style, model.styles)
    guided = guidance_scale != 1
    solver = model.new_scheduler(scheduler)
    solver.set_timesteps(steps, device=model.device)
    given = _tokens(model, prompts, negative if guided else None)
    count = len(given[0]) // (1 + guided)
    x_t = (start_noise(count, seed, model) if noise is None else noise).to(model.device) * solver.init_noise_sigma
    draws = _draws(solver, seed, count)
    kept = solver.alphas_cumprod.to(model.device)
    for i, t in enumerate(solver.timesteps):
        with torch.no_grad():
            x = solver.scale_model_input(x_t, t)
            seen = model.denoise(torch.cat([x, x]) if guided else x, t, given, style, attend).chunk(1 + guided)
            out = seen[0] + guidance_scale * (seen[1] - seen[0]) if guided else seen[0]
            alpha = kept[round(float(t))]
            x0, *both = (_predicted_x0(x, o, alpha, solver.config.prediction_type) for o in (out, *seen))
            x_t = solver.step(out, t, x_t, **draws).prev_sample
            info = {"t": float(t), "sigma": float((1 - alpha).sqrt())}
            info |= dict(zip(("x0_empty", "x0_text"), both, strict=True)) if guided else {}
            info |= model.finish(x_t) if i + 1 == len(solver.timesteps) else {}
        yield Step(i + 1, len(solver.timesteps), x_t=x_t, x0=x0, info=info)


def _tokens(model: Pipeline, prompts: Sequence[str] | Tokens, negative: str | None) -> Tokens:
    """Tokens and mask of `prompts`, on the model's device, after those of `negative` for each unless it is None."""
    given = model.tokens(prompts) if all(isinstance(prompt, str) for prompt in prompts) else prompts
    tokens, mask = (part.to(model.device) for part in given)
    if negative is None:
        return tokens, mask
    away, away_mask = (part.to(model.device).expand(len(tokens), *part.shape[1:]) for part in model.tokens([negative]))
    out = tokens.new_zeros(2 * len(tokens), max(tokens.shape[1], away.shape[1]), tokens.shape[2])
    out_mask = mask.new_zeros(out.shape[:2])
    for rows, part, part_mask in ((slice(None, len(away)), away, away_mask), (slice(len(away), None), tokens, mask)):
        out[rows, : part.shape[1]], out_mask[rows, : part.shape[1]] = part, part_mask
    return out, out_mask


def _draws(solver: Any, seed: int, count: int) -> dict[str, Any]:
    """The generators of the noise that some schedulers add at each step: one for each picture."""
    if "generator" not in inspect.signature(solver.step).parameters:
        return {}
    return {"generator": [torch.Generator().manual_seed(seed + 1 + i) for i in range(count)]}


def _predicted_x0(x: Tensor, out: Tensor, alpha: Tensor, prediction_type: str) -> Tensor:
    """The end that a prediction sees from x = sqrt(alpha) x0 + sqrt(1 - alpha) eps (arXiv:2202.00512, appendix D)."""
    if prediction_type == "v_prediction":
        return alpha.sqrt() * x - (1 - alpha).sqrt() * out
    return (x - (1 - alpha).sqrt() * out) / alpha.sqrt()


@torch.no_grad()
def decode(model: Pipeline, latents: Tensor) -> Tensor:
    """latents (B, C, H, W) of a Step -> pictures (B, 3, factor * H, factor * W) in [-1, 1]."""
    return model.decode(latents)


def pictures(model: Pipeline, step: Step) -> Tensor:
    """The finished pictures of a last Step: decoded, or those that the model's safety checker let through."""
    return step.info["pictures"] if "pictures" in step.info else decode(model, step.x_t)


def check(steps: int, guidance_scale: float, seed: int, style: str, styles: Sequence[str] = STYLE_IDS) -> None:
    """Raises Refusal for anything out of range: NaN, infinities and non-numbers included."""
    in_range("guidance_scale", guidance_scale, 0, 30)
    for name, value, low, high in (("steps", steps, 1, 1000), ("seed", seed, 0, 2**63 - 2)):
        if in_range(name, value, low, high) != int(value):
            says = f"{name} is {value!r}; it must be a whole number"
            raise Refusal("range", says, name=name, value=repr(value)[:40], low=low, high=high)
    if style not in styles:
        have, given = ", ".join(styles), str(style)[:40]
        raise Refusal("unknown_style", f"there is no style {given!r}; there are {have}", style=given)


def picture_size(model: Pipeline) -> int:
    """Height and width of the pictures, in pixels."""
    return model.latent_shape[-1] * model.factor
