"""A turn round the scene: which way it goes, and files that decode to what was written."""

from __future__ import annotations

import io
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from genmodels.errors import Refusal
from genmodels.nerf import turn


class Ball:
    """A red ball of radius 0.3 at (1, 0, 0), opaque, on nothing: its silhouette by the distance of a ray to a point."""

    def render(self, rays_o: np.ndarray, rays_d: np.ndarray) -> np.ndarray:
        to = np.array([1, 0, 0]) - rays_o
        along = (to * rays_d).sum(-1, keepdims=True)
        hit = (np.linalg.norm(to - along * rays_d, axis=-1) < 0.3).astype(np.float32)
        out = np.zeros((len(rays_o), 5), np.float32)
        out[:, 0], out[:, 3], out[:, 4] = hit, hit, hit * along[:, 0]
        return out


def column(frame: np.ndarray) -> float:
    """Where the ball is: the mean column of its pixels, from -1 (left) to 1 (right)."""
    at = np.nonzero(frame[..., 1] < 128)[1]
    return float(at.mean() + 0.5) / frame.shape[1] * 2 - 1


def frames(n: int = 8, size: int = 60) -> list[np.ndarray]:
    return list(turn.frames(Ball(), 10.0, 4.0, size, n))


def test_the_camera_goes_round_from_x_towards_y():
    found = frames(4, 60)
    assert [one.shape for one in found] == [(60, 60, 3)] * 4 and found[0].dtype == np.uint8
    places = [column(one) for one in found]
    # At azimuth 0 the ball on +x stands in front; from +y, looking along -y, +x is on the left.
    focal = 2 * turn.FOV
    np.testing.assert_allclose(places, [0, -focal / 4, 0, focal / 4], atol=0.03)
    sizes = [(one[..., 1] < 128).sum() for one in found]
    assert sizes[0] > sizes[1] > sizes[2]


def test_the_background_is_what_was_asked_for():
    grey = next(turn.frames(Ball(), 0.0, 4.0, 20, 2, background=0.5))
    assert tuple(grey[0, 0]) == (128, 128, 128)
    assert tuple(next(turn.frames(Ball(), 0.0, 4.0, 20, 2))[0, 0]) == (255, 255, 255)


def test_a_gif_holds_every_frame(tmp_path: Path):
    drawn = frames()
    turn.write(tmp_path / "turn.gif", drawn, fps=10)
    with Image.open(io.BytesIO((tmp_path / "turn.gif").read_bytes())) as film:
        assert film.n_frames == 8 and film.info["duration"] == 100 and film.info["loop"] == 0
        for i, one in enumerate(drawn):
            film.seek(i)
            assert np.abs(np.asarray(film.convert("RGB")).astype(int) - one).max() < 8, i


# The reader leaves its pipes to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_mp4_holds_every_frame(tmp_path: Path):
    drawn = [frame[:, :59] for frame in frames(8, 60)]
    turn.write(tmp_path / "turn.mp4", iter(drawn), fps=8)
    reader = imageio_ffmpeg.read_frames(str(tmp_path / "turn.mp4"))
    meta = next(reader)
    assert meta["source_size"] == (58, 60) and meta["fps"] == 8
    decoded = [np.frombuffer(data, np.uint8).reshape(60, 58, 3) for data in reader]
    assert len(decoded) == 8
    for found, one in zip(decoded, drawn, strict=True):
        assert np.abs(found.astype(int) - one[:, :58]).mean() < 6


@pytest.mark.parametrize("name", ["turn.avi", "turn", "turn.GIF.exe"])
def test_another_suffix_is_refused(tmp_path: Path, name: str):
    with pytest.raises(Refusal) as refusal:
        turn.write(tmp_path / name, frames(2, 16))
    assert refusal.value.code == "file_turn" and not (tmp_path / name).exists()


def test_nothing_to_write_is_an_error(tmp_path: Path):
    for suffix in ("gif", "mp4"):
        with pytest.raises(ValueError):
            turn.write(tmp_path / f"turn.{suffix}", [])


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ((91.0, 4.0, 60, 4), "range"),
        ((float("nan"), 4.0, 60, 4), "range"),
        ((10.0, 0.0, 60, 4), "camera_distance"),
        ((10.0, float("nan"), 60, 4), "camera_distance"),
        ((10.0, 4.0, 8000, 4), "range"),
        ((10.0, 4.0, 60, 1), "range"),
        ((10.0, 4.0, 60, 10_000), "range"),
    ],
)
def test_bad_turns_are_refused(values: tuple, code: str):
    with pytest.raises(Refusal) as refusal:
        next(turn.frames(Ball(), *values))
    assert refusal.value.code == code
