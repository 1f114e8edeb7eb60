"""The picture that follows the hand: a baked volume marched by a WebGL2 shader in the browser.

How the tab speaks with it. To it: the component's value, a JSON text made by `pack`; what a text does not name stays as
it was. Never hand the component to an event as an input: its value is megabytes. From it: the events `input` while the
hand moves the camera (at most ten a second), `release` when it rests, `select` when a pixel is clicked, and `load`
(which Gradio sends by itself too) where there is no WebGL2. In the browser `window.genlabNerf` has
  set(azimuth, elevation, distance): moves the camera, without an event; camera(): where it is, as the sliders have it
  mode("color" | "depth" | "normals"); cameras(true) shows the training cameras; webgl: does the browser draw by itself
  pixel(): the clicked [u, v, azimuth, elevation, distance], u to the right and v down, both 0..1, and the camera then
  mark(u, v, azimuth, elevation, distance): marks what is seen there, as a click does
  read(side): the picture's bytes; measure(side), stats(): how fast it draws
"""

from __future__ import annotations

import base64
import io
import json
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np

if TYPE_CHECKING:
    from genmodels.nerf.bake import BakedVolume
    from genmodels.nerf.scene import Scene

HERE = Path(__file__).parent
HOME = (30.0, 25.0, 4.0)  # azimuth, elevation, distance at first, and after a double click
ELEVATIONS = (-5.0, 85.0)
DISTANCES = (2.5, 6.0)
FARTHEST = 14.0  # where the training cameras are shown, which stand around the visitor's own
FOCAL = 1.388889  # of the picture's side, as in our scenes and in NeRF's lego
MODES = ("color", "depth", "normals")
THUMB = 64  # pixels
SCRIPTS = ("viewer_march.js", "viewer_over.js", "viewer.js")
TEXT = {
    "en": {
        "label": "The scene from azimuth {azimuth}°, elevation {elevation}°, distance {distance}",
        "hint": "Drag or use the arrow keys to turn. After a click, the wheel or + and − move nearer and farther. "
        "Double-click to go back to the start.",
        "touch": "Drag to turn, pinch to move nearer and farther, double-tap to go back to the start.",
        "missing": "This browser offers no WebGL2, so this machine's processor draws the pictures instead: turning "
        "works the same, a little slower.",
        "lost": "The browser took the graphics context away; the picture returns as soon as it gives it back.",
        "train": "training view {view}",
        "held_out": "held-out view {view}",
    },
    "pt": {
        "label": "A cena vista do azimute {azimuth}°, elevação {elevation}°, distância {distance}",
        "hint": "Arraste ou use as setas do teclado para girar. Depois de um clique, a roda do mouse ou + e − "
        "aproximam e afastam. Clique duas vezes para voltar ao início.",
        "touch": "Arraste para girar, use dois dedos para aproximar e afastar, toque duas vezes para voltar ao início.",
        "missing": "Este navegador não oferece WebGL2; por isso, quem desenha as imagens é o processador desta "
        "máquina: girar funciona do mesmo jeito, um pouco mais devagar.",
        "lost": "O navegador retirou o contexto gráfico; a imagem volta assim que ele o devolver.",
        "train": "vista de treino {view}",
        "held_out": "vista reservada {view}",
    },
}
TEMPLATE = (
    '<div class="nv-stage" tabindex="0" role="img"><canvas class="nv-view"></canvas>'
    '<img class="nv-image" alt="" draggable="false" hidden><canvas class="nv-over"></canvas>'
    '<div class="nv-thumb" hidden><i></i><b></b></div></div><p class="nv-note"></p>'
)


def component(**options: Any) -> gr.HTML:
    """The viewer, empty until its value is a text by `pack`. options: of gr.HTML, `elem_id` among them."""
    page = {"home": HOME, "elevations": ELEVATIONS, "distances": DISTANCES, "farthest": FARTHEST, "focal": FOCAL}
    handed = {"SHADER": _read("viewer.glsl"), "PAGE": page, "TEXT": TEXT}
    constants = "".join(f"const {name} = {json.dumps(value)};\n" for name, value in handed.items())
    return gr.HTML(
        html_template=TEMPLATE,
        css_template=_read("viewer.css"),
        js_on_load=constants + "".join(map(_read, SCRIPTS)),
        padding=False,
        **options,
    )


def pack(
    volume: BakedVolume | None = None, name: str = "", cameras: Scene | None = None, image: str | None = None
) -> str:
    """What the viewer is to show, as its value.

    volume: to march, under a name that tells it from others; cameras: a scene whose views are drawn as frusta, each
    with a small picture; image: the data URI of a picture drawn elsewhere, which covers the viewer's own until an image
    "" takes it away.
    """
    said: dict[str, Any] = {}
    if volume is not None:
        said["volume"] = {"name": name, **_volume(volume)}
    if cameras is not None:
        said["cameras"] = _cameras(cameras)
    if image is not None:
        said["image"] = image
    return json.dumps(said)


def view(
    volume: BakedVolume, azimuth: float, elevation: float, distance: float, side: int, mode: str = "color"
) -> np.ndarray:
    """What the viewer shows from there, by the compiled loop on the CPU: (side, side, 4) float32, premultiplied RGBA.

    Depth is white at the near end of the scene and black at the far one; a normal (x, y, z) in the world's axes is the
    colour (1 + (x, y, z)) / 2.
    """
    from genmodels.nerf import rays, voxels

    c2w = rays.orbit(azimuth, elevation, distance)
    picture = voxels.picture(volume, c2w, FOCAL * side, side, side)
    opacity = picture[..., 3:4]
    if mode == "color":
        return picture[..., :4]
    depth = picture[..., 4:5] / np.maximum(opacity, 1e-4)
    if mode == "depth":
        shade = np.repeat(((distance + _reach(volume) - depth) / (2 * _reach(volume))).clip(0, 1), 3, -1)
    else:
        rays_o, rays_d = rays.get_rays(c2w, FOCAL * side, side, side)
        shade = 0.5 + 0.5 * _normals(volume, rays_o + depth * rays.unit(rays_d))
    return np.concatenate([shade * opacity, opacity], -1)


def _volume(volume: BakedVolume) -> dict[str, Any]:
    """The part of the grid that holds anything, its bytes deflated: a bit for each vertex, the rows of those set column
    by column, and the distances to them. The march's constants come along, so that the shader has none of its own."""
    from genmodels.nerf import bake, kernels, march

    size, places = int(volume.size), volume.places.numpy().astype(np.int64)
    first = np.maximum(places.min(0) - 1, 0)
    shape = np.minimum(places.max(0) + 2, size) - first
    at = np.ravel_multi_index(tuple((places - first).T), tuple(shape))
    order = np.argsort(at)
    bits = np.zeros(int(shape.prod()), np.uint8)
    bits[at] = 1
    (i, j, u), (ni, nj, nu) = first, shape - 1
    free = volume.free[i : i + ni, j : j + nj, u : u + nu]
    parts = np.packbits(bits), volume.rows.numpy()[order].T, free
    data = b"".join(np.ascontiguousarray(part).tobytes() for part in parts)
    return {
        "size": size,
        "first": first.tolist(),
        "shape": shape.tolist(),
        "count": len(places),
        "low": volume.low.tolist(),
        "voxel": float(volume.voxel),
        "reach": _reach(volume),
        "unit": volume.scale[0, : bake.COLUMNS].tolist(),
        "zero": volume.scale[1, : bake.COLUMNS].tolist(),
        "settings": {"step": bake.STEP, "most": kernels.MOST, "opaque": march.FAINT, "faint": march.FAINT},
        "harmonics": _harmonics(),
        "data": base64.b64encode(zlib.compress(data, 6)).decode(),
    }


def _harmonics() -> list[list[float]]:
    """The reference's harmonics up to degree 1, which are linear in the direction: of each, its constant and its slopes
    along x, y and z."""
    import torch

    from genmodels.nerf.render import spherical_harmonics

    plus, minus = (spherical_harmonics(sign * torch.eye(3, dtype=torch.float64), 1) for sign in (1, -1))  # (3, 4) each
    return torch.cat([(plus + minus)[:1] / 2, (plus - minus) / 2]).T.tolist()


def _reach(volume: BakedVolume) -> float:
    """The distance from the origin of the farthest vertex that holds anything."""
    at = volume.low.numpy() + float(volume.voxel) * volume.places.numpy().astype(np.float32)
    return float(np.linalg.norm(at, axis=1).max())


def _normals(volume: BakedVolume, points: np.ndarray) -> np.ndarray:
    """Minus the gradient of the raw density at points (H, W, 3), as unit vectors; central differences of one voxel."""
    from scipy import ndimage

    grid = ((points - volume.low.numpy()) / float(volume.voxel)).reshape(-1, 3).T
    raw = volume.volume[..., 0].astype(np.float32)
    slopes = [
        ndimage.map_coordinates(raw, grid - axis[:, None], order=1, mode="nearest")
        - ndimage.map_coordinates(raw, grid + axis[:, None], order=1, mode="nearest")
        for axis in np.eye(3)
    ]
    normals = np.stack(slopes, -1).reshape(points.shape)
    return normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-4)


def _cameras(scene: Scene) -> dict[str, Any]:
    """Poses, which of them are held out, half the width of a picture at distance 1, and a sheet of small pictures."""
    height, width = scene.images.shape[1:3]
    columns = int(np.ceil(np.sqrt(len(scene.images))))
    return {
        "poses": np.round(scene.poses[:, :3].astype(float), 4).tolist(),
        "held_out": scene.held_out.tolist(),
        "spread": [width / 2 / scene.focal, height / 2 / scene.focal],
        "columns": columns,
        "sheet": _sheet(scene, columns),
    }


def _sheet(scene: Scene, columns: int) -> str:
    """Data URI of one picture with all views on grey, THUMB pixels each, row by row."""
    from PIL import Image

    views = scene.targets(np.arange(len(scene.images)), background=0.85)
    whole = Image.new("RGB", (THUMB * columns, THUMB * -(-len(views) // columns)))
    for i, image in enumerate(views):
        small = Image.fromarray((255 * image).round().astype(np.uint8)).resize((THUMB, THUMB), Image.Resampling.BOX)
        whole.paste(small, (THUMB * (i % columns), THUMB * (i // columns)))
    file = io.BytesIO()
    whole.save(file, "WEBP", quality=80)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
