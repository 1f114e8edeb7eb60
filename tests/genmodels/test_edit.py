"""Prompt-to-prompt: aligned words, whose attention weights are replaced, in which steps, and what stays the same."""

from __future__ import annotations

import functools

import pytest
import torch

from genmodels.errors import Refusal
from genmodels.text_to_image import edit, pipeline, text
from genmodels.text_to_image.autoencoder import PatchAutoencoder
from genmodels.text_to_image.denoiser import EmojiTransformer2DModel

close = functools.partial(torch.testing.assert_close, atol=1e-4, rtol=1e-4)
SETTINGS = {"seed": 5, "steps": 6, "style": "noto"}


@pytest.fixture(scope="module")
def tiny() -> pipeline.EmojiPipeline:
    model = pipeline.EmojiPipeline(
        PatchAutoencoder(width=32), EmojiTransformer2DModel(dim=32, num_layers=4, num_heads=2)
    )
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) * 0.15)
    return model.eval()


def last(steps):
    *_, end = steps
    return end.x_t


def plain(model, prompt, **settings):
    return last(pipeline.sample(model, [prompt], **SETTINGS | settings))[0]


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("black cat", "black dog", [0, 1]),
        ("gato preto", "cachorro grande preto", [0, None, 1]),
        ("cat with red hat", "cat with hat", [0, 1, 3]),
        ("cat", "black cat", [None, 0]),
        ("cat", "", []),
        ("", "black cat", [None, None]),
        ("a b c", "c b a", [None, None, 0]),
    ],
)
def test_align(source, target, expected):
    assert edit.align(source.split(), target.split()) == expected


def test_swap_equals_a_naive_loop():
    own, source = torch.rand(2, 16, 6), torch.rand(2, 16, 6)
    taken = [0, 1, 4, None, 2]
    expected = own.clone()
    for head in range(2):
        for token in range(16):
            for column, place in enumerate(taken):
                if place is not None:
                    expected[head, token, column] = source[head, token, place]
    close(edit.swap(own, source, taken), expected)


def test_swapping_with_itself_changes_nothing(tiny):
    original, swapped, without = last(edit.edit(tiny, "gato preto", "gato preto", share=1, **SETTINGS))
    close(swapped, original)
    close(without, original)


@pytest.mark.parametrize("guidance", [1, 3])
def test_without_swap_the_pictures_are_the_plain_ones(tiny, guidance):
    """All three of share 0; original and last at any share."""
    source, target = "gato preto", "cachorro grande preto"
    for share in (0, 0.5):
        rows = last(edit.edit(tiny, source, target, share=share, guidance_scale=guidance, **SETTINGS))
        close(rows[edit.ORIGINAL], plain(tiny, source, guidance_scale=guidance))
        close(rows[edit.PLAIN], plain(tiny, target, guidance_scale=guidance))
        assert torch.allclose(rows[edit.SWAPPED], rows[edit.PLAIN], atol=1e-4) == (share == 0)


def test_the_edited_picture_looks_where_the_source_looked(tiny, monkeypatch):
    """Of the weights that the denoiser uses: swapped columns in the first half of the steps, its own afterwards."""
    used: list[torch.Tensor] = []
    sample = pipeline.sample

    def watched(*args, attend, **settings):
        return sample(*args, attend=lambda layer, w: used.append(attend(layer, w)) or used[-1], **settings)

    monkeypatch.setattr(pipeline, "sample", watched)
    list(edit.edit(tiny, "gato preto", "gato muito branco", share=0.5, **SETTINGS))
    assert len(used) == 6 * 4  # steps, layers
    for call, weights in enumerate(used):
        source, swapped, own = weights[3:]
        same = torch.equal(swapped[..., :3], source[..., :3])  # sink, phrase, "gato"
        assert same == (call < 3 * 4)
        assert not torch.equal(own[..., 2], source[..., 2])
    source, swapped, own = used[0][3:]
    close(swapped[..., 3], source[..., 3])  # "preto" for "muito"
    assert not torch.allclose(swapped[..., 4], source[..., 3])  # "branco" was added: its own
    close(used[0][:3].sum(-1), torch.ones(3, 2, 16))  # the negative prompt's are its own


def test_reweighting_by_one_changes_nothing_and_by_more_does(tiny):
    none, one, three = last(edit.reweight(tiny, "gato preto", "preto", [0, 1, 3], **SETTINGS))
    expected = plain(tiny, "gato preto")
    close(one, expected)
    assert not torch.allclose(none, expected, atol=1e-3) and not torch.allclose(three, none, atol=1e-3)


def test_reweighting_scales_the_words_columns_only(tiny):
    weights = torch.rand(4, 2, 16, 5)
    places = [edit.WORD_COLUMN + i for i, w in enumerate(text.words("gato preto gato")) if w == "gato"]
    changed = edit._scaled(places, torch.tensor([0.0, 2.0]))(0, weights)
    close(changed[:2], weights[:2])
    close(changed[3, :, :, [2, 4]], weights[3, :, :, [2, 4]] * 2)
    close(changed[2:, :, :, [0, 1, 3]], weights[2:, :, :, [0, 1, 3]])
    assert not changed[2, :, :, [2, 4]].any()


@pytest.mark.parametrize(
    "bad",
    [{"share": -0.1}, {"share": float("nan")}, {"share": "1"}, {"steps": 0}, {"seed": -1}, {"scheduler": "lcm"}],
)
def test_bad_edits_are_refused(tiny, bad):
    with pytest.raises(Refusal):
        next(edit.edit(tiny, "cat", "dog", **bad))


@pytest.mark.parametrize(("word", "scale"), [("dog", 1), ("", 1), ("cat", float("inf")), ("cat", 11)])
def test_bad_weights_are_refused(tiny, word, scale):
    with pytest.raises(Refusal):
        next(edit.reweight(tiny, "cat", word, [1, scale]))


def test_lcm_in_one_step_adds_no_noise(tiny):
    rows = last(edit.edit(tiny, "cat", "cat", **SETTINGS | {"steps": 1, "scheduler": "lcm"}))
    close(rows[0], rows[2])


def test_closing_an_edit_stops_it(tiny, monkeypatch):
    calls = []
    denoise = pipeline.EmojiPipeline.denoise
    monkeypatch.setattr(pipeline.EmojiPipeline, "denoise", lambda self, *a: calls.append(1) or denoise(self, *a))
    stream = edit.edit(tiny, "cat", "dog", steps=50)
    next(stream), next(stream)
    stream.close()
    assert len(calls) == 2
