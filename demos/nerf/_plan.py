"""*Inside*: the scene from above with the training cameras, the visitor's camera and the ray of the chosen pixel."""

from __future__ import annotations

import functools
import math
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from demos.nerf import _ray, _viewer
from demos.nerf._views import model, small, text, uri

if TYPE_CHECKING:
    from genmodels.nerf.scene import Scene

HALF = 4.7  # scene units from the middle to the drawing's edge
SHOWN = 12  # thumbnails
SOLID = 0.0  # raw density from which a vertex is drawn from above
C0 = 0.28209479


def run_plan(lang: str, scene: str, pixel: str) -> str:
    """The plan of a scene and the ray of a pixel (as `_ray.run_ray` takes them), and thumbnails -> HTML."""
    u, v, azimuth, elevation, distance = _ray.unpack(pixel)
    views = small(scene)
    ray = _ray.cast(scene, u, v, azimuth, elevation, distance)
    image, side, middle = from_above(scene)
    cameras = "".join(_frustum(c2w, "unknown" if held else "known", held) for c2w, held in _each(views))
    train, held = int((~views.held_out).sum()), int(views.held_out.sum())
    radius = float(np.linalg.norm(views.poses[0, :3, 3]))
    says = text(lang, "plan_says", train=train, held=held, radius=radius)
    keys = "".join(
        f'<span><i style="background:var(--gl-{color})"></i>{escape(text(lang, f"plan_{name}"))}</span>'
        for name, color in (("train", "known"), ("held", "unknown"), ("you", "accent"))
    )
    box = f"{-HALF} {-HALF} {2 * HALF} {2 * HALF}"
    return (
        f'<div class="nf-plan"><figure><svg class="gl-plot" viewBox="{box}" role="img" '
        f'aria-label="{escape(text(lang, "plan_alt", train=train, held=held, azimuth=azimuth))}">'
        f'<image href="{image}" x="{middle[0] - side / 2:.3f}" y="{-middle[1] - side / 2:.3f}" width="{side:.3f}" '
        f'height="{side:.3f}"/>{cameras}{_line(ray, u, v, azimuth, elevation, distance)}'
        f'<g class="nf-you">{_you()}</g></svg><figcaption class="gl-legend">{keys}</figcaption></figure>'
        f"<div><h3>{escape(text(lang, 'plan'))}</h3><p>{escape(says)}</p><h4>{escape(text(lang, 'thumbs'))}</h4>"
        f'<div class="nf-thumbs">{_thumbs(lang, views)}</div></div></div>'
    )


@functools.lru_cache(maxsize=4)
def from_above(scene: str) -> tuple[str, float, tuple[float, float]]:
    """The highest vertices of the bake, seen straight from above -> data address, its side, its middle (x, y)."""
    volume = model(scene, "baked")
    rows = (volume.rows.float() - volume.scale[1, : volume.rows.shape[1]]) * volume.scale[0, : volume.rows.shape[1]]
    places, rows = volume.places.numpy().astype(int), rows.numpy()
    solid = rows[:, 0] > SOLID
    places, rows = places[solid], rows[solid]
    order = np.argsort(places[:, 2])
    n = int(volume.size)
    top = np.zeros((n, n, 4), np.float32)  # row: -y downwards, column: x
    x, y, _ = places[order].T
    top[n - 1 - y, x, :3] = 0.5 + C0 * rows[order][:, (1, 5, 9)]
    top[n - 1 - y, x, 3] = 1
    side = float(volume.voxel) * n
    low = volume.low.numpy() - float(volume.voxel) / 2
    return uri(top.clip(0, 1)), side, (float(low[0]) + side / 2, float(low[1]) + side / 2)


def _each(views: Scene) -> list[tuple[np.ndarray, bool]]:
    return sorted(zip(views.poses, views.held_out.tolist(), strict=True), key=lambda pair: pair[1])


def _frustum(c2w: np.ndarray, color: str, dash: bool) -> str:
    """A camera from above: its centre and the pyramid of its picture, at a third of a unit."""
    corners = np.array([[sx * 0.12, sy * 0.12, -0.33] for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))])
    at, ends = c2w[:3, 3], c2w[:3, 3] + corners @ c2w[:3, :3].T
    path = " ".join(f"M{at[0]:.2f} {-at[1]:.2f}L{x:.2f} {-y:.2f}" for x, y, _ in ends)
    ring = "M" + "L".join(f"{x:.2f} {-y:.2f}" for x, y, _ in ends) + "Z"
    dashes = ' stroke-dasharray="0.06 0.05"' if dash else ""
    return f'<path d="{path}{ring}" fill="none" stroke="var(--gl-{color})" stroke-width="0.03"{dashes}/>'


def _you() -> str:
    """The visitor's camera at distance 0 on +x, looking at the middle; nerf.js moves it."""
    return (
        '<path d="M0 0 L-0.5 0.2 M0 0 L-0.5 -0.2 M-0.5 -0.2 V0.2" stroke="var(--gl-accent)" stroke-width="0.06" '
        'fill="none"/><circle r="0.11" fill="var(--gl-accent)" stroke="var(--gl-paper)" stroke-width="0.03"/>'
    )


def _line(ray: _ray.Ray | None, u: float, v: float, azimuth: float, elevation: float, distance: float) -> str:
    """The chosen pixel's ray from above, up to where its weight lies (or out of the drawing), with its end as a dot."""
    a, e = math.radians(azimuth), math.radians(elevation)
    back = np.array([math.cos(e) * math.cos(a), math.cos(e) * math.sin(a), math.sin(e)])
    right = np.array([-math.sin(a), math.cos(a), 0.0])
    aside = (u - 0.5) / _viewer.FOCAL * right + (0.5 - v) / _viewer.FOCAL * np.cross(back, right)
    d = (aside - back) / np.linalg.norm(aside - back)
    hit = ray is not None and ray.free < 0.5
    t = float((ray.weights * ray.t).sum() / ray.weights.sum()) if hit else 2 * distance
    start = distance * back
    end = start + t * d
    dot = f'<circle cx="{end[0]:.3f}" cy="{-end[1]:.3f}" r="0.07" fill="var(--gl-accent)"/>' if hit else ""
    return (
        f'<path d="M{start[0]:.3f} {-start[1]:.3f}L{end[0]:.3f} {-end[1]:.3f}" stroke="var(--gl-accent)" '
        f'stroke-width="0.04" class="nf-pixel"/>{dot}'
    )


def _thumbs(lang: str, views: Scene) -> str:
    train = np.flatnonzero(~views.held_out)
    chosen = train[np.arange(min(SHOWN, len(train))) * len(train) // min(SHOWN, len(train))]
    cells = []
    for i in chosen.tolist():
        x, y, z = views.poses[i, :3, 3]
        place = {
            "azimuth": math.degrees(math.atan2(y, x)),
            "elevation": math.degrees(math.asin(float(z) / float(np.linalg.norm(views.poses[i, :3, 3])))),
        }
        alt = escape(text(lang, "thumb_alt", i=i + 1, **place))
        cells.append(f'<img alt="{alt}" title="{alt}" src="{uri(views.images[i])}">')
    return "".join(cells)
