"""What the parts of this tab share: its texts, the checked camera, pictures as data addresses."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from demos._i18n import fill
from demos.nerf import _viewer
from demos.nerf._text import TEXT
from genmodels import registry
from genmodels.errors import in_range, one_of

if TYPE_CHECKING:
    from genmodels.nerf.scene import Scene

SCENES = ("tea", "bunny")


def text(lang: str, key: str, **values: object) -> str:
    """A text of this topic in the visitor's language."""
    return fill(lang, TEXT[lang if lang in TEXT else "en"][key], **values)


@dataclass(frozen=True)
class Camera:
    """Where a visitor looks from: a scene and a place on the shell around it, in degrees and scene units."""

    scene: str
    azimuth: float
    elevation: float
    distance: float

    @classmethod
    def read(cls, scene: object, azimuth: object, elevation: object, distance: object) -> Camera:
        """From the page or the API. Raises Refusal outside our scenes and the shell they were learned from."""
        one_of("scene", scene, SCENES)
        return cls(
            scene,
            float(in_range("azimuth", azimuth, -180, 180)),
            float(in_range("elevation", elevation, *_viewer.ELEVATIONS)),
            float(in_range("distance", distance, *_viewer.DISTANCES)),
        )

    @property
    def place(self) -> tuple[float, float, float]:
        """azimuth, elevation, distance."""
        return self.azimuth, self.elevation, self.distance


def model(scene: str, kind: str) -> Any:
    """A scene's model on the CPU: "fast", "baked" or "tiny"."""
    return registry.load(f"nerf-{scene}-{kind}", "cpu")


def small(scene: str) -> Scene:
    """The scene's views that ship with the page."""
    from genmodels.nerf import scene as scenes

    return scenes.small(scene)


def uri(picture: np.ndarray) -> str:
    """A data address of a picture: (H, W, 3) or premultiplied (H, W, 4), uint8 or floats in [0, 1]."""
    from PIL import Image

    if picture.dtype != np.uint8:
        picture = (picture.clip(0, 1) * 255).round().astype(np.uint8)
    if picture.shape[-1] == 4:  # PNG keeps colour and opacity apart
        alpha = picture[..., 3:].astype(np.float32)
        color = (picture[..., :3] * (255 / np.maximum(alpha, 1))).clip(0, 255).round()
        picture = np.concatenate([color, alpha], -1).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(file, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def figure(picture: np.ndarray, alt: str, caption: str = "", generated: str = "") -> str:
    """HTML of one picture, its label below; `generated` is the mark of what a model made."""
    below = f"<figcaption>{escape(caption)} {generated}</figcaption>" if caption or generated else ""
    return f'<figure class="nf-figure"><img alt="{escape(alt)}" src="{uri(picture)}">{below}</figure>'
