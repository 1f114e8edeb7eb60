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

RAMP = ((0.27, 0.0, 0.33), (0.23, 0.32, 0.55), (0.13, 0.57, 0.55), (0.37, 0.79, 0.38), (0.99, 0.91, 0.14))  # viridis


def uri(picture: Tensor) -> str:
    """Data address of a picture, uint8 or float in [-1, 1]."""
    file = io.BytesIO()
    images.to_pil(picture).save(file, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def viridis(values: Tensor) -> Tensor:
    """Numbers (H, W), clamped to 0 to 1 -> colours (H, W, 3) in [0, 1]."""
    import torch

    at = values.float().clamp(0, 1) * (len(RAMP) - 1)
    low = at.floor().clamp(max=len(RAMP) - 2).long()
    ramp, part = torch.tensor(RAMP), (at - low).unsqueeze(-1)
    return ramp[low] * (1 - part) + ramp[low + 1] * part


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
