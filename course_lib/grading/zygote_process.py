"""The zygote: imports the stack once, warms it by an app of its own, and has one confined child forked per answer.

It reads one JSON job per line and answers each with one record. A fork copies memory, so this process never reads a
solution, an expected output or another submission: the judge has them. The cells before an answer are ours: they run
once, in a `Stage`, which forks the children of all who answer the same question.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import json
import os
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any  # Any: jobs and records are JSON, IPython ships no types

from course_lib.authoring.warm_process import STACK
from course_lib.databases import allotment
from course_lib.databases.place import Place
from course_lib.errors import CourseError
from course_lib.grading import doors, fork
from course_lib.grading.fork import Warm
from course_lib.grading.pages import Pages
from course_lib.grading.seal import Seal
from course_lib.grading.stage import Stage

DATABASES = 2  # of each kind, for a check that wants two at once
MORE = ("asyncpg", "sqlalchemy.dialects.postgresql.asyncpg", "pydantic_settings")  # what some cells import first
SETTLE_S = 5.0  # the threads of the warm-up end within a tenth of it
STAGES = 8  # each keeps a few megabytes of its own; a class is graded exercise by exercise
# imported before everything is sealed: our own, one of IPython that needs ctypes, which no answer gets, and what would
# write its name into a sealed package later
EARLY = (
    *("course_lib.grading.child", "course_lib.grading.neutral", "IPython.extensions.autoreload"),
    *("json.tool", "sqlite3.dump"),
)


def main(arguments: list[str]) -> None:
    """Warm up, become one zygote per connection (their descriptors are the arguments), and serve until all hang up."""
    connections = [int(number) for number in arguments if number.isdigit()]
    warm = warm_up(quick="--quick" in arguments)
    zygotes = [_forked_zygote(each, connections, warm, quick="--quick" in arguments) for each in connections]
    for each in connections:
        os.close(each)
    for zygote in zygotes:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(zygote, 0)
    os._exit(0)  # nothing is left to be done: taking the stack apart would keep who waits for us another 60 ms


def _forked_zygote(connection: int, all_of_them: list[int], warm: Warm, *, quick: bool) -> int:
    """Fork the zygote that serves one connection; return its process id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        fork.die_with_parent()
        for other in all_of_them:
            if other != connection:
                os.close(other)
        zygote = _Zygote(warm, keeps_stages=not quick)
        with socket.socket(fileno=connection) as judge, judge.makefile("r", encoding="utf-8") as jobs:
            for line in jobs:
                judge.sendall(json.dumps(zygote.run(json.loads(line))).encode() + b"\n")
    except OSError:
        pass  # the judge hung up
    finally:
        os._exit(0)


@dataclass
class _Zygote:
    """One warm process and the stages it has made, the last used last."""

    warm: Warm
    keeps_stages: bool
    stages: OrderedDict[tuple[str, ...], Stage | None] = field(default_factory=OrderedDict)

    def run(self, job: dict[str, Any]) -> dict[str, Any]:
        """Have one job run in a child; return its record, with the CPU it took."""
        places = _places(job)
        try:
            return self._on_stage(job, places) or fork.run(job, self.warm, places)
        finally:
            for kind, stock in places.items():
                for place in stock:
                    allotment.give_back(place, kind)

    def _on_stage(self, job: dict[str, Any], places: dict[str, list[Place]]) -> dict[str, Any] | None:
        """Return the record of a job whose setup has run on a stage, None where there is no stage for it."""
        stage = self._stage(tuple(job["setup"])) if _may_share(job) else None
        if stage is None:
            return None
        record = stage.run(job, places)
        if record is None:  # it has ended: an accident of the machine, for no answer can reach it
            stage.close()
            del self.stages[tuple(job["setup"])]
        return record

    def _stage(self, setup: tuple[str, ...]) -> Stage | None:
        if not self.keeps_stages:
            return None
        if setup not in self.stages:
            self.stages[setup] = self._made(setup)
        self.stages.move_to_end(setup)
        while len(self.stages) > STAGES:
            _, oldest = self.stages.popitem(last=False)
            if oldest is not None:
                oldest.close()
        return self.stages[setup]

    def _made(self, setup: tuple[str, ...]) -> Stage | None:
        try:
            stage = Stage([*setup], self.warm.shell, self.warm.handlers)
        except OSError:  # no room for another process: each answer runs our cells itself
            return None
        if stage.is_ready:
            return stage
        stage.close()  # our cells failed or left something running: the child of an answer says so, or starts its own
        return None


def _may_share(job: dict[str, Any]) -> bool:
    """Say whether the setup of a job may run before its databases are there, and its answer leaves our app alone."""
    return "%%app" not in job["answer"] and not any("# needs:" in text for text in job["setup"])


def warm_up(*, quick: bool = False) -> Warm:
    """Import what answers and checks use, run a neutral app once, shut the doors, and seal what is ours.

    A `quick` zygote leaves the app out: it saves 50 ms for each answer and costs 300, too much for a single sheet.
    """
    tempfile.tempdir = os.environ.get("TMPDIR")  # the judge has made it; tempfile's own search would write a file
    for module in STACK if quick else (*STACK, *MORE):
        importlib.import_module(module)
    from course_lib.authoring.cells import capture, make_shell
    from course_lib.checks import clock
    from course_lib.checks.question import all_questions
    from course_lib.observe import app_hooks, engine_hooks
    from course_lib.workspace import extension

    all_questions()
    for module in EARLY:
        importlib.import_module(module)
    for hook in (app_hooks, engine_hooks):  # our own changes to FastAPI and SQLAlchemy, before everything is sealed
        hook.install()
    shell = make_shell()
    capture()
    extension.load(shell)  # a shell with our hooks is what an answer finds in a notebook, and what is sealed
    if not quick:
        _walk_once(shell)
    _leave_no_folder()
    clock.rings = False  # whoever hears us keeps the time
    handlers = doors.shut_for_all()
    seal = Seal(shell)
    gc.collect()
    gc.freeze()  # the garbage collector would touch, and so copy, every shared page in every child
    gc.enable()
    return Warm(shell, seal, handlers, pages=Pages(learns=not quick))


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


def _places(job: dict[str, Any]) -> dict[str, list[Place]]:
    """Return databases of its own for a job whose cells or check ask for a server; none where there is no server."""
    from course_lib.checks.question import all_questions

    asked = all_questions().get(job["question"])
    kinds = {*job.get("needs", ()), *(asked.servers if asked is not None else ())}
    found: dict[str, list[Place]] = {}
    for kind in sorted(kinds & set(allotment.RESETS)):
        with contextlib.suppress(CourseError):  # not here: the check does without, or its cell says so
            found[kind] = [allotment.take(kind) for _ in range(DATABASES)]
    return found
