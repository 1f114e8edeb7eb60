"""Two still lifes with exact camera poses, path traced by mitsuba: `tea` (glazed, so that highlights follow the camera)
and `bunny` (matte). `python -m genmodels.data.nerf_scenes NAME` renders one and writes the page's small version.

Lengths are scene units, z is up, everything fits into a sphere of radius 1.2 round the origin. Light comes from a
painted sky with four windows, so the only light sources are at infinity: what a surface mirrors depends on the
direction alone. What stands where is in `still_lifes`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np

from genmodels import weights
from genmodels.data import still_lifes
from genmodels.errors import Refusal
from genmodels.nerf.rays import orbit
from genmodels.nerf.scene import SCENES, Scene, load
from genmodels.step import Step

log = logging.getLogger(__name__)
SCENERY = {"tea": still_lifes.tea, "bunny": still_lifes.bunny}
NAMES = tuple(SCENERY)
SIZE, FOCAL, DISTANCE = 200, 2 * 138.88889, 4.0  # pixels, pixels, units: the field of view of NeRF's lego
TRAIN, HELD_OUT = 100, 20
LOWEST, HIGHEST = -5.0, 75.0  # degrees of elevation
SAMPLES = 169  # paths a pixel
DEPTH = 6  # light paths are cut after this many surfaces
SMALL, SMALL_TRAIN, SMALL_HELD_OUT = 100, 40, 5
GOLDEN = 180 * (3 - 5**0.5)  # degrees
BETWEEN = 117.5  # degrees; of all turns, this keeps the held-out views farthest (2.8 degrees) from the training views

Dict = dict[str, Any]


def path(name: str) -> Path:
    """Where the full-size scene lies in the cache, rendered or not. Raises Refusal for a name that is not ours."""
    if name not in NAMES:
        known = ", ".join(NAMES)
        raise Refusal("scene_unknown", f"there is no scene {name!r}; the scenes are {known}", name=name, known=known)
    return weights.cache() / "data" / f"nerf-{name}-{SIZE}.npz"


def render(name: str) -> Iterator[Step]:
    """Render the scene into `path(name)`, TRAIN views and then HELD_OUT ones between them; one Step for each.

    Step.info: {"picture": (H, W, 4) uint8 premultiplied}. Nothing is written when it is closed before the end.
    """
    target = path(name)
    shot = Renderer(name)
    poses = np.concatenate([shell(TRAIN), shell(HELD_OUT, turn=BETWEEN)])
    pictures = []
    for i, c2w in enumerate(poses):
        pictures.append(shot(c2w, SIZE, FOCAL, SAMPLES, seed=i))
        yield Step(i + 1, len(poses), info={"picture": pictures[-1]})
    write(target, Scene(name, np.stack(pictures), poses, FOCAL, np.arange(len(poses)) >= TRAIN))


def write(target: Path, scene: Scene) -> None:
    """Save in the format that `genmodels.nerf.scene.read` reads, complete or not at all."""
    with weights.whole(target) as part:
        np.savez_compressed(
            part, images_premult_rgba=scene.images, poses=scene.poses, focal=scene.focal, held_out=scene.held_out
        )


def shell(n: int, turn: float = 0.0) -> np.ndarray:
    """(n, 4, 4) float32 poses on a golden spiral, evenly over the shell from LOWEST to HIGHEST elevation.

    turn: degrees by which the whole spiral is turned about z.
    """
    low, high = np.sin(np.radians([LOWEST, HIGHEST]))
    elevation = np.degrees(np.arcsin(low + (high - low) * (np.arange(n) + 0.5) / n))
    return np.stack([orbit((turn + i * GOLDEN) % 360, float(e), DISTANCE) for i, e in enumerate(elevation)])


def spread(poses: np.ndarray, n: int) -> np.ndarray:
    """Indices of `n` poses far from each other: each next one is the farthest from those taken; the first is 0."""
    at = poses[:, :3, 3]
    taken = [0]
    while len(taken) < n:
        apart = np.linalg.norm(at[:, None] - at[taken], axis=-1).min(1)
        taken.append(int(apart.argmax()))
    return np.sort(taken)


def shrink(scene: Scene) -> Scene:
    """The version for the page: fewer views, SMALL pixels wide."""
    train, held = np.flatnonzero(~scene.held_out), np.flatnonzero(scene.held_out)
    keep = [train[spread(scene.poses[train], SMALL_TRAIN)], held[spread(scene.poses[held], SMALL_HELD_OUT)]]
    views = np.concatenate(keep)
    few = Scene(scene.name, scene.images[views], scene.poses[views], scene.focal, scene.held_out[views])
    return few.smaller(SMALL)


@click.command()
@click.argument("name", type=click.Choice(NAMES))
def main(name: str) -> None:
    """Render scene NAME where the cache lacks it, and write the small version that ships with the page."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    SCENES.mkdir(parents=True, exist_ok=True)
    target = SCENES / f"{name}.npz"
    write(target, shrink(load(name)))
    log.info("%s: %.2f MB", target.name, target.stat().st_size / 1e6)


class Renderer:
    """Pictures of one scene: (c2w, size, focal, samples, seed) -> (size, size, 4) uint8, premultiplied sRGB.

    `parts`: mitsuba's dictionary of shapes and light; by default that of the named scene.
    Raises Refusal("scene_renderer") where mitsuba is not installed.
    """

    def __init__(self, name: str, parts: Dict | None = None) -> None:
        self.mi = mitsuba()
        parts = parts or SCENERY[name](self.mi)
        integrator = {"type": "path", "max_depth": DEPTH, "hide_emitters": True}
        self.scene = self.mi.load_dict({"type": "scene", "integrator": integrator, **parts})

    def __call__(self, c2w: np.ndarray, size: int, focal: float, samples: int, seed: int = 0) -> np.ndarray:
        # mitsuba's cameras look along +z with x to the left; ours along -z with x to the right.
        to_world = c2w.astype(np.float64) @ np.diag([-1.0, 1.0, -1.0, 1.0])
        sensor = {
            "type": "perspective",
            "fov": float(np.degrees(2 * np.arctan(size / 2 / focal))),
            "to_world": self.mi.ScalarTransform4f(to_world),
            "film": {
                "type": "hdrfilm",
                "width": size,
                "height": size,
                "pixel_format": "rgba",
                "rfilter": {"type": "box"},
            },
            "sampler": {"type": "multijitter", "sample_count": samples, "seed": seed},
        }
        picture = self.mi.render(self.scene, sensor=self.mi.load_dict(sensor), spp=samples, seed=seed)
        return encode(np.array(picture, dtype=np.float32))


def encode(linear: np.ndarray) -> np.ndarray:
    """(H, W, 4) premultiplied linear light -> the same size, uint8: sRGB of the colour, times its alpha.

    The curve is applied to the colour itself, not to colour times alpha, or edges would come out too bright.
    """
    alpha = linear[..., 3:].clip(0, 1)
    colour = (linear[..., :3] / np.maximum(alpha, 1e-6)).clip(0, 1)
    srgb = np.where(colour <= 0.0031308, 12.92 * colour, 1.055 * colour ** (1 / 2.4) - 0.055)
    return (255 * np.concatenate([srgb * alpha, alpha], -1)).round().astype(np.uint8)


def mitsuba() -> Any:
    """The renderer's module, set to plain RGB and as many threads as torch would take."""
    try:
        import drjit
        import mitsuba as mi
    except ImportError as error:
        raise Refusal("scene_renderer", "rendering the scenes needs the package mitsuba") from error
    mi.set_variant("scalar_rgb")  # the LLVM variant needs a library of its own
    drjit.set_thread_count(int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1))
    return mi


if __name__ == "__main__":
    main()
