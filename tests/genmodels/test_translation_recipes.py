"""Batches are the same for a step and never hold what is held out; every recipe trains, writes and goes on."""

import itertools
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from genmodels import registry, weights
from genmodels import train as loop
from genmodels.data import emoji, facades, fruit, outlines
from genmodels.train import Budget
from genmodels.translation import batches, cards, held_out, looks, train
from genmodels.translation.looks import LOOKS
from genmodels.translation.pix2pix import UNet

FAMILIES = [style.family for style in emoji.STYLES]


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@pytest.fixture
def data() -> emoji.Emoji:
    """Five subjects in eight styles, each picture of one grey that says which; the last subject is held out."""
    subject, style = (np.array(column, np.int32) for column in zip(*itertools.product(range(5), range(8)), strict=True))
    split = np.where(subject == 4, emoji.HELD_SUBJECT, emoji.TRAIN).astype(np.uint8)
    images = np.broadcast_to((subject * 8 + style)[:, None, None, None] * 6, (40, 64, 64, 3)).astype(np.uint8)
    subjects = tuple(emoji.Subject(f"{n:04x}", "food", 0, {}, {}) for n in range(5))
    return emoji.Emoji(images, subject, style, split, subjects)


@pytest.fixture
def drawn() -> outlines.Outlines:
    split = np.array([emoji.TRAIN] * 4 + [emoji.HELD_PAIR], np.uint8)
    lines = np.full((5, 64, 64), 255, np.uint8)
    lines[:, 20:44, 30:32] = 0
    colours = np.full((5, 64, 64, 3), 255, np.uint8)
    colours[:, 20:44, 20:44] = np.array([[0, 50, 100], [10, 60, 110], [20, 70, 120], [30, 80, 130], [9, 9, 9]])[
        :, None, None
    ]
    return outlines.Outlines(lines, colours, tuple("abcde"), split)


def first(stream, count: int = 1):
    return list(itertools.islice(stream, count))


def test_a_step_has_its_own_batch_whatever_came_before(drawn):
    whole = first(batches.outline_batches(drawn, 3, 0), 4)
    [late] = first(batches.outline_batches(drawn, 3, 3))
    for a, b in zip(whole[3], late, strict=True):
        assert a.equal(b)
    assert not whole[0][1].equal(whole[1][1])


def test_outlines_and_colours_move_together_and_nothing_held_out_is_drawn(drawn):
    for x, y, seed in first(batches.outline_batches(drawn, 8, 0), 12):
        assert x.shape == (8, 1, 64, 64) and y.shape == (8, 3, 64, 64) and seed.shape == (8,)
        assert y.amin() > 9 / 127.5 - 1 - 1e-4 or y.amin() <= -0.99  # the held-out grey is (9, 9, 9)
        assert not ((y - (9 / 127.5 - 1)).abs().amax(1) < 1e-3).any(), "the held-out picture"
        ink, paint = (x < 0)[:, 0], (y < 0.9).any(1)
        assert (ink.flatten(1).sum(1) > 20).all() and (ink & ~paint).sum() <= 0.08 * ink.sum()


def test_half_of_the_pairs_are_made_where_other_pictures_are_given(drawn):
    others = np.full((3, 64, 64, 3), 255, np.uint8)
    others[:, 8:40, 8:40] = 12, 62, 108  # near the second of the colours that train
    [(x, y, _)] = first(batches.outline_batches(drawn, 8, 6, others, until=7))
    (plain, *_), (after, *_) = first(batches.outline_batches(drawn, 8, 6), 2)
    assert first(batches.outline_batches(drawn, 8, 6, others, until=7), 2)[1][0].equal(after)
    assert not x[:4].equal(plain[:4]) and x[4:, :, 10].equal(plain[4:, :, 10])
    filled = ((y[:4] - (torch.tensor([10, 60, 110]) / 127.5 - 1).view(3, 1, 1)).abs().amax(1) < 1e-3).flatten(1).sum(1)
    assert (filled > 400).all()
    assert ((x[:4] < 0).flatten(1).sum(1) > 60).all()


def test_a_pair_made_by_rule_has_its_lines_where_colours_meet_and_the_nearest_hue_inside():
    x = torch.ones(1, 3, 32, 32)
    x[:, :, 8:24, 8:24] = torch.tensor([0.9, -0.7, -0.8]).view(3, 1, 1)
    red, grey, white = [0.6, -0.6, -0.7], [0.1, 0.1, 0.1], [1.0, 1.0, 1.0]
    lines, colours = looks.outlined(x, torch.tensor([white, grey, red]))
    assert lines.shape == (1, 1, 32, 32) and colours.shape == (1, 3, 32, 32)
    assert_close(colours[0, :, 16, 16], torch.tensor(red))
    assert_close(colours[0, :, 2, 2], torch.tensor(white))
    assert lines[0, 0, 16, 16] == lines[0, 0, 2, 2] == 1
    assert lines[0, 0, 8, 16] < -0.9
    assert_close(colours[0, :, 8, 16], -torch.ones(3))
    dark = torch.tensor([-0.6, -0.85, -0.2]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    violet = [0.1, -0.2, 0.35]  # grey is nearer by brightness
    assert_close(looks.outlined(dark, torch.tensor([white, grey, violet]))[1][0, :, 4, 4], torch.tensor(violet))


def test_moving_fills_with_white_or_the_mirrored_rim():
    black = -torch.ones(64, 1, 32, 32)
    white, mirror = (batches.moved(black, torch.Generator().manual_seed(1), p) for p in ("white", "mirror"))
    assert (white > 0.99).any()
    assert_close(mirror, black)
    assert batches.moved(-black, torch.Generator().manual_seed(1)).sub(1).abs().max() < 1e-5
    with pytest.raises(ValueError, match="tiled"):
        batches.moved(black, torch.Generator(), "tiled")


def test_some_pictures_are_only_mirrored():
    x = torch.rand(200, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    y = batches.moved(x, torch.Generator().manual_seed(2))
    same = ((y - x).abs().amax((1, 2, 3)) < 1e-4).float().mean()
    flipped = ((y - x.flip(3)).abs().amax((1, 2, 3)) < 1e-4).float().mean()
    assert 0.1 < same < 0.3 and 0.1 < flipped < 0.3


def test_bending_moves_lines_by_pixels_and_leaves_still_pictures_alone():
    x = torch.ones(100, 1, 64, 64)
    x[:, :, 31:33] = -1
    straight, bent = (batches.moved(x, torch.Generator().manual_seed(4), turn=0.0, bend=b) for b in (0.0, 0.03))
    height = torch.arange(64.0)[:, None]
    at = [((1 - y[:, 0]) * height).sum(1) / (1 - y[:, 0]).sum(1).clamp(min=1e-6) for y in (straight, bent)]
    unsteady = at[1][:, 12:52].std(1)
    assert at[0][:, 12:52].std(1).max() < 1e-2
    assert 0.3 < (unsteady < 1e-2).float().mean() < 0.5, "the share that only is mirrored"
    assert 0.4 < unsteady[unsteady > 1e-2].mean() < 1.5


def test_bold_lines_are_a_pixel_wider_on_each_side():
    x = torch.ones(1, 1, 9, 9)
    x[:, :, 4, 4] = -1
    assert (batches.bold(x) < 0).nonzero()[:, 2:].tolist() == [[r, c] for r in (3, 4, 5) for c in (3, 4, 5)]


def test_unpaired_pictures_come_from_their_sets_and_do_not_pair_up():
    a, b = (np.full((50, 64, 64, 3), 1, np.uint8) * np.arange(50, dtype=np.uint8)[:, None, None, None] for _ in "ab")
    pairs = []
    for x, y, seed in first(batches.unpaired_batches(a, b + 100, 8, 0, "mirror"), 20):
        assert seed.shape == (8,)
        pairs += zip(*(((p[:, 0, 32, 32] + 1) * 127.5).round().tolist() for p in (x, y)), strict=True)
    assert all(0 <= p < 50 and 100 <= q < 150 for p, q in pairs)
    assert sum(q - p == 100 for p, q in pairs) < 20, "by chance one in fifty"
    assert len({p for p, _ in pairs}) > 35


def test_few_shot_batches_name_their_styles_and_leave_the_held_family_out(data, monkeypatch):
    monkeypatch.setattr(batches, "moved", lambda x, generator: x)
    monkeypatch.setattr(batches, "LOOKS", {"plain": LOOKS["plain"], "turned": LOOKS["turned"]})
    stream = batches.FewShotBatches(data, 6)
    inside = [n for n, family in enumerate(FAMILIES) if family != batches.HELD_FAMILY]
    assert stream.count == 2 * len(inside) == 12
    for k, (x, truth, own, kin, examples, other) in zip((1, 2, 3, 1), stream(0), strict=False):
        assert x.shape == truth.shape == kin.shape == (6, 3, 64, 64) and examples.shape == (6, k, 3, 64, 64)
        assert not torch.equal(truth, kin)
        for pictures, styles in ((truth[:, None], own), (kin[:, None], own), (examples, other)):
            value = ((pictures[:, :, 0, 0, 0] + 1) * 127.5).round().int() // 6
            assert (value // 8 < 4).all(), "no held-out subject"
            assert (value % 8 == torch.tensor(inside)[styles // 2][:, None]).all()


def test_few_shot_truth_is_the_picture_itself_in_its_style(data):
    stream = batches.FewShotBatches(data, 16)
    plain = 0
    for x, truth, own, *_ in first(stream(0), 6):
        for shown, wanted, style in zip(x, truth, own.tolist(), strict=True):
            look = list(LOOKS.values())[style % len(LOOKS)]
            there = torch.equal(shown, wanted)
            assert there or torch.equal(look(shown[None])[0], wanted)
            plain += not there
    assert 30 < plain < 66


def test_ink_is_as_wide_as_asked_and_smooth_at_its_rim():
    half = torch.ones(1, 3, 16, 16)
    half[..., 8:] = -1
    rows = [looks.edges(half, wide)[0, 0, 8] for wide in (1, 2, 3)]
    assert_close(torch.stack(rows).sum(1), torch.tensor([1.43, 2.43, 3.43]), rtol=0, atol=0.01)
    assert all(row.equal(row.flip(0)) and ((row > 0) & (row < 1)).any() for row in rows)


def test_looks_keep_range_and_shape_and_differ():
    x = batches.to_float(noise(2, 8, 8, 3)).repeat_interleave(8, 2).repeat_interleave(8, 3).roll((3, 3), (2, 3))
    seen = []
    for name, look in LOOKS.items():
        y = look(x)
        assert y.shape == x.shape and y.abs().max() <= 1 + 1e-5, name
        assert look(y[:1].clone()).shape == (1, 3, 64, 64), name
        assert all((y - other).abs().mean() > 0.01 for other in seen), name
        seen.append(y)
    blank = torch.ones(1, 3, 64, 64)
    assert all((look(blank) - 1).abs().max() < 0.02 for look in LOOKS.values()), "white stays white"


def test_cards_count_parameters():
    for id, (build, can, params, *_) in cards.MODELS.items():
        assert sum(p.numel() for p in build().parameters()) == params, id
        assert can and set(train.RECIPES) == set(cards.MODELS) == set(train.PLANS) == set(held_out.FIGURES)


def test_the_start_is_the_same_on_every_run():
    one, two = (train.fresh(cards.cyclegan).state_dict() for _ in range(2))
    assert all(value.equal(two[key]) for key, value in one.items())


@pytest.fixture
def place(data, drawn, monkeypatch, tmp_path):
    """The registry with this topic's cards, tiny data, two steps of two pictures, no figures."""
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(weights, "ASSETS", tmp_path / "weights")
    monkeypatch.setattr(registry, "_ENTRIES", dict(registry._ENTRIES))
    monkeypatch.setattr(loop, "precision", lambda device: nullcontext())
    monkeypatch.setattr(loop, "YIELD_SECONDS", -1)
    monkeypatch.setattr(train, "BATCH", {"cpu": 2})
    monkeypatch.setattr(train, "PLANS", dict.fromkeys(train.PLANS, train.Plan(4, 4)))
    monkeypatch.setattr(emoji, "load", lambda: data)
    monkeypatch.setattr(outlines, "load", lambda: drawn)
    held = np.array([False, False, True])
    built = facades.Facades(noise(3, 128, 128, 3), noise(3, 128, 128, 3, seed=1), held)
    monkeypatch.setattr(facades, "load", lambda path=None: built)
    fruits = fruit.Two(*(noise(3, 64, 64, 3, seed=n) for n in range(4)))
    monkeypatch.setattr(fruit, "load", lambda path=None: fruits)
    monkeypatch.setattr(
        held_out, "FIGURES", dict.fromkeys(held_out.FIGURES, lambda model: {"seen": not model.training})
    )
    weights.write("pix2pix-outline", train.fresh(lambda: cards.pix2pix_outline(), 1))
    weights.write_card("pix2pix-outline")
    return monkeypatch


@pytest.mark.parametrize("id", list(train.RECIPES))
def test_a_recipe_trains_writes_and_loads(id, place):
    start = cards.MODELS[id][0].__name__
    before = train.fresh(getattr(cards, start)).state_dict()
    steps = list(train.RECIPES[id](Budget()))
    assert [step.i for step in steps] == [1, 2] and all(np.isfinite(step.loss) for step in steps)
    assert len(steps[0].info) > 2, "the parts of the loss are told"
    card = weights.read_card(id)
    assert card["trained"]["images"] == 4 and card["held_out"] == {"seen": True}
    assert card["params"] == registry.card(id).params and card["recipe"] == f"python -m genmodels train {id}"
    model = cards.MODELS[id][0]()
    model.load_state_dict(weights.read(registry.folder(id)), strict=True)
    size = sum(path.stat().st_size for path in registry.folder(id).glob("*.safetensors"))
    assert size < 4_000_000
    moved = [key for key, value in before.items() if not value.half().equal(model.state_dict()[key].half())]
    assert len(moved) > len(before) / 2, "it learned"


def test_a_painter_with_codes_begins_as_the_one_without():
    known, painter = train.fresh(cards.pix2pix_outline, 1), train.fresh(lambda: UNet(1, codes=8))
    start = painter.head.weight.clone()
    train.start_from(painter, known)
    x = batches.to_float(noise(2, 64, 64))
    with torch.no_grad():
        assert_close(painter(x, torch.zeros(2, 8)), known(x))
        assert not torch.allclose(painter(x, torch.ones(2, 8)), known(x), atol=1e-3), "it hears the code"
    assert painter.head.weight[:, 1:].equal(start[:, 1:])


def test_a_recipe_goes_on_from_its_checkpoint_and_from_the_shipped_weights(place):
    list(train.pix2pix_outline(Budget()))
    place.setattr(train, "PLANS", dict.fromkeys(train.PLANS, train.Plan(8, 8)))
    assert [step.i for step in train.pix2pix_outline(Budget(resume=True))] == [3, 4]
    shipped = weights.read(registry.folder("pix2pix-outline"))
    loop.checkpoint("pix2pix-outline").unlink()
    place.setattr(train, "PLANS", dict.fromkeys(train.PLANS, train.Plan(10, 10)))
    place.setitem(train.RATE, "lr", 1e-9)
    assert [step.i for step in train.pix2pix_outline(Budget(resume=True))] == [5]
    again = weights.read(registry.folder("pix2pix-outline"))
    for key, value in shipped.items():
        assert_close(again[key], value, rtol=0, atol=1e-5, msg=key)
