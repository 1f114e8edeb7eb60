"""Device and dtype, chosen once; the memory budget; recovery when memory runs out."""

from __future__ import annotations

import functools
import gc
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from genmodels.errors import Refusal

log = logging.getLogger(__name__)
T = TypeVar("T")
NAMES = ("cuda", "mps", "cpu")
# A container's own limit (versions 2 and 1 of control groups); the machine around it may have far more.
CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
# What a driver leaves on Linux (NVIDIA, AMD, either of them through Windows) and on Windows.
DRIVERS = (Path("/dev/nvidiactl"), Path("/dev/kfd"), Path("/dev/dxg"), Path("C:/Windows/System32/nvcuda.dll"))
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "_alloc_failed")


@functools.cache
def name() -> str:
    """The device that models run on: "cuda", "mps" or "cpu"; GENLAB_DEVICE overrides it.

    Raises ValueError if GENLAB_DEVICE is none of these.
    """
    if chosen := os.environ.get("GENLAB_DEVICE"):
        if chosen not in NAMES:
            raise ValueError(f"GENLAB_DEVICE is {chosen!r}; it must be one of {', '.join(NAMES)}")
        return chosen
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def dtype() -> Any:
    """float16 on a GPU, float32 on a CPU (bfloat16 is far slower there)."""
    import torch

    return torch.float32 if name() == "cpu" else torch.float16


def vram_gb() -> float:
    """Memory of the GPU in GB; 0 without one, which a machine without a driver is told before torch is loaded."""
    if "torch" not in sys.modules and not any(path.exists() for path in DRIVERS):
        return 0.0
    import torch

    return torch.cuda.get_device_properties(0).total_memory / 1e9 if name() == "cuda" else 0.0


def memory_budget() -> int:
    """Bytes that loaded models may hold together: 80 % of the GPU's memory, or half of what this process may use."""
    if name() == "cuda":
        return int(vram_gb() * 0.8e9)
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return 4_000_000_000
    available = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limits = (path.read_text().strip() for path in CGROUP_LIMITS if path.is_file())
    return min([available, *(int(limit) for limit in limits if limit.isdigit())]) // 2


def size_bytes(model: Any) -> int:
    """Bytes that a module's (or a pipeline's modules') parameters and buffers hold, shared ones counted once."""
    import torch

    modules = [model] if isinstance(model, torch.nn.Module) else getattr(model, "__dict__", {}).values()
    tensors = (t for m in modules if isinstance(m, torch.nn.Module) for t in (*m.parameters(), *m.buffers()))
    return sum(t.numel() * t.element_size() for t in {id(t): t for t in tensors}.values())


def is_out_of_memory(error: BaseException) -> bool:
    """True for the GPU's and the CPU allocator's ways of saying that memory ran out."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in text for words in OUT_OF_MEMORY)
    )


def with_recovery(work: Callable[[int], T], size: int) -> T:
    """work(size); if memory runs out, free what is held and try once at half the size.

    Raises Refusal("memory") when that fails too; the next request finds memory freed.
    """
    for attempt in (size, max(1, size // 2)):
        try:
            return work(attempt)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            log.warning("out of memory at size %d: freeing", attempt)
        free()
    raise Refusal("memory", f"not enough memory on this machine, not even for size {attempt}", size=attempt)


def free() -> None:
    """Drop loaded models and give cached memory back to the device."""
    from genmodels import registry

    registry.forget()
    gc.collect()
    if name() != "cpu":
        import torch

        getattr(torch, name()).empty_cache()
