"""Stable Diffusion as the hub stores it, as parts for `pipeline.sample`: one or two text encoders, U-Net, autoencoder.

Rombach et al. 2022, arXiv:2112.10752; Podell et al. 2023, arXiv:2307.01952 (SDXL); Sauer et al. 2023,
arXiv:2311.17042 (Turbo).
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, ModelMixin, UNet2DConditionModel
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from torch import Tensor, nn
from torch.nn.functional import pad
from transformers import CLIPImageProcessor, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from genmodels import device, registry
from genmodels.text_to_image import pipeline
from genmodels.text_to_image.denoiser import Attend
from genmodels.text_to_image.pipeline import ANY_STYLE, Tokens
from genmodels.text_to_image.settings import Settings

log = logging.getLogger(__name__)
VARIANT = "fp16"
MAX_CHARACTERS = 10_000  # far more than the 77 tokens that the tokenizer keeps
IN_TURNS = ("text_encoders", "unet", "vae")
WORK_BYTES = 2_000_000_000  # what one 512 x 512 picture takes beside the parts
SCHEDULE_KEYS = tuple(pipeline.SCHEDULE)
SCHEDULERS = pipeline.SCHEDULERS | {"euler-a": ("EulerAncestralDiscreteScheduler", {"timestep_spacing": "trailing"})}
BLANK = -1.0


class SeenAttention(AttnProcessor2_0):
    """diffusers' attention; where it looks at the text, `attend` may see and edit the weights, as in our denoiser."""

    def __init__(self, layer: int) -> None:
        super().__init__()
        self.layer = layer

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
        attend: Attend | None = None,
    ) -> Tensor:
        """hidden_states (B, N, D), encoder_hidden_states (B, L, D') -> (B, N, D); weights are (B, heads, N, L)."""
        if attend is None or encoder_hidden_states is None:
            return super().__call__(attn, hidden_states, encoder_hidden_states, attention_mask, temb)
        q, k, v = attn.to_q(hidden_states), attn.to_k(encoder_hidden_states), attn.to_v(encoder_hidden_states)
        q, k, v = map(attn.head_to_batch_dim, (q, k, v))  # (B * heads, N or L, D / heads)
        weights = attn.get_attention_scores(q, k).unflatten(0, (-1, attn.heads))
        weights = attend(self.layer, weights).flatten(0, 1)
        out, dropout = attn.to_out
        return dropout(out(attn.batch_to_head_dim(weights @ v)))


class HubPipeline:
    """The parts of a published model; see `pipeline.Pipeline`. Holds nothing of a request.

    `attend` sees layer i of the U-Net's cross-attentions, in the order in which the picture passes them, at that
    layer's own resolution; text columns are the tokenizer's 77.
    """

    styles = (ANY_STYLE,)

    def __init__(
        self,
        settings: Settings,
        schedule: dict[str, Any],
        unet: UNet2DConditionModel,
        vae: AutoencoderKL,
        text_encoders: Sequence[nn.Module],
        tokenizers: Sequence[CLIPTokenizer],
        safety_checker: StableDiffusionSafetyChecker | None = None,
        feature_extractor: CLIPImageProcessor | None = None,
    ) -> None:
        self.settings, self.schedule = settings, schedule
        self.unet, self.vae = unet, vae
        self.text_encoders, self.tokenizers = nn.ModuleList(text_encoders), tokenizers
        self.safety_checker, self.feature_extractor = safety_checker, feature_extractor
        self.factor = 2 ** (len(vae.config.block_out_channels) - 1)
        self.device, self.dtype, self.in_turns = torch.device("cpu"), torch.float32, False
        self._lock, self._resident = threading.RLock(), ""
        for layer, module in enumerate(cross_attentions(unet)):
            module.set_processor(SeenAttention(layer))

    @classmethod
    def read(cls, folder: Path, settings: Settings, variant: str | None = VARIANT) -> HubPipeline:
        """From a folder in the hub's layout, safetensors only, of one variant (None: full precision).

        Raises ValueError for weights that do not fit.
        """
        stored = json.loads((folder / "scheduler" / "scheduler_config.json").read_text(encoding="utf-8"))
        schedule = {key: stored[key] for key in SCHEDULE_KEYS if key in stored}
        encoders = [read_part(CLIPTextModel, folder / "text_encoder", variant)]
        tokenizers = [CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)]
        if (folder / "text_encoder_2").is_dir():
            encoders.append(read_part(CLIPTextModelWithProjection, folder / "text_encoder_2", variant))
            tokenizers.append(CLIPTokenizer.from_pretrained(folder / "tokenizer_2", local_files_only=True))
        checker = extractor = None
        if (folder / "safety_checker").is_dir():
            checker = read_part(StableDiffusionSafetyChecker, folder / "safety_checker", variant)
            extractor = CLIPImageProcessor.from_pretrained(folder / "feature_extractor", local_files_only=True)
        unet = read_part(UNet2DConditionModel, folder / "unet", variant)
        # In half precision SDXL's autoencoder overflows, and it runs once for a picture.
        vae = read_part(AutoencoderKL, folder / "vae", variant, torch.float32)
        return cls(settings, schedule, unet, vae, encoders, tokenizers, checker, extractor)

    def to(self, place: str) -> HubPipeline:
        """Move to a device: float16 on a GPU, float32 on a CPU. Where the GPU's memory budget does not hold all parts
        and WORK_BYTES at once, those of IN_TURNS take turns there.
        """
        self.device = torch.device(place)
        self.dtype = torch.float32 if place == "cpu" else torch.float16
        for part in (*self.text_encoders, self.unet, self.safety_checker):
            if part is not None and part.dtype != self.dtype:
                part.to(self.dtype)
        self.in_turns = place == "cuda" and device.size_bytes(self) + WORK_BYTES > device.memory_budget()
        if self.in_turns:
            log.info("not enough memory for all parts at once: they take turns on the GPU")
        for name in (*IN_TURNS, "safety_checker"):
            if (part := getattr(self, name)) is not None:
                part.to("cpu" if self.in_turns and name in IN_TURNS else self.device)
        return self

    @contextmanager
    def _using(self, name: str) -> Iterator[Any]:
        """The part, on the device; with parts in turns, the one used before makes room and no other thread moves it."""
        if not self.in_turns:
            yield getattr(self, name)
            return
        with self._lock:
            if self._resident != name:
                if self._resident:
                    getattr(self, self._resident).to("cpu")
                getattr(self, name).to(self.device)
                self._resident = name
            yield getattr(self, name)

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        config = self.unet.config
        return config.in_channels, config.sample_size, config.sample_size

    @torch.no_grad()
    def tokens(self, texts: Sequence[str]) -> Tokens:
        """texts (B) -> tokens (B, 77, D), mask (B, 77), cut as the tokenizer does; True up to the end of the text.

        With two encoders their tokens stand beside each other and a token before them holds the phrase's vector, its
        D numbers filled up with zeros: (B, 78, D).
        """
        plain = [text[:MAX_CHARACTERS].encode("utf-8", "replace").decode() for text in texts]
        read, masks = [], []
        with self._using("text_encoders") as encoders:
            for tokenizer, encoder in zip(self.tokenizers, encoders, strict=True):
                given = tokenizer(plain, padding="max_length", truncation=True, return_tensors="pt")
                read.append(encoder(given.input_ids.to(self.device), output_hidden_states=True))
                masks.append(given.attention_mask.bool())
        if len(read) == 1:
            return read[0].last_hidden_state.float(), masks[0]
        states = torch.cat([out.hidden_states[-2] for out in read], -1).float()
        phrase = read[-1].text_embeds.float()
        phrase = pad(phrase, (0, states.shape[-1] - phrase.shape[-1]))
        return torch.cat([phrase[:, None], states], 1), pad(masks[0], (1, 0), value=True)

    def new_scheduler(self, name: str) -> Any:
        fitting = {key: SCHEDULERS[key] for key in self.settings.schedulers}
        return pipeline.new_scheduler(name, fitting, self.schedule)

    @torch.no_grad()
    def denoise(self, x: Tensor, t: Tensor, given: Tokens, style: str, attend: Attend | None) -> Tensor:
        tokens, extra = given[0].to(self.dtype), None
        if len(self.text_encoders) > 1:
            phrase, tokens = tokens[:, 0, : self.text_encoders[-1].config.projection_dim], tokens[:, 1:]
            height, width = (side * self.factor for side in x.shape[-2:])
            size = torch.tensor([height, width, 0, 0, height, width], dtype=self.dtype, device=self.device)
            extra = {"text_embeds": phrase, "time_ids": size.expand(len(x), -1)}  # SDXL, section 2.2
        seen = None if attend is None else {"attend": attend}
        with self._using("unet") as unet:
            out = unet(x.to(self.dtype), t, tokens, added_cond_kwargs=extra, cross_attention_kwargs=seen)
        return out.sample.float()

    def decode(self, latents: Tensor) -> Tensor:
        return self._decode(latents)[0]

    def preview(self, latents: Tensor) -> Tensor | None:
        """By the tiny autoencoder, if it is on this machine; what the safety checker flags is blank here too."""
        tiny = self.settings.tiny
        if tiny is None or registry.unavailable(registry.card(tiny)):
            return None
        small = registry.load(tiny, self.device.type)
        with torch.no_grad():
            pictures = small.decode(latents.to(self.device, small.dtype)).sample.float().clamp(-1, 1)
        return self._checked(pictures)[0]

    def finish(self, latents: Tensor) -> dict[str, Any]:
        """With a safety checker: pictures (B, 3, H, W) in [-1, 1], and flagged, B times whether one was made blank."""
        if self.safety_checker is None:
            return {}
        return dict(zip(("pictures", "flagged"), self._decode(latents), strict=True))

    @torch.no_grad()
    def _decode(self, latents: Tensor) -> tuple[Tensor, tuple[bool, ...]]:
        z = latents.to(self.device, torch.float32) / self.vae.config.scaling_factor
        with self._using("vae") as vae:
            pictures = [vae.decode(one).sample for one in z.split(1)]  # one by one: this takes the most memory
        return self._checked(torch.cat(pictures).clamp(-1, 1))

    @torch.no_grad()
    def _checked(self, pictures: Tensor) -> tuple[Tensor, tuple[bool, ...]]:
        """Pictures with those that the safety checker flags made blank, and which those were."""
        if self.safety_checker is None:
            return pictures, (False,) * len(pictures)
        bytes_ = ((pictures + 1) * 127.5).round().byte()
        seen = self.feature_extractor(list(bytes_), return_tensors="pt").pixel_values.to(self.device, self.dtype)
        flagged = self.safety_checker(clip_input=seen, images=pictures.clone())[1]
        rows = torch.tensor(flagged, device=pictures.device).view(-1, 1, 1, 1)
        return pictures.masked_fill(rows, BLANK), tuple(map(bool, flagged))


def cross_attentions(unet: UNet2DConditionModel) -> list[Attention]:
    """Those attentions of a U-Net that look at the text, in the order in which the picture passes them."""
    blocks = (*unet.down_blocks, unet.mid_block, *unet.up_blocks)
    return [module for block in blocks for name, module in block.named_modules() if name.endswith("attn2")]


def read_part(kind: type, folder: Path, variant: str | None = None, dtype: torch.dtype | None = None) -> Any:
    """A model of diffusers or transformers from its folder, in eval mode; dtype: else the device's own.

    Raises ValueError if a weight is missing or of another shape: those libraries would make one up.
    """
    given = {"variant": variant, "use_safetensors": True, "local_files_only": True, "output_loading_info": True}
    if issubclass(kind, ModelMixin):
        given["low_cpu_mem_usage"] = False  # else diffusers asks for one more package
    part, info = kind.from_pretrained(folder, dtype=dtype or device.dtype(), **given)
    absent = sorted(map(str, (*info["missing_keys"], *info["mismatched_keys"])))
    if absent:
        raise ValueError(f"{folder.name} lacks {len(absent)} weights of {kind.__name__}, {absent[0]} among them")
    return part.eval()
