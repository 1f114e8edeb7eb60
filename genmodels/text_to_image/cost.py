"""What a picture costs in multiply-adds, counted on the modules as they run."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from genmodels.text_to_image.pipeline import ANY_STYLE, Pipeline

PROMPT = "a b"  # two words; each further word adds well under a hundredth


def multiply_adds(model: Pipeline, steps: int, guided: bool, prompt: str = PROMPT) -> int:
    """Multiply-adds of one picture in `steps` calls of the denoiser, twice as many rows when guided, and its decoding.

    The text encoder is not counted. Raises ValueError unless steps >= 1.
    """
    if steps < 1:
        raise ValueError(f"steps is {steps!r}; it must be 1 or more")
    call, decode = parts(model, 2 if guided else 1, prompt)
    return steps * call + decode


def parts(model: Pipeline, rows: int = 1, prompt: str = PROMPT) -> tuple[int, int]:
    """Multiply-adds of one call of the denoiser on `rows` rows, and of decoding one picture.

    A multiply-add is two of the counter's floating-point operations; only matrix products and convolutions count.
    """
    x = torch.zeros(rows, *model.latent_shape, device=model.device)
    t = torch.tensor(500, device=model.device)
    tokens, mask = (part.to(model.device) for part in model.tokens([prompt] * rows))
    counts = []
    for work in (lambda: model.denoise(x, t, (tokens, mask), ANY_STYLE, None), lambda: model.decode(x[:1])):
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            work()
        counts.append(counter.get_total_flops() // 2)
    return counts[0], counts[1]
