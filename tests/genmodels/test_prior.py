"""Picture vectors in the denoiser's training, the prior that predicts them, and what is made of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from genmodels import registry, weights
from genmodels.data import emoji
from genmodels.errors import Refusal
from genmodels.text_to_image import batches, latents, pipeline, text
from genmodels.text_to_image import prior as prior_
from genmodels.text_to_image.autoencoder import PatchAutoencoder
from genmodels.text_to_image.denoiser import EmojiTransformer2DModel

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
    assert mask[by_picture, 0].all()  # only captions are dropped
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


# The prior


def unit(*shape: int, seed: int = 0) -> torch.Tensor:
    return nn.functional.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


def last(steps):
    *_, end = steps
    return end


@pytest.fixture(scope="module")
def prior() -> prior_.EmojiPrior:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = prior_.EmojiPrior(dim=32, num_layers=2, num_heads=2).eval()
    model.fit_statistics(unit(500, 512, seed=4) + 0.05)
    return model


class Exact(prior_.EmojiPrior):
    """Predicts one vector for a phrase and another without one, whatever the noise."""

    def forward(self, z_t, t, phrase, style):
        named = phrase.norm(dim=1, keepdim=True) > 0
        return torch.where(named, self.named, self.empty).expand(len(z_t), -1)


@pytest.fixture
def exact(prior) -> Exact:
    model = Exact(dim=32, num_layers=2, num_heads=2).eval()
    model.load_state_dict(prior.state_dict())
    model.named, model.empty = (torch.randn(1, 512, generator=torch.Generator().manual_seed(i)) for i in (1, 2))
    return model


def test_statistics_make_a_mean_square_of_one_and_keep_angles(prior):
    vectors = unit(500, 512, seed=4) + 0.05
    z = prior.normalize(vectors)
    assert float(z.square().mean()) == pytest.approx(1, abs=1e-3)
    assert z.mean(0).abs().max() < 1e-4
    torch.testing.assert_close(prior.denormalize(z), nn.functional.normalize(vectors, dim=1))


def test_a_perfect_prior_lands_on_the_vector(exact):
    steps = list(prior_.picture_vectors(exact, ["gato", "car"], steps=10, guidance_scale=1))
    assert [s.i for s in steps] == list(range(1, 11)) and {s.n for s in steps} == {10}
    torch.testing.assert_close(steps[-1].x_t, exact.named.expand(2, -1), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(steps[0].x0, exact.denormalize(exact.named).expand(2, -1))


def test_guidance_moves_past_the_phrase_and_an_empty_prompt_asks_for_any(exact):
    guided = last(prior_.picture_vectors(exact, ["gato"], steps=3, guidance_scale=3)).x0
    expected = exact.denormalize(exact.empty + 3 * (exact.named - exact.empty))
    torch.testing.assert_close(guided, expected)
    torch.testing.assert_close(last(prior_.picture_vectors(exact, [""], steps=3)).x0, exact.denormalize(exact.empty))


def test_same_seed_same_vector_in_any_company(prior):
    def draw(seed, prompts=("gato",), **options):
        return last(prior_.picture_vectors(prior, prompts, seed=seed, steps=3, **options)).x0

    assert torch.equal(draw(7), draw(7))
    torch.testing.assert_close(draw(7, ("gato", "car"))[:1], draw(7))
    assert not torch.allclose(draw(7), draw(8))
    assert not torch.allclose(draw(7, style="noto"), draw(7, style="twemoji"))
    torch.testing.assert_close(draw(7).norm(dim=1), torch.ones(1))


@pytest.mark.parametrize("bad", [{"steps": 0}, {"guidance_scale": float("nan")}, {"style": "apple"}, {"seed": -1}])
def test_the_prior_refuses_what_is_out_of_range(prior, bad):
    with pytest.raises(Refusal):
        next(prior_.picture_vectors(prior, ["gato"], **bad))


def test_batches_are_the_noisy_and_the_clean_vector_of_one_picture(data, prior):
    vectors = latents.picture_vectors(data, Means())
    made = prior_.PriorBatches(prior, stream(data, no_caption=0.2), vectors)
    z_t, z0, t, phrase, style = next(made(0))
    kept = prior_.new_scheduler().alphas_cumprod[t][:, None]
    eps = (z_t - kept.sqrt() * z0) / (1 - kept).sqrt().clamp(min=1e-3)
    assert float(eps.std()) == pytest.approx(1, abs=0.05)
    assert float((eps * z0).mean()) == pytest.approx(0, abs=0.3)
    assert 0.05 < float((phrase.norm(dim=1) == 0).float().mean()) < 0.4  # dropped
    assert style.shape == (64,)
    nearest = (prior.denormalize(z0) @ vectors.T).amax(1)
    torch.testing.assert_close(nearest, torch.ones(64), atol=1e-3, rtol=0)


def test_the_prior_learns_a_turn_of_the_phrase():
    """Pictures' vectors are the phrases' with their places exchanged: the phrase alone says nothing about them."""
    phrase = unit(64, 512, seed=1)
    vectors = phrase.flip(1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = prior_.EmojiPrior(dim=64, num_layers=2, num_heads=2)
    model.fit_statistics(vectors)
    z0, style = model.normalize(vectors).detach(), torch.zeros(64, dtype=torch.long)
    kept = prior_.new_scheduler().alphas_cumprod
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(120):
        t = torch.randint(1000, (64,), generator=generator)
        alpha = kept[t][:, None]
        z_t = alpha.sqrt() * z0 + (1 - alpha).sqrt() * torch.randn(z0.shape, generator=generator)
        optimizer.zero_grad()
        prior_.loss(model, z_t, z0, t, phrase, style).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        out = model(torch.randn(64, 512, generator=generator), torch.tensor(999), phrase, style)
    cosine = (model.denormalize(out) * vectors).sum(1).mean()
    assert float((phrase * vectors).sum(1).mean()) < 0.1 < 0.6 < float(cosine)


# What is made of picture vectors


@pytest.fixture(scope="module")
def tiny() -> pipeline.EmojiPipeline:
    autoencoder = PatchAutoencoder(width=32, latents_mean=(0.5,) * 12, latents_std=(2.0,) * 12)
    model = pipeline.EmojiPipeline(autoencoder, EmojiTransformer2DModel(dim=32, num_layers=2, num_heads=2)).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) * 0.15)
    return model


def test_a_picture_vector_stands_where_the_phrase_would(tiny):
    phrase, mask = text.tokens(["gato"])
    alone = (phrase[:, :1], mask[:, :1])  # the phrase without its words
    expected = last(pipeline.sample(tiny, alone, seed=3, steps=2)).x_t
    given = prior_.as_tokens(torch.from_numpy(text.vector("gato").copy())[None])
    torch.testing.assert_close(last(pipeline.sample(tiny, given, seed=3, steps=2)).x_t, expected)


def test_variations_share_the_picture_and_differ_in_noise(tiny):
    def make(picture, **options):
        return last(prior_.variations(tiny, lambda x: Means()(x), picture, seed=3, steps=2, **options)).x_t

    red, blue = (torch.zeros(1, 3, 64, 64) for _ in range(2))
    red[:, 0], blue[:, 2] = 1, 1
    four = make(red, count=4)
    assert four.shape == (4, 12, 8, 8) and not torch.allclose(four[0], four[1])
    torch.testing.assert_close(four[:1], make(red, count=1), atol=1e-4, rtol=1e-4)
    assert not torch.allclose(make(blue, count=1), make(red, count=1))
    with pytest.raises(Refusal):
        make(red, count=0)


def test_between_two_pictures_the_vector_turns_evenly():
    red, blue = torch.zeros(3, 64, 64), torch.zeros(3, 64, 64)
    red[0], blue[2] = 1, 1
    with torch.no_grad():
        path = prior_.between(Means(), red, blue, torch.linspace(0, 1, 5))
    torch.testing.assert_close(path.norm(dim=1), torch.ones(5))
    torch.testing.assert_close((path[1:] * path[:-1]).sum(1), torch.full((4,), float(np.cos(np.pi / 8))))
    assert path[0, 0] == pytest.approx(1) and path[-1, 2] == pytest.approx(1)


# The shipped prior


def test_the_shipped_prior_comes_nearer_to_unseen_pictures_than_the_phrase():
    figures = weights.read_card("emoji-prior")["held_out"]
    for side in ("unseen_pairs", "unseen_subjects"):
        assert figures[f"cosine_prior_{side}"] > 1.5 * figures[f"cosine_text_{side}"]
        for what in ("top1", "top5"):
            assert figures[f"{what}_prior_{side}"] > figures[f"{what}_text_{side}"]


def test_the_shipped_prior_answers_both_languages_alike():
    model = registry.load("emoji-prior", "cpu")
    cat, gato, car = last(prior_.picture_vectors(model, ["cat", "gato", "car"], style="noto", seed=3)).x0
    assert cat @ gato > 0.7 > cat @ car + 0.2
