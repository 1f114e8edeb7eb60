"""What every slow thing yields: samplers, trainers and downloads alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Step:
    """Progress of a generator: step `i` of `n` is finished (0 only while a download looks up sizes).

    x_t: the current state, B C H W (a sampler's noisy picture); x0: its predicted end, same shape;
    loss: the training loss; info: further plain values by name (bytes, seconds, metrics, a picture).
    Closing the generator that yielded it stops the work and frees what it held.
    """

    i: int
    n: int
    x_t: Tensor | None = None
    x0: Tensor | None = None
    loss: float | None = None
    info: dict[str, Any] = field(default_factory=dict)
