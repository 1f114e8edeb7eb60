"""*Inside*: the warm-up in two dimensions. Three networks learn a picture, blurred without an encoding of positions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from html import escape

import gradio as gr
import numpy as np

from demos import _shell
from demos._plots import Plot
from demos.nerf._views import SCENES, figure, small, text
from genmodels.errors import one_of
from genmodels.step import Step

COLORS = {"none": "unknown", "positional": "known", "gaussian": "c2"}
SHOW_SECONDS = 0.25
BACKGROUND = 0.9  # grey behind the scene
DECIBELS = (10.0, 35.0)


def run_fourier(lang: str, scene: str) -> Iterator[tuple[Step, str]]:
    """Three networks learn one of the scene's views side by side. Yields (Step, HTML of the three and their PSNR)."""
    from genmodels.nerf import fourier

    one_of("scene", scene, SCENES)
    photo = _photo(scene)
    curves: dict[str, list[tuple[float, float]]] = {name: [] for name in fourier.VARIANTS}
    last = 0.0
    for step in fourier.learn(photo, 0):
        for name, curve in curves.items():
            curve.append((step.i, step.info["psnr"][name]))
        if time.monotonic() - last > SHOW_SECONDS or step.i == step.n:
            last = time.monotonic()
            yield step, _page(lang, photo, step.info["picture"], curves, step.n)
        else:
            yield step, gr.skip()


def run_fourier_first(lang: str, scene: str) -> str:
    """What stands there before a Start: the picture, three blanks and an empty plot -> HTML."""
    from genmodels.nerf import fourier

    one_of("scene", scene, SCENES)
    photo = _photo(scene)
    blank = np.zeros((*photo.shape[:2], 4), np.uint8)
    return _page(lang, photo, dict.fromkeys(COLORS, blank), {name: [] for name in COLORS}, fourier.STEPS)


def _photo(scene: str) -> np.ndarray:
    views = small(scene)
    return (255 * views.targets(np.flatnonzero(~views.held_out)[-1:], BACKGROUND)[0]).round().astype(np.uint8)


def _page(lang: str, photo: np.ndarray, pictures: dict[str, np.ndarray], curves: dict[str, list], steps: int) -> str:
    from genmodels.nerf import fourier

    cells = []
    for name, picture in pictures.items():
        psnr = float(curves[name][-1][1]) if curves[name] else None
        label = text(lang, f"fourier.{name}")
        alt = text(lang, "fourier_alt", name=label, psnr=psnr) if psnr else label
        shown = f"{label} · {text(lang, 'db', value=psnr)}" if psnr else label
        cells.append(figure(picture, alt, shown, _shell.generated_label(lang) if psnr else ""))
    truth = figure(photo, text(lang, "fourier_truth"), text(lang, "fourier_truth"))
    names = ", ".join(text(lang, f"fourier.{name}") for name in COLORS)
    plot = Plot((0, steps), DECIBELS, text(lang, "fourier_x"), text(lang, "train_y"), 480, 230)
    for name, curve in curves.items():
        plot.line(curve, COLORS[name])
    keys = "".join(
        f'<span><i style="background:var(--gl-{color})"></i>{escape(text(lang, f"fourier.{name}"))}</span>'
        for name, color in COLORS.items()
    )
    paper = text(lang, "fourier_paper", **fourier.PUBLISHED)
    return (
        f'<div class="nf-four">{"".join(cells)}{truth}</div><div class="nf-wide">'
        f'{plot.svg(text(lang, "fourier_plot", names=names))}<p class="gl-legend">{keys}</p>'
        f'<p class="nf-small">{escape(paper)}</p></div>'
    )
