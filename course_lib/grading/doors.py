"""The doors to our frames and memory of which Python tells no audit hook; they are shut before an answer runs.

A signal's handler is given the frame it interrupts, a greenlet shows its own, and ctypes reads any address.
"""

from __future__ import annotations

import ctypes
import gc
import pkgutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any  # Any: C types and descriptors

from course_lib.checks import learner_code
from course_lib.grading import sandbox

TP_NEW = 312  # bytes into a PyTypeObject, on every 64-bit CPython from 3.8 to 3.14
SANDBOX = "course_lib.grading.sandbox"
# found once, by their files: to ask every loaded module for its name would copy the page of each in every child
OF_SANDBOX = tuple(f"{SANDBOX}.{found.name}" for found in pkgutil.iter_modules(sandbox.__path__))
OURS = ("course_lib.grading.memory", "course_lib.grading.pages", "course_lib.grading.doors")
HIDDEN = ("ctypes", "_ctypes", *OURS, SANDBOX, *OF_SANDBOX)


@dataclass(frozen=True)
class Handlers:
    """The real functions for signals; they are held by frames alone once the doors are shut."""

    set: Callable[..., Any]
    get: Callable[..., Any]
    ctypes_makers: tuple[Any, ...]  # the places where each class of ctypes says what makes its objects


def shut_for_all() -> Handlers:
    """Shut what no child needs, and return the functions for signals; call it before the seal is made."""
    places = tuple(ctypes.c_void_p.from_address(id(kind) + TP_NEW) for kind in _kinds_of_ctypes())
    real: Any = sys.modules["_signal"]  # what `signal` wraps
    handlers = Handlers(real.signal, real.getsignal, places)
    stands_for: dict[int, Any] = {id(signal.signal): _no_signal, id(real.signal): _no_signal}
    stands_for |= {id(signal.getsignal): _nothing, id(real.getsignal): _nothing}
    for module in list(sys.modules.values()):
        if isinstance(module, ModuleType) and not module.__name__.startswith(SANDBOX):
            for name, value in list(vars(module).items()):
                if id(value) in stands_for:
                    vars(module)[name] = stands_for[id(value)]
    sys.setswitchinterval = _no_interval
    _hide_frames_of_greenlets()
    return handlers


def _no_signal(number: int, handler: object) -> None:
    """Set no handler: it would be given the frames it interrupts. An answer that asks for Ctrl-C will not get one."""


def _no_interval(seconds: float) -> None:
    """Set nothing: who keeps the interpreter for himself stops the clock that a blocked loop is measured by."""


def _nothing(number: int) -> None:
    """Say that no handler of Python's is set: ours is nobody's business."""


def _hide_frames_of_greenlets() -> None:
    """Take `gr_frame` away from greenlets; the one function of ours that needs it keeps it where nobody may look."""
    greenlet = sys.modules.get("greenlet")
    if greenlet is None:
        return
    kind = greenlet.greenlet
    space = gc.get_referents(vars(kind))[0]
    if "gr_frame" in space:
        frame_of = space.pop("gr_frame").__get__
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(kind))
        learner_code.of_checkout.__kwdefaults__ = {"frame_of": frame_of}


def hide() -> list[ModuleType]:
    """Take what reads memory, and what the sandbox was made of, out of the loaded modules; return those modules."""
    return [sys.modules.pop(name) for name in HIDDEN if name in sys.modules]


def shut_for_good(handlers: Handlers, hidden: list[ModuleType]) -> None:
    """Put ctypes out of use, and empty what is `hidden`; in a child, once it is confined."""
    # what makes a bool makes these as well from now on: True or False, or a TypeError, and never a pointer
    harmless = ctypes.c_void_p.from_address(id(bool) + TP_NEW).value
    for place in handlers.ctypes_makers:
        place.value = harmless
    for module in hidden:  # this module is among them
        vars(module).clear()


def _kinds_of_ctypes() -> list[Any]:
    """Return every class of ctypes that could read or write memory, and the classes that could make another one."""
    waiting: list[Any] = [ctypes.c_int.__mro__[-2]]  # _CData, which has no name in any module
    found: dict[int, Any] = {}
    while waiting:
        kind = waiting.pop()
        if id(kind) not in found:
            found[id(kind)] = kind
            waiting += type.__subclasses__(kind)
    makers = {id(type(kind)): type(kind) for kind in found.values() if type(kind) is not type}
    return [*found.values(), *makers.values()]
