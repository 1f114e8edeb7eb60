"""*Measure* and *Predict*: the papers' figures beside those of this repository, and a measurement made here and now."""

from __future__ import annotations

import time
from collections.abc import Iterator
from html import escape
from typing import Any

import numpy as np

from demos import _shell
from demos._i18n import fill
from demos.nerf import _viewer
from demos.nerf._views import SCENES, model, small, text
from genmodels import weights
from genmodels.errors import Refusal, one_of
from genmodels.step import Step

FRAME = 200  # pixels of the frame that is timed
FRAMES = 9
KINDS = ("tiny", "fast", "baked")


def run_tables(lang: str) -> str:
    """HTML: the papers and this repository's cards, a row for each scene and method; then the ablation."""
    rows = []
    for kind in KINDS:
        for scene in SCENES:
            found = figures(scene, kind)
            rows.append(
                [
                    text(lang, f"method.{kind}", scene=text(lang, f"scene.{scene}")),
                    text(lang, f"paper.{kind}"),
                    _cell(lang, "{:.2f} dB", found.get("psnr")) if found else text(lang, "not_yet"),
                    _cell(lang, "{:.3f}", found.get("ssim")),
                    _cell(lang, "{:.1f} MB", found.get("megabytes")),
                    _cell(lang, "{:.1f} min", found.get("minutes")),
                ]
            )
    head = [text(lang, f"measure_{key}") for key in ("method", "paper", "here", "ssim", "size", "time")]
    intro = f"<p>{escape(text(lang, 'measure_intro'))}</p>"
    return intro + _shell.measure_table(lang, rows, head) + _ablation_table(lang)


def figures(scene: str, kind: str) -> dict[str, float]:
    """psnr, ssim, megabytes and minutes of training from a model's card, as far as it has them; {} without a card."""
    card = _card(f"nerf-{scene}-{kind}")
    metrics = card.get("metrics", {})
    prefix = "baked_" if kind == "baked" else ""
    found = {"psnr": metrics.get(f"{prefix}psnr"), "ssim": metrics.get(f"{prefix}ssim")}
    if kind == "baked":
        found["megabytes"] = metrics.get("megabytes")
    elif "trained" in card:
        found["minutes"] = card["trained"]["seconds"] / 60
    return {name: float(value) for name, value in found.items() if value is not None}


def ablation() -> dict[str, dict[str, float]]:
    """What each row of the ablation reached here; {} while it is not trained."""
    from genmodels.nerf import ablation as rows

    return _card(rows.ID).get("held_out", {})


def run_measure(lang: str, scene: str) -> Iterator[tuple[Step, str]]:
    """Field and bake on the small held-out views, and the time of a frame. Yields (Step, HTML table)."""
    from genmodels.nerf import voxels
    from genmodels.nerf.rays import orbit

    one_of("scene", scene, SCENES)
    views, rows = small(scene), []
    held = np.flatnonzero(views.held_out)
    size = views.images.shape[1]
    head = [text(lang, f"measure_{key}") for key in ("method", "here", "ms")]
    title = text(lang, "measure_live", n=len(held), scene=text(lang, f"scene.{scene}"), size=size)
    kinds = ("fast", "baked")
    n = len(kinds) * (len(held) + FRAMES)
    for number, kind in enumerate(kinds):
        found, done = model(scene, kind), number * (len(held) + FRAMES)
        errors, times = [], []
        for i, view in enumerate(held):
            drawn = voxels.picture(found, views.poses[view], views.focal, size, size)[..., :3].clip(0, 1)
            errors.append(-10 * np.log10(np.square(drawn - views.targets([view])[0]).mean()))
            yield Step(done + i + 1, n), _live(title, lang, rows, head)
        for i in range(FRAMES):
            began = time.perf_counter()
            voxels.picture(found, orbit(40.0 * i, 25.0, 4.0), _viewer.FOCAL * FRAME, FRAME, FRAME)
            times.append(time.perf_counter() - began)
            yield Step(done + len(held) + i + 1, n), _live(title, lang, rows, head)
        ms = fill(lang, "{:.0f} ms", float(1000 * np.median(times)))
        rows.append([text(lang, f"live.{kind}"), fill(lang, "{:.2f} dB", float(np.mean(errors))), ms])
    yield Step(n, n), _live(title, lang, rows, head)


def run_answer(lang: str) -> str:
    """The answer to the question: what each of the two costs, here and in the paper -> Markdown."""
    from genmodels.nerf.ablation import PUBLISHED

    paper = {f"paper_{name}": PUBLISHED[row]["psnr"] - PUBLISHED["full"]["psnr"] for name, row in _ASKED.items()}
    found = ablation()
    if not {"full", *_ASKED.values()} <= found.keys():
        return text(lang, "answer_none", **paper)
    full = found["full"]["psnr"]
    return text(lang, "answer", full=full, **{n: found[row]["psnr"] - full for n, row in _ASKED.items()}, **paper)


_ASKED = {"encoding": "no_encoding", "directions": "no_view_dirs"}


def _live(title: str, lang: str, rows: list[list[str]], head: list[str]) -> str:
    return f"<p>{escape(title)}</p>{_shell.measure_table(lang, rows, head)}"


def _ablation_table(lang: str) -> str:
    from genmodels.nerf.ablation import PUBLISHED, RAYS, ROWS, STEPS

    found, rows = ablation(), []
    for name in ROWS:
        gaps = []
        for table in (PUBLISHED, found):
            reached = table.get(name, {}).get("psnr")
            gaps += [_cell(lang, "{:.2f} dB", reached)]
            gaps += [_cell(lang, "{:+.2f}", reached - table["full"]["psnr"] if reached and "full" in table else None)]
        rows.append([text(lang, f"row.{name}"), *gaps])
    keys = ("ablation_row", "measure_paper", "ablation_gap", "measure_here", "ablation_here_gap")
    intro = text(lang, "ablation_intro", steps=STEPS, rays=RAYS) + ("" if found else f" ({text(lang, 'not_yet')})")
    return f"<p>{escape(intro)}</p>" + _shell.measure_table(lang, rows, [text(lang, key) for key in keys])


def _card(id: str) -> dict[str, Any]:
    try:
        return weights.read_card(id)
    except Refusal:
        return {}


def _cell(lang: str, template: str, value: float | None) -> str:
    return text(lang, "none") if value is None else fill(lang, template, float(value))
