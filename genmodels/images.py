"""Picture intake, tensor <-> PIL, and PNG and GIF out.

A visitor's bytes never reach Pillow: before version 13 its decoders have memory errors. They reach torchvision's
decoders only after `genmodels.containers` took the container apart and bounded it.
"""

from __future__ import annotations

import base64
import io
import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from genmodels import containers
from genmodels.errors import Refusal

if TYPE_CHECKING:
    from torch import Tensor

MAX_BYTES = 20_000_000
MAX_PIXELS = 40_000_000
SETTINGS_BYTES = 65_536
SOURCE_TYPE = "trainedAlgorithmicMedia"

_FLIPS = {2: (2,), 3: (1, 2), 4: (1,), 6: (2,), 7: (1, 2), 8: (1,)}  # by EXIF orientation, after a transpose from 5 on


def read(source: bytes | Path, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> Tensor:
    """A visitor's picture as uint8 RGB (3, H, W): upright, alpha over white, 8 bits, without metadata.

    Takes PNG, JPEG, WebP and GIF (its first frame) by content, whatever the file is called.
    Raises Refusal: picture_empty, picture_kind, picture_bytes, picture_pixels, picture_broken, picture_animated.
    """
    if isinstance(source, Path):
        with source.open("rb") as file:
            source = file.read(max_bytes + 1)
    if not source:
        raise Refusal("picture_empty", "the file is empty")
    if len(source) > max_bytes:
        limit = containers.millions(max_bytes)
        raise Refusal("picture_bytes", f"the file is too large; the limit is {limit} MB", limit=limit)
    kind = containers.kind(source)
    if kind is None:
        raise Refusal("picture_kind", "the file is not a PNG, JPEG, WebP or GIF picture")
    picture, orientation = containers.decode(kind, source, max_pixels)
    return _upright(_opaque(picture), orientation)


def from_canvas(text: str, size: int = 28) -> Tensor:
    """The drawing canvas's grey pixels, base64 of size * size bytes row by row, as uint8 (size, size).

    Raises Refusal("drawing") for anything else.
    """
    refusal = Refusal("drawing", f"the drawing is not {size} x {size} grey pixels", size=size)
    if not isinstance(text, str) or len(text) != 4 * -(-size * size // 3):
        raise refusal
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise refusal from error
    if len(raw) != size * size:
        raise refusal
    return containers.byte_tensor(raw).reshape(size, size)


def to_float(picture: Tensor) -> Tensor:
    """uint8 (C, H, W) or (B, C, H, W) -> float in [-1, 1], (B, C, H, W), as models take it."""
    batch = picture if picture.ndim == 4 else picture.unsqueeze(0)
    return batch.float() / 127.5 - 1


def from_pil(image: Image.Image) -> Tensor:
    """One of our own pictures, alpha over white, as float RGB (1, 3, H, W) in [-1, 1]."""
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    image = image.convert("RGB")
    return to_float(containers.byte_tensor(image.tobytes()).reshape(image.height, image.width, 3).permute(2, 0, 1))


def to_pil(picture: Tensor) -> Image.Image:
    """uint8, or float in [-1, 1] (clamped), of (C, H, W) or (1, C, H, W) -> PIL, "L" for C = 1 and "RGB" for C = 3.

    Raises ValueError for another shape and for NaN.
    """
    if picture.ndim == 4 and picture.shape[0] == 1:
        picture = picture[0]
    if picture.ndim != 3 or picture.shape[0] not in (1, 3):
        raise ValueError(f"a picture of shape {tuple(picture.shape)}; it must be (1 or 3, H, W)")
    pixels = _bytes(picture).permute(1, 2, 0).cpu().numpy()
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def grid(images: Tensor | Sequence[Tensor], columns: int, gap: int = 2) -> Image.Image:
    """A contact sheet of equally large (C, H, W) pictures, row by row, `gap` white pixels around each.

    Raises ValueError for no pictures, columns < 1 or gap < 0.
    """
    from torchvision.utils import make_grid

    if not len(images) or columns < 1 or gap < 0:
        raise ValueError(f"{len(images)} pictures, {columns} columns, gap {gap}; at least 1, 1 and 0 are needed")
    return to_pil(make_grid([_bytes(image) for image in images], columns, gap, pad_value=255))


def png(image: Image.Image, **settings: object) -> bytes:
    """PNG that says how it was made: `settings` (plain JSON values, `model` and `seed` among them) and GenLab.

    Raises ValueError for settings that are not JSON or over 64 KiB.
    """
    text = json.dumps(settings, allow_nan=False)
    if len(text) > SETTINGS_BYTES:
        raise ValueError(f"settings take {len(text)} bytes; at most {SETTINGS_BYTES} fit")
    info = PngInfo()
    for key in ("model", "seed"):
        if key in settings:
            info.add_itxt(key, str(settings[key]))
    info.add_text("parameters", text)
    info.add_text("Software", "GenLab")
    info.add_text("DigitalSourceType", SOURCE_TYPE)
    file = io.BytesIO()
    image.save(file, "PNG", pnginfo=info)
    return file.getvalue()


def png_settings(data: bytes) -> dict[str, object]:
    """The settings that `png` wrote; {} for anything else. Values may be a visitor's: check each before use."""
    if not data.startswith(containers.PNG) or len(data) > MAX_BYTES:
        return {}
    try:
        texts = dict(
            body.split(b"\0", 1) for kind, body in containers.png_chunks(data) if kind == b"tEXt" and b"\0" in body
        )
        text = texts.get(b"parameters", b"")
        settings = json.loads(text) if len(text) <= SETTINGS_BYTES else {}
    except (Refusal, struct.error, ValueError, RecursionError):
        return {}
    return settings if isinstance(settings, dict) and texts.get(b"Software") == b"GenLab" else {}


def gif(frames: Sequence[Image.Image], seconds_per_frame: float) -> bytes:
    """An endless GIF animation. Time is rounded to 1/100 s and at least 1/50 s, below which browsers slow down.

    Raises ValueError for no frames or frames of different sizes.
    """
    if len({frame.size for frame in frames}) != 1:
        raise ValueError(f"{len(frames)} frames of sizes {sorted({f.size for f in frames})}; one size is needed")
    file = io.BytesIO()
    duration = max(20, round(seconds_per_frame * 100) * 10)
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=duration, loop=0)
    return file.getvalue()


def _upright(picture: Tensor, orientation: int) -> Tensor:
    picture = picture.transpose(1, 2) if orientation >= 5 else picture
    return picture.flip(_FLIPS.get(orientation, ())).contiguous()


def _opaque(picture: Tensor) -> Tensor:
    """uint8 or uint16 RGB or RGBA (C, H, W) -> uint8 RGB over white, in strips so that memory stays bounded."""
    import torch

    if picture.dtype == torch.uint8 and len(picture) == 3:
        return picture
    scale = 1 if picture.dtype == torch.uint8 else 257
    result = torch.empty((3, *picture.shape[1:]), dtype=torch.uint8)
    rows = max(1, 2**20 // picture.shape[2])
    for top in range(0, picture.shape[1], rows):
        strip = picture[:, top : top + rows].float() / scale
        if len(strip) == 4:
            strip = 255 + (strip[:3] - 255) * strip[3:] / 255
        result[:, top : top + rows] = strip.round().to(torch.uint8)
    return result


def _bytes(picture: Tensor) -> Tensor:
    """Any picture tensor as uint8. Raises ValueError for NaN."""
    if not picture.is_floating_point():
        return picture
    if picture.isnan().any():
        raise ValueError("the picture holds NaN; it must hold numbers in [-1, 1]")
    return ((picture.float().clamp(-1, 1) + 1) * 127.5).round().byte()
