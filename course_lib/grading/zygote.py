"""Talk to zygotes: send a job, get its record; and start another when one has gone.

They are processes of their own, so that whatever an answer does to one costs one question and never the judge. The
stack is imported once for all of them: the first forks the others.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
from typing import Any  # Any: jobs and records are JSON

from course_lib.authoring import warm

MODULE = "course_lib.grading"
GONE = {"stage": "died", "message": "the process that runs answers ended", "isolation": [], "cpu": 0.0}


class Fresh:
    """The road of a system that cannot fork: a fresh process per job, slower and without a sandbox."""

    def run(self, job: dict[str, Any]) -> dict[str, Any]:
        """Return the last record of `job`."""
        return {**warm.in_fresh({**job, "times": 1, "seed": secrets.randbits(64)}), "isolation": [], "cpu": 0.0}


def _unmeasured() -> dict[str, str]:
    """Return our environment without what has coverage start by itself: it traces, and a child refuses every tracer."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_PROCESS")}


class Zygote:
    """One warm process that forks a child per job; not for two threads at once."""

    def __init__(self, nest: Nest, connection: socket.socket) -> None:
        self._nest = nest
        self._connection = connection
        self._records = connection.makefile("r", encoding="utf-8")

    def run(self, job: dict[str, Any]) -> dict[str, Any]:
        """Return the last record of `job`; where it ended the zygote itself, the next gets another."""
        try:
            self._connection.sendall(json.dumps(job).encode() + b"\n")
            line = self._records.readline()
        except OSError:
            line = ""
        if not line:
            self.close()
            if self._nest.is_closed:
                return GONE
            self.__init__(self._nest, self._nest.hatch(1)[0])  # type: ignore[misc] # the same zygote, in a new process
            return GONE
        record: dict[str, Any] = json.loads(line)
        return record

    def close(self) -> None:
        """Hang up: the process ends by itself."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)  # also wakes a thread that waits for a record
        self._records.close()
        self._connection.close()


class Nest:
    """The processes of some zygotes, and the folder on a disk in memory where their children work."""

    def __init__(self, *, quick: bool = False) -> None:
        self._options = ["--quick"] if quick else []
        self._home = warm.folder()
        self._processes: list[subprocess.Popen[bytes]] = []
        self.is_closed = False

    def hatch(self, number: int) -> list[socket.socket]:
        """Start a process that becomes `number` zygotes, and return a connection to each."""
        pairs = [socket.socketpair() for _ in range(number)]
        theirs = [end.fileno() for _, end in pairs]
        process = subprocess.Popen(
            [sys.executable, "-m", MODULE, *self._options, *map(str, theirs)],
            pass_fds=theirs,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={**_unmeasured(), "TMPDIR": self._home.name},
            start_new_session=True,  # Ctrl-C reaches us, and we end it in order
        )
        self._processes.append(process)
        for _, end in pairs:
            end.close()
        return [ours for ours, _ in pairs]

    def zygotes(self, number: int) -> list[Zygote]:
        """Return `number` zygotes that share one start."""
        return [Zygote(self, connection) for connection in self.hatch(number)]

    def close(self) -> None:
        """Wait until every process has ended, and remove what their children may have left."""
        self.is_closed = True
        for process in self._processes:
            try:
                process.wait(2)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._home.cleanup()
