"""Picture vectors in the denoiser's training, the prior that predicts them, and what is made of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from genmodels.data import emoji
from genmodels.text_to_image import batches, latents

# diffusers' own numpy conversion of a tensor, with numpy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")

NAMES = (("red apple", "maçã vermelha"), ("car", "carro"), ("cat", "gato"))
SUBJECTS = tuple(
    emoji.Subject(f"{i:04x}", "food", i, {"en": en, "pt": pt}, {"en": (en, "thing"), "pt": (pt, "coisa")})
    for i, (en, pt) in enumerate(NAMES)
)


def square(color: tuple[int, int, int]) -> np.ndarray:
    picture = np.full((64, 64, 3), 255, np.uint8)
    picture[16:48, 16:48] = color
    return picture


class Means(nn.Module):
    """A picture encoder whose vector is the picture's average colour, in the first three of 512 places."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.pad(x.mean((2, 3)) * self.scale, (0, 509))


class Halves(nn.Module):
    """As an autoencoder, only its encoder: latents are the picture's colours averaged over 8x8 patches."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(1, 1)

    def encode(self, x):
        z = nn.functional.avg_pool2d(x, 8).repeat(1, 4, 1, 1)
        return type("E", (), {"latent_dist": type("D", (), {"mode": staticmethod(lambda: z)})})

    def normalize(self, z):
        return z


@pytest.fixture
def data(tmp_path, monkeypatch) -> emoji.Emoji:
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path))
    (tmp_path / "data").mkdir()
    pictures = np.stack([square(c) for c in ((220, 40, 40), (40, 60, 220), (60, 180, 60))])
    return emoji.Emoji(pictures, np.arange(3), np.array([0, 1, 2]), np.zeros(3, np.uint8), SUBJECTS)


def test_every_copy_has_the_vector_of_its_own_picture(data):
    chosen, vectors = latents.variants(data, Halves()), latents.picture_vectors(data, Means())
    expected = nn.functional.normalize(chosen.latents[:, :3].mean((2, 3)), dim=1)
    assert len(chosen.subject) > 6 and (chosen.color != latents.NO_COLOR).any()
    torch.testing.assert_close(vectors[:, :3], expected, atol=2e-3, rtol=0)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(len(vectors)))


def test_picture_vectors_are_kept_by_the_encoders_hash(data):
    first, other = Means(), Means()
    latents.picture_vectors(data, first)
    first.forward = None  # a second call must not encode again
    assert latents.picture_vectors(data, first).shape[1] == 512
    with torch.no_grad():
        other.scale.fill_(-1.0)
    assert not torch.allclose(latents.picture_vectors(data, other), latents.picture_vectors(data, first))


def stream(data: emoji.Emoji, **options) -> batches.DiffusionBatches:
    return batches.DiffusionBatches(data, latents.variants(data, Halves()), 64, **options)


def test_a_share_of_the_rows_is_asked_for_by_picture(data):
    vectors = latents.picture_vectors(data, Means())
    rows = np.random.default_rng(0).integers(0, len(vectors), 4000)
    mixed = stream(data, no_caption=0.1, pictures=vectors, share=0.25)
    t = torch.full((len(rows),), 300)
    _, _, _, tokens, mask, _ = mixed.batch(rows, t, np.random.default_rng(1), torch.Generator().manual_seed(1))
    near = (tokens[:, 0] * vectors[torch.from_numpy(rows)]).sum(1)
    by_picture = near > 0.8  # text vectors and vectors of three places have almost nothing in common
    assert by_picture.float().mean() == pytest.approx(0.25, abs=0.03)
    assert not mask[by_picture, 1:].any()
    assert mask[by_picture, 0].float().mean() == pytest.approx(0.9, abs=0.03)  # dropped as captions are
    assert mask[~by_picture, 0].float().mean() == pytest.approx(0.9, abs=0.03)
    assert 0.9 < float(near[by_picture].mean()) < 0.99  # noisy
    torch.testing.assert_close(tokens[by_picture, 0].norm(dim=1), torch.ones(int(by_picture.sum())))


def test_pictures_change_neither_noise_nor_the_plain_stream(data):
    vectors = latents.picture_vectors(data, Means())

    def drawn(**options):
        source = stream(data, no_caption=0.0, **options)
        rng, generator = np.random.default_rng(3), torch.Generator().manual_seed(3)
        rows = np.arange(8) % len(vectors)
        return [source.batch(rows, source.times(8, generator), rng, generator) for _ in range(2)]

    plain, none, all_pictures = drawn(), drawn(pictures=vectors, share=0.0), drawn(pictures=vectors, share=1.0)
    torch.testing.assert_close(plain[0], none[0])
    for a, b in zip(plain, all_pictures, strict=True):
        torch.testing.assert_close(a[:3], b[:3])
