"""What a verdict rests on: modules and classes that an answer must not change, and places where it could listen.

An answer shares its process with the check that judges it. This is all that has a say in a verdict, and no more: each
answer pays for it.
"""

from __future__ import annotations

import builtins
import gc
import sys
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any  # Any: whatever a module holds

# modules, and packages with a dot at the end: what a verdict rests on, and not all of SQLAlchemy, for each answer pays
GUARDED = (
    "course_lib.",
    "asyncio.",
    "httpx.",
    "sqlalchemy.engine.base",
    "sqlalchemy.engine.cursor",
    "sqlalchemy.engine.default",
    "sqlalchemy.engine.result",
    "sqlalchemy.event.",
    "sqlalchemy.ext.asyncio.",
    "sqlalchemy.orm.session",
    "sqlalchemy.pool.",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "aiosqlite.",
    "asyncpg.connection",
    "IPython.core.async_helpers",
    "IPython.core.compilerop",
    "IPython.core.inputtransformer2",
    "IPython.core.interactiveshell",
    "fastapi.applications",
    "fastapi.routing",
    "starlette.applications",
    "starlette.routing",
    "anyio.from_thread",
    "anyio.to_thread",
    "anyio._backends._asyncio",
    "ast",
    "builtins",
    "contextlib",
    "contextvars",
    "copy",
    "dataclasses",
    "functools",
    "gc",
    "inspect",
    "itertools",
    "json.",
    "math",
    "operator",
    "os",
    "re.",
    "signal",
    "sqlite3.",
    "threading",
    "time",
    "traceback",
    "warnings",
    "weakref",
)
PACKAGES = tuple(name for name in GUARDED if name.endswith("."))
CHECKER = ("course_lib.checks", "course_lib.client", "course_lib.observe", "httpx._client", "httpx._transports.asgi")
# emptied before the answer runs
FORGOTTEN = tuple(f"course_lib.grading.{name}" for name in ("sandbox", "memory", "pages", "doors"))
# what its own module gives a new value while it works: counters, and what is made at first use
RESTLESS = frozenset({"__warningregistry__", "_uid", "HTTPCORE_EXC_MAP"})
WRITTEN = ("warnings", "asyncpg.connection", "httpx._transports.default")  # by a probe, and by themselves


def is_guarded(name: str) -> bool:
    """Say whether a module is one of ours or of those that a verdict rests on."""
    if name.startswith(FORGOTTEN):
        return False
    return name != "course_lib" and (name in GUARDED or f"{name}.".startswith(PACKAGES))


def owners(only: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield every guarded module and its own classes, each with its name."""
    for name, module in list(sys.modules.items()):
        if not isinstance(module, ModuleType) or not (name in only if only else is_guarded(name)):
            continue
        yield name, module
        if module is builtins:
            continue  # its classes cannot be changed
        for value in list(vars(module).values()):
            if isinstance(value, type) and getattr(value, "__module__", "") == name:
                yield f"{name}.{value.__qualname__}", value


def hooks(shell: Any = None) -> dict[str, Any]:
    """Return the places where Python, the collector, threads and a shell let somebody listen or rewrite."""
    found: dict[str, Any] = {
        "sys.settrace": sys.gettrace(),
        "sys.setprofile": sys.getprofile(),
        "threading.settrace": threading.gettrace(),
        "threading.setprofile": threading.getprofile(),
        "sys.meta_path": [id(finder) for finder in sys.meta_path],
        "sys.path_hooks": [id(hook) for hook in sys.path_hooks],
        "gc.callbacks": [id(callback) for callback in gc.callbacks],
        "sys.excepthook": sys.excepthook,
        "builtins.__build_class__": builtins.__build_class__,
    }
    monitoring = getattr(sys, "monitoring", None)  # Python 3.12 and newer
    if monitoring is not None:
        found["sys.monitoring"] = [monitoring.get_tool(number) for number in range(6)]
    return found | (_of_shell(shell) if shell is not None else {})


def _of_shell(shell: Any) -> dict[str, Any]:
    manager = shell.input_transformer_manager
    lists = {
        "ast_transformers": shell.ast_transformers,
        "input_transformers_post": shell.input_transformers_post,
        "cleanup_transforms": manager.cleanup_transforms,
        "line_transforms": manager.line_transforms,
        "token_transformers": manager.token_transformers,
    }
    own = {name: id(value) for name, value in vars(shell).items() if callable(value)}
    return {f"IPython {name}": [id(each) for each in value] for name, value in lists.items()} | {
        "IPython shell": {name: own[name] for name in ("run_cell_async", "run_code", "transform_cell") if name in own}
    }
