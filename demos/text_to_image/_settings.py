"""The settings of one drawing: checked once, kept as text with the picture, enough to make it again."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from demos._shell import SEED_MAX
from demos.text_to_image import _parts
from genmodels import registry
from genmodels.errors import Refusal, in_range
from genmodels.step import Step
from genmodels.text_to_image.settings import SETTINGS

if TYPE_CHECKING:
    from torch import Tensor

TEACHER, FEWSTEP = _parts.TEACHER, _parts.FEWSTEP
LIVE_STEPS = 8


@dataclass(frozen=True)
class Settings:
    """Everything that a drawing depends on. prompt and negative as they are read: see `text.clean`."""

    prompt: str = ""
    negative: str = ""
    style: str = "any"
    seed: int = 7
    steps: int = 20
    guidance: float = 3.0
    scheduler: str = "ddim"
    model: str = TEACHER
    count: int = 1

    @classmethod
    def read(cls, *values: Any) -> Settings:
        """From the controls' values in the order of the fields. Raises Refusal for what is no text or out of range."""
        from genmodels.text_to_image import pipeline, text

        given = dict(zip((f.name for f in fields(cls)), values, strict=True))
        for name in ("prompt", "negative"):
            given[name] = "" if given[name] is None else given[name]
        for name in ("prompt", "negative", "style", "scheduler", "model"):
            if not isinstance(given[name], str):
                raise Refusal("choice", f"{name} must be a text", name=name, value=str(given[name])[:40])
        if given["model"] not in SETTINGS:
            raise Refusal("unknown_model", f"there is no model {given['model'][:60]!r} here", id=given["model"][:60])
        for name, low, high in (("seed", 0, SEED_MAX), ("steps", 1, _parts.STEPS_MAX), ("count", 1, _parts.COUNT_MAX)):
            if in_range(name, given[name], low, high) != int(given[name]):
                says = f"{name} must be a whole number"
                raise Refusal("range", says, name=name, value=repr(given[name])[:40], low=low, high=high)
            given[name] = int(given[name])
        given["guidance"] = float(in_range("guidance", given["guidance"], 0, _parts.GUIDANCE_MAX))
        pipeline.check(given["steps"], given["guidance"], given["seed"], given["style"])
        given |= {name: text.clean(given[name]) for name in ("prompt", "negative")}
        return cls(**given).fitting()

    @classmethod
    def parse(cls, written: str) -> Settings:
        """From the text that `json` gives, checked again. Raises Refusal for anything else."""
        refusal = Refusal("choice", "these are no settings of a picture", name="settings", value=str(written)[:40])
        try:
            found = json.loads(written)
            values = [found[f.name] for f in fields(cls)]
        except (TypeError, ValueError, KeyError, RecursionError) as error:
            raise refusal from error
        return cls.read(*values)

    def json(self) -> str:
        """As ASCII text, for the page and inside saved pictures."""
        return json.dumps(asdict(self))

    def fitting(self) -> Settings:
        """What does not fit the model put right; distilled models have guidance folded in, so they get none."""
        own = SETTINGS[self.model]
        return replace(
            self,
            style=self.style if self.model in _parts.EMBEDDED else "any",
            steps=min(self.steps, own.max_steps),
            guidance=self.guidance if own.guided else 1.0,
            scheduler=self.scheduler if self.scheduler in own.schedulers else own.scheduler,
        )

    def live(self) -> Settings:
        """The quick way to nearly the same picture: the distilled model where it is, else the teacher in 8 steps."""
        if has_fewstep():
            return replace(self, model=FEWSTEP, steps=SETTINGS[FEWSTEP].steps).fitting()
        return replace(self, model=TEACHER, steps=LIVE_STEPS, scheduler="dpm++")

    def teacher(self) -> Settings:
        """The quick way with the two predictions of guidance in sight."""
        guidance = 3.0 if self.guidance == 1 else self.guidance
        return replace(self, model=TEACHER, steps=LIVE_STEPS, scheduler="dpm++", guidance=guidance)

    def run(self, attend: Callable[[int, Tensor], Tensor] | None = None) -> Iterator[Step]:
        """The sampler's Steps."""
        return _parts.draw(
            [self.prompt] * self.count,
            model=self.model,
            style=self.style,
            seed=self.seed,
            steps=self.steps,
            guidance=self.guidance,
            scheduler=self.scheduler,
            negative=self.negative,
            attend=attend,
        )

    def pictures(self) -> Tensor:
        """The finished pictures (count, 3, H, W) in [-1, 1]."""
        return _parts.finished(deque(self.run(), maxlen=1)[0], self.model)

    def snippet(self) -> str:
        """A short program that makes the same picture, pixel for pixel."""
        return f'''import genmodels
from genmodels.images import grid, to_pil
from genmodels.text_to_image import pipeline

model = genmodels.load("{self.model}")
steps = pipeline.sample(
    model,
    {[self.prompt] * self.count!r},
    style={self.style!r},
    seed={self.seed},
    steps={self.steps},
    guidance_scale={self.guidance},
    scheduler={self.scheduler!r},
    negative={self.negative!r},
)
for step in steps:
    print(f"step {{step.i}} of {{step.n}}")
pictures = pipeline.pictures(model, step)  # (B, 3, H, W) in [-1, 1]
{"to_pil(pictures[0])" if self.count == 1 else "grid(pictures, 4)"}.save("picture.png")
'''


@dataclass(frozen=True)
class Trace:
    """One drawing of one picture, with everything on the way to it.

    states, x0: (n, C, H, W) latents after each step, states in the scale of the variance-preserving process;
    t, sigma: each step's; pair: the predictions (n, C, H, W) without and with the text, where guidance combines two;
    attention: (n, layers, tokens, 16), the mean over heads; token 0 is the sink, 1 the phrase, then the words. Only of
    the embedded models.
    """

    settings: Settings
    states: Tensor
    x0: Tensor
    t: list[float]
    sigma: list[float]
    pair: tuple[Tensor, Tensor] | None
    attention: Tensor | None


def trace(settings: Settings) -> Trace:
    """Draw the first picture of `settings` again and keep what happens."""
    import torch

    seen: list[Tensor] = []

    def attend(layer: int, weights: Tensor) -> Tensor:
        seen.append(weights[-1].mean(0).T.cpu())  # the prompt's half of the batch is the last; (tokens, 16)
        return weights

    one = replace(settings, count=1)
    steps = list(one.run(attend if settings.model in _parts.EMBEDDED else None))
    attention = torch.stack(seen).unflatten(0, (len(steps), -1)) if seen else None
    pair = None
    if "x0_text" in steps[0].info:
        pair = tuple(torch.cat([step.info[key] for step in steps]).cpu() for key in ("x0_empty", "x0_text"))
    sigma = [step.info["sigma"] for step in steps]
    after = [*sigma[1:], 0.0]
    spread = settings.scheduler in ("euler", "heun")  # their state grows with the noise; brought back to unit variance
    states = [s.x_t * ((1 - a * a) ** 0.5 if spread else 1) for s, a in zip(steps, after, strict=True)]
    x0 = torch.cat([step.x0 for step in steps]).cpu()
    return Trace(one, torch.cat(states).cpu(), x0, [step.info["t"] for step in steps], sigma, pair, attention)


def has_fewstep() -> bool:
    """Whether the distilled model is here."""
    return any(card.id == FEWSTEP and not registry.unavailable(card) for card in registry.cards("text_to_image"))
