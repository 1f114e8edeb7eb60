"""The page: one module or folder for each topic."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType


def topics() -> list[ModuleType]:
    """Every topic of this folder, in the lecture's order."""
    names = (found.name for found in pkgutil.iter_modules(__path__) if not found.name.startswith("_"))
    return sorted((importlib.import_module(f"demos.{name}") for name in names), key=lambda topic: topic.ORDER)
