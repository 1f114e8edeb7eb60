"""`bench text_to_image`: from text to finished 64x64 picture, beside pixel-space diffusion at the same size."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import click
import torch

from genmodels import registry, weights
from genmodels.bench import interleaved, peak_gflops
from genmodels.evaluate import show
from genmodels.text_to_image import cost, pipeline, text
from genmodels.text_to_image.alignment import SAMPLERS, Sampler, available

MODEL = "emoji-diffusion"
PROMPT = "gato preto"
TIMED = 2  # steps of a peer's sampler that are timed; its whole run is scaled from them
PEER_STEPS = {
    "denoising-diffusion-pytorch": 250,
    "diffusers UNet2DModel, DDIM": 50,
    "diffusers UNet2DModel, DDPM": 1000,
}
CASCADE = "emoji-upscaler"


def draw(sampler: Sampler) -> torch.Tensor:
    """PROMPT's picture (1, 3, 64, 64), the text encoded anew."""
    text.vector.cache_clear()
    model = registry.load(sampler.model, "cpu")
    stream = pipeline.sample(
        model,
        [PROMPT],
        style="twemoji",
        steps=sampler.steps,
        guidance_scale=sampler.guidance_scale,
        scheduler=sampler.scheduler,
    )
    return pipeline.decode(model, deque(stream, maxlen=1).pop().x_t)


def ours() -> dict[str, Callable[[], object]]:
    """What is timed of this project: every sampler whose model is here, and the cascade from a finished picture on."""
    work: dict[str, Callable[[], object]] = {
        name: lambda s=sampler: draw(s) for name, sampler in available().items() if name != "teacher_50"
    }
    if any(card.id == CASCADE and not registry.unavailable(card) for card in registry.cards("text_to_image")):
        from genmodels.text_to_image import cascade

        small, upscaler = draw(SAMPLERS["teacher_20"]), registry.load(CASCADE, "cpu")
        work["cascade_256"] = lambda: deque(cascade.upscale(upscaler, small, [PROMPT]), maxlen=1)
    return work


def lucidrains() -> Callable[[], object]:
    """TIMED steps of denoising-diffusion-pytorch's own sampler, with the network of its README at 64x64."""
    from denoising_diffusion_pytorch import GaussianDiffusion, Unet

    network = Unet(dim=64, dim_mults=(1, 2, 4, 8))
    diffusion = GaussianDiffusion(network, image_size=64, timesteps=1000, sampling_timesteps=TIMED).eval()
    return lambda: diffusion.sample(batch_size=1)


def pixel_unet(scheduler: str) -> Callable[[], object]:
    """TIMED steps of diffusers' unconditional example (its train_unconditional.py) at 64x64."""
    import diffusers

    attention, plain = "AttnDownBlock2D", "DownBlock2D"
    network = diffusers.UNet2DModel(
        sample_size=64,
        layers_per_block=2,
        block_out_channels=(128, 128, 256, 256, 512, 512),
        down_block_types=(plain, plain, plain, plain, attention, plain),
        up_block_types=("UpBlock2D", "AttnUpBlock2D", "UpBlock2D", "UpBlock2D", "UpBlock2D", "UpBlock2D"),
    ).eval()
    solver = getattr(diffusers, scheduler)()
    solver.set_timesteps(TIMED)

    def run() -> None:
        x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        for t in solver.timesteps:
            x = solver.step(network(x, t).sample, t, x).prev_sample

    return run


def bench(rounds: int = 5) -> dict[str, Any]:
    """Seconds of ours, the peers' seconds over ours, and what of the gain is architecture and what is steps.

    architecture: a peer's seconds a step over ours a step (guided steps of the teacher, decoding included);
    steps: its number of steps over ours; the ratio is their product.
    """
    peers = {
        "denoising-diffusion-pytorch": lucidrains(),
        "diffusers UNet2DModel, DDIM": pixel_unet("DDIMScheduler"),
        "diffusers UNet2DModel, DDPM": pixel_unet("DDPMScheduler"),
    }
    with torch.no_grad():
        seconds = interleaved(ours() | peers, rounds)
    mine = {name: s for name, s in seconds.items() if name not in peers}
    result: dict[str, Any] = {"peak_gflops": round(peak_gflops(), 1), "threads": torch.get_num_threads()}
    result["seconds"] = {name: round(s, 4) for name, s in mine.items()}
    result["peer"] = {
        name: {
            "timed": f"{TIMED} of {PEER_STEPS[name]} steps, scaled",
            "seconds_a_step": round(seconds[name] / TIMED, 3),
            "seconds": round(seconds[name] / TIMED * PEER_STEPS[name], 1),
            "over": {
                s: gain(seconds[name] / TIMED, PEER_STEPS[name], mine[s], SAMPLERS[s].steps)
                for s in mine
                if s in SAMPLERS
            },
        }
        for name in peers
    }
    model = registry.load(MODEL, "cpu")
    result["multiply_adds"] = {
        name: cost.multiply_adds(model, s.steps, s.guidance_scale != 1) for name, s in SAMPLERS.items() if name in mine
    }
    return result


def gain(peer_step: float, peer_steps: int, own: float, own_steps: int) -> dict[str, float]:
    """How many times `own` seconds in own_steps fits into the peer's run, and the two factors of that."""
    architecture, steps = peer_step / (own / own_steps), peer_steps / own_steps
    return {"times": round(architecture * steps, 1), "architecture": round(architecture, 2), "steps": round(steps, 2)}


@click.command()
@click.option("--write", is_flag=True, help="Write the figures into the model's card.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def command(write: bool, as_json: bool) -> None:
    """Time a picture from its text, and two pixel-space diffusion models beside it, as ratios."""
    found = bench()
    if write:
        weights.write_card(MODEL, bench=found)
    show(found, as_json)
