"""How each model is meant to be sampled: where the page's controls and the command line's options begin."""

from __future__ import annotations

from dataclasses import dataclass

MAX_CHARACTERS = 400  # of a prompt; the published models' 77 tokens are fewer


@dataclass(frozen=True)
class Settings:
    """steps, guidance_scale, scheduler: the defaults; max_steps: more only cost time; guided: whether guidance and a
    negative prompt mean anything to it; schedulers: those that fit; tiny: the model that decodes its previews.
    """

    steps: int
    guidance_scale: float
    scheduler: str
    schedulers: tuple[str, ...]
    max_steps: int = 100
    guided: bool = True
    tiny: str | None = None


SOLVERS = ("ddim", "euler", "dpm++", "heun")
TURBO = ("euler", "euler-a", "ddim")
SETTINGS = {
    "emoji-diffusion": Settings(20, 3.0, "ddim", SOLVERS),
    "emoji-fewstep": Settings(4, 1.0, "lcm", ("lcm",), max_steps=4, guided=False),
    "stable-diffusion-1-5": Settings(25, 7.5, "dpm++", SOLVERS, tiny="taesd"),
    "sd-turbo": Settings(4, 1.0, "euler", TURBO, max_steps=4, guided=False, tiny="taesd"),
    "sdxl-turbo": Settings(4, 1.0, "euler-a", TURBO, max_steps=4, guided=False, tiny="taesdxl"),
}
# The miniature again, on 1, 10 and 100 percent of the data: to be compared with it, not chosen to draw with.
SHARES = {f"emoji-data-{percent}": SETTINGS["emoji-diffusion"] for percent in (1, 10, 100)}
