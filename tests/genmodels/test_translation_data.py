import numpy as np
import pytest
import torch
from torchvision.io import encode_jpeg

from genmodels.data import emoji, emoji_styles, facades, fruit, outlines, photographs
from genmodels.data.emoji import HELD_PAIR, HELD_SUBJECT, TRAIN, Subject
from genmodels.errors import Refusal

KEYS = [f"{code:04x}" for code in range(0x1F400, 0x1F480)]


def subject(key: str) -> Subject:
    return Subject(key, "animals", 0, {"en": key, "pt": key}, {"en": (), "pt": ()})


def painted(number: int, style: int) -> np.ndarray:
    """A picture that says which subject and style it is."""
    picture = np.full((64, 64, 3), 255, np.uint8)
    picture[0, 0] = number, style, 7
    return picture


@pytest.fixture
def data() -> emoji.Emoji:
    """128 subjects in eight styles with the real split; OpenMoji lacks the first in colour."""
    rows = [(s, t) for t in range(len(emoji.STYLES)) for s in range(len(KEYS)) if (s, t) != (0, 1)]
    side = [emoji.split_of(KEYS[s], emoji.STYLES[t].family) for s, t in rows]
    images = np.stack([painted(s, t) for s, t in rows])
    subjects = tuple(subject(key) for key in KEYS)
    s, t = (np.array(column, np.int32) for column in zip(*rows, strict=True))
    return emoji.Emoji(images, s, t, np.array(side, np.uint8), subjects)


def test_outlines_pair_the_same_subject_with_its_split(data):
    found = outlines.pairs(data)
    assert found.keys == tuple(KEYS[1:])
    assert found.lines.shape == (127, 64, 64) and found.colours.shape == (127, 64, 64, 3)
    assert found.colours[:, 0, 0, 0].tolist() == list(range(1, 128))
    assert found.colours[:, 0, 0, 1].tolist() == [1] * 127
    assert found.lines[5, 0, 0] == round((6 + 2 + 7) / 3), "the grey of subject 6 in the line style"
    assert found.split.tolist() == [emoji.split_of(key, "openmoji") for key in KEYS[1:]]
    assert 0 < found.held_out.sum() < 64


def test_other_drawings_are_no_relatives_of_what_is_held_out(data):
    known = outlines.pairs(data)
    held = next(key for key, out in zip(known.keys, known.held_out, strict=True) if out)
    seen = next(key for key, out in zip(known.keys, known.held_out, strict=True) if not out)
    fine = [f"{seen}-200d-2b1b", "e001"]
    refused = [held, seen, f"{held}-200d-2b1b", "1f44b-1f3fb", "1f1e7-1f1f7"]
    assert outlines.others([*refused, *fine], known) == fine


def test_pictures_of_elsewhere_are_no_relatives_of_what_is_held_out(data):
    known = outlines.pairs(data)
    found = outlines.elsewhere(data, known)
    styles = {style.id: n for n, style in enumerate(emoji.STYLES)}
    assert set(found[:, 0, 0, 1].tolist()) == set(styles.values()) - {styles["openmoji"], styles["openmoji-line"]}
    held = {KEYS.index(key) for key, out in zip(known.keys, known.held_out, strict=True) if out}
    shown = set(found[:, 0, 0, 0].tolist())
    assert shown and not shown & held
    trained = {(s, t) for s, t, side in zip(data.subject, data.style, data.split, strict=True) if side == TRAIN}
    assert {(s, t) for s, t, _ in found[:, 0, 0].tolist()} <= trained


def test_the_palette_is_the_commonest_of_the_colours_that_train(data):
    known = outlines.pairs(data)
    known.colours[known.held_out] = 77
    found = outlines.palette(known)
    assert found[0].tolist() == [255] * 3 and len(found) == outlines.COLOURS
    assert not (found == 77).any()


def test_outlines_are_kept_and_only_train(data, monkeypatch, tmp_path):
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path))
    monkeypatch.setattr(emoji, "load", lambda: data)
    monkeypatch.setattr(outlines.packages, "npm", lambda spec: tmp_path / "openmoji")
    for kind, colour in (("black", "black"), ("color", "red")):
        folder = tmp_path / "openmoji" / kind / "svg"
        folder.mkdir(parents=True)
        for name in ("E001", "1F402"):
            path = f'<path fill="{colour}" d="M0 0h1v2H0z"/>'
            svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 2">{path}</svg>'
            (folder / f"{name}.svg").write_text(svg)
    first = outlines.load()
    assert first.keys == (*KEYS[1:], "e001") and first.split[-1] == TRAIN
    assert first.lines[-1, 30, 5] == 0 and first.lines[-1, 30, 60] == 255
    assert first.colours[-1, 30, 5].tolist() == [255, 0, 0]
    monkeypatch.setattr(outlines, "_draw", None)
    again = outlines.load()
    assert again.keys == first.keys and (again.lines == first.lines).all()


def test_no_truth_is_trained_on(data, monkeypatch):
    monkeypatch.setattr(emoji_styles, "EXTENT", {})
    truth, paired = emoji_styles.truth(data), emoji_styles.paired(data)
    assert len(truth.subject) and len(paired.subject)
    trained = set()
    for name in (emoji_styles.A, emoji_styles.B):
        pictures = emoji_styles.training(data, name)
        assert (pictures[:, 0, 0, 1] == emoji_styles.number(name)).all()
        trained |= {(name, int(s)) for s in pictures[:, 0, 0, 0]}
    for name, pictures in ((emoji_styles.A, truth.a), (emoji_styles.B, truth.b)):
        assert not {(name, int(s)) for s in pictures[:, 0, 0, 0]} & trained
        assert pictures[:, 0, 0, 0].tolist() == truth.subject.tolist()
    assert {(emoji_styles.A, int(s)) for s in paired.a[:, 0, 0, 0]} <= trained
    held = {s for s, key in enumerate(KEYS) if emoji.split_of(key, "twemoji") in (HELD_PAIR, HELD_SUBJECT)}
    assert set(truth.subject.tolist()) <= held


def test_a_style_that_fills_its_square_is_drawn_smaller():
    images = np.full((201, 64, 64, 3), 40, np.uint8)
    images[:, 32:] = 90
    small = emoji_styles.drawn(images, "twemoji")
    ink = (small[200] < 250).all(-1)
    assert ink.sum() == 56**2 and ink[4:60, 4:60].all()
    assert small[200, 10, 10].tolist() == [40] * 3 and small[0, 50, 50].tolist() == [90] * 3
    assert emoji_styles.drawn(images, "fluent-3d") is images


def test_an_unknown_style_is_named():
    with pytest.raises(ValueError, match="cubist"):
        emoji_styles.number("cubist")


def jpegs(pictures: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    files = [encode_jpeg(torch.from_numpy(p).permute(2, 0, 1).contiguous(), 95).numpy() for p in pictures]
    return np.concatenate(files), np.cumsum([0, *map(len, files)])


@pytest.fixture
def facade_file(tmp_path):
    """Two photographs to train and one to test; label maps of two blocks of classes each, as JPEG."""
    arrays = {}
    for split, count in (("train", 2), ("test", 1)):
        photos = [np.full((128, 128, 3), 40 * (i + 1), np.uint8) for i in range(count)]
        labels = [facades.colours(blocks(i)) for i in range(count)]
        for kind, pictures in (("photo", photos), ("label", labels)):
            arrays[f"{split}_{kind}_jpg"], arrays[f"{split}_{kind}_off"] = jpegs(pictures)
    np.savez(tmp_path / facades.FILE, **arrays)
    return tmp_path / facades.FILE


def blocks(i: int) -> np.ndarray:
    labels = np.full((128, 128), 1, np.uint8)
    labels[16:64, 16:64] = 2 + i
    labels[80:120, 30:100] = 7 + i
    return labels


def test_facades_keep_pairs_and_the_sets_own_split(facade_file, monkeypatch, tmp_path):
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(Refusal) as refusal:
        facades.load()
    assert refusal.value.code == "data_needed"
    found = facades.load(tmp_path)
    assert found.held_out.tolist() == [False, False, True]
    assert abs(int(found.photos[1].mean()) - 80) <= 2
    for i, labels in zip((0, 1, 0), found.labels, strict=True):
        apart = np.abs(labels.astype(int)[:, :, None] - facades.PALETTE.astype(int)).sum(-1)
        assert (apart.argmin(-1) == blocks(i)).mean() > 0.95, "all but where JPEG's colours blend"
    facade_file.unlink()
    assert (facades.load().labels == found.labels).all()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 junk", "photo only"])
def test_other_files_are_refused(content, tmp_path):
    path = tmp_path / "a.npz"
    if isinstance(content, str):
        jpg, off = jpegs([np.zeros((128, 128, 3), np.uint8)])
        np.savez(path, train_photo_jpg=jpg, train_photo_off=off)
    else:
        path.write_bytes(content)
    with pytest.raises(Refusal) as refusal:
        facades.read_file(path)
    assert refusal.value.code == "facades_file"


def test_fruit_by_name_and_side(monkeypatch):
    labels = np.array([0, 1, 2, 0, 1, 2, 0, 1], np.uint8)
    images = np.arange(8, dtype=np.uint8)[:, None, None, None] * np.ones((1, 64, 64, 3), np.uint8)
    held = np.array([0, 0, 0, 0, 1, 0, 1, 0], bool)
    found = photographs.Photographs(images, labels, held, ("orange", "citron, lemon", "lemon shark"))
    monkeypatch.setattr(photographs, "load", lambda folder: found)
    two = fruit.load()
    assert [part[:, 0, 0, 0].tolist() for part in (two.a, two.b, two.held_a, two.held_b)] == [[0, 3], [1, 7], [6], [4]]
    with pytest.raises(Refusal, match="no apple"):
        fruit.load(None, "apple")
