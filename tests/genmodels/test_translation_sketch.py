"""A drawing as text, and what the networks see of it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from demos.translation import _examples
from genmodels.data.facades import CLASSES, PALETTE
from genmodels.errors import Refusal
from genmodels.translation import sketch
from genmodels.translation.sketch import DIGITS


def part(kind: str, *numbers: int) -> str:
    return kind + "".join(DIGITS[n] for n in numbers)


def test_empty_paper_is_paper_and_an_empty_map_is_background():
    assert sketch.outline("").shape == (1, 1, 64, 64) and (sketch.outline("") == 1).all()
    colour = torch.tensor(PALETTE[0].tolist()).view(1, 3, 1, 1) / 127.5 - 1
    assert sketch.labels("").shape == (1, 3, 128, 128)
    torch.testing.assert_close(sketch.labels(""), colour.expand(1, 3, 128, 128))


def test_a_stroke_is_ink_where_it_was_drawn_and_about_two_pixels_wide():
    x = sketch.outline(part("p", 10, 32, 50, 32))[0, 0]
    ink = (1 - x) / 2
    assert ink[:, 30].argmax() in (31, 32, 33) and abs(float(ink[:, 30].sum()) - sketch.PEN) < 0.6
    assert not ink[:, :8].any() and not ink[:, 54:].any() and not ink[:28].any()


def test_the_eraser_takes_away_and_a_later_stroke_draws_over_it():
    line, wiped = part("p", 5, 20, 60, 20), part("e", 30, 20)
    assert sketch.outline(f"{line};{wiped}")[0, 0, 20, 30] == 1
    assert sketch.outline(f"{line};{wiped};{line}")[0, 0, 20, 30] < -0.5


def test_boxes_cover_exactly_their_squares_from_any_corner_and_later_ones_lie_on_top():
    window, wall = CLASSES.index("window"), CLASSES.index("facade")
    below, above = part("b", wall, 0, 0, 63, 63), part("b", window, 20, 30, 10, 5)
    x = sketch.labels(f"{below};{above}")[0]
    is_window = ((x + 1) * 127.5 - torch.tensor(PALETTE[window].tolist()).view(3, 1, 1)).abs().amax(0) < 0.5
    expected = torch.zeros(128, 128, dtype=torch.bool)
    expected[10:62, 20:42] = True
    assert torch.equal(is_window, expected)


@given(st.binary(min_size=1024, max_size=1024))
def test_an_ink_picture_comes_back(levels):
    bits = torch.tensor(list(levels), dtype=torch.uint8)
    drawn = torch.stack([(bits >> shift) & 3 for shift in (0, 2, 4, 6)]).flatten().float().view(1, 1, 64, 64)
    x = 1 - drawn * 2 / 3
    text = sketch.packed(x)
    assert len(text) == 1 + sketch.PIXELS and len(text) < sketch.LONGEST
    torch.testing.assert_close(sketch.outline(text)[..., 1:-1, 1:-1], blurred(x)[..., 1:-1, 1:-1], atol=0.02, rtol=0)


def blurred(x: torch.Tensor) -> torch.Tensor:
    """Enlarged four times by interpolation, and averaged back."""
    large = torch.nn.functional.interpolate(x, scale_factor=sketch.FINE, mode="bilinear")
    return torch.nn.functional.avg_pool2d(large, sketch.FINE)


@pytest.mark.parametrize("name", _examples.OUTLINES)
def test_every_example_outline_is_a_drawing_in_the_middle_of_the_paper(name):
    ink = sketch.outline(_examples.OUTLINES[name])[0, 0] < 0
    rows, columns = ink.any(1).nonzero().flatten(), ink.any(0).nonzero().flatten()
    assert 200 < ink.sum() < 1500 and rows.max() - rows.min() > 26 and columns.max() - columns.min() > 28


@pytest.mark.parametrize("name", _examples.FACADES)
def test_every_example_facade_has_walls_windows_and_a_door(name):
    found = {CLASSES[item.label] for item in sketch.read(_examples.FACADES[name], sketch.FACADE)}
    assert found >= {"facade", "window", "door"}


@pytest.mark.parametrize(
    "text",
    [
        None,
        7,
        b"pAB",
        "x",
        "pA",
        "p",
        "pABC",
        "pA!",
        "i",
        "iAB",
        "bAAAAA",
        part("b", 1, 1, 2),
        part("b", 12, 1, 1, 2, 2),
    ]
    + ["p" * 13_000, "<script>", "pAB;;é"],
)
def test_what_is_no_drawing_is_refused(text):
    with pytest.raises(Refusal) as caught:
        sketch.outline(text)
    assert caught.value.code == "sketch"


def test_a_facade_takes_no_pen_and_a_brush_needs_a_label():
    for text in (part("p", 1, 1), "s", part("s", 3), part("s", 40, 1, 1)):
        with pytest.raises(Refusal):
            sketch.labels(text)
    assert not torch.equal(sketch.labels(part("s", 3, 5, 5)), sketch.labels(""))
