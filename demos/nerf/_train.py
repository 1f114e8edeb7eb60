"""*Inside*: a field that learns from fog, here and now, and keeps what it learned when it is stopped."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

import gradio as gr
import numpy as np

from demos import _shell
from demos._plots import Plot
from demos.nerf import _viewer
from demos.nerf._views import SCENES, figure, small, text
from genmodels.errors import Refusal, in_range, one_of
from genmodels.step import Step

if TYPE_CHECKING:
    from genmodels.nerf.scene import Scene
    from genmodels.nerf.voxels import Trainer

VIEWS = (5, 40)
SECONDS = 60.0  # of one Start
SHOW_SECONDS = 0.35
SHARE = 3  # a picture is followed by this many times as much training as it took to draw
KEEP_SECONDS = 3600  # a visitor's field in memory


@dataclass
class Learner:
    """One visitor's training. curve: (seconds, mean PSNR over the held-out views)."""

    scene: str
    views: int
    trainer: Trainer
    curve: list[tuple[float, float]] = field(default_factory=list)


def run_train(lang: str, learner: Learner | None, scene: str, views: float) -> Iterator[tuple[Step, Learner, str]]:
    """Learn for up to a minute, going on from `learner` where it has the same scene and views.

    scene: "tea" or "bunny"; views: 5 to 40 training views. Yields (Step, the learner, HTML of the view so far).
    """
    from genmodels.nerf import voxels

    one_of("scene", scene, SCENES)
    count = int(in_range("views", views, *VIEWS))
    shown = small(scene)
    if learner is None or (learner.scene, learner.views) != (scene, count):
        every = np.flatnonzero(~shown.held_out)
        chosen = every[np.arange(count) * len(every) // count]
        learner = Learner(scene, count, voxels.Trainer(shown, chosen, stages=voxels.LIVE_STAGES))
        yield Step(0, learner.trainer.steps), learner, _view(lang, learner, shown)
    due = 0.0
    for step in learner.trainer.run(SECONDS):
        began = time.monotonic()
        if began < due:
            yield step, gr.skip(), gr.skip()
            continue
        page = _view(lang, learner, shown)
        due = time.monotonic() + max(SHOW_SECONDS, SHARE * (time.monotonic() - began))
        yield step, learner, page
    yield Step(learner.trainer.done, learner.trainer.steps), learner, _view(lang, learner, shown)


def run_first(lang: str, learner: Learner | None, scene: str) -> str:
    """What stands there before a Start, or what was learned so far -> HTML."""
    one_of("scene", scene, SCENES)
    shown = small(scene)
    if learner is not None and learner.scene == scene and learner.curve:
        return _page(lang, learner, shown, _picture(learner, shown, held(shown)[0]), learner.curve[-1][1])
    blank = np.zeros_like(shown.images[held(shown)[0]])
    plot = _curve(lang, [], 0.0).svg(text(lang, "train_y"))
    pair = figure(blank, text(lang, "train_now"), text(lang, "train_now")) + _truth(lang, shown)
    return _layout(pair, plot, text(lang, "train_idle"))


def run_trained(lang: str, learner: Learner | None) -> Iterator[tuple[Step, str, str, str, str]]:
    """What was learned, baked for the browser's viewer: yields (Step, its value, the caption, the renderer, "").

    Raises Refusal("untrained") without any.
    """
    from demos.nerf._try import caption
    from genmodels.nerf import bake

    if learner is None or not learner.curve:
        raise Refusal("untrained", "nothing has been trained on this page yet")
    volume = bake.bake(learner.trainer.finish())
    name = f"{learner.scene}-{learner.views}-{learner.trainer.done}"
    yield (
        Step(1, 1),
        _viewer.pack(volume, name, image=""),
        caption(lang, learner.scene, text(lang, "train_shown")),
        "browser",
        "",
    )


def held(shown: Scene) -> np.ndarray:
    """Indices of the held-out views."""
    return np.flatnonzero(shown.held_out)


def _picture(learner: Learner, shown: Scene, view: int) -> np.ndarray:
    from genmodels.nerf import voxels

    height, width = shown.images.shape[1:3]
    return voxels.picture(learner.trainer.field, shown.poses[view], shown.focal, height, width)[..., :4].clip(0, 1)


def _view(lang: str, learner: Learner, shown: Scene) -> str:
    """Draw the held-out views, note their mean PSNR, and show the first."""
    errors, pictures = [], []
    for view in held(shown):
        picture = _picture(learner, shown, view)
        truth = shown.images[view, ..., :3].astype(np.float32) / 255
        errors.append(float(-10 * np.log10(np.square(picture[..., :3] - truth).mean())))
        pictures.append(picture)
    psnr = float(np.mean(errors))
    learner.curve.append((learner.trainer.seconds, psnr))
    return _page(lang, learner, shown, pictures[0], psnr)


def _page(lang: str, learner: Learner, shown: Scene, picture: np.ndarray, psnr: float) -> str:
    trainer = learner.trainer
    said = {"seconds": float(trainer.seconds), "psnr": psnr}
    now = figure(picture, text(lang, "train_now_alt", **said), text(lang, "train_now"), _shell.generated_label(lang))
    counts = {"held": len(held(shown)), "steps": trainer.done, "views": learner.views, "size": int(trainer.field.size)}
    plot = _curve(lang, learner.curve, trainer.seconds).svg(text(lang, "train_alt", **said))
    says = text(lang, "train_says", **said, **counts)
    return _layout(now + _truth(lang, shown), plot, says)


def _layout(pair: str, plot: str, says: str) -> str:
    return (
        f'<div class="nf-train"><div class="nf-pair">{pair}</div>'
        f'<div>{plot}<p class="nf-says">{escape(says)}</p></div></div>'
    )


def _truth(lang: str, shown: Scene) -> str:
    return figure(shown.images[held(shown)[0]], text(lang, "train_truth_alt"), text(lang, "train_truth"))


def _curve(lang: str, curve: list[tuple[float, float]], seconds: float) -> Plot:
    top = max([30.0, *(psnr + 1 for _, psnr in curve)])
    low = min([10.0, *(psnr - 1 for _, psnr in curve)])
    plot = Plot((0, max(SECONDS, seconds)), (low, top), text(lang, "train_x"), text(lang, "train_y"), 480, 280)
    if curve:
        plot.line(curve).point(*curve[-1], label=f"{curve[-1][1]:.1f}".replace(".", "," if lang == "pt" else "."))
    return plot
