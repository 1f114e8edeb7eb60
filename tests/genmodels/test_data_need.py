"""The same small denoiser on 1, 10 and 100 % of the data: who knows what, what is written, and that few is by heart."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from genmodels import registry, weights
from genmodels.data import emoji
from genmodels.text_to_image import data_need, latents, pipeline
from genmodels.text_to_image.autoencoder import PatchAutoencoder
from genmodels.text_to_image.denoiser import EmojiTransformer2DModel
from genmodels.train import Budget, Trained

# diffusers' own numpy conversion of a tensor, with numpy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")


def named(number: int, en: str, pt: str) -> emoji.Subject:
    return emoji.Subject(f"{number:04x}", "food", number, {"en": en, "pt": pt}, {"en": (en,), "pt": (pt,)})


def many(count: int = 1000) -> emoji.Emoji:
    """Subjects with a picture in each of two styles; every tenth is held out."""
    subject = np.repeat(np.arange(count), 2)
    split = np.where(subject % 10 == 0, emoji.HELD_SUBJECT, emoji.TRAIN).astype(np.uint8)
    names = tuple(named(i, f"thing {i}", f"coisa {i}") for i in range(count))
    return emoji.Emoji(np.zeros((2 * count, 1, 1, 3), np.uint8), subject, np.tile([0, 1], count), split, names)


def test_smaller_sets_lie_inside_larger_ones_and_hold_only_training_subjects():
    data = many()
    one, ten, all_ = (data_need.subjects(data, share) for share in data_need.SHARES)
    assert [len(one), len(ten), len(all_)] == [9, 90, 900]
    assert set(one) < set(ten) < set(all_) and not (all_ % 10 == 0).any()
    assert len(set(np.diff(ten).tolist())) > 5  # by hash, not the first or every n-th
    assert np.array_equal(one, data_need.subjects(many(), 1))


def test_only_keeps_the_pictures_of_the_subjects():
    data = many(30)
    count = len(data.subject)
    every = latents.Variants(
        torch.arange(count).float().view(-1, 1, 1, 1).expand(-1, 12, 8, 8),
        *(data.subject, data.style, np.full(count, latents.NO_COLOR), np.full(count, 3)),
        np.full(count, 1 / count),
    )
    own = data_need.only(every, np.array([3, 7]))
    assert own.subject.tolist() == [3, 3, 7, 7] and own.style.tolist() == [0, 1, 0, 1]
    assert own.latents[:, 0, 0, 0].tolist() == [6, 7, 14, 15]
    assert own.chance.tolist() == [0.25] * 4


@pytest.fixture
def small(tmp_path, monkeypatch) -> emoji.Emoji:
    """Six subjects as squares of their own colour; a tiny autoencoder and tiny denoisers in a folder of the test."""
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache" / "data").mkdir(parents=True)
    monkeypatch.setattr(weights, "ASSETS", tmp_path / "weights")
    registry.forget()
    autoencoder = PatchAutoencoder(width=32, latents_mean=(0.0,) * 12, latents_std=(4.0,) * 12)
    autoencoder.save_pretrained(weights.ASSETS / "emoji-autoencoder")
    weights.write_card("emoji-autoencoder")
    monkeypatch.setattr(data_need, "new_model", lambda: EmojiTransformer2DModel(dim=64, num_layers=2, num_heads=2))
    words = [("apple", "maçã"), ("car", "carro"), ("cat", "gato"), ("tree", "árvore"), ("ball", "bola"), ("sun", "sol")]
    pictures = np.full((6, 64, 64, 3), 255, np.uint8)
    blocks = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 3))
    pictures[:, 16:48, 16:48] = blocks.repeat(8, 1).repeat(8, 2)
    split = np.array([emoji.TRAIN] * 4 + [emoji.HELD_PAIR, emoji.HELD_SUBJECT], np.uint8)
    data = emoji.Emoji(
        pictures, np.arange(6), np.zeros(6, int), split, tuple(named(i, *w) for i, w in enumerate(words))
    )
    monkeypatch.setattr(emoji, "load", lambda: data)
    yield data
    registry.forget()


def test_a_recipe_learns_its_pictures_by_heart_and_says_so(small, monkeypatch):
    monkeypatch.setattr(data_need, "PICTURES", 200 * data_need.BATCH)
    steps = list(data_need.recipe(100, Budget()))
    assert steps[-1].i == steps[-1].n == 200
    card = weights.read_card("emoji-data-100")
    held_out = card["held_out"]
    assert (held_out["subjects"], held_out["pictures"]) == (4, 4)
    assert card["subjects"] == {"en": ["apple", "car", "cat", "tree"], "pt": ["maçã", "carro", "gato", "árvore"]}
    assert held_out["loss_own"] < 0.7 * min(held_out["loss_unseen_pairs"], held_out["loss_unseen_subjects"])


def test_the_folder_holds_the_denoiser_alone_and_opens_with_the_shared_autoencoder(small):
    model, trained = data_need.new_model(), Trained(steps=1, images=24, seconds=1.0)
    autoencoder = registry.load("emoji-autoencoder", "cpu")
    kept = data_need.subjects(small, 100)
    own = data_need.only(latents.variants(small, autoencoder, copies=False), kept)
    data_need.write("emoji-data-10", model, small, autoencoder, kept, own, trained, Budget())
    folder = weights.ASSETS / "emoji-data-10"
    assert {p.name for p in folder.iterdir()} == {"card.json", "config.json", "diffusion_pytorch_model.safetensors"}
    again = data_need.read(folder).eval()
    assert again.autoencoder is not autoencoder  # moving one to another device leaves the other where it is
    *_, expected = pipeline.sample(pipeline.EmojiPipeline(autoencoder, model.eval()), ["gato"], steps=2)
    *_, found = pipeline.sample(again, ["gato"], steps=2)
    torch.testing.assert_close(found.x_t, expected.x_t, atol=2e-2, rtol=2e-2)
    pictures = pipeline.decode(again, found.x_t)
    torch.testing.assert_close(pictures, autoencoder.decode(autoencoder.denormalize(found.x_t)).sample.clamp(-1, 1))


def test_the_fewer_the_pictures_the_wider_the_gap_of_the_shipped_models():
    figures = [weights.read_card(f"emoji-data-{share}")["held_out"] for share in data_need.SHARES]
    gaps = [f["loss_unseen_subjects"] - f["loss_own"] for f in figures]
    assert gaps[0] > gaps[1] > gaps[2]
    assert figures[0]["loss_unseen_pairs"] > figures[2]["loss_unseen_pairs"]
    assert len({weights.read_card(f"emoji-data-{share}")["trained"]["images"] for share in data_need.SHARES}) == 1
