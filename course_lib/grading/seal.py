"""The seal on our own machinery: what an answer must not change, remembered before it runs and compared after.

An answer shares its process with the check that judges it. It may do as it likes with its own names; a checker, a
client, an event loop or a shell that it has exchanged would say what it wants to hear.
"""

from __future__ import annotations

import builtins
import gc
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from types import FunctionType, ModuleType
from typing import Any  # Any: whatever a module holds

from course_lib.grading.memory import Watched, content_of, kind_of, space_of, table
from course_lib.grading.watch import Sites

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
CHECKER = ("course_lib.checks", "course_lib.client", "course_lib.observe", "httpx._client", "httpx._transports.asgi")
# emptied before the answer runs
FORGOTTEN = ("course_lib.grading.sandbox", "course_lib.grading.memory", "course_lib.grading.doors")
# what its own module gives a new value while it works: counters, and what is made at first use
RESTLESS = frozenset({"__warningregistry__", "_uid", "HTTPCORE_EXC_MAP"})

Look = Callable[[], str]
_Owner = tuple[str, Any, dict[str, Any], dict[str, Any], list[Watched]]  # name, owner, namespace, as it was, its memory


class Seal:
    """Everything guarded as it was when the seal was made; `looks` gives two functions that say what is no longer so.

    Nothing of it may be within reach of an answer: it is held by frames alone, and those are shut (see `watch`).
    """

    def __init__(self, shell: Any = None) -> None:
        self._shell = shell
        self._owners = [_owner(label, owner) for label, owner in owners()]
        self._flat = [(number, watched) for number, owner in enumerate(self._owners) for watched in owner[4]]
        self._modules = {name: module for name, module in sys.modules.items() if is_guarded(name)}
        self._hooks = hooks(shell)
        functions = [value for each in self._owners for value in each[3].values() if isinstance(value, FunctionType)]
        self.sites = Sites.found(function.__code__ for function in functions)
        ours = [each for each in functions if (each.__module__ or "").startswith(("course_lib.", "contextlib"))]
        self._places = [
            (f"{function.__module__}.{function.__qualname__}", content_of(cell))
            for function in ours
            for cell in function.__closure__ or ()
        ] + [(label, kind_of(owner)) for label, owner, *_ in self._owners if label.startswith("course_lib.")]

    def add(self, *names: str) -> None:
        """Guard what these modules hold now as well: some are imported after the seal was made."""
        self._owners += [_owner(label, owner) for label, owner in owners(names)]

    def looks(self) -> tuple[Look, Look]:
        """Return a look at everything guarded, and one at the checker alone; each tells the first thing that differs.

        They are generators at work: their values lie in a frame, where an attribute of a function would be in reach.
        """
        # a fork gives some modules new locks: what is different already is no answer's doing
        for number in {number for number, watched in self._flat if watched.now.raw != watched.then}:
            label, owner, *_ = self._owners[number]
            self._owners[number] = _owner(label, owner)
        everything = _looking(self._owners, self._places, self._modules, self._hooks, self._shell)
        checker = _looking([each for each in self._owners if each[0].startswith(CHECKER)], self._places, {}, {}, None)
        next(everything), next(checker)
        return everything.__next__, checker.__next__


def _looking(
    owners_: list[_Owner],
    places: list[tuple[str, Watched]],
    modules: dict[str, Any],
    hooks_: dict[str, Any],
    shell: Any,
) -> Generator[str]:
    """Yield what differs, again and again; it looks up no name outside, for that could be the answer's by then."""
    current, loaded, restless = hooks, sys.modules, RESTLESS
    found = ""
    while True:
        yield found
        found = ""
        for label, _, space, kept, memory in owners_:
            for watched in memory:
                if watched.now.raw != watched.then:
                    for name, value in kept.items():
                        if name not in restless and (name not in space or space[name] is not value):
                            found = f"{label}.{name}"
                            break
                    else:
                        for name in space:  # a package gets the name of a module that is imported from it
                            is_module = loaded.get(f"{label}.{name}") is space[name]
                            if name not in kept and name not in restless and not is_module:
                                found = f"{label}.{name}"
                                break
                    break
            if found:
                break
        if not found:
            for name, watched in places:
                if watched.now.raw != watched.then:
                    found = name
                    break
        if not found:
            for name, module in modules.items():
                if loaded.get(name) is not module:
                    found = name
                    break
        if not found and hooks_:
            now = current(shell)
            for name, value in hooks_.items():
                if now[name] != value:
                    found = name
                    break


def _owner(label: str, owner: Any) -> _Owner:
    space = space_of(owner)
    return label, owner, space, dict(space), table(space)


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
