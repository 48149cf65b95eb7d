"""The way to a forked kernel: find the warm process with the right key, start it if none runs, and ask.

Whatever stands in the way is a `CourseError`, or an `OSError` of the system; the caller then starts a normal kernel.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from course_lib.databases import state
from course_lib.databases.lease import reap_later
from course_lib.errors import CourseError
from course_lib.warm_kernel.key import key_of, start_environment
from course_lib.warm_kernel.request import Request, peer_user, rest_of_line

LINGER_S = 60.0  # without a kernel, and then the warm process ends
START_S = 60.0  # its imports take one second on a quiet machine
ANSWER_S = 10.0  # a fork takes some milliseconds


@dataclass(frozen=True)
class Asker:
    """Who wants a kernel, and what the kernel is to be."""

    arguments: Sequence[str]  # of ipykernel
    cwd: str
    environment: Mapping[str, str]
    descriptors: Sequence[int]  # what `Request` sends

    def ask(self) -> tuple[int, socket.socket]:
        """Return the process id of a new kernel, and the connection that it lives as long as.

        Raises `CourseError` or `OSError` when there can be none.
        """
        from filelock import FileLock

        begins_with = start_environment(self.environment, self.cwd)
        key = key_of(begins_with)
        folder, _ = state.private_folder("kernels")
        found = self._asked(folder, key)
        if found is None:
            with FileLock(folder / "start.lock"):
                found = self._asked(folder, key)  # somebody else may have started it meanwhile
                if found is None:
                    start(folder, key, begins_with)
                    found = self._asked(folder, key)
        if found is None:
            raise CourseError("the warm process ended as soon as it had started")
        return found

    def _asked(self, folder: Path, key: str) -> tuple[int, socket.socket] | None:
        """Ask the warm process with this key; None when none runs, or when it is just ending."""
        found = announced(folder, key)
        if found is None:
            return None
        connection, token = found
        try:
            request = Request(token, key, list(self.arguments), self.cwd, dict(self.environment))
            request.send(connection, self.descriptors)
            answer = json.loads(rest_of_line(connection))
            if "error" in answer:
                raise CourseError(answer["error"])
            return answer["pid"], connection
        except BaseException as error:
            connection.close()
            if isinstance(error, (BrokenPipeError, ConnectionResetError)):
                return None
            raise


def prepare() -> None:
    """Start a warm process for the kernels this process will ask for, if none runs; who asks then waits for less."""
    from filelock import FileLock

    with contextlib.suppress(CourseError, OSError):  # who asks finds out as well, and tells
        begins_with = start_environment(os.environ, os.getcwd())
        key = key_of(begins_with)
        folder, _ = state.private_folder("kernels")
        with FileLock(folder / "start.lock"):
            found = announced(folder, key)
            if found is None:
                start(folder, key, begins_with)
            else:
                found[0].close()


def announced(folder: Path, key: str) -> tuple[socket.socket, str] | None:
    """Return a connection to the warm process with this key, and its token; None when none runs."""
    try:
        found = json.loads((folder / f"{key}.run.json").read_text())
        return connected(folder / found["socket"]), found["token"]
    except (FileNotFoundError, ConnectionRefusedError, KeyError, TypeError, ValueError):
        return None


def connected(place: Path) -> socket.socket:
    """Return a connection to the socket at `place`, which has to be of our own user."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(ANSWER_S)
    folder = os.open(place.parent, os.O_RDONLY)
    try:
        connection.connect(f"/proc/self/fd/{folder}/{place.name}")  # the name of a socket may not be long
        if peer_user(connection) != os.getuid():
            raise CourseError(f"the warm process belongs to user {peer_user(connection)}, expected {os.getuid()}")
    except BaseException:
        connection.close()
        raise
    finally:
        os.close(folder)
    return connection


def start(folder: Path, key: str, environment: Mapping[str, str]) -> None:
    """Start a warm process that outlives this one, and wait until it listens; the caller holds the lock of `folder`."""
    for left in folder.glob(f"{key}.*"):  # by one that was killed
        left.unlink(missing_ok=True)
    log = folder / f"{key}.log"
    linger = os.environ.get("COURSE_SERVER_LINGER") or str(LINGER_S)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "course_lib.warm_kernel.zygote", str(folder), key, linger],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            cwd=folder,  # a folder that stays
            env=dict(environment),
            start_new_session=True,
        )
    reap_later(process)
    assert process.stdout is not None
    with process.stdout as said:
        if not select.select([said], [], [], START_S)[0] or not said.readline():
            process.kill()
            lines = log.read_text(errors="replace").strip().splitlines()
            raise CourseError(f"the warm process did not start ({lines[-1] if lines else 'it said nothing'})")
