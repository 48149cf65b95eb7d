"""The seal on our own machinery: what an answer must not change, remembered before it runs and compared after.

An answer shares its process with the check that judges it. It may do as it likes with its own names; a checker, a
client, an event loop or a shell that it has exchanged would say what it wants to hear.
"""

from __future__ import annotations

import builtins
import gc
import sys
import threading
from collections.abc import Iterator
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any  # Any: whatever a module holds

# modules, and packages with a dot at the end. A comparison touches what it compares, and so copies pages of the parent:
# all of SQLAlchemy would cost 27 ms for each answer, the parts that a verdict rests on cost 11 (measured)
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
    "dataclasses",
    "gc",
    "inspect",
    "json.",
    "os",
    "signal",
    "sqlite3.",
    "threading",
    "time",
    "traceback",
    "warnings",
    "weakref",
)
PACKAGES = tuple(name for name in GUARDED if name.endswith("."))
METHODS = (FunctionType, classmethod, staticmethod, property, BuiltinFunctionType)
# what tests of a process's inner life use and no answer of this course needs; each reaches into memory that is ours
REFUSED = frozenset(
    {"gc.get_objects", "gc.get_referrers", "gc.get_referents", "sys.addaudithook", "sys._current_frames"}
)
CHECKER = ("course_lib.checks", "course_lib.client", "course_lib.observe", "httpx._client", "httpx._transports.asgi")
CODE = frozenset({"__code__", "__defaults__", "__kwdefaults__", "__closure__"})

_Entry = tuple[str, Any, Any]  # name, object, and the code of a function


class Seal:
    """Everything guarded as it was when the seal was made; `broken` says what is no longer so."""

    def __init__(self, shell: Any = None) -> None:
        self._shell = shell
        self._owners = [(label, owner, entries(vars(owner))) for label, owner in owners()]
        self._checker = [kept for kept in self._owners if kept[0].startswith(CHECKER)]
        self._modules = [(name, module) for name, module in sys.modules.items() if is_guarded(name)]
        self._hooks = hooks(shell)
        own = [kept for label, _, kept in self._owners if label.startswith("course_lib")]
        self.codes = frozenset(code for kept in own for _, _, code in kept if code is not None)

    def add(self, *names: str) -> None:
        """Guard what these modules hold now as well: some are imported after the seal was made."""
        late = [(label, owner, entries(vars(owner))) for label, owner in owners(names)]
        self._owners += late
        self._checker += late

    def broken(self) -> str:
        """Return the first thing that was changed, as `httpx.AsyncClient.get`; empty when all is as it was."""
        for name, module in self._modules:
            if sys.modules.get(name) is not module:
                return name
        current = hooks(self._shell)
        changed_hook = next((name for name, value in self._hooks.items() if current[name] != value), "")
        return _changed(self._owners) or changed_hook

    def checker_broken(self) -> str:
        """Return the first thing that was changed in the checker alone: it takes a hundredth of the time."""
        return _changed(self._checker)


def _changed(kept_of: list[tuple[str, Any, list[_Entry]]]) -> str:
    for label, owner, kept in kept_of:
        now = vars(owner)
        for name, value, code in kept:
            if now.get(name) is not value or (code is not None and value.__code__ is not code):
                return f"{label}.{name}"
    return ""


def is_guarded(name: str) -> bool:
    """Say whether a module is one of ours or of those that a verdict rests on."""
    return name in GUARDED or f"{name}.".startswith(PACKAGES)


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


def entries(space: Any) -> list[_Entry]:
    """Return the functions, methods and classes of a module or class, with the code of each function."""
    return [
        (name, value, value.__code__ if isinstance(value, FunctionType) else None)
        for name, value in list(space.items())
        if isinstance(value, METHODS) or (isinstance(value, type) and not name.startswith("_abc"))
    ]


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
        **shell.events.callbacks,
    }
    own = {name: id(value) for name, value in vars(shell).items() if callable(value)}
    return {f"IPython {name}": [id(each) for each in value] for name, value in lists.items()} | {
        "IPython shell": {name: own[name] for name in ("run_cell_async", "run_code", "transform_cell") if name in own}
    }


class Watch:
    """An audit hook that refuses to open our memory to an answer, and remembers that somebody tried.

    Python cannot remove an audit hook, so a process that has one must be thrown away after the verdict.
    """

    def __init__(self, seal: Seal) -> None:
        self.seen = ""
        self._ours = seal.codes
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "object.__setattr__":
            self._refuse_new_code(arguments)
        elif event in REFUSED or event.startswith("ctypes."):
            raise PermissionError(f"an answer may not use {event} while it is judged")

    def _refuse_new_code(self, arguments: tuple[Any, ...]) -> None:
        changed, name = arguments[0], arguments[1]
        if name in CODE and getattr(changed, "__code__", None) in self._ours:
            self.seen = f"{changed.__module__}.{changed.__qualname__}"
            raise PermissionError(f"an answer may not change {self.seen} while it is judged")
