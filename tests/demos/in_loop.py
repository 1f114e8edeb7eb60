"""Building a tab outside of a server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def in_loop(work: Callable[[], T]) -> T:
    """work() inside a running event loop of its own: outside of one, Gradio opens a new one for every lock."""

    async def run() -> T:
        return work()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(run())).result()
