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
    named = {name: value for name, value in namespace.items() if not name.startswith("_")}
    return sorted(name for name, value in named.items() if _is_stale(value) or _is_imported(name, value))


def _is_ours(module_name: str) -> bool:
    return module_name == "app" or module_name.startswith("app.")


def _is_stale(value: Any) -> bool:
    home = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    return _is_ours(home if isinstance(home, str) else type(value).__module__)


def _is_imported(name: str, value: Any) -> bool:
    """True for an object (`app`, `engine`, `router`) that an `app` module made: its class does not tell."""
    if isinstance(value, type | ModuleType) or type(value).__module__ == "builtins":
        return False
    homes = [key for key, module in tuple(sys.modules.items()) if getattr(module, "__dict__", {}).get(name) is value]
    return any(map(_is_ours, homes)) and all(_is_ours(home) or home == "__main__" for home in homes)
