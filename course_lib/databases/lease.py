"""A process's hold on the private servers: take it, ask for databases with it, and let the system give it back.

The lease is an open connection to the supervisor, so a kernel that is killed returns it like one that ends well.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any  # Any: JSON

from course_lib.databases import state
from course_lib.databases.place import Place
from course_lib.errors import ServerError
from course_lib.whole_file import write_whole

CONNECT_S = 2.0
START_S = 60.0  # a supervisor answers in 0.2 s on a quiet machine
ANSWER_S = 180.0  # initdb on a machine that is very busy
POLL_S = 0.01

_held: Lease | None = None
_guard = threading.RLock()


class Lease:
    """One connection to the supervisor; safe to use from several threads."""

    def __init__(self, connection: socket.socket, pid: int) -> None:
        self.pid = pid  # of the supervisor
        self.notices: list[str] = []  # one line each, for who asks next
        self._connection = connection
        self._unread = b""
        self._turn = threading.Lock()
        self._spare: dict[str, list[Place]] = {}

    def allot(self, kind: str) -> Place:
        """Return a new, seeded database on the server of `kind`, which is started if need be."""
        return Place.from_json(self._ask("allot", kind=kind)["place"])

    def discard(self, place: Place) -> None:
        """Give a database back for good."""
        self._ask("discard", name=place.name)

    def keep(self, place: Place, kind: str) -> None:
        """Keep a used database for the next who wants one of `kind` in this process."""
        self._spare.setdefault(kind, []).append(place)

    def spare(self, kind: str) -> Place | None:
        """Return a used database of `kind`, not clean yet, or None."""
        self.is_alive()  # a server that was lost has taken its databases with it
        kept = self._spare.get(kind)
        return kept.pop() if kept else None

    def start(self, kind: str) -> dict[str, str]:
        """Start the server of `kind` if it does not run; return what `status` says of it."""
        server: dict[str, str] = self._ask("start", kind=kind)["server"]
        return server

    def status(self) -> list[dict[str, str]]:
        """Return each running server: kind, version, source, tls, port, pid, users."""
        servers: list[dict[str, str]] = self._ask("status")["servers"]
        return servers

    def hold(self) -> None:
        """Keep the servers up when this process has ended, until `stop` or two hours without a lease."""
        self._ask("hold")

    def playground(self) -> Place:
        """Return the database `course` of the private PostgreSQL, for tools."""
        return Place.from_json(self._ask("playground")["place"])

    def stop(self) -> list[dict[str, str]]:
        """Ask the supervisor to end, wait until it has, and return the servers it stopped."""
        servers: list[dict[str, str]] = self._ask("stop")["servers"]
        with contextlib.suppress(OSError):
            self._connection.settimeout(START_S)
            while self._connection.recv(4096):
                pass
        self.close()
        return servers

    def is_alive(self) -> bool:
        """Say whether the supervisor still holds the other end; read what it said unasked."""
        with self._turn:
            try:
                while b"\n" in self._unread or select.select([self._connection], [], [], 0)[0]:
                    self._heard(json.loads(self._line()))
            except (ServerError, ValueError, OSError):
                return False
        return True

    def close(self) -> None:
        """Give the lease back."""
        with contextlib.suppress(OSError):
            self._connection.close()

    def _ask(self, operation: str, **arguments: str) -> dict[str, Any]:
        with self._turn:
            try:
                self._connection.settimeout(ANSWER_S)
                self._connection.sendall(json.dumps({"do": operation, **arguments}).encode() + b"\n")
                while "ok" not in (answer := json.loads(self._line())):
                    self._heard(answer)
            except (OSError, ValueError) as error:
                raise ServerError(f"the servers' supervisor is gone ({error}); run the cell again") from error
        self.notices += answer.get("notices", ())
        if not answer["ok"]:
            raise ServerError(answer["error"])
        return dict(answer)

    def _line(self) -> bytes:
        while b"\n" not in self._unread:
            chunk = self._connection.recv(65536)
            if not chunk:
                raise ServerError("the servers' supervisor is gone; run the cell again")
            self._unread += chunk
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _heard(self, message: dict[str, Any]) -> None:
        if message.get("event") == "lost":
            self._spare.pop(message["kind"], None)


def acquire() -> Lease:
    """Return this process's lease: the one it has, else a new one; the supervisor is started if none runs.

    Raises `ServerError` in one sentence when it cannot be started.
    """
    global _held
    with _guard:
        if _held is not None and _held.is_alive():
            return _held
        release()
        folder, line = state.run_folder()
        from filelock import FileLock

        try:
            with FileLock(folder / "start.lock"):
                _held = _connected(folder) or _started(folder)
        except OSError as error:
            raise state.unwritable(folder, error) from error
        if line:
            _held.notices.append(line)
        return _held


def attach() -> Lease | None:
    """Return this process's lease, or a new one on a supervisor that runs; None when none runs."""
    global _held
    with _guard:
        if _held is None or not _held.is_alive():
            release()
            _held = _connected(state.run_folder()[0])
        return _held


def visit() -> Lease | None:
    """Return a new lease on a supervisor that runs, for the caller to close; None when none runs."""
    return _connected(state.run_folder()[0])


def stop() -> list[dict[str, str]] | None:
    """End the supervisor and its servers; return what was stopped, None when none runs."""
    lease = attach()
    if lease is None:
        return None
    stopped = lease.stop()
    release()
    return stopped


def release() -> None:
    """Give this process's lease back; the databases it was given are dropped."""
    global _held
    with _guard:
        if _held is not None:
            _held.close()
        _held = None


def _connected(folder: Path) -> Lease | None:
    """Return a lease on the supervisor that `run.json` names, or None when it does not answer as one."""
    try:
        found = json.loads((folder / "run.json").read_text())
        connection = socket.create_connection(("127.0.0.1", found["port"]), CONNECT_S)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    try:
        hello = {"token": found["token"], "protocol": state.PROTOCOL, "pid": os.getpid()}
        connection.sendall(json.dumps(hello).encode() + b"\n")
        answer = _first_line(connection)
        if answer.get("ok"):
            connection.settimeout(None)
            return Lease(connection, int(answer["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        pass
    connection.close()
    return None


def _first_line(connection: socket.socket) -> dict[str, Any]:
    """Read one line byte by byte: what follows belongs to the lease's own reader."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = connection.recv(1)
        if not byte:
            raise ConnectionResetError
        line += byte
    return dict(json.loads(line))


def _started(folder: Path) -> Lease:
    """Start a supervisor that outlives this process, and return a lease on it."""
    (folder / "run.json").unlink(missing_ok=True)
    log = folder / "supervisor.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "course_lib.databases.supervisor", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,  # a folder that stays: a learner's own may be removed
            env={**os.environ, "PYTHONPATH": os.pathsep.join(_import_path())},
            start_new_session=True,
        )
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        lease = _connected(folder)
        if lease is not None:
            reap_later(process)
            return lease
        if process.poll() is not None:
            raise ServerError(_last_words(log))
        time.sleep(POLL_S)
    process.kill()
    process.wait()
    raise ServerError(f"the servers' supervisor did not answer within {START_S:.0f} s; its log is {log}")


def _last_words(log: Path) -> str:
    """Return what a supervisor said before it ended; a disk may be too full even for that, which is an `OSError`."""
    lines = log.read_text(errors="replace").strip().splitlines()
    if not lines:
        write_whole(log, "ended without a word\n")
    return lines[-1] if lines else f"the servers' supervisor ended at once; its log is {log}"


def _import_path() -> list[str]:
    return [str(Path(__file__).parent.parent.parent), *filter(None, [os.environ.get("PYTHONPATH")])]


def reap_later(process: subprocess.Popen[bytes]) -> None:
    """Wait for the supervisor's end beside everything else, so that it does not stay as a zombie of this process."""
    threading.Thread(target=process.wait, name="servers-reaper", daemon=True).start()


def _forget_in_child() -> None:
    """A forked child closes its copy of the connection, or it would keep the servers up after its parent."""
    global _guard, _held
    _guard = threading.RLock()  # a thread that is not here may have held the old one
    if _held is not None:
        _held.close()
        _held = None


atexit.register(release)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
