"""Forget the loaded `app` modules, so that the next import reads the files again.

Engines of dropped modules are queued, not disposed here: a cell magic runs inside the kernel's loop and cannot await.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

_waiting: list[AsyncEngine] = []


def forget() -> None:
    """Drop every loaded `app` module and queue the engines they hold."""
    dropped = [name for name in sys.modules if name == "app" or name.startswith("app.")]
    for name in dropped:
        _waiting.extend(_engines(sys.modules.pop(name)))
    importlib.invalidate_caches()


def _engines(module: ModuleType) -> list[AsyncEngine]:
    asyncio_extension = sys.modules.get("sqlalchemy.ext.asyncio")
    if asyncio_extension is None:  # nothing imported it, so there is no engine either
        return []
    found = [value for value in vars(module).values() if isinstance(value, asyncio_extension.AsyncEngine)]
    return list({id(engine): engine for engine in found}.values())


async def dispose_forgotten() -> None:
    """Close the connections of every queued engine; `client`, `fresh`, `check` and `lesson` call it first."""
    while _waiting:
        await _waiting.pop().dispose()


def stale_names(namespace: dict[str, Any]) -> list[str]:
    """Return the names in `namespace` that are still bound to an `app` module loaded before now."""
    return sorted(name for name, value in namespace.items() if not name.startswith("_") and _is_stale(value))


def _is_stale(value: Any) -> bool:
    home = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    if not isinstance(home, str):
        home = type(value).__module__
    return home == "app" or home.startswith("app.")
