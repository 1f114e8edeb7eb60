"""Recipes of the miniature Stable Diffusion: the autoencoder first, then the denoiser on its latents."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import torch
from safetensors import safe_open
from torch import Tensor
from torch.nn import functional as F

from genmodels import registry, train, weights
from genmodels.data import emoji
from genmodels.step import Step
from genmodels.text_to_image import cascade_train, data_need, few_step, judge_train, pipeline, prior
from genmodels.text_to_image.autoencoder import PatchAutoencoder, spread
from genmodels.text_to_image.batches import NO_PHRASE, DiffusionBatches, velocity_loss
from genmodels.text_to_image.denoiser import EmojiTransformer2DModel
from genmodels.text_to_image.latents import picture_vectors, variants
from genmodels.train import Budget, Trained

AUTOENCODER_PICTURES = 20_400
AUTOENCODER_BATCH = 12
LATENT_NOISE = 0.1  # so that the decoder forgives the denoiser's small errors


def autoencoder(budget: Budget) -> Iterator[Step]:
    """Pictures in, the same pictures out: mean square + absolute error, shifted and mirrored at random."""
    data = emoji.load()
    pictures = torch.from_numpy(data.images[data.split == emoji.TRAIN]).permute(0, 3, 1, 2).contiguous()
    model = PatchAutoencoder()
    model.start_from_components(patches(to_float(pictures[::2])))
    model = model.to(memory_format=torch.channels_last)
    trained = Trained()
    yield from train.fit(
        "emoji-autoencoder",
        model,
        lambda step: picture_batches(pictures, AUTOENCODER_BATCH, step),
        reconstruction_loss,
        budget=budget,
        steps=AUTOENCODER_PICTURES // AUTOENCODER_BATCH,
        lr=2.5e-3,
        warmup=60,
        average=0.995,
        trained=trained,
    )
    write_autoencoder(model, data, trained, budget)


DIFFUSION_STEPS = {"cpu": 41_500, "cuda": 62_500}  # the weights cooled down at 20,833, 29,166, 31,250 and 36,500 too
DIFFUSION_BATCH = 192  # 80 to 96 up to step 31,250


def diffusion(budget: Budget) -> Iterator[Step]:
    """The denoiser on the autoencoder's latents: v-prediction, dropped captions, averaged weights."""
    data = emoji.load()
    autoencoder_ = registry.load("emoji-autoencoder", "cpu")
    train_set = variants(data, autoencoder_)
    pictures = picture_vectors(data, registry.load("emoji-clip", "cpu"))
    model = EmojiTransformer2DModel()
    trained = Trained()
    if budget.resume and not train.checkpoint("emoji-diffusion").is_file():
        shipped = pipeline.EmojiPipeline.read(registry.folder("emoji-diffusion"))
        model.load_state_dict(shipped.transformer.state_dict())
        trained = Trained(**weights.read_card("emoji-diffusion")["trained"])
        budget = replace(budget, resume=False)
    yield from train.fit(
        "emoji-diffusion",
        model,
        DiffusionBatches(data, train_set, DIFFUSION_BATCH, no_phrase=NO_PHRASE, pictures=pictures),
        velocity_loss,
        budget=budget,
        steps=DIFFUSION_STEPS[budget.device],
        lr=1.5e-3,
        warmup=100,
        average=0.999,
        decay=train.cooldown,
        optimizers=train.muon,
        trained=trained,
    )
    write_diffusion(model, autoencoder_, data, trained, budget)


def export_checkpoint(budget: Budget) -> dict[str, object]:
    """Write the averaged weights of the running training's last checkpoint as the shipped ones; returns the card.

    Touches no process: the training goes on. Raises FileNotFoundError when there is no checkpoint.
    """
    model = EmojiTransformer2DModel()
    path = train.checkpoint("emoji-diffusion")
    with safe_open(path, "pt") as file:
        trained = Trained(**json.loads(file.metadata()["trained"]))
        names = [key for key in file.keys() if key.startswith("average.")]
        model.load_state_dict({key.removeprefix("average."): file.get_tensor(key) for key in names})
    write_diffusion(model.eval(), registry.load("emoji-autoencoder", "cpu"), emoji.load(), trained, budget)
    return weights.read_card("emoji-diffusion")


def write_diffusion(
    model: EmojiTransformer2DModel,
    autoencoder_: PatchAutoencoder,
    data: emoji.Emoji,
    trained: Trained,
    budget: Budget,
) -> None:
    """The pipeline's folder and its card."""
    from genmodels.text_to_image.evaluate import held_out_loss

    whole = pipeline.EmojiPipeline(autoencoder_.cpu(), model.cpu()).eval()
    whole.write(weights.ASSETS / "emoji-diffusion", weights.SHARD)
    weights.write_card(
        "emoji-diffusion",
        trained=vars(trained),
        device=budget.device,
        recipe="python -m genmodels train emoji-diffusion",
        params=sum(p.numel() for p in whole.parameters()),
        data=registry.card("emoji-diffusion").data,
        license=registry.card("emoji-diffusion").license,
        held_out=held_out_loss(model, autoencoder_, data, registry.load("emoji-clip", "cpu")),
    )


def to_float(pictures: Tensor) -> Tensor:
    """uint8 (..., H, W) -> float32 in [-1, 1]."""
    return pictures.float() / 127.5 - 1


def patches(x: Tensor, size: int = 8) -> Tensor:
    """x (B, C, H, W) -> (B * H/size * W/size, C * size * size)."""
    return F.unfold(x, size, stride=size).transpose(1, 2).flatten(0, 1)


def picture_batches(pictures: Tensor, size: int, step: int) -> Iterator[tuple[Tensor]]:
    """Endless batches (size, 3, 64, 64) in [-1, 1], each shifted by up to 4 pixels and mirrored half the time."""
    generator = torch.Generator().manual_seed(step)
    while True:
        chosen = pictures[torch.randint(len(pictures), (size,), generator=generator)]
        yield (augment(to_float(chosen), generator).contiguous(memory_format=torch.channels_last),)


def augment(x: Tensor, generator: torch.Generator, shift: int = 4, mirror: bool = True) -> Tensor:
    """x (B, 3, H, W): one shift for the batch on a white border, and each picture mirrored with probability 1/2."""
    dy, dx = torch.randint(-shift, shift + 1, (2,), generator=generator).tolist()
    padded = F.pad(x, (shift,) * 4, value=1.0)
    x = padded[:, :, shift + dy : shift + dy + x.shape[2], shift + dx : shift + dx + x.shape[3]]
    if not mirror:
        return x
    flips = torch.rand(len(x), generator=generator) < 0.5
    return torch.where(flips.view(-1, 1, 1, 1), x.flip(3), x)


def reconstruction_loss(model: PatchAutoencoder, x: Tensor) -> Tensor:
    """Mean square + a quarter of the absolute error of x (B, 3, 64, 64) through a slightly noisy latent."""
    z = model.encode(x).latent_dist.mode()
    error = model.decode(z + LATENT_NOISE * torch.randn_like(z)).sample - x
    return error.square().mean() + 0.25 * error.abs().mean()


@torch.no_grad()
def encode_all(model: PatchAutoencoder, pictures: Tensor, size: int = 64) -> Tensor:
    """uint8 pictures (N, 3, 64, 64) -> latents (N, 12, 8, 8), not normalised."""
    return torch.cat([model.encode(to_float(part)).latent_dist.mode() for part in pictures.split(size)])


@torch.no_grad()
def psnr(model: PatchAutoencoder, pictures: Tensor, size: int = 64) -> float:
    """Mean over pictures (uint8, N 3 64 64) of the peak signal-to-noise ratio of the round trip, in dB."""
    rows = []
    for part in pictures.split(size):
        x = to_float(part)
        mse = (model(x).clamp(-1, 1) - x).square().mean((1, 2, 3)) / 4  # peak to peak is 2
        rows.append(-10 * mse.clamp_min(1e-10).log10())
    return float(torch.cat(rows).mean())


def write_autoencoder(model: PatchAutoencoder, data: emoji.Emoji, trained: Trained, budget: Budget) -> None:
    """Weights, config with the latents' statistics, and card."""
    model = model.cpu().eval()
    pictures = torch.from_numpy(data.images).permute(0, 3, 1, 2)
    held, seen = (torch.from_numpy(data.split == side) for side in (emoji.HELD_SUBJECT, emoji.TRAIN))
    mean, std = spread(encode_all(model, pictures[seen][::3]))
    model.register_to_config(latents_mean=mean, latents_std=std)
    place = weights.ASSETS / "emoji-autoencoder"
    model.half().save_pretrained(place, max_shard_size=weights.SHARD)
    model.float()
    weights.write_card(
        "emoji-autoencoder",
        trained=vars(trained),
        device=budget.device,
        recipe="python -m genmodels train emoji-autoencoder",
        data=registry.card("emoji-autoencoder").data,
        license=registry.card("emoji-autoencoder").license,
        params=sum(p.numel() for p in model.parameters()),
        held_out={"psnr_db_unseen_subjects": round(psnr(model, pictures[held]), 2)},
    )


RECIPES: dict[str, Callable[[Budget], Iterator[Step]]] = {
    "emoji-autoencoder": autoencoder,
    "emoji-clip": partial(judge_train.recipe, "emoji-clip"),
    "emoji-judge": partial(judge_train.recipe, "emoji-judge"),
    "emoji-diffusion": diffusion,
    "emoji-fewstep": few_step.recipe,
    "emoji-prior": prior.recipe,
    **{f"emoji-data-{share}": partial(data_need.recipe, share) for share in data_need.SHARES},
    "emoji-upscaler": cascade_train.recipe,
}
