"""`expect(Error)`: a block that must raise this error, and prints its class and first line.

Jupyter's `raises-exception` tag also passes a cell that raises nothing; a broken promise must not pass here.
"""

from __future__ import annotations

import re
import traceback
import warnings
from types import TracebackType

from course_lib.errors import CourseError

LONGEST = 2000  # characters: an error may carry ten megabytes, and nobody reads more than a line
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_TASK = re.compile(r"Task-\d+")
_DRIVERS_OWN = r"coroutine 'Connection\.cursor' was never awaited"  # aiosqlite's, where a dot asked the database


class Expect:
    """A context manager that keeps the `error` it caught."""

    def __init__(self, kind: type[BaseException]) -> None:
        self._kind = kind
        self.error: BaseException | None = None

    def __enter__(self) -> Expect:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> bool:
        if error is None:
            raise CourseError(f"expected {self._kind.__name__}, and nothing was raised; what changed before this cell?")
        if not isinstance(error, self._kind):
            if not isinstance(error, Exception):  # Ctrl-C and cancellation go their own way
                return False
            raise CourseError(f"expected {self._kind.__name__}, got {describe(error)}") from error
        self.error = error
        print(describe(error))
        let_go(error)
        return True


def let_go(error: BaseException | None) -> None:
    """Empty the frames of a MissingGreenlet: what the driver left there would be told in a later, innocent cell."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", _DRIVERS_OWN, RuntimeWarning)
        for one in _chain(error):
            if type(one).__name__ == "MissingGreenlet":
                traceback.clear_frames(one.__traceback__)


def _chain(error: BaseException | None) -> list[BaseException]:
    """Return an error and all it wraps, names as its cause, or was raised beside."""
    found: list[BaseException] = []
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseException) and not any(one is known for known in found):
            found.append(one)
            waiting += [getattr(one, "orig", None), one.__cause__, one.__context__]
    return found


def describe(error: BaseException) -> str:
    """Return `Class: first line`, and ` <- Class` of the error it wraps; the same text in every run."""
    text = first_line(error)
    wrapped = getattr(error, "orig", None)
    origin = f" <- {type(wrapped).__name__}" if isinstance(wrapped, BaseException) else ""
    name = type(error).__name__ + origin
    return f"{name}: {text}" if text else name


def first_line(error: BaseException) -> str:
    """Return the first line of the message without addresses, task numbers and SQLAlchemy's link."""
    try:
        text = str(error)
    except Exception as broken:
        return f"its text cannot be read ({type(broken).__name__})"
    line = text.strip()[:LONGEST].partition("\n")[0].partition(" (Background on this error")[0]
    return _TASK.sub("Task", _ADDRESS.sub("", line)).strip()


def expect(kind: type[BaseException]) -> Expect:
    """Return a block that must raise `kind`: prints the error's class, the class it wraps and its first line."""
    return Expect(kind)
