"""Choosing the picture: a photograph, a file, a frame."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from demos import _pictures
from demos.masking import _photos, _rebuild
from demos.masking._views import text


def run_photo(lang: str, own: object, photo: object, *rest: object) -> tuple[Any, ...]:
    """Take another photograph, with the frame that it begins with.

    rest: frame, model, ratio, strategy, seed and patches, as `run_rebuild` has them.
    -> its name, the frame, the source's value, the board's value, HTML of the caption, the patches.
    """
    found = _photos.chosen(photo, own)
    frame = _photos.EXAMPLES[found.name][1] if found.name in _photos.EXAMPLES else _photos.WHOLE
    shown = _rebuild.run_rebuild(lang, own, photo, frame, *rest[1:])
    return photo, frame, value(lang, found, own, frame), *shown


def run_upload(lang: str, data: object, *rest: object) -> tuple[Any, ...]:
    """Take the visitor's own picture. data: base64 of a PNG, JPEG, WebP or GIF; rest: as `run_photo` has it.

    -> the picture, then what `run_photo` gives.
    """
    own = _photos.own(data)
    return own, *run_photo(lang, own, _photos.OWN, *rest)


def run_source(lang: str, own: object, photo: object, crop: object) -> str:
    """The source's value, in this language."""
    return value(lang, _photos.chosen(photo, own), own, crop)


def value(lang: str, photo: _photos.Photo, own: object, crop: object) -> str:
    """What the source shows: the examples, the whole picture, the frame."""
    _photos.Crop.read(crop)
    examples = [{"key": key, "uri": _photos.thumbnail(key)} for key in _photos.EXAMPLES]
    if isinstance(own, _photos.Photo):
        tile = _photos.Crop.read(_photos.WHOLE).cut(own, _photos.THUMB)
        examples.append({"key": _photos.OWN, "uri": _pictures.uri(tile)})
    for one in examples:
        one["label"] = text(lang, f"photo.{one['key']}")
    size = {"width": photo.width, "height": photo.height}
    return json.dumps(
        {
            "examples": examples,
            "photo": photo.name,
            "uri": _photos.preview(photo),
            "crop": crop,
            "alt": text(lang, "source.alt", photo=text(lang, f"photo.{photo.name}"), **size),
            "frame": text(lang, "source.frame"),
            "zoom": text(lang, "source.zoom"),
            "hint": text(lang, "source.hint", **size),
            **size,
        }
    )


def checked_photo(name: str) -> str:
    """A link's photograph. Raises Refusal for one that no link can carry, the visitor's own among them."""
    return _photos.chosen(name, None).name


def checked_crop(crop: str) -> str:
    """A link's frame. Raises Refusal as `Crop.read` does."""
    _photos.Crop.read(crop)
    return crop


def kept(seconds: int = 3600) -> gr.State:
    """The visitor's own picture; it leaves the session an hour after it came."""
    return gr.State(None, time_to_live=seconds)
