"""Weights on disk and from the hub: safetensors only. The only file that touches the network."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import logging
import os
import re
import shutil
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
from filelock import FileLock, Timeout
from huggingface_hub import constants, get_async_session, get_token, hf_hub_url
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, OfflineModeIsEnabled
from huggingface_hub.utils import hf_raise_for_status

from genmodels.errors import Refusal
from genmodels.step import Step

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

ASSETS = Path(__file__).resolve().parent.parent / "assets" / "weights"
SHARD = "8MB"
TENSOR_BYTES = 8_900_000
SCALE = ":scale"  # ends the name of what a tensor of bytes is multiplied by; no module can have it
LEAST_BYTES = 1024  # values of a tensor that is worth a scale
SAFE_SUFFIXES = (".safetensors", ".json", ".txt", ".model")
YIELD_SECONDS = 0.1
HUB_TIMEOUT = 15.0  # seconds without a connection or a byte; GENLAB_HUB_TIMEOUT overrides it
HUB_TRIES = 3
HUB_PATIENCE = 5.0  # a hub that asks to be left alone for longer is refused, not waited for
HUB_SAYS = {
    "hub_unauthorized": "the hub does not let this machine read {repo}: it is private or gone, or needs a login",
    "hub_gated": "the owner of {repo} asks you to log in to the hub and accept the terms there first",
    "hub_not_found": "the hub has no {file} in {repo} at the pinned commit",
    "hub_busy": "the hub is refusing requests for now; try again in {seconds} s",
    "hub_error": "the hub answered with error {status} to the request for {file} of {repo}",
    "hub_stalled": "nothing came from the hub for {seconds} s; what has arrived of {repo} is kept",
    "hub_truncated": "{file} of {repo} did not arrive whole; try again",
    "hub_hash": "{file} of {repo} is not the file that the hub announced, so it was deleted",
    "hub_unverified": "the answer for {file} of {repo} lacks commit, size or checksum: it may not come from the hub",
    "hub_offline": "the hub cannot be reached from this machine, so {repo} cannot be downloaded",
    "hub_running": "{repo} is already being downloaded on this machine",
    "disk_full": "the rest of {repo} needs {need} MB on the disk, where {have} MB are free",
}


@dataclass(frozen=True)
class Embedded:
    """Weights that ship in this repository, under assets/weights/<name>."""

    name: str


@dataclass(frozen=True)
class Hub:
    """Files of a public repository at one full commit. Raises ValueError for anything unpinned or unsafe."""

    repo: str
    revision: str
    files: tuple[str, ...]

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9a-f]{40}", self.revision):
            raise ValueError(f"revision of {self.repo} is {self.revision!r}; it must be a full commit of 40 hex digits")
        if not re.fullmatch(r"(\w[\w.-]*/)?\w[\w.-]*", self.repo, re.ASCII):
            raise ValueError(f"{self.repo!r} is not the name of a repository")
        if not self.files:
            raise ValueError(f"{self.repo}: no files are named")
        for name in self.files:
            if not re.fullmatch(r"(\w[\w.-]*/)*\w[\w.-]*", name, re.ASCII):
                raise ValueError(f"{self.repo}: {name!r} is not a plain relative path")
            if not name.endswith(SAFE_SUFFIXES):
                raise ValueError(f"{self.repo}: {name!r} is not one of the allowed kinds {SAFE_SUFFIXES}")


def cache() -> Path:
    """The folder for training data, checkpoints and downloads; GENLAB_CACHE overrides it."""
    folder = Path(os.environ.get("GENLAB_CACHE") or Path.home() / ".cache" / "genlab")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Gives a path to write to, of the same ending; what lies there becomes `path` if the block ends well, so that a
    file is there complete or not at all, also when another process writes it meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def folder(source: Embedded | Hub) -> Path:
    """Where the files of a model lie on this machine, whether or not they are there yet."""
    if isinstance(source, Embedded):
        return ASSETS / source.name
    return cache() / "hub" / source.repo.replace("/", "--") / source.revision


def missing(source: Embedded | Hub) -> Refusal | None:
    """Why the files cannot be used now, or None when they are all there."""
    place = folder(source)
    if isinstance(source, Embedded):
        if (place / "card.json").is_file():
            return None
        return Refusal("not_trained", f"{source.name} has no weights yet: train it first", id=source.name)
    if all((place / name).is_file() for name in source.files):
        return None
    return Refusal("not_downloaded", f"{source.repo} is not on this machine yet", id=source.repo)


def read(place: Path) -> dict[str, torch.Tensor]:
    """Every tensor of a folder's safetensors, half precision and bytes with a scale widened to float32.

    Raises Refusal("not_trained") when there are none.
    """
    import torch
    from safetensors.torch import load_file

    state: dict[str, torch.Tensor] = {}
    for shard in sorted(place.glob("*.safetensors")):
        state |= load_file(shard)
    if not state:
        raise Refusal("not_trained", f"no safetensors in {place.name}", id=place.name)
    state = {key: t.float() if t.dtype == torch.float16 else t for key, t in state.items()}
    scales = {key.removesuffix(SCALE): state.pop(key) for key in list(state) if key.endswith(SCALE)}
    return {key: t.float() * scales[key] if key in scales else t for key, t in state.items()}


def write(name: str, model: torch.nn.Module, small: bool = False) -> list[Path]:
    """Write a module as safetensors shards of at most 9 MB: parameters in half precision, buffers as they are.

    small: matrices and kernels in bytes instead, each row with a scale of its own (each column where those are fewer).
    Replaces what was there; returns the files. Raises ValueError, and leaves what was there, for a tensor that takes
    over 9 MB by itself and for a parameter that is not finite in half precision.
    """
    import torch
    from huggingface_hub import save_torch_state_dict

    learned = {key for key, _ in model.named_parameters(remove_duplicate=False)}
    state = {}
    for key, t in model.state_dict().items():
        t = t.detach()
        if key in learned and t.dtype == torch.float32:
            if small and t.numel() >= LEAST_BYTES and t.ndim > 1:
                t, state[key + SCALE] = _in_bytes(t)
            else:
                t = t.half()
        # A copy of its own for each: the writer drops all but one of the tensors that share memory.
        state[key] = t = t.cpu().clone(memory_format=torch.contiguous_format)
        if t.nbytes > TENSOR_BYTES:
            raise ValueError(f"{name}: {key} takes {t.nbytes} bytes; at most {TENSOR_BYTES} fit into a file")
        if key in learned and not t.isfinite().all():
            raise ValueError(f"{name}: {key} is not finite in {t.dtype}")
    place = ASSETS / name
    place.mkdir(parents=True, exist_ok=True)
    for old in (*place.glob("*.safetensors"), *place.glob("*.index.json")):
        old.unlink()
    save_torch_state_dict(state, place, max_shard_size=SHARD, shared_tensors_to_discard=[])
    return sorted(place.glob("*.safetensors"))


def _in_bytes(t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """int8 of t's shape, and the scales that `read` multiplies it by."""
    import torch

    wide = t.numel() // len(t) >= len(t)
    over = tuple(range(1, t.ndim)) if wide else tuple(range(t.ndim - 1))
    scale = (t.abs().amax(over, keepdim=True) / 127).clamp(min=torch.finfo(torch.float32).tiny)
    if not scale.isfinite().all():
        raise ValueError("a parameter is not finite")
    return (t / scale).round().to(torch.int8), scale.cpu()


def read_card(name: str) -> dict[str, Any]:
    """The measured card of an embedded model. Raises Refusal("not_trained") if there is none."""
    path = ASSETS / name / "card.json"
    if not path.is_file():
        raise Refusal("not_trained", f"{name} has no card yet: train it first", id=name)
    return json.loads(path.read_text(encoding="utf-8"))


def write_card(name: str, **fields: Any) -> dict[str, Any]:
    """Merge `fields` into the model's card.json and renew the sha256 of each weights file beside it."""
    place = ASSETS / name
    place.mkdir(parents=True, exist_ok=True)
    path = place / "card.json"
    old = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    files = sorted(p for p in place.rglob("*") if p.is_file() and p != path)
    card = {**old, "id": name, **fields, "sha256": {p.relative_to(place).as_posix(): sha256(p) for p in files}}
    path.write_text(json.dumps(card, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
    return card


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download(source: Hub) -> Iterator[Step]:
    """Download what is missing of a pinned commit into `folder(source)`; every file is verified before it counts.

    Yields Step(i=bytes here, n=bytes in all, info={"file": name}) every 0.1 s, also while nothing arrives;
    0 of 1 until the sizes are known. Closing it ends the transfer at once. When stopped or killed it leaves only
    `<file>.part`, which the next download continues. Raises Refusal with one of the codes of HUB_SAYS.
    """
    work = _Download(source)
    loop = asyncio.new_event_loop()
    task = loop.create_task(work.run())
    # A thread of its own, because the caller's may be running a loop already; a loop, because it can be cancelled.
    thread = threading.Thread(target=loop.run_until_complete, args=(asyncio.wait([task]),), name="hub", daemon=True)
    thread.start()
    try:
        finished = False
        while not finished:
            thread.join(YIELD_SECONDS)
            finished = not thread.is_alive()
            yield Step(min(work.whole + work.partial, work.total), max(work.total, 1), info={"file": work.file})
        task.result()
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        loop.close()


class _Download:
    """One download: what it fetches, and how far it is (bytes of whole files, of the current one, of all)."""

    def __init__(self, source: Hub) -> None:
        self.source, self.place = source, folder(source)
        self.whole = self.partial = self.total = 0
        self.file = ""
        self.timeout = float(os.environ.get("GENLAB_HUB_TIMEOUT") or HUB_TIMEOUT)

    async def run(self) -> None:
        self.place.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.place.with_name(f"{self.place.name}.lock"), timeout=0):
                absent = [name for name in self.source.files if not (self.place / name).is_file()]
                async with get_async_session() as client:
                    client.timeout = self.timeout
                    client.headers.update(await self.headers())
                    announced = [(name, *await self.retry(self.ask, client, name)) for name in absent]
                    self.whole = sum(_size(self.place / name) for name in self.source.files)
                    self.total = self.whole + sum(size for _, size, _ in announced)
                    need = sum(size - _size(self.part(name)) for name, size, _ in announced)
                    if need > shutil.disk_usage(self.place).free:
                        raise self.disk_full(need)
                    for name, size, etag in announced:
                        await self.retry(self.receive, client, name, size)
                        await self.accept(name, size, etag)
        except Timeout as error:
            raise self.refusal("hub_running") from error

    async def headers(self) -> dict[str, str]:
        """The library's own build_hf_headers() would first report this process to the hub, in a blocking request."""
        said = {"Accept-Encoding": "identity", "User-Agent": "genlab"}
        if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN or not (token := await asyncio.to_thread(get_token)):
            return said
        return said | {"Authorization": f"Bearer {token}"}  # dropped by httpx when redirected to a storage host

    async def ask(self, client: httpx2.AsyncClient, name: str) -> tuple[int, str]:
        """Size and ETag as the hub announces them; the storage host that it redirects to is not asked."""
        self.file = name
        response = await client.head(self.url(name), follow_redirects=False)
        while (onward := response.next_request) and onward.url.netloc == response.url.netloc:
            response = await client.send(onward, follow_redirects=False)
        hf_raise_for_status(response)
        found = response.headers
        etag = found.get(constants.HUGGINGFACE_HEADER_X_LINKED_ETAG) or found.get("ETag", "")
        etag = etag.removeprefix("W/").strip('"')
        length = "" if response.is_redirect else found.get("Content-Length", "")
        size = found.get(constants.HUGGINGFACE_HEADER_X_LINKED_SIZE) or length
        pinned = found.get(constants.HUGGINGFACE_HEADER_X_REPO_COMMIT) == self.source.revision
        if not pinned or not size.isdigit() or not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", etag):
            raise self.refusal("hub_unverified")
        return int(size), etag

    async def receive(self, client: httpx2.AsyncClient, name: str, size: int) -> None:
        """Continue the file's part until the answer ends or exceeds the announced size."""
        self.file, part = name, self.part(name)
        part.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("ab") as out:
                self.partial = out.tell()
                if self.partial >= size:
                    return
                resume = {"Range": f"bytes={self.partial}-"} if self.partial else {}
                async with client.stream("GET", self.url(name), headers=resume) as response:
                    hf_raise_for_status(response)
                    if self.partial and response.status_code != 206:
                        out.truncate(0)
                        self.partial = 0
                    async for block in response.aiter_bytes():
                        self.partial += out.write(block)
                        if self.partial > size:
                            return
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            part.unlink()
            raise self.disk_full(size) from error

    async def accept(self, name: str, size: int, etag: str) -> None:
        """Give the part its final name, or delete it if it is not what the hub announced."""
        part = self.part(name)
        digest = hashlib.sha256() if len(etag) == 64 else hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
        with part.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
                await asyncio.sleep(0)  # so that it can be cancelled here
        code = "hub_truncated" if _size(part) != size else "hub_hash" if digest.hexdigest() != etag else None
        if code:
            part.unlink()
            raise self.refusal(code)
        os.replace(part, self.place / name)
        self.whole, self.partial = self.whole + size, 0

    async def retry(self, work: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        """work(*args), again if the error may pass within seconds; other errors become Refusals."""
        for last in (*[False] * (HUB_TRIES - 1), True):
            try:
                return await work(*args)
            except (httpx2.HTTPError, OfflineModeIsEnabled) as error:
                refusal, wait = self.explain(error)
                if last or wait is None or wait > HUB_PATIENCE:
                    raise refusal from error
                log.warning("%s. Trying again in %g s.", refusal, wait)
                await asyncio.sleep(wait)

    def explain(self, error: Exception) -> tuple[Refusal, float | None]:
        """The Refusal that an error amounts to, and the seconds after which it may have passed."""
        if isinstance(error, GatedRepoError):
            return self.refusal("hub_gated"), None
        if isinstance(error, HfHubHTTPError):
            status, after = error.response.status_code, error.response.headers.get("Retry-After", "")
            wait = float(after) if after.isdigit() else 1.0
            if status == 429:
                return self.refusal("hub_busy", seconds=max(1, round(wait))), wait
            names = {401: "hub_unauthorized", 403: "hub_unauthorized", 404: "hub_not_found"}
            return self.refusal(names.get(status, "hub_error"), status=status), wait if status >= 500 else None
        if isinstance(error, httpx2.TimeoutException):
            return self.refusal("hub_stalled", seconds=round(self.timeout, 1)), None
        if isinstance(error, httpx2.ReadError | httpx2.WriteError | httpx2.RemoteProtocolError):
            return self.refusal("hub_truncated"), 1.0
        return self.refusal("hub_offline"), None

    def refusal(self, code: str, **values: object) -> Refusal:
        values |= {"repo": self.source.repo, "file": self.file}
        return Refusal(code, HUB_SAYS[code].format(**values), **values)

    def disk_full(self, need: int) -> Refusal:
        have = shutil.disk_usage(self.place).free
        return self.refusal("disk_full", need=-(-need // 10**6), have=have // 10**6)

    def url(self, name: str) -> str:
        return hf_hub_url(self.source.repo, name, revision=self.source.revision)

    def part(self, name: str) -> Path:
        return self.place / f"{name}.part"


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
