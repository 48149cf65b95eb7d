"""The forked child, seen from both sides: what runs in it, and the handle by which its parent follows and ends it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn  # Any: whatever the function returns, as long as it is JSON

from course_lib.errors import CourseError
from course_lib.grading.sandbox.frames import packed, write
from course_lib.grading.sandbox.isolation import enter
from course_lib.grading.sandbox.layer import MissingLayer
from course_lib.grading.sandbox.policy import Policy
from course_lib.grading.sandbox.syscalls import ready

LONGEST = 10_000  # characters of an error's text that cross the pipe


@dataclass
class Child:
    """One child; leaving its block kills it with its group, whatever it is doing."""

    pid: int
    records: int  # what it claims
    output: int  # what it prints
    death: int | None  # a pidfd, readable when the child has ended; None where the kernel has none
    status: int = 0
    usage: Any = None  # Any: resource.struct_rusage, which Windows lacks

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        _, self.status, self.usage = os.wait4(self.pid, 0)
        for descriptor in (self.records, self.output, self.death):
            if descriptor is not None:
                os.close(descriptor)

    def kill(self) -> None:
        """Kill the group, and the child itself, which may not have made its group yet."""
        for kill in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says so of a group of zombies
                kill(self.pid, signal.SIGKILL)

    def has_ended(self) -> bool:
        """Say whether the child has ended; it stays a zombie, so that its number cannot become another's."""
        if hasattr(os, "waitid"):
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        import psutil  # imported here: only Python 3.12 and older on macOS have no waitid

        return bool(psutil.Process(self.pid).status() == psutil.STATUS_ZOMBIE)


def fork(function: Callable[[], Any], policy: Policy, scratch: Path, *, required: bool) -> Child:
    """Fork a child that confines itself and then runs `function`; raises `OSError` where the machine has no room."""
    parent = os.getpid()
    policy.view  # noqa: B018 - looked up here, where the next child finds it as well
    with contextlib.suppress(MissingLayer):  # the child will say so
        ready()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    records, claims = os.pipe()
    output, printed = os.pipe()
    try:
        pid = os.fork()
    except OSError:  # no memory, or too many processes: the machine's trouble, and the caller's to say
        for descriptor in (records, claims, output, printed):
            os.close(descriptor)
        raise
    if pid == 0:
        try:
            _run(function, policy, scratch, parent, claims, printed, required)
        finally:
            os._exit(70)
    os.close(claims)
    os.close(printed)
    for reading in (records, output):
        os.set_blocking(reading, False)
    return Child(pid, records, output, _pidfd(pid))


def _pidfd(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _run(
    function: Callable[[], Any],
    policy: Policy,
    scratch: Path,
    parent: int,
    claims: int,
    printed: int,
    required: bool,
) -> NoReturn:
    """Enter the sandbox, run the function, send what became of it, and end."""
    cap = policy.limits.record
    try:
        isolation = enter(policy, scratch, keep=(claims,), output=printed, required=required)
    except CourseError as error:
        write(claims, packed({"refused": str(error)}, cap))
        os._exit(0)
    if os.getppid() != parent:  # it died before we asked to die with it
        os._exit(0)
    write(claims, packed({"layers": isolation.to_json()}, cap))
    try:
        record = packed({"value": function()}, cap)
    except BaseException as error:  # also SystemExit: the answer may raise anything
        record = packed(_described(error), cap)
    with contextlib.suppress(Exception):  # the answer may have put anything in their place
        sys.stdout.flush()
        sys.stderr.flush()
    write(claims, record)
    os._exit(0)


def _described(error: BaseException) -> dict[str, str]:
    try:
        text = str(error)[:LONGEST]
    except BaseException:  # its own __str__ may raise anything
        text = ""
    return {"raised": type(error).__name__[:LONGEST], "message": text}
