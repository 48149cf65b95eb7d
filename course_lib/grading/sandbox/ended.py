"""How a confined child ended, as data: what it returned, what stopped it, and what it used."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Any, Literal  # Any: JSON

from course_lib.grading.sandbox.layer import Isolation

Cause = Literal["returned", "raised", "memory", "cpu", "disk", "time", "exit", "signal", "record"]


@dataclass(frozen=True)
class Ended:
    """The end of one child; `value` is a claim of the child, everything else was seen by its parent.

    `raised`: an exception, `message` names it. `memory`: the same, a MemoryError. `cpu`, `disk`, `time`: a limit was
    passed. `exit`, `signal`: it ended before its function did. `record`: it wrote what is no record of ours.
    """

    cause: Cause
    message: str  # one sentence, empty when it returned
    isolation: Isolation
    value: Any = None
    printed: str = ""
    is_cut: bool = False  # more was printed than is kept
    exit_code: int | None = None  # None: a signal ended it
    signal: int | None = None  # ours too: SIGKILL when its time was up
    cpu_seconds: float = 0.0
    peak_memory: int = 0  # bytes


def signal_name(number: int) -> str:
    """Return "SIGSEGV" for 11; real-time signals have a number only."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
