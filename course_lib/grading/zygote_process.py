"""The zygote: imports the stack once, warms it by an app of its own, then forks one confined child per answer.

`python -m course_lib.grading.zygote_process FD...` reads one JSON job per line and answers each with one record. A fork
copies memory, so this process never reads a solution, an expected output or another submission: the judge has them.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import importlib
import json
import os
import secrets
import select
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from typing import Any, NoReturn  # Any: jobs and records are JSON

from course_lib.authoring.clock import Clock
from course_lib.authoring.warm_process import PR_SET_PDEATHSIG, STACK
from course_lib.databases import allotment
from course_lib.errors import CourseError

RECORD_CAP = 1_000_000  # bytes that one answer may send: a message is 200, and a flood must not fill our memory
BEFORE = {"entered": "", "prepared": "entered", "answered": "prepared"}  # stage -> the one it comes after
DATABASES = 2  # of each kind, for a check that wants two at once
MOST_FILES = 4096  # descriptors that a zygote might have; it has a dozen
SETTLE_S = 5.0  # the threads of the warm-up end within a tenth of it


def main() -> None:
    """Warm up, become one zygote per connection (their descriptors are the arguments), and serve until all hang up."""
    connections = [int(number) for number in sys.argv[1:] if number.isdigit()]
    shell, seal = warm_up(quick="--quick" in sys.argv)
    zygotes = [_zygote(each, connections, shell, seal) for each in connections]
    for each in connections:
        os.close(each)
    for zygote in zygotes:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(zygote, 0)


def _zygote(connection: int, all_of_them: list[int], shell: Any, seal: Any) -> int:
    """Fork the zygote that serves one connection; return its process id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        _die_with_parent()
        for other in all_of_them:
            if other != connection:
                os.close(other)
        with socket.socket(fileno=connection) as judge, judge.makefile("r", encoding="utf-8") as jobs:
            for line in jobs:
                judge.sendall(json.dumps(forked(json.loads(line), shell, seal)).encode() + b"\n")
    except OSError:
        pass  # the judge hung up
    finally:
        os._exit(0)


def warm_up(*, quick: bool = False) -> tuple[Any, Any]:
    """Import what answers and checks use, run a neutral app once, and return the shell and the seal of what is ours.

    A `quick` zygote leaves the app out: it saves 50 ms for each answer and costs 300, too much for a single sheet.
    """
    for module in STACK if quick else (*STACK, "asyncpg", "sqlalchemy.dialects.postgresql.asyncpg"):
        importlib.import_module(module)
    from course_lib.authoring.cells import capture, make_shell
    from course_lib.checks.question import all_questions
    from course_lib.grading.seal import Seal
    from course_lib.observe import app_hooks, engine_hooks
    from course_lib.workspace import extension

    all_questions()
    for hook in (app_hooks, engine_hooks):  # our own changes to FastAPI and SQLAlchemy, before everything is sealed
        hook.install()
    shell = make_shell()
    capture()
    extension.load(shell)  # a shell with our hooks is what an answer finds in a notebook, and what is sealed
    if not quick:
        _walk_once(shell)
    _leave_no_folder()
    seal = Seal(shell)
    gc.collect()
    gc.freeze()  # the garbage collector would touch, and so copy, every shared page in every child
    return shell, seal


def _walk_once(shell: Any) -> None:
    with contextlib.suppress(Exception):  # it saves time only; what fails on a full disk is said where it matters
        from course_lib.grading.neutral import visit_neutral_app

        asyncio.run(visit_neutral_app(shell))
    until = time.monotonic() + SETTLE_S
    while threading.active_count() > 1 and time.monotonic() < until:  # a fork with threads may deadlock
        time.sleep(0.01)


def _leave_no_folder() -> None:
    """Remove the workspace that the extension has made here: a child makes its own, and none may find another's."""
    from course_lib.workspace import folder

    place = folder.root()
    sys.path.remove(str(place))
    shutil.rmtree(place, ignore_errors=True)


def forked(job: dict[str, Any], shell: Any, seal: Any) -> dict[str, Any]:
    """Run one job in a child; return its record, with the CPU it took."""
    places = _places(job)
    try:
        return _forked(job, shell, seal, places)
    finally:
        for kind, stock in places.items():
            for place in stock:
                allotment.give_back(place, kind)


def _places(job: dict[str, Any]) -> dict[str, list[Any]]:
    """Return databases of its own for a job whose cells or check ask for a server; none where there is no server."""
    from course_lib.checks.question import all_questions

    asked = all_questions().get(job["question"])
    kinds = {*job.get("needs", ()), *(asked.servers if asked is not None else ())}
    found: dict[str, list[Any]] = {}
    for kind in sorted(kinds & set(allotment.RESETS)):
        with contextlib.suppress(CourseError):  # not here: the check does without, or its cell says so
            found[kind] = [allotment.take(kind) for _ in range(DATABASES)]
    return found


def _forked(job: dict[str, Any], shell: Any, seal: Any, places: dict[str, list[Any]]) -> dict[str, Any]:
    try:
        # in the folder of the parent, who removes what a kill leaves; named, for tempfile's own search writes a file
        home = tempfile.mkdtemp(prefix="job-", dir=os.environ.get("TMPDIR"))
        to_us, from_child = os.pipe()
        to_child, from_us = os.pipe()
        child = os.fork()
    except OSError as error:
        return {"stage": "machine", "message": error.strerror or str(error)}
    if child == 0:
        os.close(to_us)
        os.close(from_us)
        _child(job, shell, seal, home, (from_child, to_child), places)
    os.close(from_child)
    os.close(to_child)
    talk = _Talk(to_us, from_us)
    try:
        last = talk.listen()
    finally:
        os.close(to_us)
        os.close(from_us)
        for kill in (os.killpg, os.kill):  # the group, and the child itself, which may not have made its group yet
            with contextlib.suppress(ProcessLookupError):
                kill(child, signal.SIGKILL)
        _, status, used = os.wait4(child, 0)
        shutil.rmtree(home, ignore_errors=True)
    record = last or talk.clock.died(os.waitstatus_to_exitcode(status))
    return {**record, "isolation": talk.isolation, "cpu": used.ru_utime + used.ru_stime}


class _Talk:
    """Hears one child: its records must come in order, be ours in form, and end with the word we gave last."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading = reading
        self._writing = writing
        self._stage = ""
        self._word = ""
        self.clock = Clock()
        self.isolation: list[str] = []

    def listen(self) -> dict[str, Any] | None:
        """Return the child's last record, None when it ended without one."""
        data, heard = b"", 0
        while True:
            left = self.clock.left
            if not left or not select.select([self._reading], [], [], left)[0]:
                return self.clock.late()
            chunk = os.read(self._reading, 65536)
            heard += len(chunk)
            if heard > RECORD_CAP:
                return _forged("more than a megabyte of records")
            if not chunk:
                return None
            *lines, data = (data + chunk).split(b"\n")
            for line in lines:
                last = self._take(line)
                if last is not None:
                    return last

    def _take(self, line: bytes) -> dict[str, Any] | None:
        try:
            record = json.loads(line)
            stage = record["stage"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return _forged("a record that is none")
        if stage == "sealed" and not self._word:
            self._word = secrets.token_hex(16)
            _write(self._writing, {"word": self._word})
            return None
        if stage == "waiting" or stage in BEFORE:
            return self._step(stage, record)
        if not self._word or record.pop("word", None) != self._word:
            return _forged(f"a {stage!r} record out of its turn")
        self.clock.hear(record)
        return self.clock.last

    def _step(self, stage: str, record: dict[str, Any]) -> dict[str, Any] | None:
        if stage != "waiting":
            if self._word or self._stage != BEFORE[stage]:
                return _forged(f"a {stage!r} record out of its turn")
            self._stage = stage
        if stage == "entered":
            self.isolation = [str(layer) for layer in record["isolation"]]
        self.clock.hear(record)
        return None


def _forged(what: str) -> dict[str, Any]:
    return {"stage": "forged", "message": what}


def _write(to: int, record: dict[str, Any]) -> None:
    data = json.dumps(record).encode() + b"\n"
    with contextlib.suppress(BrokenPipeError):  # who should read it has gone: there is nobody to tell
        while data:
            data = data[os.write(to, data) :]


def _child(
    job: dict[str, Any], shell: Any, seal: Any, home: str, pipes: tuple[int, int], places: dict[str, list[Any]]
) -> NoReturn:
    writing, reading = pipes
    os.setsid()  # one group, so that a kill reaches whatever the answer started
    _die_with_parent()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    low, high = sorted((writing, reading))
    for first, last in ((3, low), (low + 1, high), (high + 1, MOST_FILES)):
        os.closerange(first, last)  # the line to the judge most of all: an answer must not speak to it
    allotment.given = places
    tempfile.tempdir = os.environ["TMPDIR"] = home
    from course_lib.grading.child import judged

    try:
        _write(writing, {"stage": "entered", "isolation": []})
        record = judged(job, shell, home, lambda record: _write(writing, record), seal)
        _write(writing, {"stage": "sealed"})
        _write(writing, {**record, **json.loads(os.read(reading, 200))})
    finally:
        os._exit(0)


def _die_with_parent() -> None:
    with contextlib.suppress(OSError, AttributeError):  # Linux only
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()
