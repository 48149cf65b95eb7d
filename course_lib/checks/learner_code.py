"""Find the learner's own line: in a stack, in a waiting coroutine, in a traceback.

Frames of libraries and of this course tell a learner nothing; a path would differ on every machine.
"""

from __future__ import annotations

import asyncio
import functools
import os
import re
import sys
from collections.abc import Callable, Iterator
from operator import attrgetter
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any  # Any: a coroutine's own attributes

from course_lib.workspace import folder

# how IPython, ipykernel and our own runner name the code of a cell
_CELL = re.compile(r"^<ipython-input-|[/\\]ipykernel_\d+[/\\]|^<answer ")
_PRINTED = re.compile(r'^  File "(.+)", line (\d+)', re.MULTILINE)


def place(code: CodeType, line: int) -> str | None:
    """Return `app/items.py line 14` or `line 3 of the cell`; None for code that is not the learner's."""
    return in_file(code.co_filename, line)


def in_file(file: str, line: int) -> str | None:
    """Return what `place` does, for the name of a file."""
    if _is_cell(file):
        return f"line {line} of the cell"
    parent, name = os.path.split(file)
    if parent.endswith("app") and Path(parent) == folder.root() / "app":
        return f"app/{name} line {line}"
    return None


@functools.lru_cache(maxsize=4096)
def _is_cell(file: str) -> bool:
    """Say whether a file's name is that of a cell: every frame of a stack is asked, at every checkout."""
    return _CELL.search(file) is not None


def of_stack(frame: FrameType | None) -> str | None:
    """Return the place of the innermost learner frame of a stack."""
    while frame is not None:
        found = place(frame.f_code, frame.f_lineno)
        if found:
            return found
        frame = frame.f_back
    return None


def of_checkout(*, frame_of: Callable[[Any], FrameType | None] = attrgetter("gr_frame")) -> str | None:
    """Return the place that asked for a connection; call it inside a pool event.

    Pool events run inside SQLAlchemy's greenlet, whose stack ends at the driver: the caller is in the parent greenlet.
    `frame_of` returns the frame of a greenlet; where answers are judged nobody else may have it.
    """
    here = of_stack(sys._getframe(1))
    greenlet = sys.modules.get("greenlet")
    if here or greenlet is None:
        return here
    parent = greenlet.getcurrent().parent
    return of_stack(frame_of(parent)) if parent is not None else None


def of_traceback(at: TracebackType | None) -> str | None:
    """Return the place of the innermost learner frame of a traceback."""
    found = None
    while at is not None:
        found = place(at.tb_frame.f_code, at.tb_lineno) or found
        at = at.tb_next
    return found


def of_origin(text: str) -> str | None:
    """Return the innermost learner's place in a printed stack, as Python adds it to "was never awaited"."""
    places = [in_file(file, int(line)) for file, line in _PRINTED.findall(text)]
    return next((found for found in reversed(places) if found), None)


def of_waiting(task: asyncio.Task[Any]) -> tuple[str, str] | None:
    """Return (what is awaited, place) of a suspended task's innermost learner frame."""
    found = None
    for waiting in _await_chain(task.get_coro()):
        frame = getattr(waiting, "cr_frame", None) or getattr(waiting, "ag_frame", None)
        if frame is not None:
            where = place(frame.f_code, frame.f_lineno)
            found = (frame.f_code.co_name, where) if where else found
    return found


def _await_chain(awaited: Any) -> Iterator[Any]:
    seen = 0
    while awaited is not None and seen < 200:  # a chain this long is a loop of our own making
        yield awaited
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "ag_await", None)
        seen += 1
