"""Where the picture comes from: a photograph of an installed package, or the visitor's file; and how it is cropped."""

from __future__ import annotations

import base64
import functools
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from demos import _pictures
from genmodels import images
from genmodels.errors import Refusal, in_range

if TYPE_CHECKING:
    from torch import Tensor

EXAMPLES = {  # inside scikit-image's package, with the frame that each begins with
    "chelsea": ("chelsea.png", "0.35,0,0.9"),
    "astronaut": ("astronaut.png", "0.4,0,0.6"),
    "coffee": ("coffee.png", "0.5,0.5,1"),
    "rocket": ("rocket.jpg", "0.5,0.5,1"),
    "motorcycle": ("motorcycle_left.png", "0.5,0.5,1"),
    "hubble": ("hubble_deep_field.jpg", "0.3,0.4,0.4"),
}
OWN = "own"
WHOLE = "0.5,0.5,1"
KEPT = 800_000  # pixels of a visitor's picture; a larger one is made smaller before it is kept
PREVIEW, THUMB = 420, 64  # pixels of the longer side
LEAST = 0.1  # of a frame's side


@dataclass(frozen=True)
class Photo:
    """A picture to crop from. pixels: uint8 (3, H, W); width and height: as it came."""

    name: str
    pixels: Tensor
    width: int
    height: int


@dataclass(frozen=True)
class Crop:
    """A square frame: its place across and along, 0 to 1, and its side as part of the largest one, 0.1 to 1."""

    across: float
    along: float
    part: float

    @classmethod
    def read(cls, text: object) -> Crop:
        """Three numbers with commas between. Raises Refusal: frame for another text, range for another number."""
        try:
            across, along, part = (float(number) for number in str(text)[:60].split(","))
        except ValueError as error:
            raise Refusal("frame", "the frame is three numbers: across, along, part") from error
        in_range("across", across, 0, 1)
        in_range("along", along, 0, 1)
        in_range("part", part, LEAST, 1)
        return cls(across, along, part)

    def cut(self, photo: Photo, size: int) -> Tensor:
        """What the frame holds, (1, 3, size, size) in [-1, 1]."""
        from genmodels.masking.panels import square

        return square(photo.pixels, size, self.across, self.along, self.part)

    def side(self, photo: Photo) -> int:
        """Pixels of the frame's side in the picture as it came."""
        return max(1, round(self.part * min(photo.width, photo.height)))


@functools.cache
def example(name: str) -> Photo:
    """A photograph that an installed package brings."""
    import skimage

    file, _ = EXAMPLES[name]
    pixels = images.read(Path(skimage.__file__).parent / "data" / file)
    return Photo(name, pixels, pixels.shape[2], pixels.shape[1])


def own(data: object) -> Photo:
    """A visitor's file as a picture to crop from. Raises Refusal as `decoded` does."""
    pixels = _pictures.decoded(data)
    height, width = pixels.shape[1:]
    factor = math.sqrt(KEPT / (width * height))
    return Photo(OWN, pixels if factor >= 1 else _smaller(pixels, factor), width, height)


def chosen(name: object, kept: Photo | None) -> Photo:
    """The picture of that name. Raises Refusal: choice for an unknown one, no_photo where the visitor gave none."""
    if name == OWN:
        if not isinstance(kept, Photo):
            raise Refusal("no_photo", "no picture of the visitor's own is here")
        return kept
    if not isinstance(name, str) or name not in EXAMPLES:
        raise Refusal("choice", f"photo is {name!r}, not one of {list(EXAMPLES)}", name="photo", value=str(name)[:40])
    return example(name)


def preview(photo: Photo, longest: int = PREVIEW) -> str:
    """Data address of the whole picture, small."""
    factor = longest / max(photo.pixels.shape[1:])
    file = io.BytesIO()
    images.to_pil(_smaller(photo.pixels, min(1.0, factor))).save(file, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


@functools.cache
def thumbnail(name: str) -> str:
    """Data address of an example's first frame."""
    pixels = Crop.read(EXAMPLES[name][1]).cut(example(name), THUMB)
    return _pictures.uri(pixels)


def _smaller(pixels: Tensor, factor: float) -> Tensor:
    from torch.nn import functional as F

    size = [max(1, round(factor * side)) for side in pixels.shape[1:]]
    return F.interpolate(pixels.unsqueeze(0), size=size, mode="bicubic", align_corners=False, antialias=True)[0]
