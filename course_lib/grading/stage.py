"""A stage: a process in which our cells before the answer have run once, and which forks a child for each answer.

The setup of an exercise is ours and always the same; each answer would pay for it again. A stage knows no secret
either: what stands in our cells stands in every learner's sheet.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import select
import socket
import tempfile
import threading
from typing import Any, NoReturn  # Any: IPython ships no types; jobs and records are JSON

from course_lib.authoring.cells import Run
from course_lib.authoring.clock import SETUP_S
from course_lib.databases.place import Place
from course_lib.grading import doors, fork
from course_lib.grading.fork import Warm
from course_lib.grading.seal import Seal
from course_lib.workspace import folder

MOST_FILES = 4096  # descriptors that a zygote might have; it has two dozen
REST_S = 1.0  # a driver's thread needs a moment to end; a fork with threads may deadlock


class Stage:
    """One such process, seen from the zygote that forked it; `is_ready` says that it takes jobs."""

    def __init__(self, setup: list[str], shell: Any, handlers: doors.Handlers) -> None:
        ours, theirs = socket.socketpair()
        self._home = tempfile.mkdtemp(prefix="stage-", dir=os.environ.get("TMPDIR"))
        self._pid = os.fork()
        if self._pid == 0:
            ours.close()
            _serve(theirs, setup, shell, handlers, self._home)
        theirs.close()
        self._connection = ours
        self._records = ours.makefile("r", encoding="utf-8")
        self.is_ready = self._hear(SETUP_S) == {"stage": "ready"}

    def run(self, job: dict[str, Any], places: dict[str, list[Place]]) -> dict[str, Any] | None:
        """Return the record of a job whose setup has run here; None when the process has gone."""
        stock = {kind: [place.to_json() for place in found] for kind, found in places.items()}
        try:
            self._connection.sendall(json.dumps([{**job, "setup": []}, stock]).encode() + b"\n")
        except OSError:
            return None
        return self._hear(None)

    def _hear(self, seconds: float | None) -> dict[str, Any] | None:
        with contextlib.suppress(OSError, ValueError):
            if select.select([self._connection], [], [], seconds)[0]:
                line = self._records.readline()
                if line:
                    record: dict[str, Any] = json.loads(line)
                    return record
        return None

    def close(self) -> None:
        """End the process, and wait until it has ended."""
        self._records.close()
        self._connection.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


def _serve(connection: socket.socket, setup: list[str], shell: Any, handlers: doors.Handlers, home: str) -> NoReturn:
    """Run our cells, and answer jobs until the zygote hangs up."""
    try:
        fork.die_with_parent()
        for first, last in ((3, connection.fileno()), (connection.fileno() + 1, MOST_FILES)):
            os.closerange(first, last)  # the zygote's own line to the judge most of all
        os.chdir(home)
        with connection, connection.makefile("r", encoding="utf-8") as jobs:
            ready = asyncio.run(_set_up(setup, shell)) and _is_alone()
            connection.sendall(json.dumps({"stage": "ready" if ready else "unready"}).encode() + b"\n")
            seal = Seal(shell)
            gc.collect()
            gc.freeze()  # the garbage collector would touch, and so copy, every shared page in every child
            warm = Warm(shell, seal, handlers, (folder.share(),))
            for line in jobs:
                job, stock = json.loads(line)
                places = {kind: [Place.from_json(found) for found in several] for kind, several in stock.items()}
                connection.sendall(json.dumps(fork.run(job, warm, places)).encode() + b"\n")
    except OSError:
        pass  # the zygote hung up
    finally:
        os._exit(0)


async def _set_up(setup: list[str], shell: Any) -> bool:
    run = Run(shell)
    for text in setup:
        if await run.cell(text, "setup") is not None:
            return False
    return True


def _is_alone() -> bool:
    """Say whether nothing but this thread runs: an open connection of our own cells would be shared by every fork."""
    waiting = threading.Event()
    for _ in range(100):
        if threading.active_count() == 1:
            return True
        gc.collect()
        waiting.wait(REST_S / 100)
    return False
