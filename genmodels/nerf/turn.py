"""A camera's way once round the scene, as a file: GIF or MP4."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
from PIL import Image
from torch import nn

from genmodels import images
from genmodels.errors import Refusal, in_range
from genmodels.nerf.rays import orbit
from genmodels.nerf.voxels import picture

FOV = 138.88889 / 100  # focal length over the picture's height, as the scenes were rendered
SIZES, COUNTS = (16, 800), (2, 360)


def frames(
    model: nn.Module,
    elevation: float,
    distance: float,
    size: int,
    n: int,
    azimuth: float = 0.0,
    background: float = 1.0,
) -> Iterator[np.ndarray]:
    """n pictures (size, size, 3) uint8 of one full turn at that height, starting at `azimuth`; the last one's next
    would be the first.

    model: anything with `render` (a field or its bake); background: grey level in [0, 1].
    Raises Refusal("range") for a size, count or angle out of range, Refusal("camera_distance") for the distance.
    """
    in_range("size", size, *SIZES)
    in_range("frames", n, *COUNTS)
    for i in range(n):
        found = picture(model, orbit((azimuth + 360 * i / n) % 360, elevation, distance), FOV * size, size, size)
        rgb = found[..., :3] + background * (1 - found[..., 3:4])
        yield (rgb.clip(0, 1) * 255).round().astype(np.uint8)


def write(path: Path, pictures: Iterable[np.ndarray], fps: int = 24) -> None:
    """Pictures (H, W, 3) uint8 of one size as an animation: `.gif` repeats for ever, `.mp4` is H.264.

    An odd side loses a row or column in MP4, which halves the colours' resolution.
    Raises Refusal("file_turn") for another suffix, ValueError for no pictures.
    """
    if path.suffix == ".gif":
        path.write_bytes(images.gif([Image.fromarray(one) for one in pictures], 1 / fps))
    elif path.suffix == ".mp4":
        _mp4(path, iter(pictures), fps)
    else:
        raise Refusal("file_turn", f"the file {path.name} must end in .gif or .mp4", name=path.name[:60])


def _mp4(path: Path, pictures: Iterator[np.ndarray], fps: int) -> None:
    import imageio_ffmpeg

    first = next(pictures, None)
    if first is None:
        raise ValueError("no pictures; at least one is needed")
    height, width = (side // 2 * 2 for side in first.shape[:2])
    sink = imageio_ffmpeg.write_frames(
        str(path), (width, height), fps=fps, codec="libx264", quality=8, macro_block_size=2, ffmpeg_log_level="error"
    )
    try:
        sink.send(None)
        for one in chain([first], pictures):
            sink.send(np.ascontiguousarray(one[:height, :width]))
    finally:
        sink.close()
