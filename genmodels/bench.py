"""Timing that holds on a noisy machine: medians of interleaved runs, and the machine's own peak beside them."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import torch


def interleaved(work: dict[str, Callable[[], object]], rounds: int = 15) -> dict[str, float]:
    """Median seconds of each piece of work, run in turn (a b c a b c ...) after one warm-up of each."""
    for run in work.values():
        run()
    taken: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, run in work.items():
            began = time.perf_counter()
            run()
            taken[name].append(time.perf_counter() - began)
    return {name: median(times) for name, times in taken.items()}


def peak_gflops(size: int = 1024) -> float:
    """What a square fp32 matrix product reaches here and now, in GFLOP/s."""
    a, b = torch.rand(size, size), torch.rand(size, size)
    seconds = interleaved({"matmul": lambda: a @ b}, 7)["matmul"]
    return 2 * size**3 / seconds / 1e9
