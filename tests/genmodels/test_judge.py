"""The picture encoder, its loss and its ranking."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from genmodels import train
from genmodels.data import emoji
from genmodels.text_to_image import judge, judge_train


def small_set() -> emoji.Emoji:
    """Four subjects, each a plain colour, in two styles that differ in brightness."""
    colors = np.array([[230, 20, 20], [20, 200, 20], [20, 20, 230], [230, 220, 20]])
    images = np.stack([np.broadcast_to(c // (1 + t), (64, 64, 3)) for t in range(2) for c in colors]).astype(np.uint8)
    names = [("red thing", "coisa vermelha"), ("tree", "árvore"), ("sea", "mar"), ("sun", "sol")]
    known = tuple(
        emoji.Subject(str(i), "objects", 0, {"en": e, "pt": p}, {"en": (), "pt": ()}) for i, (e, p) in enumerate(names)
    )
    subject, style = np.tile(np.arange(4), 2), np.repeat([0, 1], 4)
    return emoji.Emoji(images, subject, style, np.where(style == 0, emoji.TRAIN, emoji.HELD_PAIR), known)


def test_vectors_have_length_one_and_features_are_means_and_maxima():
    torch.manual_seed(0)
    model = judge.PictureEncoder().eval()
    x = torch.rand(3, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        last = model.body(F.interpolate(x, size=(48, 48), mode="bilinear", antialias=True))
        vectors, features = model(x), model.features(x)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3))
    torch.testing.assert_close(features, torch.cat([last.mean((2, 3)), last.amax((2, 3))], 1))
    torch.testing.assert_close(vectors, F.normalize(model.head(features), dim=1))


def test_matrix_convolution_is_a_convolution():
    torch.manual_seed(0)
    ours, x = judge.Conv(4, 6, stride=2), torch.randn(2, 4, 10, 10)
    peer = torch.nn.Conv2d(4, 6, 3, stride=2, padding=1, bias=False)
    peer.weight.data = ours.weight.data.view(6, 4, 3, 3)
    assert ours.weight.ndim == 2
    torch.testing.assert_close(ours(x), peer(x))


def test_encode_takes_bytes_and_floats_alike_in_parts():
    torch.manual_seed(0)
    model = judge.PictureEncoder().eval()
    pictures = torch.randint(0, 256, (5, 3, 64, 64), dtype=torch.uint8)
    whole, _ = judge.encode(model, pictures)
    parts, _ = judge.encode(model, pictures.float() / 127.5 - 1, size=2)
    torch.testing.assert_close(whole, parts, atol=1e-5, rtol=1e-4)
    mirrored, features = judge.encode(model, pictures.flip(3))
    torch.testing.assert_close(whole, mirrored)
    with torch.no_grad():
        x = pictures.float() / 127.5 - 1
        torch.testing.assert_close(features, (model.features(x) + model.features(x.flip(3))) / 2)
        torch.testing.assert_close(whole, F.normalize(model(x) + model(x.flip(3)), dim=1))


def test_loss_is_the_naive_one():
    """Against loops over pictures and candidates, with a subject that comes twice and a caption said by two."""
    rng = np.random.default_rng(0)

    def unit(*shape):
        return F.normalize(torch.from_numpy(rng.standard_normal(shape).astype(np.float32)), dim=-1)

    found, target, wrong, names, classes = unit(4, 8), unit(4, 8), unit(4, 8), unit(3, 8), unit(4, 3)
    target[2] = target[1]
    subject, named = torch.tensor([0, 1, 2, 0]), torch.tensor([True, False, False, True])
    scale = 7.0

    class Fixed(torch.nn.Module):
        encoder = type("E", (), {"log_scale": torch.tensor(math.log(scale))})()

        def forward(self, x):
            return found, classes

    value = judge_train.contrastive_loss(Fixed(), torch.zeros(4, 3, 64, 64), target, subject, wrong, named, names)
    said, whose = [*target, *names], [*subject.tolist(), 0, 1, 2]

    def counts(i, j):
        return j == i or not (whose[j] == whose[i] or float(target[i] @ said[j]) > judge_train.SAME)

    total = 0.0
    for i in range(4):
        right = math.exp(scale * float(found[i] @ target[i]))
        others = sum(math.exp(scale * float(found[i] @ said[j])) for j in range(7) if counts(i, j))
        others += math.exp(scale * float(found[i] @ wrong[i])) if named[i] else 0
        back = sum(math.exp(scale * float(found[k] @ target[i])) for k in range(4) if counts(k, i))
        total += math.log(others / right) + 0.5 * math.log(back / right)
        total += judge_train.REGRESSION * (1 - float(found[i] @ target[i]))
        total -= judge_train.CLASSIFIER * float(classes[i].log_softmax(0)[subject[i]])
    assert float(value) == pytest.approx(total / 4, rel=1e-5)


def test_rank_is_the_naive_one_and_ties_count_against():
    rng = np.random.default_rng(1)
    names = F.normalize(torch.from_numpy(rng.standard_normal((30, 6)).astype(np.float32)), dim=1)
    subject = rng.integers(30, size=50)
    vectors = F.normalize(names[subject] + 0.6 * torch.randn(50, 6, generator=torch.Generator().manual_seed(2)), dim=1)
    every = judge.rank(vectors, subject, names, among=30)
    scores = (vectors @ names.T).tolist()
    naive = [sum(other > row[own] for other in row) for row, own in zip(scores, subject, strict=True)]
    assert every.tolist() == naive
    fewer = judge.rank(vectors, subject, names, among=10)
    assert (fewer <= every).all() and fewer.max() < 10 and (fewer < every).any()
    assert judge.rank(torch.zeros(2, 6), np.array([0, 3]), names, among=10).tolist() == [9, 9]


def test_guessing_ranks_evenly():
    names = F.normalize(torch.randn(400, 16, generator=torch.Generator().manual_seed(0)), dim=1)
    vectors = F.normalize(torch.randn(3000, 16, generator=torch.Generator().manual_seed(1)), dim=1)
    subject = np.random.default_rng(0).integers(400, size=3000)
    shares = judge.top(judge.rank(vectors, subject, names))
    assert 0.003 < shares["top1"] < 0.02 and 0.035 < shares["top5"] < 0.07


def test_augment_keeps_range_and_shape_and_repeats_itself():
    x = torch.rand(8, 3, 64, 64) * 2 - 1
    one, two = (judge_train.augment(x, torch.Generator().manual_seed(s)) for s in (1, 2))
    again = judge_train.augment(x, torch.Generator().manual_seed(1))
    assert one.shape == (8, 3, judge.INPUT, judge.INPUT)
    assert one.min() >= -1 and one.max() <= 1
    assert torch.equal(one, again) and not torch.equal(one, two)


def test_augment_changes_colours_only_mildly():
    """Colour words are taught: the mean of a plain red picture stays far nearer to red than to any other colour."""
    red = torch.tensor([0.8, -0.85, -0.85]).view(1, 3, 1, 1).expand(64, 3, 64, 64)
    out = judge_train.augment(red, torch.Generator().manual_seed(0))[:, :, 20:28, 20:28].mean((2, 3))
    hidden = (out - out.median(0).values).abs().amax(1) > 0.6  # a patch painted over
    assert hidden.float().mean() < 0.15
    assert ((out[~hidden, 0] - out[~hidden, 1]) > 0.9).all() and (
        (out[~hidden, 1] - out[~hidden, 2]).abs() < 0.35
    ).all()


def test_sketch_draws_outlines_alone_or_over_and_leaves_the_rest():
    x = torch.ones(3, 3, 64, 64)
    x[:, :, 20:40, 20:40] = torch.tensor([0.9, -0.9, -0.9]).view(3, 1, 1)
    alone, over, plain = judge_train.sketch(x, torch.tensor([True, False, False]), torch.tensor([False, True, False]))
    assert torch.equal(plain, x[2])
    assert (alone[:, 30, 30] == 1).all() and (alone[:, 5, 5] == 1).all()  # inside and outside are paper
    assert torch.equal(over[:, 30, 30], x[1, :, 30, 30])  # inside keeps its colour
    assert (alone[:, 30, 20] < -0.5).all() and (over[:, 30, 20] < -0.5).all()  # the border is ink
    assert torch.equal(alone[0], alone[1])


def test_styles_are_mixed_in_training_only():
    """Between two flat pictures, the mean of a mixed one lies between theirs and nearer to its own."""
    learner = judge_train.Learner(4, mixed=1.0)
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) + torch.tensor([0.0, 8.0]).view(
        2, 1, 1, 1
    )
    assert torch.equal(learner.eval()._mix(x), x)
    learner.train()
    seen = torch.stack([learner._mix(x).mean((1, 2, 3)) for _ in range(40)])
    assert (seen[:, 0] < 4.2).all() and (seen[:, 1] > 3.8).all()
    assert seen[:, 0].max() > 1  # something was mixed
    assert judge_train.Learner(4).train()._mix(x) is x


def test_a_short_training_learns_plain_colours():
    """Four plain colours in two styles, trained on one style, name themselves in the other."""
    data, generator = small_set(), torch.Generator().manual_seed(0)
    names = F.normalize(torch.randn(4, 512, generator=generator), dim=1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = judge_train.Learner(4)
    optimizers = train.muon(model, 5e-3, 0.0, "encoder")
    x = torch.from_numpy(data.images[:4]).permute(0, 3, 1, 2).float() / 127.5 - 1
    subject = torch.arange(4).repeat(2)
    losses = []
    for _ in range(25):
        seen = judge_train.augment(x[subject], generator)
        loss = judge_train.contrastive_loss(
            model, seen, names[subject], subject, names[subject], torch.zeros(8, dtype=torch.bool), names
        )
        model.zero_grad()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.6 * losses[0]
    vectors, _ = judge.encode(model.encoder.eval(), torch.from_numpy(data.images[4:]).permute(0, 3, 1, 2))
    assert (judge.rank(vectors, data.subject[4:], names, among=4) == 0).mean() >= 0.75


def test_the_judge_is_apart_from_the_clip():
    clip, judged = judge_train.SETTINGS["emoji-clip"], judge_train.SETTINGS["emoji-judge"]
    assert clip.seed != judged.seed
    assert judged.others and not clip.others
