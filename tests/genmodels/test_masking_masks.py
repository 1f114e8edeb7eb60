import numpy as np
import pytest
import torch

from genmodels.errors import Refusal
from genmodels.masking import masks


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("strategy", masks.STRATEGIES)
@pytest.mark.parametrize("side", [8, 14])
@pytest.mark.parametrize("ratio", [0, 0.01, 0.25, 0.5, 0.75, 0.8, 0.95])
def test_counts_are_exact(strategy, side, ratio):
    hidden = masks.draw(strategy, ratio, 6, side, generator())
    assert hidden.shape == (6, side * side) and hidden.dtype == torch.bool
    assert hidden.sum(1).tolist() == [round(ratio * side * side)] * 6


@pytest.mark.parametrize("strategy", masks.STRATEGIES)
def test_a_higher_ratio_only_hides_more(strategy):
    sequence = [masks.draw(strategy, ratio / 100, 4, 8, generator(3)) for ratio in range(0, 96, 5)]
    for less, more in zip(sequence, sequence[1:], strict=False):
        assert not (less & ~more).any()


@pytest.mark.parametrize("strategy", masks.STRATEGIES)
def test_the_seed_decides(strategy):
    first, again, other = (masks.draw(strategy, 0.6, 8, 8, generator(seed)) for seed in (1, 1, 2))
    assert first.equal(again)
    assert not first.equal(other)


def test_random_hides_every_patch_equally_often():
    often = masks.draw("random", 0.75, 20_000, 8, generator()).float().mean(0)
    assert (often - 0.75).abs().max() < 0.02  # 6.5 standard deviations


def test_random_is_the_librarys_rule():
    noise = torch.rand(5, 64, generator=generator())
    kept = np.argsort(noise.numpy(), axis=1)[:, :16]
    expected = np.ones((5, 64), bool)
    np.put_along_axis(expected, kept, False, axis=1)
    assert masks.hide(noise, 0.75).numpy().tolist() == expected.tolist()


def test_grid_keeps_one_patch_of_every_two_by_two():
    drawn = masks.draw("grid", 0.75, 40, 8, generator()).view(40, 4, 2, 4, 2)
    assert len({tuple(hidden[0, :, 0].flatten().tolist()) for hidden in drawn}) == 4
    for hidden in drawn:
        assert (~hidden).sum((1, 3)).eq(1).all()
        assert hidden.equal(hidden[:1, :, :1].expand_as(hidden))  # the same one everywhere


def test_grid_at_half_is_a_chessboard():
    at = torch.arange(8)
    board = (at[:, None] + at[None]) % 2 == 0
    for hidden in masks.draw("grid", 0.5, 8, 8, generator()).view(8, 8, 8):
        assert hidden.equal(board) or hidden.equal(~board)


def test_block_begins_with_one_rectangle():
    for hidden in masks.draw("block", 4 / 64, 30, 8, generator()).view(30, 8, 8):
        rows, columns = hidden.any(1).nonzero()[:, 0], hidden.any(0).nonzero()[:, 0]
        filled = hidden[rows[0] : rows[-1], columns[0] : columns[-1] + 1]  # all of its rows but the last
        assert filled.all()
        assert len(rows) == rows[-1] - rows[0] + 1


def test_block_holds_together_more_than_random():
    def inner(strategy: str) -> float:
        hidden = masks.draw(strategy, 0.5, 200, 8, generator()).view(-1, 8, 8)
        return float((hidden[:, 1:] & hidden[:, :-1]).float().mean())

    assert inner("block") > inner("random") + 0.08


@pytest.mark.parametrize("ratio", [-0.01, 0.951, float("nan"), "half", None, True])
def test_a_wrong_ratio_is_refused(ratio):
    with pytest.raises(Refusal) as refusal:
        masks.draw("random", ratio, 1, 8, generator())
    assert refusal.value.code == "range"


def test_a_wrong_strategy_is_refused():
    with pytest.raises(Refusal) as refusal:
        masks.draw("spiral", 0.5, 1, 8, generator())
    assert refusal.value.code == "choice"


def test_chosen_patches():
    hidden = masks.chosen([0, 9, 63, 9], 8)
    assert hidden.shape == (1, 64) and hidden.nonzero()[:, 1].tolist() == [0, 9, 63]
    assert not masks.chosen([], 8).any()
    for wrong in ([64], [-1], [1.0], ["3"], [None], [True]):
        with pytest.raises(Refusal) as refusal:
            masks.chosen(wrong, 8)
        assert refusal.value.code == "patches"
