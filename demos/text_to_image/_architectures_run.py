"""The three architectures on a visitor's prompt, part by part: which part works, and what it has made so far."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from demos import _shell
from demos._i18n import LANGUAGES, fill
from demos._plots import Plot
from demos.text_to_image import _papers, _parts
from demos.text_to_image._architectures_text import say
from genmodels import registry
from genmodels.step import Step

if TYPE_CHECKING:
    from torch import Tensor

STEPS, GUIDANCE = 20, 3.0
FRAMES = 7
Shown = Iterator[tuple[Step, str]]


@dataclass
class Stage:
    """What a run has shown: HTML of each block's result, the blocks at work, those that are finished."""

    lang: str
    prompt: str
    style: str
    seed: int
    results: dict[str, str] = field(default_factory=dict)
    active: tuple[str, ...] = ()
    done: list[str] = field(default_factory=list)

    def begin(self, *blocks: str) -> None:
        self.done += [block for block in self.active if block not in self.done]
        self.active = blocks

    def say(self, key: str, **values: object) -> str:
        return say(self.lang, key, **values)

    def put(self, block: str, key: str, html: str = "", **values: object) -> None:
        """A result and a sentence on it in both languages, of which the page shows its own; a dict holds a value of
        each language."""
        for lang in LANGUAGES:
            own = {name: value[lang] if isinstance(value, dict) else value for name, value in values.items()}
            html += f'<p data-lang="{lang}">{escape(say(lang, key, **own))}</p>'
        self.results[block] = html

    def html(self, show: str = "") -> str:
        """`show`: the block whose panel comes to the front; while one works, that one."""
        parts = "".join(f'<div data-result="{id}" hidden>{html}</div>' for id, html in self.results.items())
        front = show or (self.active[0] if self.active else "")
        return (
            f'<div class="ti-results" data-active="{" ".join(self.active)}" data-done="{" ".join(self.done)}" '
            f'data-show="{front}">{parts}</div>'
        )


def run(lang: str, name: str, prompt: str, style: str, seed: int) -> Shown:
    """(Step, HTML of the results) after each step of each part of the architecture `name`, one of _papers.NAMES."""
    stage = Stage(lang, prompt, style, seed)
    stage.put("prompt", "prompt_shown", f'<span data-words="{escape(prompt)}"></span>', prompt=prompt)
    yield from {"sd": _stable_diffusion, "imagen": _imagen, "dalle": _dalle}[name](stage)
    stage.begin()
    yield Step(1, 1), stage.html("picture")


def _stable_diffusion(stage: Stage) -> Shown:
    yield from _text(stage)
    yield from _noise(stage)
    latents = yield from _denoise(stage, [stage.prompt], "denoiser", "scheduler")
    stage.begin("decoder")
    yield Step(0, 1), stage.html()
    small = _parts.pictures(latents)
    size = small.shape[-1]
    stage.put("decoder", "decoded_shown", _picture(stage, small[0]), size=size)
    yield Step(1, 1), stage.html()
    _final(stage, small[0])


def _imagen(stage: Stage) -> Shown:
    yield from _text(stage)
    yield from _noise(stage)
    latents = yield from _denoise(stage, [stage.prompt], "base")
    large = yield from _upscale(stage, _parts.pictures(latents), "sr1")
    stage.put("sr2", "absent")
    _final(stage, large[0])


def _dalle(stage: Stage) -> Shown:
    from genmodels.text_to_image import prior

    yield from _text(stage)
    vector = yield from _prior(stage)
    yield from _noise(stage)
    latents = yield from _denoise(stage, prior.as_tokens(vector), "decoder")
    small = _parts.pictures(latents)
    large = yield from _upscale(stage, small, "upsamplers")
    if _papers.have(_papers.CLIP):
        stage.begin("clip")
        cosine = float((encode(small) * vector).sum())
        stage.put("clip", "encoded_shown", _vector(stage, encode(small)[0]), cosine=cosine)
        yield Step(1, 1), stage.html()
    else:
        stage.put("clip", "absent")
    _final(stage, large[0])


def encode(pictures: Tensor) -> Tensor:
    """pictures (B, 3, 64, 64) in [-1, 1] -> unit vectors (B, 512) of our picture encoder."""
    import torch

    with torch.no_grad():
        return registry.load(_papers.CLIP, "cpu")(pictures)


def phrase_vector(prompt: str) -> Tensor:
    """(1, 512): the phrase's own unit vector, zeros for an empty prompt."""
    import torch

    from genmodels.text_to_image import text

    return torch.from_numpy(text.vector(text.clean(prompt).lower()).copy())[None]


def picture_vectors(prompt: str, style: str, seed: int) -> Iterator[Step]:
    """Our prior's Steps, whose x0 (1, 512) is a picture vector; without a prior one Step with the phrase's own."""
    from genmodels.text_to_image import prior

    if _papers.have(_papers.PRIOR):
        yield from prior.picture_vectors(registry.load(_papers.PRIOR, "cpu"), [prompt], style=style, seed=seed)
    else:
        yield Step(1, 1, x0=phrase_vector(prompt))


def _text(stage: Stage) -> Shown:
    from genmodels.text_to_image import text

    stage.begin("text")
    yield Step(0, 1), stage.html()
    tokens, mask = text.tokens([stage.prompt])
    if not mask.any():
        stage.put("text", "no_words")
    else:
        words = [stage.say("phrase"), *text.words(stage.prompt)][: tokens.shape[1]]
        rows = "".join(
            f"<tr><th scope='row'>{escape(word)}</th><td>{_parts.picture(cells(row, 8), word, 256, False)}</td></tr>"
            for word, row in zip(words, tokens[0], strict=True)
        )
        alt = stage.say("tokens_alt", count=len(words), words=", ".join(words))
        main = main_picture(cells(tokens[0].flatten(), 8 * len(words)), alt)
        stage.put("text", "words", f"{main}<table class='ti-tokens'>{rows}</table>", dim=text.DIM)
    yield Step(1, 1), stage.html()


def _noise(stage: Stage) -> Shown:
    from genmodels.text_to_image import pipeline

    stage.begin("noise")
    noise = pipeline.start_noise(1, stage.seed, registry.load(_parts.TEACHER))[0, :3] / 2.5
    shown = _parts.picture(noise, stage.say("noise_alt"), 160, False)
    main = main_picture(noise, stage.say("noise_alt"))
    stage.put("noise", "noise_shown", main + shown, seed=stage.seed)
    yield Step(1, 1), stage.html()


def _denoise(stage: Stage, prompts: list[str] | tuple[Tensor, Tensor], *blocks: str) -> Iterator[tuple[Step, str]]:
    """The guided steps; returns the last latents (1, 12, 8, 8). A second block, if named, shows the schedule."""
    import torch

    from genmodels.text_to_image import pipeline

    stage.begin(*blocks)
    frames: list[tuple[int, Tensor]] = []
    sigmas: list[float] = []
    steps = pipeline.sample(
        registry.load(_parts.TEACHER), prompts, style=stage.style, seed=stage.seed, steps=STEPS, guidance_scale=GUIDANCE
    )
    for step in steps:
        sigmas.append(step.info["sigma"])
        if step.i in kept_steps(step.n):
            frames.append((step.i, _parts.pictures(torch.cat([step.x_t, step.x0]))))
            stage.put(blocks[0], "steps_shown", _strip(stage, frames, step.n))
        if len(blocks) > 1:
            stage.put(blocks[1], "schedule_shown", _schedule(stage, sigmas, step.n), i=step.i, n=step.n)
        yield Step(step.i, step.n), stage.html()
    return step.x_t


def kept_steps(n: int) -> set[int]:
    """The steps (from 1) whose pictures are shown: the first, the last, and evenly between, at most FRAMES."""
    return {round(1 + k * (n - 1) / max(1, FRAMES - 1)) for k in range(FRAMES)}


def _prior(stage: Stage) -> Iterator[tuple[Step, str]]:
    """The prior's steps; returns its vector (1, 512)."""
    from genmodels.text_to_image import known

    stage.begin("prior")
    for step in picture_vectors(stage.prompt, stage.style, stage.seed):
        shown = _vector(stage, step.x0[0])
        if _papers.have(_papers.PRIOR):
            near = [(known.by_key()[key].names, cosine) for key, _, cosine in known.nearest_to([step.x0[0].numpy()])]
            names = {lang: ", ".join(fill(lang, "{} ({:.2f})", n[lang], c) for n, c in near) for lang in LANGUAGES}
            stage.put("prior", "vector_shown", shown, dim=step.x0.shape[1], names=names)
        else:
            stage.put("prior", "skipped.prior", shown)
        yield Step(step.i, step.n), stage.html()
    return step.x0


def _upscale(stage: Stage, small: Tensor, block: str) -> Iterator[tuple[Step, str]]:
    """The cascade's steps; returns its picture (1, 3, 256, 256), or `small` (1, 3, 64, 64) where there is none."""
    stage.begin(block)
    if not _papers.have(_papers.UPSCALER):
        stage.put(block, "skipped.upscaler", size=small.shape[-1])
        yield Step(1, 1), stage.html()
        return small
    from genmodels.text_to_image import cascade

    for step in cascade.upscale(registry.load(_papers.UPSCALER), small, [stage.prompt], seed=stage.seed):
        shown = _picture(stage, cascade.decode(step.x0)[0].cpu())
        stage.put(block, "upscaled_shown", shown, small=small.shape[-1], size=step.x0.shape[-1])
        yield Step(step.i, step.n), stage.html()
    return cascade.decode(step.x_t).cpu()


def _final(stage: Stage, picture: Tensor) -> None:
    stage.begin("picture")
    label = _shell.generated_label(stage.lang)
    stage.results["picture"] = _picture(stage, picture) + f"<p>{label}</p>"


def _picture(stage: Stage, picture: Tensor) -> str:
    alt = stage.say("picture_alt", size=picture.shape[-1], prompt=stage.prompt)
    return _parts.picture(picture, alt, 256).replace("<img", "<img data-main", 1)


def main_picture(x: Tensor, alt: str) -> str:
    """A small picture that only the block in the drawing shows."""
    return f'<img data-main hidden alt="{escape(alt)}" src="{_parts.data_uri(x)}">'


def _strip(stage: Stage, frames: list[tuple[int, Tensor]], n: int) -> str:
    """Two rows of pictures: x_t and the predicted x0 at the kept steps."""
    rows = []
    for row, key in enumerate(("xt_alt", "x0_alt")):
        images = "".join(_parts.picture(pair[row], stage.say(key, i=i, n=n), 72) for i, pair in frames)
        rows.append(f"<div>{images}</div>")
    main = main_picture(frames[-1][1][1], "")
    return f'{main}<div class="ti-strip-two">{"".join(rows)}</div>'


def _schedule(stage: Stage, sigmas: list[float], n: int) -> str:
    import torch

    plot = Plot((0, n), (0, 1.05), stage.say("schedule_x"), stage.say("schedule_y"), 360, 200)
    plot.line([(i + 1, sigma) for i, sigma in enumerate(sigmas)])
    plot.point(len(sigmas), sigmas[-1])
    bars = torch.ones(1, 1, n)
    bars[0, 0, : len(sigmas)] -= 2 * torch.tensor(sigmas)
    svg = plot.svg(stage.say("schedule_alt", i=len(sigmas), n=n))
    return f"{main_picture(bars, '')}<div class='ti-small-plot'>{svg}</div>"


def _vector(stage: Stage, vector: Tensor) -> str:
    alt = stage.say("vector_alt", dim=len(vector))
    return main_picture(cells(vector, 16), alt) + _parts.picture(cells(vector, 8), alt, 320, False)


@functools.cache
def _colors() -> np.ndarray:
    """(3, 3): blue, white and orange in [-1, 1], apart also for colour-blind eyes."""
    return np.array([[-1.0, -0.1, 0.4], [1, 1, 1], [0.67, -0.26, -1.0]], np.float32)


def cells(vector: Tensor, rows: int) -> Tensor:
    """Numbers (N,) as a picture (3, rows, N / rows): blue below zero, white, orange above, full at 0.1."""
    import torch

    value = (vector.float() / 0.1).clamp(-1, 1).reshape(rows, -1)[..., None]  # (rows, N / rows, 1)
    low, zero, high = torch.from_numpy(_colors())
    mixed = zero + value.clamp_min(0) * (high - zero) + value.clamp_max(0) * (zero - low)
    return mixed.permute(2, 0, 1)
