"""The watch on an answer: an audit hook that shuts the ways from an answer's code to the frames that judge it.

Whoever holds a frame of ours holds what stands in it: the question, the seal, the key to the judge. Python tells an
audit hook of every way to one (https://docs.python.org/3/library/audit_events.html), but for the few that `doors`
shuts.
"""

from __future__ import annotations

import _thread
import gc
import sys
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from types import CodeType, FrameType, FunctionType
from typing import Any  # Any: the arguments of audit events

# what tests of a process's inner life use and no answer of this course needs; each reaches into memory that is ours
REFUSED = frozenset(
    {
        *("gc.get_objects", "gc.get_referrers", "gc.get_referents"),
        *("sys.addaudithook", "sys._current_frames", "sys._current_exceptions"),
        *("sys.settrace", "sys.setprofile", "sys.monitoring.register_callback"),
        *("code.__new__", "cpython.PyInterpreterState_New", "sqlite3.load_extension"),
    }
)
TRACERS = frozenset({"sys.settrace", "sys.setprofile"})  # trying one is a verdict of its own
# they read memory by its address, or start an interpreter that has no hook
MODULES = frozenset(
    {"ctypes", "_ctypes", "cffi", "_cffi_backend", "numpy", "_testcapi", "_testinternalcapi"}
    | {"_xxsubinterpreters", "_interpreters"}
)
FRAMES = frozenset({"tb_frame", "gi_frame", "cr_frame", "ag_frame"})
CODE = frozenset({"__code__", "__defaults__", "__kwdefaults__", "__closure__"})
KINDS = frozenset({"__class__", "__bases__"})  # with another, a module or a class answers by functions of an answer's
OURS = "course_lib."  # whose frames are given to nobody else, not even to who is trusted
# functions of a library that give a frame to whoever calls them: it is their caller who must be trusted
HELPERS = (
    "traceback.walk_tb",
    "traceback._walk_tb_with_full_positions",
    "logging.currentframe",
    "pydantic.type_adapter.TypeAdapter._fetch_parent_frame",
)
# functions that look at a frame, keep it to themselves, and run no code in it; found by running every answer we know
TRUSTED = (
    "traceback.StackSummary._extract_from_extended_frame_gen",
    "traceback.clear_frames",
    "traceback.extract_stack",
    "traceback.format_stack",
    "traceback.print_stack",
    "logging.Logger.findCaller",
    "pydantic.type_adapter.TypeAdapter.__init__",
    "pydantic._internal._typing_extra.parent_frame_namespace",
    "typing._caller",
    "typing_extensions._caller",
    "typing_extensions._has_generic_or_protocol_as_origin",
    "collections.namedtuple",
    "enum.Enum._create_",
    "enum.EnumType._create_",
    "asyncio.coroutines._format_coroutine",
    "asyncio.events.Handle.__init__",
    "asyncio.futures.Future.__init__",
    "IPython.core.interactiveshell.InteractiveShell.var_expand",
    "IPython.core.interactiveshell.InteractiveShell.get_local_scope",
    "IPython.core.interactiveshell.InteractiveShell.run_line_magic",
    "IPython.core.interactiveshell.InteractiveShell.run_cell_magic",
    "IPython.core.magic.Magics.parse_options",
    "asyncio.format_helpers.extract_stack",
    "course_lib.checks.learner_code.of_stack",
    "course_lib.checks.learner_code.of_checkout",
    "course_lib.checks.learner_code.of_traceback",
    "course_lib.checks.learner_code.of_waiting",
    "course_lib.checks.questions.event_loop._Row.__getitem__",
    "course_lib.authoring.cells._raised_in_cell",
)


@dataclass(frozen=True)
class Sites:
    """By their identity: the code trusted with a frame, the helpers, all of ours, what is guarded, and whose it is.

    The code is looked up once, in the warm process. It is kept itself as well: the identity of a piece that has
    gone could become that of an answer's.
    """

    trusted: dict[int, CodeType]
    helpers: dict[int, CodeType]
    ours: dict[int, CodeType]
    guarded: dict[int, CodeType]
    owners: dict[int, str]  # the names of modules and classes, which the seal keeps

    @classmethod
    def found(cls, guarded: Iterable[CodeType], owners: dict[int, str]) -> Sites:
        """Look them up among the modules that are loaded now."""
        trusted, helpers = ([code for name in names if (code := _code_of(name))] for names in (TRUSTED, HELPERS))
        return cls(
            _by_identity(trusted),
            _by_identity(helpers),
            _by_identity(_code_within(OURS)),
            _by_identity(guarded),
            owners,
        )


class Watch:
    """Listens from now on, and until the process ends: Python cannot remove an audit hook.

    `seen` tells what of our own code an answer has tried to exchange, empty when it has not.
    """

    def __init__(self, sites: Sites, hidden: Collection[Any] = ()) -> None:
        self._tried: list[str] = []
        sys.addaudithook(_hook(sites, frozenset(map(id, hidden)), self._tried))

    def seen(self) -> str:
        """Return the first thing that was tried."""
        return self._tried[0] if self._tried else ""


def _hook(sites: Sites, hidden: Collection[int], tried: list[str]) -> Callable[[str, tuple[Any, ...]], None]:
    """Return the hook; whatever it uses is in its own cells, because a name of a module can be exchanged."""
    refused, tracers, modules, frames, code, kinds = REFUSED, TRACERS, MODULES, FRAMES, CODE, KINDS
    may_look, guarded, owners = _onlooker(sites), sites.guarded, sites.owners
    error, identity, kind, function = PermissionError, id, type, FunctionType

    def refuse(what: str) -> None:
        raise error(f"an answer may not {what} while it is judged")

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "object.__getattr__":
            if arguments[1] in frames and not may_look(None):
                refuse(f"use {arguments[1]}")
            if arguments[1] in code and identity(arguments[0]) in hidden:
                refuse(f"use {arguments[1]} of our functions")
        elif event == "sys._getframe":
            if not may_look(arguments[0]):
                refuse("use sys._getframe")
        elif event == "object.__setattr__" or event == "object.__delattr__":
            changed = arguments[0]
            if arguments[1] in code and kind(changed) is function and identity(changed.__code__) in guarded:
                tried.append(f"{changed.__module__}.{changed.__qualname__}")
                refuse(f"change {tried[0]}")
            if arguments[1] in kinds and identity(changed) in owners:
                tried.append(f"{owners[identity(changed)]}.{arguments[1]}")
                refuse(f"change {tried[0]}")
        elif event in refused or event.startswith("ctypes."):
            if event in tracers:
                tried.append(event)
            refuse(f"use {event}")
        elif event == "import" and arguments[0] in modules:
            refuse(f"import {arguments[0]}")
        elif event == "open" and kind(arguments[0]) is str and arguments[0].startswith("/proc"):
            refuse(f"open {arguments[0]}")

    return hear


def _onlooker(sites: Sites) -> Callable[[FrameType | None], bool]:
    """Return the function that says, called by the hook, whether who asks for a frame is trusted with it."""
    trusted, helpers, secret, identity = sites.trusted, sites.helpers, sites.ours, id
    getframe, thread = sys._getframe, _thread.get_ident
    enabled, disable, enable = gc.isenabled, gc.disable, gc.enable
    looking: set[int] = set()

    def may_look(given: FrameType | None) -> bool:
        me = thread()
        if me in looking:  # it is this function that asks
            return True
        collecting = enabled()
        disable()  # a finalizer of the answer's would run here, where frames are not refused
        looking.add(me)
        try:
            frame: FrameType | None = getframe(2)
            while frame is not None and identity(frame.f_code) in helpers:
                frame = frame.f_back
            if frame is None or identity(frame.f_code) not in trusted:
                return False
            is_ours = identity(frame.f_code) in secret
            return given is None or is_ours or identity(given.f_code) not in secret
        finally:
            looking.discard(me)
            if collecting:
                enable()

    return may_look


def _by_identity(codes: Iterable[CodeType]) -> dict[int, CodeType]:
    return {id(code): code for code in codes}


def _code_of(name: str) -> CodeType | None:
    """Return the code of `package.module.Class.function`; None where this version has no such thing."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        found: Any = sys.modules.get(".".join(parts[:count]))
        if found is not None:
            for part in parts[count:]:
                found = getattr(found, part, None)
            found = getattr(found, "__func__", found)
            code: CodeType | None = getattr(found, "__code__", None)
            return code
    return None


def _code_within(package: str) -> list[CodeType]:
    """Return all code in the loaded modules of a package: methods too, and functions in functions."""
    modules = [module for name, module in sys.modules.items() if name.startswith(package)]
    values = [value for module in modules for value in vars(module).values() if _is_of(value, package)]
    values += [member for kind in values if isinstance(kind, type) for member in vars(kind).values()]
    unwrapped = [getattr(value, "fget", None) or getattr(value, "__wrapped__", value) for value in values]
    waiting = [value.__code__ for value in (*values, *unwrapped) if isinstance(value, FunctionType)]
    found: list[CodeType] = []
    while waiting:
        found.append(waiting.pop())
        waiting += [constant for constant in found[-1].co_consts if isinstance(constant, CodeType)]
    return found


def _is_of(value: Any, package: str) -> bool:
    """Say whether a value of a module was made there, and not imported."""
    return str(getattr(value, "__module__", "")).startswith(package)
