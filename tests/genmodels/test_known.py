"""What the miniature knows: the shipped names and vectors against the text encoder, and phrases in and out of it."""

import numpy as np
import pytest

from genmodels.data.emoji import HELD_SUBJECT, split_of
from genmodels.text_to_image import known, text
from genmodels.text_to_image.captions import LANGUAGES


def test_the_shipped_vectors_are_the_encoders():
    names, _, table = known._index()
    rows = np.random.default_rng(0).choice(len(names), 40, replace=False)
    cosines = (table[rows] * text.vectors([names[i] for i in rows])).sum(1)
    assert cosines.min() > 0.9999


def test_every_subject_is_named_in_both_languages():
    assert len(known.subjects()) == len(known.by_key()) == 1032
    assert all(subject.names[lang] for subject in known.subjects() for lang in LANGUAGES)


def test_subjects_held_out_of_training_are_not_known():
    held = [s for s in known.subjects() if split_of(s.key, "") == HELD_SUBJECT]
    assert 30 < len(held) < 80 and not any(map(known.trained, held))
    for subject in held[:5]:
        assert subject.key not in {key for key, _, _ in known.nearest(subject.names["en"], 20)}


@pytest.mark.parametrize(
    ("phrase", "name"),
    [("Rocket", "rocket"), ("um foguete", "foguete"), ("gato azul", "gato"), ("purple fish", "fish"), ("kitty", "cat")],
)
def test_nearest_subject(phrase, name):
    key, _, cosine = known.nearest(phrase, 1)[0]
    assert name in known.by_key()[key].names.values() and cosine > known.FAR


def test_nearest_agrees_with_a_loop():
    query = text.vector("a dog in the rain")
    best = {}
    for name, key, row in zip(*known._index(), strict=True):
        cosine = float(row @ query)
        if cosine > best.get(key, ("", -2))[1]:
            best[key] = (name, cosine)
    wanted = sorted(best.items(), key=lambda item: -item[1][1])[:5]
    found = known.nearest("a dog in the rain", 5)
    assert [key for key, _, _ in found] == [key for key, _ in wanted]
    np.testing.assert_allclose([c for _, _, c in found], [c for _, (_, c) in wanted], atol=1e-6)


@pytest.mark.parametrize("phrase", ["democracia", "quantum field theory", "the meaning of life", "12345"])
def test_a_foreign_phrase_is_far(phrase):
    assert known.nearest(phrase, 1)[0][2] < known.FAR


@pytest.mark.parametrize("phrase", ["", "  \n\0", "\u202e"])
def test_nothing_is_near_to_nothing(phrase):
    assert known.nearest(phrase) == []
