"""*Inside*: one pixel's ray, by the paper's equations: density, transmittance, weights, and where colour is from."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from html import escape

import numpy as np

from demos import _shell
from demos._plots import MARGIN, Plot
from demos.nerf import _viewer
from demos.nerf._views import Camera, model, text
from genmodels.errors import Refusal, in_range

FIRST = json.dumps([0.5, 0.5, *_viewer.HOME])
WIDTH = 640
HALF = 0.5  # of a voxel, between samples
MOST = 0.9  # of the weight: the layer that is named


@dataclass(frozen=True)
class Ray:
    """A ray and what it met. t (n,) distances in scene units, near and far of the grid's box; sigma, transmittance,
    weights (n,); colors (n, 3); rgb (3,) on black; free: what passes through everything."""

    t: np.ndarray
    near: float
    far: float
    sigma: np.ndarray
    transmittance: np.ndarray
    weights: np.ndarray
    colors: np.ndarray
    rgb: np.ndarray
    free: float

    def layer(self) -> tuple[float, float, float]:
        """The thinnest layer that holds MOST of the weight: from, to; and the weight behind it."""
        before = np.concatenate([[0], np.cumsum(self.weights)])
        ends = np.searchsorted(before, before[:-1] + MOST * before[-1] - 1e-6)  # the first sample not needed
        starts = np.flatnonzero(ends < len(before))
        first = starts[np.argmin(ends[starts] - starts)]
        last = ends[first] - 1
        return float(self.t[first]), float(self.t[last]), float(self.weights[last + 1 :].sum())


def unpack(pixel: object) -> tuple[float, float, float, float, float]:
    """u, v and the camera's azimuth, elevation, distance of a clicked pixel, from its JSON text.

    Raises Refusal("pixel") for a text that is not five numbers, Refusal("range") for a number out of range.
    """
    try:
        found = json.loads(pixel) if isinstance(pixel, str) and len(pixel) < 300 else None
    except ValueError:
        found = None
    if not isinstance(found, list) or len(found) != 5:
        raise Refusal("pixel", "the pixel is not a list of five numbers", value=str(pixel)[:40])
    limits = ((0, 1), (0, 1), (-180, 180), _viewer.ELEVATIONS, _viewer.DISTANCES)
    names = ("u", "v", "azimuth", "elevation", "distance")
    return tuple(in_range(name, value, *limit) for name, value, limit in zip(names, found, limits, strict=True))


def cast(scene: str, u: float, v: float, azimuth: float, elevation: float, distance: float) -> Ray | None:
    """Follow the ray of the pixel at (u, v), both 0 to 1 from the upper left; None where it misses the grid's box."""
    import torch

    from genmodels.nerf.rays import orbit, unit
    from genmodels.nerf.render import render_rays

    camera = Camera.read(scene, azimuth, elevation, distance)
    field = model(scene, "fast")
    c2w = orbit(*camera.place)
    local = np.array([(u - 0.5) / _viewer.FOCAL, (0.5 - v) / _viewer.FOCAL, -1.0])
    o, d = c2w[:3, 3], unit(c2w[:3, :3] @ local).astype(np.float32)
    low = field.low.numpy()
    with np.errstate(divide="ignore"):
        walls = np.stack([low - o, low + float(field.voxel) * (int(field.size) - 1) - o]) / d
    near, far = max(0.0, float(walls.min(0).max())), float(walls.max(0).min())
    if not near < far:
        return None
    n = math.ceil((far - near) / (HALF * float(field.voxel)))
    with torch.no_grad():
        found = render_rays(field, torch.from_numpy(o)[None], torch.from_numpy(d)[None], near, far, n)
    parts = {name: value[0].numpy() for name, value in found.items()}
    return Ray(
        parts["t_vals"],
        near,
        far,
        parts["sigma"],
        parts["transmittance"],
        parts["weights"],
        parts["colors"].clip(0, 1),
        parts["rgb"].clip(0, 1),
        1 - float(parts["acc"]),
    )


def run_ray(lang: str, scene: str, pixel: str) -> str:
    """What the ray of a pixel meets -> HTML.

    scene: "tea" or "bunny"; pixel: JSON of u, v (0 to 1 from the upper left), azimuth, elevation and distance.
    """
    u, v, *place = unpack(pixel)
    ray = cast(scene, u, v, *place)
    title = text(lang, "ray_pixel", u=100 * u, v=100 * v)
    if ray is None:
        missed = escape(text(lang, "ray_missed"))
        return f'<div class="nf-ray"><p class="nf-says"><b>{escape(title)}.</b> {missed}</p></div>'
    free = 100 * ray.free
    if ray.free > 0.95:
        says = text(lang, "ray_nothing", free=free)
    else:
        low, high, behind = ray.layer()
        thick = 100 * (high - low) / (ray.far - ray.near)
        says = text(lang, "ray_surface", low=low, high=high, thick=thick, behind=100 * behind, free=free)
    count = text(lang, "ray_count", n=len(ray.t))
    return (
        f'<div class="nf-ray" data-settings="{escape(json.dumps({"scene": scene, "pixel": [u, v, *place]}))}">'
        f'<p class="nf-says">{_swatch(lang, ray)}<b>{escape(title)}.</b> {escape(says)}</p>'
        f"{_plots(lang, ray)}{_strips(lang, ray)}"
        f'<p class="nf-small">{escape(count)} {_shell.generated_label(lang)}</p></div>'
    )


def _swatch(lang: str, ray: Ray) -> str:
    return (
        f'<i class="nf-swatch" role="img" aria-label="{escape(text(lang, "ray_color"))}" '
        f'style="background:{_css(ray.rgb / max(1 - ray.free, 1e-3))};--free:{ray.free:.2f}"></i>'
    )


def _plots(lang: str, ray: Ray) -> str:
    peak = int(ray.sigma.argmax())
    low, high, _ = ray.layer() if ray.free < 0.95 else (ray.near, ray.far, 0.0)
    rows = (
        ("sigma", ray.sigma, float(ray.sigma.max()) * 1.1 or 1, "soft", {"top": ray.sigma[peak], "at": ray.t[peak]}),
        ("passed", ray.transmittance, 1.05, "known", {"end": ray.transmittance[-1]}),
        ("weight", ray.weights, float(ray.weights.max()) * 1.1 or 1, "c1", {"low": low, "high": high}),
    )
    drawn = []
    for name, values, top, color, said in rows:
        plot = Plot((ray.near, ray.far), (0, top), "", "", WIDTH, 118)
        plot.line(zip(ray.t.tolist(), values.tolist(), strict=True), color)
        numbers = {key: float(value) for key, value in said.items()}
        drawn.append(_figure(lang, name, plot.svg(text(lang, f"ray_{name}_alt", **numbers))))
    return "".join(drawn)


def _strips(lang: str, ray: Ray) -> str:
    """The colours along the ray: as the field has them, and as they reach the pixel. Aligned with the plots."""
    left, right = MARGIN["left"], WIDTH - MARGIN["right"]
    each = (right - left) / len(ray.t)
    delta = (ray.far - ray.near) / len(ray.t)
    opacity = 1 - np.exp(-ray.sigma * delta)
    rows = []
    for name, shares in (("strip", opacity), ("share", ray.weights / max(float(ray.weights.max()), 1e-6))):
        cells = "".join(
            f'<rect x="{left + i * each:.2f}" width="{each + 0.3:.2f}" height="26" fill="{_css(color)}" '
            f'fill-opacity="{share:.3f}"/>'
            for i, (color, share) in enumerate(zip(ray.colors, shares, strict=True))
            if share > 0.004
        )
        strip = (
            f'<svg class="gl-plot" viewBox="0 0 {WIDTH} 28" role="img" '
            f'aria-label="{escape(text(lang, f"ray_{name}_alt"))}"><rect x="{left}" y="0" width="{right - left}" '
            f'height="26" fill="none" stroke="var(--gl-grid)"/>{cells}</svg>'
        )
        rows.append(_figure(lang, name, strip))
    return "".join(rows) + f'<p class="nf-small nf-axis">{escape(text(lang, "ray_t"))}</p>'


def _figure(lang: str, name: str, svg: str) -> str:
    return f'<figure class="nf-strip"><figcaption>{escape(text(lang, f"ray_{name}"))}</figcaption>{svg}</figure>'


def _css(color: np.ndarray) -> str:
    return "rgb({},{},{})".format(*(int(round(255 * float(c))) for c in np.clip(color, 0, 1)))
