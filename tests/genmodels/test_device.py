import subprocess
import sys
import weakref

import pytest
import torch

from genmodels import device, registry
from genmodels.errors import Refusal

CUDA = "CUDA out of memory. Tried to allocate 2.00 GiB"
MESSAGES = [
    CUDA,
    "MPS backend out of memory (MPS allocated: 8 GB)",
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 4",
    "[enforce fail at alloc_cpu.cpp:97] data. DefaultCPUAllocator: not enough memory: you tried to allocate 4 bytes.",
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
]


@pytest.fixture
def chosen(monkeypatch):
    """A function that sets GENLAB_DEVICE as a fresh process would find it."""

    def choose(value: str | None) -> None:
        if value is None:
            monkeypatch.delenv("GENLAB_DEVICE", raising=False)
        else:
            monkeypatch.setenv("GENLAB_DEVICE", value)
        device.name.cache_clear()

    yield choose
    monkeypatch.undo()
    device.name.cache_clear()


@pytest.fixture
def freed(monkeypatch):
    """The calls of `free`, in a list."""
    calls = []
    monkeypatch.setattr(device, "free", lambda: calls.append("free"))
    return calls


@pytest.mark.parametrize("driver", [False, True])
def test_without_a_driver_the_gpu_is_asked_about_without_torch(driver, tmp_path):
    if driver:
        (tmp_path / "driver").touch()
    code = "import sys; from pathlib import Path; from genmodels import device; device.DRIVERS = (Path(sys.argv[1]),)"
    code += "; device.vram_gb(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "driver")], capture_output=True, check=True)
    assert done.stdout.decode().strip() == str(driver)


def test_the_environment_chooses_the_device(chosen, monkeypatch):
    for have in (False, True):
        monkeypatch.setattr(torch.cuda, "is_available", lambda have=have: have)
        chosen("cpu")
        assert device.name() == "cpu" and device.dtype() == torch.float32
        chosen(None)
        assert (device.name() == "cuda") is have
    chosen("mps")
    assert device.name() == "mps" and device.dtype() == torch.float16 and device.vram_gb() == 0


def test_an_unknown_device_is_refused_with_the_choices(chosen):
    chosen("gpu")
    with pytest.raises(ValueError, match="'gpu'.*cuda, mps, cpu"):
        device.name()


def test_work_that_fits_is_done_once_and_frees_nothing(freed):
    sizes = []
    assert device.with_recovery(lambda size: sizes.append(size) or "done", 8) == "done"
    assert sizes == [8] and freed == []


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError(CUDA), *map(RuntimeError, MESSAGES)])
def test_out_of_memory_is_retried_once_at_half_the_size(freed, error):
    events = []

    def work(size: int) -> int:
        events.append((size, len(freed)))
        if size > 4:
            raise error
        return size

    assert device.with_recovery(work, 9) == 4
    assert events == [(9, 0), (4, 1)]


@pytest.mark.parametrize(("size", "smaller"), [(8, 4), (1, 1)])
def test_out_of_memory_twice_is_a_refusal_and_the_next_request_works(freed, size, smaller):
    sizes = []

    def work(attempt: int) -> int:
        sizes.append(attempt)
        raise RuntimeError(CUDA)

    with pytest.raises(Refusal) as caught:
        device.with_recovery(work, size)
    assert caught.value.code == "memory" and caught.value.values == {"size": smaller}
    assert sizes == [size, smaller] and freed == ["free", "free"]
    assert device.with_recovery(lambda attempt: attempt, size) == size


def test_a_real_allocation_that_cannot_be_met_is_recovered_from():
    too_much = 2**60

    def work(size: int) -> int:
        return torch.empty(size, dtype=torch.uint8).numel() if size > 2**59 else size

    assert device.with_recovery(work, too_much) == 2**59


@pytest.mark.parametrize("error", [RuntimeError("shapes cannot be multiplied"), ValueError(CUDA), KeyError("x")])
def test_other_errors_pass_through_at_once(freed, error):
    sizes = []

    def work(size: int) -> None:
        sizes.append(size)
        raise error

    with pytest.raises(type(error)) as caught:
        device.with_recovery(work, 8)
    assert caught.value is error and sizes == [8] and freed == []


def test_what_the_failed_attempt_held_is_gone_before_the_retry():
    held = []

    def work(size: int) -> str:
        if size == 8:
            picture = torch.zeros(10)
            held.append(weakref.ref(picture))
            raise RuntimeError(CUDA)
        return "alive" if held[0]() is not None else "gone"

    assert device.with_recovery(work, 8) == "gone"


def test_free_forgets_loaded_models(chosen):
    chosen("cpu")
    model = torch.nn.Linear(2, 2)
    alive = weakref.ref(model)
    registry._LOADED["test-device", "cpu"] = model
    del model
    try:
        device.free()
        assert alive() is None
    finally:
        registry.forget()


def test_size_counts_parameters_and_buffers_in_bytes():
    model = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.BatchNorm1d(5)).half()
    assert device.size_bytes(model) == 2 * (3 * 5 + 5 + 4 * 5) + 8
    assert device.size_bytes(torch.nn.Linear(3, 5)) == 4 * 20


def test_size_of_a_pipeline_sums_its_modules_and_counts_shared_weights_once():
    class Pipeline:
        def __init__(self) -> None:
            self.unet = torch.nn.Linear(3, 5)
            self.text_encoder = torch.nn.Linear(2, 2)
            self.again = self.unet
            self.tied = torch.nn.Module()
            self.tied.weight = self.unet.weight
            self.steps = 4

    assert device.size_bytes(Pipeline()) == 4 * (20 + 6)


def test_size_of_something_without_modules_is_zero():
    assert device.size_bytes(object()) == 0


def test_memory_budget_is_half_of_what_this_process_may_use(chosen, monkeypatch, tmp_path):
    chosen("cpu")
    whole = device.memory_budget()
    assert 100e6 < whole < 1e14
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(device, "CGROUP_LIMITS", (tmp_path / "absent", limit))
    limit.write_text("100000\n")
    assert device.memory_budget() == 50_000
    for unlimited in ("max\n", str(2**63 - 4096)):
        limit.write_text(unlimited)
        assert device.memory_budget() >= whole


def test_memory_budget_of_a_gpu_is_most_of_its_memory(chosen, monkeypatch):
    chosen("cuda")
    monkeypatch.setattr(device, "vram_gb", lambda: 10.0)
    assert device.memory_budget() == 8_000_000_000
