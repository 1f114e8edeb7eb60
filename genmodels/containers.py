"""Taking PNG, JPEG, WebP and GIF apart, so that a decoder gets one picture of known size and nothing else.

torchvision 0.29 by itself ends the whole process on a PNG with a corrupt row, ignores the transparent colour of grey,
RGB and GIF pictures, GIF's canvas and WebP's orientation, and decodes every frame of an animation. So each container
is walked here first: sizes are checked before anything is inflated, damage is found, and only what makes up the one
picture is packed anew for the decoder.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from genmodels import device
from genmodels.errors import Refusal

if TYPE_CHECKING:
    from torch import Tensor

PNG = b"\x89PNG\r\n\x1a\n"
_PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}  # by colour type
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_JPEG_MARKER = re.compile(rb"\xff+([\x02-\xcf\xd8-\xfe])")  # not the stuffed zero and restarts inside a scan
_JPEG_SEGMENTS = 10_000
_JPEG_SCANS = 32  # each costs a pass over the whole picture


def kind(data: bytes) -> str | None:
    """Which of PNG, JPEG, WebP and GIF the bytes are by content, None for anything else."""
    return next((name for name, (magic, _) in _KINDS.items() if magic.match(data)), None)


def decode(name: str, data: bytes, max_pixels: int) -> tuple[Tensor, int]:
    """A picture of that kind as RGB or RGBA (C, H, W), uint8 or uint16, and its EXIF orientation, 1 to 8.

    Raises Refusal: picture_pixels, picture_broken, picture_animated; RuntimeError when memory runs out.
    """
    try:
        picture, exif = _KINDS[name][1](data, max_pixels)
        return picture, orientation(exif)
    except (IndexError, struct.error, zlib.error) as error:
        raise _broken(name) from error
    except RuntimeError as error:
        if device.is_out_of_memory(error):
            raise
        raise _broken(name) from error


def _png(data: bytes, max_pixels: int) -> tuple[Tensor, bytes]:
    import numpy as np
    from torchvision.io import ImageReadMode, decode_png

    found: dict[bytes, bytes] = {}
    idat: list[bytes] = []
    for kind, body in png_chunks(data):
        found.setdefault(kind, body)
        if kind == b"IDAT":
            idat.append(body)
    width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", found.get(b"IHDR", b""))
    palette, key = found.get(b"PLTE", b""), found.get(b"tRNS", b"")
    _check_size("PNG", width, height, max_pixels)
    palette_fits = colour != 3 or (3 <= len(palette) <= 3 << depth and len(palette) % 3 == 0)
    if depth not in _PNG_DEPTHS.get(colour, ()) or interlace > 1 or not palette_fits:
        raise _broken("PNG")
    rows = _png_rows(width, height, depth * _PNG_CHANNELS[colour], interlace)
    if sum(stride * count for stride, count in rows) > 5 * max_pixels:
        raise _too_many(width, height, max_pixels)
    clean = [(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))]
    if colour == 3:
        clean += [(b"PLTE", palette), (b"tRNS", key[: len(palette) // 3])][: 1 + bool(key)]
    clean += [(b"IDAT", part) for part in _png_pixels(b"".join(idat), rows)] + [(b"IEND", b"")]
    alpha = colour in (4, 6) or (colour == 3 and key)
    mode = ImageReadMode.RGB_ALPHA if alpha else ImageReadMode.RGB
    picture = decode_png(byte_tensor(PNG + b"".join(_png_chunk(*chunk) for chunk in clean)), mode=mode)
    if colour in (0, 2) and key:
        pixels = picture.numpy()
        levels = struct.unpack(f">{_PNG_CHANNELS[colour]}H", key)
        see_through = [level * 255 // (2**depth - 1) if depth < 8 else level for level in levels]
        pixels[:, (pixels == np.array(see_through)[:, None, None]).all(0)] = np.iinfo(pixels.dtype).max
    return picture, found.get(b"eXIf", b"")


def _png_pixels(packed: bytes, rows: list[tuple[int, int]]) -> list[bytes]:
    """The rows' data, found whole and free of what makes libpng fail half-way, packed anew for IDAT chunks."""
    total = sum(stride * count for stride, count in rows)
    raw = zlib.decompressobj().decompress(packed, total)
    if len(raw) < total:
        raise _broken("PNG")
    at = 0
    for stride, count in rows:
        if max(raw[at : at + stride * count : stride]) > 4:
            raise _broken("PNG")
        at += stride * count
    packed = zlib.compress(raw, 0)
    return [packed[i : i + 2**20] for i in range(0, len(packed), 2**20)]


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and body of each chunk up to IEND. Raises struct.error or Refusal if the file ends or lies before it."""
    at, kind = len(PNG), b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        (crc,) = struct.unpack_from(">I", data, at + 8 + length)
        if kind[:1].isupper() and crc != zlib.crc32(body, zlib.crc32(kind)):
            raise _broken("PNG")
        yield kind, body
        at += 12 + length


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))


def _png_rows(width: int, height: int, bits: int, interlace: int) -> list[tuple[int, int]]:
    """(bytes of a row with its filter byte, rows) of each pass that holds pixels."""
    passes = _ADAM7 if interlace else ((0, 0, 1, 1),)
    sizes = (((width - x + dx - 1) // dx, (height - y + dy - 1) // dy) for x, y, dx, dy in passes)
    return [((w * bits + 7) // 8 + 1, h) for w, h in sizes if w > 0 and h > 0]


def _jpeg(data: bytes, max_pixels: int) -> tuple[Tensor, bytes]:
    from torchvision.io import ImageReadMode, decode_jpeg

    at, scans, sized, exif = 2, 0, False, b""
    for _ in range(_JPEG_SEGMENTS):
        found = _JPEG_MARKER.search(data, at)
        if not found or (marker := found[1][0]) == 0xD8:
            break
        at = found.end()
        if marker == 0xD9:
            if not scans:
                break
            return decode_jpeg(byte_tensor(data[:at]), mode=ImageReadMode.RGB), exif
        (length,) = struct.unpack_from(">H", data, at)
        body = data[at + 2 : at + length]
        if marker == 0xE1 and body.startswith(b"Exif\0\0") and not exif:
            exif = body
        elif marker == 0xDA:
            scans += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            precision, height, width = struct.unpack_from(">BHH", body)
            _check_size("JPEG", width, height, max_pixels)
            if sized or precision != 8 or marker > 0xC2:
                break
            sized = True
        at += length
        if length < 2 or scans > sized * _JPEG_SCANS:
            break
    raise _broken("JPEG")


def _webp(data: bytes, max_pixels: int) -> tuple[Tensor, bytes]:
    from torchvision.io import ImageReadMode, decode_webp

    end, at = 8 + struct.unpack_from("<I", data, 4)[0], 12
    found: dict[bytes, bytes] = {}
    while at + 8 <= end <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        found.setdefault(kind, data[at + 8 : at + 8 + length])
        at += 8 + length + length % 2
    sizes = []
    if extended := found.get(b"VP8X"):
        if extended[0] & 2 or b"ANIM" in found or b"ANMF" in found:
            raise Refusal("picture_animated", "animated WebP pictures are not taken; send one still picture")
        width, height = (int.from_bytes(extended[i : i + 3], "little") + 1 for i in (4, 7))
        sizes.append((width, height))
    if lossy := found.get(b"VP8 "):
        sizes.append(tuple(side & 0x3FFF for side in struct.unpack_from("<HH", lossy, 6)))
    if lossless := found.get(b"VP8L"):
        (bits,) = struct.unpack_from("<I", lossless, 1)
        sizes.append(((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1))
    if not (lossy or lossless) or at > end + 1:
        raise _broken("WebP")
    for width, height in sizes:
        _check_size("WebP", width, height, max_pixels)
    return decode_webp(byte_tensor(data[:end]), mode=ImageReadMode.RGB_ALPHA), found.get(b"EXIF", b"")


def _gif(data: bytes, max_pixels: int) -> tuple[Tensor, bytes]:
    import torch
    from torchvision.io import decode_gif

    width, height, flags = struct.unpack_from("<HHB", data, 6)
    palette, at = _gif_palette(data, 13, flags)
    see_through = None
    while data[at] == 0x21:
        if data[at + 1] == 0xF9:
            see_through = data[at + 6] if data[at + 3] & 1 else None
        at = _gif_blocks(data, at + 2)
    x, y, w, h, flags = struct.unpack_from("<HHHHB", data, at + 1)
    local, start = _gif_palette(data, at + 10, flags)
    if data[at] != 0x2C or not (palette or local):
        raise _broken("GIF")
    width, height = width or x + w, height or y + h
    _check_size("GIF", width, height, max_pixels)
    _check_size("GIF", w, h, max_pixels)
    colours = bytearray((local or palette).ljust(768, b"\0"))
    if see_through is not None:
        colours[3 * see_through : 3 * see_through + 3] = b"\xff\xff\xff"
    head = struct.pack("<6sHHBBBcHHHHB", b"GIF89a", w, h, 0, 0, 0, b",", 0, 0, w, h, 0x87 | flags & 0x40)
    frame = decode_gif(byte_tensor(head + colours + data[start : _gif_blocks(data, start + 1)] + b";"))
    canvas = torch.full((3, height, width), 255, dtype=torch.uint8)
    canvas[:, y : y + h, x : x + w] = frame[:, : max(0, height - y), : max(0, width - x)]
    return canvas, b""


def _gif_palette(data: bytes, at: int, flags: int) -> tuple[bytes, int]:
    end = at + (3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0)
    return data[at:end], end


def _gif_blocks(data: bytes, at: int) -> int:
    """Where the chain of sub-blocks that starts at `at` ends. Raises IndexError if the file ends before."""
    while size := data[at]:
        at += 1 + size
    return at + 1


_KINDS = {
    "PNG": (re.compile(re.escape(PNG)), _png),
    "JPEG": (re.compile(rb"\xff\xd8\xff"), _jpeg),
    "WebP": (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), _webp),
    "GIF": (re.compile(rb"GIF8[79]a"), _gif),
}


def _check_size(kind: str, width: int, height: int, max_pixels: int) -> None:
    if not width or not height:
        raise _broken(kind)
    if width * height > max_pixels:
        raise _too_many(width, height, max_pixels)


def _too_many(width: int, height: int, max_pixels: int) -> Refusal:
    limit = millions(max_pixels)
    text = f"the picture has {width} x {height} pixels; the limit is {limit} megapixels"
    return Refusal("picture_pixels", text, width=width, height=height, limit=limit)


def millions(number: int) -> int | float:
    """A limit in millions, without a fraction where it has none."""
    return number / 1e6 if number % 10**6 else number // 10**6


def _broken(kind: str) -> Refusal:
    return Refusal("picture_broken", f"the {kind} picture is damaged or incomplete", kind=kind)


def orientation(exif: bytes) -> int:
    """EXIF's orientation, 1..8; 1 where it says nothing or nonsense."""
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for at in range(start + 2, start + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", exif, at)
            if tag == 0x112 and 1 <= value <= 8:
                return value
    except struct.error:
        return 1
    return 1


def byte_tensor(data: bytes) -> Tensor:
    """The bytes as a uint8 tensor of their own."""
    import torch

    return torch.frombuffer(bytearray(data), dtype=torch.uint8)
