"""What a parent hears and sees of its child, until the child ends or has to be ended.

The parent asks nothing of the child and waits for no end of a file: it reads what comes, within caps, and looks at the
clock. A child that says nothing, too much, or something else costs it no more than the clock.
"""

from __future__ import annotations

import os
import selectors
import signal
import sys
import time
from pathlib import Path
from typing import Any  # Any: JSON, and resource.struct_rusage, which Windows lacks

from course_lib.errors import CourseError
from course_lib.grading.sandbox.child import Child
from course_lib.grading.sandbox.ended import Cause, Ended, signal_name
from course_lib.grading.sandbox.frames import BadRecord, Frames
from course_lib.grading.sandbox.layer import Isolation
from course_lib.grading.sandbox.limits import Limits
from course_lib.grading.sandbox.scratch import used

ENTER_S = 20.0  # 4 ms on a quiet machine
LOOK_S = 0.05  # between two looks at what no event tells: the size of a folder, a death without a pidfd
CHUNK = 1 << 16  # what a pipe holds, mostly
FULLEST = 1 << 20  # what a pipe can be made to hold
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes
BUG = 'this is a bug in the course: please report it with the output of "course doctor"'


class Hearing:
    """One child, heard to its end."""

    def __init__(self, child: Child, limits: Limits, folder: Path) -> None:
        self._child = child
        self._limits = limits
        self._folder = folder
        self._frames = Frames(limits.record)
        self._printed = bytearray()
        self._is_cut = False
        self._isolation: Isolation | None = None  # told before any answer ran
        self._stopped: tuple[Cause, str] | None = None  # why we ended it

    def until_the_end(self, seconds: float) -> None:
        """Listen for `seconds`, which begin when the child is confined; nothing of it runs afterwards."""
        end = time.monotonic() + ENTER_S
        with selectors.DefaultSelector() as selector:
            for source in (self._child.records, self._child.output, self._child.death):
                if source is not None:
                    selector.register(source, selectors.EVENT_READ)
            while not self._child.has_ended() and self._stopped is None:
                left = end - time.monotonic()
                for key, _ in selector.select(max(0.0, min(left, LOOK_S) if self._must_look else left)):
                    if key.fd != self._child.death and not self._read(key.fd):
                        selector.unregister(key.fd)
                if self._isolation is None and self._frames.records:
                    self._isolation = self._entered()
                    end = time.monotonic() + seconds
                self._look(end, seconds)
        self._child.kill()
        self._read_what_is_left()

    @property
    def _must_look(self) -> bool:
        return self._child.death is None or not self._is_bounded

    @property
    def _is_bounded(self) -> bool:
        """True where the kernel bounds what the child writes."""
        return self._isolation is None or self._isolation.has("private root")

    def _read(self, source: int) -> bool:
        """Take what there is to read; return whether more may come."""
        try:
            data = os.read(source, CHUNK)
        except BlockingIOError:
            return True
        if source == self._child.output:
            room = self._limits.printed - len(self._printed)
            self._printed += data[:room]
            self._is_cut = self._is_cut or len(data) > room
        elif self._stopped is None:
            try:
                self._frames.feed(data)
                if len(self._frames.records) > 2:
                    raise BadRecord("expected one record, got more than one")
            except BadRecord as error:
                self._stopped = ("record", str(error))
        return bool(data)

    def _look(self, end: float, seconds: float) -> None:
        """Look at what no event tells; the first reason to end the child is the one that is reported."""
        if self._stopped is not None:
            return
        if time.monotonic() >= end and not self._child.has_ended():
            self._stopped = ("time", f"no answer after {seconds:g} s")
        elif not self._is_bounded and used(self._folder, self._child.pid) > self._limits.scratch:
            self._stopped = ("disk", f"wrote more than {self._limits.scratch >> 20} MiB")

    def _read_what_is_left(self) -> None:
        """Read on without waiting, and no more than a pipe can hold: somebody else may still write to it."""
        for source in (self._child.records, self._child.output):
            for _ in range(FULLEST // CHUNK + 1):
                if not self._read(source):
                    break
        if self._isolation is None and self._frames.records:
            self._isolation = self._entered()

    def _entered(self) -> Isolation:
        """Return what the child's first record says, which it sent before it ran anything of a learner."""
        first = self._frames.records[0]
        if "refused" in first:
            raise CourseError(first["refused"])
        return Isolation.from_json(first["layers"])

    def ended(self, status: int, usage: Any) -> Ended:
        """Return how the child ended, once it has been waited for."""
        if self._isolation is None:
            how = f"status {os.waitstatus_to_exitcode(status)}"
            raise CourseError(f"the child of the sandbox was not confined within {ENTER_S:g} s ({how}); {BUG}")
        code = os.waitstatus_to_exitcode(status)
        cpu_seconds = usage.ru_utime + usage.ru_stime
        cause, message, value = self._cause(code, cpu_seconds)
        return Ended(
            cause,
            message,
            self._isolation,
            value=value,
            printed=self._printed.decode(errors="replace"),
            is_cut=self._is_cut,
            exit_code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            cpu_seconds=cpu_seconds,
            peak_memory=usage.ru_maxrss * MAXRSS_UNIT,
        )

    def _cause(self, code: int, cpu_seconds: float) -> tuple[Cause, str, Any]:
        if self._stopped is not None:
            return (*self._stopped, None)
        if code == -signal.SIGXCPU or (code == -signal.SIGKILL and cpu_seconds >= self._limits.cpu_seconds):
            return "cpu", f"used more than {self._limits.cpu_seconds} s of CPU", None
        if code < 0:
            return "signal", f"the process was ended by {signal_name(-code)}", None
        if code or len(self._frames.records) < 2:
            return "exit", f"the process ended itself with exit code {code}", None
        return self._claim(self._frames.records[1])

    def _claim(self, record: dict[str, Any]) -> tuple[Cause, str, Any]:
        """Return what the last record says, if it is one of ours."""
        match record:
            case {"value": value, **rest} if not rest:
                return "returned", "", value
            case {"raised": "MemoryError", "message": str()}:
                return "memory", f"asked for more than {self._limits.memory >> 20} MiB of memory", None
            case {"raised": str(name), "message": str(text), **rest} if not rest:
                return "raised", f"{name}: {text}" if text else name, None
        return "record", "expected a value or an error, got a record with neither", None
