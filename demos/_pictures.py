"""Pictures on their way to the page and from the visitor."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING

from genmodels import images
from genmodels.errors import Refusal

if TYPE_CHECKING:
    from torch import Tensor


def uri(picture: Tensor) -> str:
    """Data address of a picture, uint8 or float in [-1, 1]."""
    file = io.BytesIO()
    images.to_pil(picture).save(file, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def decoded(data: object) -> Tensor:
    """A visitor's file, base64 -> uint8 (3, H, W). Raises Refusal for what is no picture or too large a one."""
    if not isinstance(data, str) or len(data) > 4 * -(-images.MAX_BYTES // 3):
        limit = images.MAX_BYTES // 10**6
        raise Refusal("picture_bytes", f"the file is too large; the limit is {limit} MB", limit=limit)
    try:
        raw = base64.b64decode(data, validate=True)
    except ValueError as error:
        raise Refusal("picture_kind", "the file did not arrive as base64") from error
    return images.read(raw)


def picker() -> str:
    """The script that takes a visitor's pictures, to go before a component's own: it says there how it is called."""
    return (Path(__file__).parent / "_picker.js").read_text(encoding="utf-8")
