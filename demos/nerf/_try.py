"""*Try*: the view on the server's CPU, by the tiny NeRF, and the turn as files. The browser's own view is `_viewer`."""

from __future__ import annotations

import base64
import json
import tempfile
import time
from collections.abc import Iterator
from html import escape
from pathlib import Path

import gradio as gr
import numpy as np

from demos import _shell
from demos.nerf import _viewer
from demos.nerf._views import SCENES, Camera, model, small, text, uri
from genmodels.errors import one_of
from genmodels.step import Step

RENDERERS = ("browser", "cpu")
TINY = "tiny"  # the viewer shows what the tiny NeRF drew until the camera moves
CPU_SIZE, TINY_SIZE = 200, 100  # pixels
TINY_CHUNK = 400  # rays: four rows
TURN_SIZE, TURN_FRAMES, TURN_FPS = 200, 48, 16


def run_scene(lang: str, scene: str) -> tuple[str, str]:
    """What the viewer needs of a scene -> its value, and the caption."""
    one_of("scene", scene, SCENES)
    value = _viewer.pack(model(scene, "baked"), scene, small(scene))
    return value, caption(lang, scene)


def run_view(
    lang: str, renderer: str, scene: str, azimuth: float, elevation: float, distance: float, view: str
) -> tuple[str, str] | list[dict]:
    """Draw one view on the server from the bake, or, for renderer "browser", leave it to the browser again.

    renderer: "browser" (or nothing) or "cpu", and whatever follows it; scene: "tea" or "bunny"; azimuth -180 to 180 and
    elevation -5 to 85 degrees; distance 2.5 to 6; view: "color", "depth" or "normals".
    -> the viewer's value with the picture as a data address, HTML of the caption with its time.
    """
    who = str(renderer or RENDERERS[0]).split(" ")[0]
    one_of("renderer", who, (*RENDERERS, TINY))
    one_of("view", view, _viewer.MODES)
    camera = Camera.read(scene, azimuth, elevation, distance)
    if who == TINY:
        return [gr.skip(), gr.skip()]
    if who == RENDERERS[0]:
        return _viewer.pack(image=""), caption(lang, scene)
    volume = model(scene, "baked")
    began = time.perf_counter()
    picture = _viewer.view(volume, *camera.place, CPU_SIZE, view)
    took = text(lang, "took", size=CPU_SIZE, ms=1000 * (time.perf_counter() - began))
    return _viewer.pack(image=uri(picture)), caption(lang, scene, took)


def run_tiny(lang: str, scene: str, azimuth: float, elevation: float, distance: float) -> Iterator[tuple]:
    """The same view by the tiny NeRF, four rows at a time. Yields (Step, viewer value, caption, TINY)."""
    import torch

    from genmodels.nerf import tiny_nerf
    from genmodels.nerf.rays import get_rays, orbit
    from genmodels.nerf.render import image_steps

    camera = Camera.read(scene, azimuth, elevation, distance)
    network = model(scene, "tiny")
    rays = get_rays(orbit(*camera.place), _viewer.FOCAL * TINY_SIZE, TINY_SIZE, TINY_SIZE)
    # The network was trained from 2 to 6 in front of cameras at 4, that is 2 on both sides of the middle.
    near, far = max(camera.distance - 2, 0.1), camera.distance + 2
    began = time.perf_counter()
    drawing = image_steps(network, *map(torch.from_numpy, rays), near, far, tiny_nerf.SAMPLES, chunk=TINY_CHUNK)
    for step in drawing:
        premultiplied = np.concatenate([step.info["rgb"].numpy(), step.info["acc"].numpy()[..., None]], -1)
        seconds = time.perf_counter() - began
        took = text(lang, "tiny_took", size=TINY_SIZE, samples=tiny_nerf.SAMPLES, seconds=seconds)
        yield step, _viewer.pack(image=uri(premultiplied)), caption(lang, scene, took), TINY


def run_turn(lang: str, scene: str, elevation: float, distance: float) -> Iterator[tuple[Step, object]]:
    """Once round the scene. Yields (Step, HTML): at the end a film with links to its MP4 and GIF."""
    from genmodels.nerf import turn

    camera = Camera.read(scene, 0, elevation, distance)
    drawing = turn.frames(model(scene, "baked"), camera.elevation, camera.distance, TURN_SIZE, TURN_FRAMES)
    frames = []
    for i, frame in enumerate(drawing):
        frames.append(frame)
        yield Step(i, TURN_FRAMES), gr.skip()
    yield Step(TURN_FRAMES, TURN_FRAMES), _film(lang, scene, frames)


def _film(lang: str, scene: str, frames: list[np.ndarray]) -> str:
    from genmodels.nerf import turn

    files = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("mp4", "gif"):
            path = Path(folder) / f"turn.{kind}"
            turn.write(path, frames, TURN_FPS)
            files[kind] = path.read_bytes()
    mimes = {"mp4": "video/mp4", "gif": "image/gif"}
    source = {kind: f"data:{mimes[kind]};base64,{base64.b64encode(data).decode()}" for kind, data in files.items()}
    links = "".join(
        f'<a class="nf-link" download="genlab-nerf-{scene}.{kind}" href="{source[kind]}">'
        f"{escape(text(lang, f'turn_{kind}', kb=len(files[kind]) / 1000))}</a>"
        for kind in ("gif", "mp4")
    )
    alt = escape(text(lang, "turn_alt", n=len(frames)))
    says = escape(text(lang, "turn_says", n=len(frames), size=TURN_SIZE))
    return (
        f'<div class="nf-turn"><video controls loop muted playsinline width="{TURN_SIZE}" height="{TURN_SIZE}" '
        f'aria-label="{alt}" poster="{uri(frames[0])}" src="{source["mp4"]}"></video>'
        f"<div>{links}<p>{says} {_shell.generated_label(lang)}</p></div></div>"
    )


def caption(lang: str, scene: str, more: str = "") -> str:
    """HTML: the mark of a model's picture, the scene, and what else there is to say."""
    says = text(lang, f"scene.{scene}") + (f" · {more}" if more else "")
    settings = escape(json.dumps({"model": f"nerf-{scene}-baked"}))
    return f'<p class="nf-caption" data-settings="{settings}">{_shell.generated_label(lang)} {escape(says)}</p>'
