"""Which models exist, what each can do, and whether this machine can run it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import genmodels
from genmodels import device, weights
from genmodels.errors import Refusal
from genmodels.step import Step


@dataclass(frozen=True)
class ModelCard:
    """What is fixed about a model before any training; what was measured stands in its card.json.

    params: learned parameters, exactly; source: paper; data: what it was trained on;
    can: verbs that decide what the page offers ("classify", "generate", ...).
    """

    id: str
    topic: str
    can: frozenset[str]
    weights: weights.Embedded | weights.Hub
    params: int
    license: str
    source: str
    data: str
    min_vram_gb: float = 0


_ENTRIES: dict[str, tuple[ModelCard, Callable[..., Any]]] = {}
_LOADED: OrderedDict[tuple[str, str], Any] = OrderedDict()
_LOCK = threading.RLock()


def register(card: ModelCard) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add a model by its constructor.

    A constructor without parameters returns a `torch.nn.Module`, which `load` fills strictly from the
    safetensors in the card's folder. One with a parameter `folder` reads that folder itself
    (diffusers' and transformers' formats).
    """

    def add(constructor: Callable[..., Any]) -> Callable[..., Any]:
        if card.id in _ENTRIES:
            raise ValueError(f"model {card.id!r} is registered twice")
        _ENTRIES[card.id] = (card, constructor)
        return constructor

    return add


def topics() -> list[str]:
    """The topics' package names: every sub-package of genmodels that holds models."""
    found = (m.name for m in pkgutil.iter_modules(genmodels.__path__) if m.ispkg)
    return sorted(name for name in found if name != "data")


def cards(topic: str | None = None) -> list[ModelCard]:
    """Every registered card (of one topic), in order of registration. Loads no weights and no torch."""
    for name in topics():
        importlib.import_module(f"genmodels.{name}")
    return [card for card, _ in _ENTRIES.values() if topic in (None, card.topic)]


def card(id: str) -> ModelCard:
    """The card of one model. Raises Refusal("unknown_model") if there is none."""
    return _entry(id)[0]


def build(id: str) -> Any:
    """The model without weights, for recipes and tests; only for constructors without parameters."""
    return _entry(id)[1]()


def unavailable(card: ModelCard) -> Refusal | None:
    """Why this machine cannot run the model, or None if it can. Touches neither network nor weights."""
    if card.min_vram_gb and (have := device.vram_gb()) < card.min_vram_gb:
        need = card.min_vram_gb
        return Refusal("needs_gpu", f"needs a GPU with {need} GB; this machine has {have:.0f}", need=need, have=have)
    return weights.missing(card.weights)


def load(id: str, device_name: str | None = None) -> Any:
    """The model, ready to use: filled strictly, in eval mode, on the chosen device.

    Kept in a least-recently-used cache bounded by memory. Raises Refusal if it cannot be run here.
    """
    model_card, constructor = _entry(id)
    place = device_name or device.name()
    with _LOCK:
        if (id, place) in _LOADED:
            _LOADED.move_to_end((id, place))
            return _LOADED[id, place]
        if reason := unavailable(model_card):
            raise reason
        folder = weights.folder(model_card.weights)
        if "folder" in inspect.signature(constructor).parameters:
            model = constructor(folder)
        else:
            model = constructor()
            model.load_state_dict(weights.read(folder), strict=True)
        if hasattr(model, "eval"):
            model.eval()
        model = _LOADED[id, place] = model.to(place)
        while len(_LOADED) > 1 and sum(map(device.size_bytes, _LOADED.values())) > device.memory_budget():
            _LOADED.popitem(last=False)
        return model


def fetch(id: str) -> Iterator[Step]:
    """Download the files of a hub model: see `weights.download`. Raises ValueError for one that ships here."""
    source = card(id).weights
    if not isinstance(source, weights.Hub):
        raise ValueError(f"{id} ships with this repository: there is nothing to download")
    return weights.download(source)


def forget() -> None:
    """Empty the cache (after running out of memory, and in tests)."""
    with _LOCK:
        _LOADED.clear()


def folder(id: str) -> Path:
    """Where the model's files lie on this machine."""
    return weights.folder(_entry(id)[0].weights)


def _entry(id: str) -> tuple[ModelCard, Callable[..., Any]]:
    cards()
    if id not in _ENTRIES:
        raise Refusal("unknown_model", f"there is no model {id!r}; there are {sorted(_ENTRIES)}", id=str(id)[:60])
    return _ENTRIES[id]
