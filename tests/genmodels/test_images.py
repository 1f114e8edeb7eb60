import base64
import io
import json
import struct
import tracemalloc
import zlib
from types import SimpleNamespace

import pytest
import torch
import torchvision.io
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from genmodels import containers, images
from genmodels.errors import Refusal

COLOURS = [[(255, 0, 0), (0, 255, 0), (0, 0, 255)], [(255, 255, 0), (0, 0, 0), (90, 60, 30)]]  # 2 rows of 3


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def small(scale: int = 1) -> Image.Image:
    image = Image.new("RGB", (3, 2))
    image.putdata([colour for row in COLOURS for colour in row])
    return image.resize((3 * scale, 2 * scale), Image.Resampling.NEAREST)


def noise(side: int = 40) -> Image.Image:
    generator = torch.Generator().manual_seed(1)
    return Image.fromarray(torch.randint(0, 256, (side, side, 3), generator=generator, dtype=torch.uint8).numpy())


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_file(width, height, depth, colour, rows: bytes, *extra: tuple[bytes, bytes], interlace=0) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def pixel(picture: torch.Tensor, x: int = 0, y: int = 0) -> tuple[int, ...]:
    return tuple(picture[:, y, x].tolist())


def refused(data: bytes, code: str, **limits: int) -> Refusal:
    with pytest.raises(Refusal) as caught:
        images.read(data, **limits)
    assert caught.value.code == code, str(caught.value)
    return caught.value


LOSSLESS = {
    "PNG": encode(small(), "PNG"),
    "PNG palette": encode(small().convert("P", palette=Image.Palette.ADAPTIVE), "PNG"),
    "WebP": encode(small(), "WEBP", lossless=True),
    "GIF": encode(small(), "GIF"),
}
NOISE = {
    "PNG": encode(noise(), "PNG"),
    "PNG RGBA": encode(noise().convert("RGBA"), "PNG"),
    "JPEG": encode(noise(), "JPEG"),
    "JPEG progressive": encode(noise(), "JPEG", progressive=True),
    "WebP": encode(noise(), "WEBP"),
    "WebP lossless": encode(noise(), "WEBP", lossless=True),
    "GIF": encode(noise(), "GIF"),
}
ANIMATED = {
    kind: encode(small(9), kind, save_all=True, append_images=[noise(27).resize((27, 18))] * 3, duration=50)
    for kind in ("GIF", "WEBP", "PNG")
}


@pytest.mark.parametrize("kind", LOSSLESS)
def test_read_gives_exact_pixels_of_lossless_kinds(kind):
    picture = images.read(LOSSLESS[kind])
    assert picture.dtype == torch.uint8
    assert picture.permute(1, 2, 0).tolist() == [[list(c) for c in row] for row in COLOURS]


def test_read_takes_a_path_whatever_its_name(tmp_path):
    path = tmp_path / "picture.txt"
    path.write_bytes(LOSSLESS["WebP"])
    assert torch.equal(images.read(path), images.read(LOSSLESS["PNG"]))
    path.write_bytes(bytes(101))
    with pytest.raises(Refusal) as caught:
        images.read(path, max_bytes=100)
    assert caught.value.code == "picture_bytes"


@pytest.mark.parametrize("kind", NOISE)
def test_read_decodes_like_pillow(kind):
    ours = images.to_float(images.read(NOISE[kind]))
    theirs = images.from_pil(Image.open(io.BytesIO(NOISE[kind])))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=3 / 127.5)


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_one_pixel_and_thin_pictures(kind, size):
    picture = images.read(encode(Image.new("RGB", size, (200, 200, 200)), kind))
    assert picture.shape == (3, size[1], size[0])
    assert (picture.int() - 200).abs().max() <= 2


def test_pillows_decoders_are_never_reached(monkeypatch):
    files = [*LOSSLESS.values(), *NOISE.values(), ANIMATED["GIF"], b"junk", NOISE["JPEG"][:300]]

    def reached(*_args, **_options):
        raise AssertionError("Pillow decodes")

    monkeypatch.setattr(Image, "open", reached)
    monkeypatch.setattr(Image, "frombytes", reached)
    monkeypatch.setattr(Image, "_getdecoder", reached)
    monkeypatch.setattr(ImageFile.ImageFile, "load", reached)
    monkeypatch.setattr(ImageFile.Parser, "feed", reached)
    for data in files:
        try:
            images.read(data)
        except Refusal:
            continue


# The stored rows are abc and def.
UPRIGHT = {
    1: "abc/def",
    2: "cba/fed",
    3: "fed/cba",
    4: "def/abc",
    5: "ad/be/cf",
    6: "da/eb/fc",
    7: "fc/eb/da",
    8: "cf/be/ad",
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_every_exif_orientation(kind, orientation):
    exif = Image.Exif()
    exif[0x112] = orientation
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    picture = images.read(encode(small(16), kind, exif=exif, **options))
    letters = dict(zip("abcdef", [colour for row in COLOURS for colour in row], strict=True))
    rows = UPRIGHT[orientation].split("/")
    assert picture.shape == (3, 16 * len(rows), 16 * len(rows[0]))
    for y, row in enumerate(rows):
        for x, letter in enumerate(row):
            got = pixel(picture, 16 * x + 8, 16 * y + 8)
            assert max(abs(a - b) for a, b in zip(got, letters[letter], strict=True)) <= 8, (orientation, x, y)


@pytest.mark.parametrize(
    "exif", [b"", b"Exif\0\0", b"II*\0", b"MM\0*\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff" + bytes(30)]
)
def test_nonsense_exif_leaves_the_picture_as_stored(exif):
    assert containers.orientation(exif) == 1
    assert images.read(encode(small(), "PNG", exif=exif)).shape == (3, 2, 3)


def test_big_endian_exif():
    assert containers.orientation(b"Exif\0\0MM\0*" + struct.pack(">IHHHIHH", 8, 1, 0x112, 3, 1, 6, 0)) == 6


def test_alpha_is_blended_over_white():
    rgba = Image.new("RGBA", (2, 1))
    rgba.putdata([(255, 0, 0, 128), (10, 20, 30, 0)])
    for data in (encode(rgba, "PNG"), encode(rgba, "WEBP", lossless=True, exact=True)):
        picture = images.read(data)
        assert pixel(picture) == (255, 127, 127)
        assert pixel(picture, 1) == (255, 255, 255)
    grey = images.read(encode(Image.new("LA", (1, 1), (100, 51)), "PNG"))
    assert pixel(grey) == (224, 224, 224)


def test_palette_with_alpha():
    palette = Image.new("P", (3, 1))
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    palette.putdata([0, 1, 2])
    picture = images.read(encode(palette, "PNG", transparency=bytes([0, 51])))
    assert [pixel(picture, x) for x in range(3)] == [(255, 255, 255), (204, 255, 204), (0, 0, 255)]
    gif = images.read(encode(palette, "GIF", transparency=1))
    assert [pixel(gif, x) for x in range(3)] == [(255, 0, 0), (255, 255, 255), (0, 0, 255)]


@pytest.mark.parametrize(
    ("depth", "colour", "row", "key", "shown"),
    [
        (8, 0, bytes([7, 90]), struct.pack(">H", 7), [255, 90]),
        (2, 0, bytes([0b01_10_0000]), struct.pack(">H", 1), [255, 170]),
        (16, 0, struct.pack(">HH", 513, 514), struct.pack(">H", 513), [255, 2]),
        (8, 2, bytes([1, 2, 3, 1, 2, 4]), struct.pack(">HHH", 1, 2, 3), [255, 1]),
        (16, 2, struct.pack(">6H", 257, 257, 257, 257, 257, 258), struct.pack(">HHH", 257, 257, 257), [255, 1]),
    ],
)
def test_transparent_colour_of_grey_and_rgb_png(depth, colour, row, key, shown):
    picture = images.read(png_file(2, 1, depth, colour, b"\0" + row, (b"tRNS", key)))
    assert picture[0, 0].tolist() == shown


def test_sixteen_bit_png_is_scaled():
    grey = images.read(png_file(4, 1, 16, 0, b"\0" + struct.pack(">4H", 0, 128, 129, 65535)))
    assert grey[0, 0].tolist() == [0, 0, 1, 255]
    assert pixel(images.read(png_file(1, 1, 16, 2, b"\0" + struct.pack(">3H", 257, 25700, 65535)))) == (1, 100, 255)
    assert pixel(images.read(png_file(1, 1, 16, 6, b"\0" + struct.pack(">4H", 0, 65535, 0, 13107)))) == (204, 255, 204)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_low_depths_and_interlace_match_pillow(depth):
    levels = 2**depth
    rows = b"".join(bytes([0, *(((x * 37 + y * 11) & 255) for x in range((13 * depth + 7) // 8))]) for y in range(5))
    palette = bytes(range(3 * levels)) if depth < 8 else bytes(range(256)) * 3
    for colour, extra in ((0, []), (3, [(b"PLTE", palette)])):
        data = png_file(13, 5, depth, colour, rows, *extra)
        expected = Image.open(io.BytesIO(data)).convert("RGB")
        assert images.to_pil(images.read(data)).tobytes() == expected.tobytes()
    passes = [(2, 1), (2, 1), (4, 1), (3, 2), (7, 1), (6, 3), (13, 2)]  # Adam7 of 13 x 5
    raw = b"".join((b"\0" + bytes(range(40, 40 + (w * depth + 7) // 8))) * h for w, h in passes)
    data = png_file(13, 5, depth, 0, raw, interlace=1)
    assert images.to_pil(images.read(data)).tobytes() == Image.open(io.BytesIO(data)).convert("RGB").tobytes()


@pytest.mark.parametrize("colour", [(0, 0, 0, 0), (255, 0, 0, 0), (0, 255, 0, 0), (0, 0, 0, 255)])
def test_cmyk_jpeg(colour):
    image = Image.new("CMYK", (16, 16), colour)
    expected = image.convert("RGB").getpixel((0, 0))
    got = pixel(images.read(encode(image, "JPEG", quality=100)), 8, 8)
    assert max(abs(a - b) for a, b in zip(got, expected, strict=True)) <= 2


def test_metadata_after_the_picture_is_ignored():
    assert torch.equal(images.read(NOISE["JPEG"] + b"\xff\xd8\xff trailer"), images.read(NOISE["JPEG"]))
    assert torch.equal(images.read(LOSSLESS["PNG"] + b"trailer"), images.read(LOSSLESS["PNG"]))


def test_animated_gif_and_png_give_the_first_frame():
    for kind in ("GIF", "PNG"):
        picture = images.read(ANIMATED[kind])
        assert picture.shape == (3, 18, 27)
        assert pixel(picture) == COLOURS[0][0] and pixel(picture, 26, 17) == COLOURS[1][2]


def test_animated_webp_is_refused():
    refused(ANIMATED["WEBP"], "picture_animated")


def test_later_gif_frames_are_not_decoded(monkeypatch):
    """100,000 frames of 4 megapixels would take 1.2 TB: only the first may reach the decoder."""
    head, frame = LOSSLESS["GIF"], LOSSLESS["GIF"][13 + 3 * 2 ** ((LOSSLESS["GIF"][10] & 7) + 1) : -1]
    bomb = head[:-1] + frame * 100_000 + b";"
    assert len(bomb) > 2_000_000
    seen = []
    decode = torchvision.io.decode_gif
    monkeypatch.setattr(torchvision.io, "decode_gif", lambda data: seen.append(len(data)) or decode(data))
    assert images.read(bomb).shape == (3, 2, 3)
    assert seen and seen[0] < 1000


def gif_file(canvas, frame, palette: bytes = bytes(range(6)), body: bytes = b"\x02\x02\x44\x01\0") -> bytes:
    """One frame (x, y, w, h) whose LZW data holds one pixel of index 0."""
    return (
        b"GIF89a"
        + struct.pack("<HHBBB", *canvas, 0x80, 0, 0)
        + palette
        + struct.pack("<cHHHHB", b",", *frame, 0)
        + body
    )


def test_gif_canvas_is_kept_and_frames_outside_it_are_cut():
    picture = images.read(gif_file((3, 2), (1, 1, 1, 1)))
    assert picture.shape == (3, 2, 3)
    assert pixel(picture, 1, 1) == (0, 1, 2) and pixel(picture) == (255, 255, 255)
    assert (images.read(gif_file((3, 2), (9, 9, 1, 1))) == 255).all()
    assert pixel(images.read(gif_file((0, 0), (0, 0, 1, 1)))) == (0, 1, 2)
    moved = bytearray(encode(Image.new("L", (8, 8)), "GIF"))
    at = moved.index(b",\0\0\0\0\x08\0\x08\0")
    moved[6:10] = struct.pack("<HH", 3, 2)
    for x, black in ((1, 4), (5, 0)):
        moved[at + 1 : at + 5] = struct.pack("<HH", x, 0)
        picture = images.read(bytes(moved))
        assert picture.shape == (3, 2, 3) and int((picture[0] == 0).sum()) == black


def jpeg_claiming(width: int, height: int) -> bytes:
    at = NOISE["JPEG"].index(b"\xff\xc0")
    return NOISE["JPEG"][: at + 5] + struct.pack(">HH", height, width) + NOISE["JPEG"][at + 9 :]


def webp_claiming(width: int, height: int) -> bytes:
    extended = bytearray(encode(small(), "WEBP", lossless=True, exif=b"II*\0"))
    extended[24:30] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(extended)


BOMBS = {
    "PNG": png_file(10_000, 6_000, 8, 2, bytes(30_001 * 6_000)),
    "PNG 1 bit": png_file(60_000, 1_000, 1, 0, bytes(7_501 * 1_000)),
    "JPEG": jpeg_claiming(10_000, 6_000),
    "WebP": webp_claiming(10_000, 6_000),
    "WebP lossy": NOISE["WebP"][:26] + struct.pack("<HH", 10_000, 6_000) + NOISE["WebP"][30:],
    "WebP lossless": NOISE["WebP lossless"][:21] + struct.pack("<I", 9_999 | 5_999 << 14) + NOISE["WebP lossless"][25:],
    "GIF": gif_file((10_000, 6_000), (0, 0, 1, 1)),
    "GIF frame": gif_file((1, 1), (0, 0, 10_000, 6_000)),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_sixty_megapixels_are_refused_before_decoding(kind, monkeypatch):
    for name in ("decode_png", "decode_jpeg", "decode_webp", "decode_gif"):
        monkeypatch.setattr(torchvision.io, name, lambda *a, **k: pytest.fail("decoded"))
    monkeypatch.setattr(containers, "_png_pixels", lambda *a: pytest.fail("inflated"))
    refusal = refused(BOMBS[kind], "picture_pixels")
    assert refusal.values["width"] * refusal.values["height"] == 60_000_000
    assert refusal.values["limit"] == 40


def test_deep_png_within_the_pixel_limit_is_refused_when_its_bytes_are_too_many():
    refused(png_file(100, 100, 16, 6, bytes(801 * 100)), "picture_pixels", max_pixels=10_000)
    assert images.read(png_file(100, 100, 8, 6, bytes(401 * 100)), max_pixels=10_000).shape == (3, 100, 100)


def test_a_png_that_inflates_beyond_its_size_is_bounded():
    bomb = png_file(1, 1, 8, 0, b"\0\5" + bytes(50_000_000))
    images.read(LOSSLESS["PNG"])
    tracemalloc.start()
    try:
        assert images.read(bomb).flatten().tolist() == [5, 5, 5]
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_jpeg_of_many_scans_is_refused():
    data = NOISE["JPEG progressive"]
    at = data.rindex(b"\xff\xda")
    assert refused(data[:at] + data[at:-2] * 40 + b"\xff\xd9", "picture_broken").values == {"kind": "JPEG"}


def test_a_jpeg_with_a_second_frame_header_is_refused():
    at = NOISE["JPEG"].index(b"\xff\xc0")
    frame = NOISE["JPEG"][at : at + 19]
    refused(NOISE["JPEG"][:at] + frame + NOISE["JPEG"][at:], "picture_broken")


@pytest.mark.parametrize("kind", NOISE)
def test_truncated_files_are_refused(kind):
    data = NOISE[kind]
    for keep in (len(data) // 2, len(data) - 3, len(data) // 10, 30):
        refused(data[:keep], "picture_broken")


# torchvision 0.29's decode_png ends the process on each of these.
CORRUPT_PNG = {
    "too few rows": png_file(64, 64, 8, 2, bytes(1000)),
    "bad filter": png_file(2, 2, 8, 0, b"\7\0\1\7\2\2"),
    "bad filter in a later row": png_file(2, 2, 8, 0, b"\0\0\1\5\2\2"),
    "bad checksum": NOISE["PNG"][:60] + b"x" + NOISE["PNG"][61:],
    "palette checksum": png_file(1, 1, 8, 3, b"\0\0", (b"PLTE", b"abc")).replace(b"PLTEabc", b"PLTEabd"),
    "not deflate": png_file(2, 2, 8, 0, b"").replace(
        png_chunk(b"IDAT", zlib.compress(b"")), png_chunk(b"IDAT", b"abc")
    ),
    "no rows": png_file(2, 2, 8, 0, b"").replace(png_chunk(b"IDAT", zlib.compress(b"")), b""),
    "no palette": png_file(2, 1, 8, 3, b"\0\0\1"),
    "depth 16 of a palette": png_file(1, 1, 16, 3, b"\0\0\1", (b"PLTE", b"abc")),
    "colour type 5": png_file(1, 1, 8, 5, b"\0\0\1"),
    "interlace 2": png_file(1, 1, 8, 0, b"\0\0", interlace=2),
    "no width": png_file(0, 1, 8, 0, b"\0"),
    "short tRNS": png_file(1, 1, 8, 2, b"\0abc", (b"tRNS", b"ab")),
}


@pytest.mark.parametrize("kind", CORRUPT_PNG)
def test_corrupt_png_is_refused_and_the_process_lives(kind):
    assert refused(CORRUPT_PNG[kind], "picture_broken").values == {"kind": "PNG"}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "picture_empty"),
        (b"just text", "picture_kind"),
        (b"8BPS\0\1" + bytes(100), "picture_kind"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "picture_kind"),
        (b"BM" + bytes(100), "picture_kind"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "picture_kind"),
        (b"\x89PNG\r\n\x1a\n", "picture_broken"),
        (b"\xff\xd8\xff", "picture_broken"),
        (b"\xff\xd8\xff\xd9", "picture_broken"),
        (b"GIF89a", "picture_broken"),
        (b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0, 0, 0) + b";", "picture_broken"),
        (gif_file((1, 1), (0, 0, 1, 1)).replace(bytes(range(6)), b"").replace(b"\x80", b"\0"), "picture_broken"),
        (b"RIFF\4\0\0\0WEBP", "picture_broken"),
    ],
)
def test_files_that_are_no_picture(data, code, tmp_path):
    refused(data, code)
    for name in ("renamed.png", "renamed.jpg"):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(Refusal) as caught:
            images.read(tmp_path / name)
        assert caught.value.code == code


def test_limits_are_inclusive():
    assert images.read(LOSSLESS["PNG"], max_bytes=len(LOSSLESS["PNG"]), max_pixels=6).shape == (3, 2, 3)
    assert refused(LOSSLESS["PNG"], "picture_bytes", max_bytes=len(LOSSLESS["PNG"]) - 1).values["limit"] > 0
    assert refused(LOSSLESS["PNG"], "picture_pixels", max_pixels=5).values == {"width": 3, "height": 2, "limit": 5e-6}


def test_running_out_of_memory_is_not_called_a_broken_picture(monkeypatch):
    def full(*_args, **_options):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(torchvision.io, "decode_jpeg", full)
    with pytest.raises(RuntimeError, match="allocate"):
        images.read(NOISE["JPEG"])


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_mutated_files_decode_or_are_refused(data):
    file = bytearray(data.draw(st.sampled_from([*NOISE.values(), *LOSSLESS.values(), *ANIMATED.values()])))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(file) - 1) | st.integers(0, min(len(file) - 1, 60)))
        piece = data.draw(st.binary(max_size=8))
        file[at : at + data.draw(st.integers(0, 8))] = piece or b"\0"
    if data.draw(st.booleans()) and file.startswith(b"\x89PNG"):
        file = bytearray(checksums_renewed(bytes(file)))
    try:
        picture = images.read(bytes(file), max_pixels=100_000)
    except Refusal as refusal:
        assert refusal.code.startswith("picture_")
        return
    assert picture.dtype == torch.uint8 and picture.ndim == 3 and picture.shape[0] == 3
    assert 0 < picture[0].numel() <= 100_000


def checksums_renewed(data: bytes) -> bytes:
    """The same PNG with right checksums, so that a mutation reaches beyond them."""
    out, at = data[:8], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if at + 12 + length > len(data):
            break
        out += png_chunk(data[at + 4 : at + 8], data[at + 8 : at + 8 + length])
        at += 12 + length
    return out + data[at:]


def test_pil_round_trip_and_ranges():
    tensor = images.from_pil(small())
    assert tensor.shape == (1, 3, 2, 3) and tensor.dtype == torch.float32
    assert tensor.min() == -1 and tensor.max() == 1
    assert images.to_pil(tensor).tobytes() == small().tobytes()
    assert images.to_pil(images.read(LOSSLESS["PNG"])).tobytes() == small().tobytes()
    torch.testing.assert_close(images.to_float(images.read(LOSSLESS["PNG"])), tensor)
    assert images.to_pil(torch.tensor([[[-9.0, 0.0, 9.0]]])).tobytes() == bytes([0, 128, 255])
    assert images.to_pil(torch.zeros(1, 4, 5, dtype=torch.uint8)).mode == "L"
    half = images.from_pil(Image.new("RGBA", (1, 1), (255, 0, 0, 0)))
    assert (half == 1).all()


@pytest.mark.parametrize("shape", [(2, 3, 4, 4), (2, 4, 4), (4, 4)])
def test_to_pil_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match="shape"):
        images.to_pil(torch.zeros(shape))


def test_to_pil_refuses_nan():
    with pytest.raises(ValueError, match="NaN"):
        images.to_pil(torch.full((3, 2, 2), torch.nan))


def test_grid_places_pictures_row_by_row():
    sheet = images.grid(torch.tensor([-1.0, 0.0, 1.0]).view(3, 1, 1, 1).expand(3, 3, 4, 5), columns=2, gap=1)
    assert sheet.size == (2 * 6 + 1, 2 * 5 + 1)
    assert [sheet.getpixel(at)[0] for at in ((0, 0), (1, 1), (7, 1), (1, 6), (7, 6))] == [255, 0, 128, 255, 255]
    assert images.grid([torch.zeros(3, 4, 5, dtype=torch.uint8)] * 3, columns=3, gap=0).size == (15, 4)
    for pictures, columns, gap in (([], 1, 0), (torch.zeros(1, 3, 2, 2), 0, 0), (torch.zeros(1, 3, 2, 2), 1, -1)):
        with pytest.raises(ValueError, match="needed"):
            images.grid(pictures, columns, gap)


def test_png_carries_its_settings():
    chosen = {"model": "tiny", "seed": 7, "prompt": "gato à lua — 猫", "guidance_scale": 7.5, "steps": [1, 2]}
    data = images.png(small(), **chosen)
    assert images.png_settings(data) == chosen
    text = Image.open(io.BytesIO(data)).text
    assert text["model"] == "tiny" and text["seed"] == "7" and json.loads(text["parameters"]) == chosen
    assert text["Software"] == "GenLab" and text["DigitalSourceType"] == "trainedAlgorithmicMedia"
    assert torch.equal(images.read(data), images.read(LOSSLESS["PNG"]))


def test_png_refuses_settings_it_cannot_keep():
    for bad in ({"prompt": "x" * 70_000}, {"scale": float("nan")}):
        with pytest.raises(ValueError):
            images.png(small(), **bad)
    with pytest.raises(TypeError):
        images.png(small(), tensor=torch.zeros(1))


def text_png(parameters: bytes, software: bytes = b"GenLab") -> bytes:
    texts = [(b"tEXt", b"parameters\0" + parameters), (b"tEXt", b"Software\0" + software)]
    return png_file(1, 1, 8, 0, b"\0\0", *texts)


def test_png_settings_of_other_files_are_empty():
    assert images.png_settings(text_png(b'{"seed": 1}')) == {"seed": 1}
    others = [b"", b"junk", LOSSLESS["PNG"], LOSSLESS["GIF"], images.png(small(), seed=1)[:-20]]
    others += [text_png(b'{"seed": 1}', b"Other"), text_png(b"[1]"), text_png(b"{"), text_png(b"\xff\xfe")]
    others += [text_png(b"[" * 60_000), text_png(b'{"a":' * 10_000), text_png(b'{"a": "%s"}' % (b"x" * 70_000))]
    others += [text_png(b'{"a": %s}' % (b"9" * 10_000)), b"\x89PNG\r\n\x1a\n" + bytes(images.MAX_BYTES)]
    for data in others:
        assert images.png_settings(data) == {}


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.integers(8, 300))
def test_png_settings_never_fails(piece, at):
    data = images.png(small(), seed=1)
    assert isinstance(images.png_settings(data[:at] + piece + data[at + len(piece) :]), dict)


def test_gif_keeps_frames_and_time():
    frames = [Image.new("RGB", (4, 3), colour) for colour in ("red", "green", "blue")]
    film = Image.open(io.BytesIO(images.gif(frames, 0.25)))
    assert (film.n_frames, film.size, film.info["duration"], film.info["loop"]) == (3, (4, 3), 250, 0)
    film.seek(2)
    assert film.convert("RGB").getpixel((0, 0)) == (0, 0, 255)
    assert Image.open(io.BytesIO(images.gif(frames, 0))).info["duration"] == 20
    for bad in ([], [frames[0], Image.new("RGB", (5, 3))]):
        with pytest.raises(ValueError, match="frames"):
            images.gif(bad, 0.1)


def test_from_canvas_keeps_rows():
    raw = bytes(i % 251 for i in range(784))
    picture = images.from_canvas(base64.b64encode(raw).decode())
    assert picture.shape == (28, 28) and picture.dtype == torch.uint8
    assert bytes(picture.flatten().tolist()) == raw
    assert images.from_canvas(base64.b64encode(bytes(9)).decode(), size=3).shape == (3, 3)


GOOD = base64.b64encode(bytes(784)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        GOOD[:-4],
        GOOD + "AAAA",
        "!" + GOOD[1:],
        GOOD[:4] + "\n" + GOOD[5:],
        "é" + GOOD[1:],
        GOOD[:-2] + "AA",
        GOOD[:-4] + "AA=A",
    ]
    + [None, 7, GOOD.encode(), SimpleNamespace(), ["A"] * len(GOOD)],
)
def test_from_canvas_refuses_the_rest(text):
    with pytest.raises(Refusal) as caught:
        images.from_canvas(text)
    assert caught.value.code == "drawing" and caught.value.values == {"size": 28}
