"""The warm process: imports the stack once, then forks one child per job and kills it when its clock runs out.

`python -m course_lib.authoring.warm_process` reads one JSON job per line and answers each with one JSON record.
It runs trusted code only: there is no sandbox here.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import shutil
import signal
import sys
import tempfile
from typing import Any, NoReturn  # Any: jobs and records are JSON

from course_lib.authoring.clock import Clock

STACK = (
    "fastapi",
    "httpx",
    "aiosqlite",
    "sqlalchemy.ext.asyncio",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "course_lib.checks",
    "course_lib.client",
    "course_lib.databases",
    "course_lib.field_guide",
    "course_lib.observe",
    "course_lib.workspace.extension",
    "course_lib.authoring.cells",
)
PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve jobs from standard input until it closes; `--once` serves one job in this process."""
    answers = os.dup(1)  # jobs own the streams, so the answers need a way of their own
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)
    for module in STACK:
        importlib.import_module(module)
    from course_lib.authoring.cells import make_shell

    shell = make_shell()
    if "--once" in sys.argv:
        _once(json.loads(sys.stdin.readline()), shell, answers)
    gc.collect()
    gc.freeze()  # the garbage collector would touch, and so copy, every shared page in every child
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    for line in sys.stdin:
        job = json.loads(line)
        _preload(job["question"])
        _send(answers, _forked(job, shell))
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends already; an exit within the exit would print a traceback


def _preload(question: str) -> None:
    """Import the check here, where it stays: each child would import it again."""
    from course_lib.checks.question import find_question
    from course_lib.errors import CourseError

    with contextlib.suppress(CourseError):  # the child says it, once our own cells have run
        find_question(question)


def _send(to: int, record: dict[str, Any]) -> None:
    data = json.dumps(record).encode() + b"\n"
    while data:
        data = data[os.write(to, data) :]


def _once(job: dict[str, Any], shell: Any, answers: int) -> NoReturn:
    """Run one job here, in the temporary folder that the parent made and removes."""
    from course_lib.authoring.cells import run_job

    _die_with_parent()
    os.dup2(1, 2)
    try:
        _send(answers, run_job(job, shell, tempfile.gettempdir(), lambda record: _send(answers, record)))
    finally:
        os._exit(0)  # a driver thread of the answer must not keep the process


def _forked(job: dict[str, Any], shell: Any) -> dict[str, Any]:
    try:
        # in the folder of the parent, who removes what a kill leaves; named, for tempfile's own search writes a file
        home = tempfile.mkdtemp(prefix="job-", dir=os.environ.get("TMPDIR"))
        reading, writing = os.pipe()
        child = os.fork()
    except OSError as error:
        return {"stage": "machine", "message": error.strerror or str(error)}
    if child == 0:
        os.close(reading)
        _child(job, shell, home, writing)
    os.close(writing)
    clock = Clock()
    try:
        last = _gather(reading, clock)
    finally:
        os.close(reading)
        for kill in (os.killpg, os.kill):  # the group, and the child itself, which may not have made its group yet
            with contextlib.suppress(ProcessLookupError):
                kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        shutil.rmtree(home, ignore_errors=True)
    return last or clock.died(os.waitstatus_to_exitcode(status))


def _child(job: dict[str, Any], shell: Any, home: str, writing: int) -> NoReturn:
    os.setsid()  # one group, so that a kill reaches whatever the answer started
    _die_with_parent()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    tempfile.tempdir = os.environ["TMPDIR"] = home
    from course_lib.authoring.cells import run_job

    try:
        _send(writing, run_job(job, shell, home, lambda record: _send(writing, record)))
    finally:
        os._exit(0)


def _die_with_parent() -> None:
    with contextlib.suppress(OSError, AttributeError):  # Linux only
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _gather(reading: int, clock: Clock) -> dict[str, Any] | None:
    """Return the last word of the job that writes to this pipe, None when it ended without one."""
    data = b""
    while True:
        left = clock.left
        if not left or not select.select([reading], [], [], left)[0]:
            return clock.late()
        chunk = os.read(reading, 65536)
        if not chunk:
            return None
        *lines, data = (data + chunk).split(b"\n")
        for line in lines:
            if clock.hear(json.loads(line)):
                return clock.last


if __name__ == "__main__":
    main()
