"""The process that owns the private servers: one for each user, alive as long as somebody holds a lease.

A lease is an open connection to this process. The operating system closes it at every kind of death, so nothing needs
to be counted, and nothing stays behind: the last lease gone, and a short linger later, everything ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import logging
import os
import secrets
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any  # Any: JSON

from filelock import FileLock, Timeout

from course_lib.databases import state, unroot
from course_lib.databases.fleet import Fleet
from course_lib.databases.postgres import Postgres
from course_lib.errors import CourseError, ServerError

FIRST_S = 10.0  # whoever started us attaches at once, or was killed
LINGER_S = 10.0  # a kernel that restarts comes back within it
HELD_S = 2 * 3600.0  # `course servers start` and then nobody came
HELLO_S = 5.0
OWNER_S = 30.0  # an older supervisor may still be stopping its servers
LONGEST_LINE = 64 * 1024

log = logging.getLogger("course.servers")


class Lease:
    """One client: its connection, and the databases it was given."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.places: dict[str, str] = {}  # name of a database -> kind of its server

    def tell(self, message: dict[str, Any]) -> None:
        """Send one line; a client that is gone is noticed by who reads from it."""
        with contextlib.suppress(OSError, RuntimeError):
            self.writer.write(json.dumps(message).encode() + b"\n")


class Supervisor:
    """Serves leases until nobody needs it."""

    def __init__(self, runtime: Path, linger: float) -> None:
        self.runtime = runtime
        self.linger = linger
        self.token = secrets.token_hex(16)
        self.leases: set[Lease] = set()
        self.fleet: Fleet
        self._serving: set[asyncio.Task[Any]] = set()  # one for each connection
        self._held_until = 0.0
        self._idle_since = time.monotonic() + FIRST_S
        self._wanted = asyncio.Event()  # the end is wanted
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Serve; when it returns no server runs and `run.json` is gone."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(NotImplementedError):  # Windows
                loop.add_signal_handler(number, self._wanted.set)
        self.fleet = Fleet(state.open_home(self.runtime, unroot.choose()), self._tell_loss)
        listener = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=LONGEST_LINE)
        try:
            port = listener.sockets[0].getsockname()[1]
            announced = {"protocol": state.PROTOCOL, "port": port, "token": self.token, "pid": os.getpid()}
            state.announce(self.runtime / "run.json", announced)
            await self._until_nobody_needs_it()
        finally:
            (self.runtime / "run.json").unlink(missing_ok=True)  # first: nobody shall attach to what is ending
            listener.close()
            await self._stop()

    async def _until_nobody_needs_it(self) -> None:
        while not self._wanted.is_set():
            self._changed.clear()
            now = time.monotonic()
            end = max(self._idle_since + self.linger, self._held_until)
            if not self.leases and now >= end:
                return
            waiting = [asyncio.create_task(event.wait()) for event in (self._changed, self._wanted)]
            await asyncio.wait(waiting, timeout=None if self.leases else end - now, return_when=asyncio.FIRST_COMPLETED)
            for task in waiting:
                task.cancel()

    async def _stop(self) -> None:
        await self.fleet.stop()
        for lease in self.leases:  # last: who asked for the end waits for this
            lease.writer.close()
        if self._serving:
            await asyncio.wait(self._serving, timeout=HELLO_S)
        shutil.rmtree(self.fleet.home.sockets, ignore_errors=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until it is gone."""
        lease = Lease(writer)
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            hello = json.loads(await asyncio.wait_for(reader.readline(), HELLO_S))
            if not hmac.compare_digest(str(hello.get("token")), self.token):
                return
            self.leases.add(lease)
            lease.tell({"ok": True, "pid": os.getpid()})
            while line := await reader.readline():
                lease.tell(await self._answer(lease, json.loads(line)))
                await writer.drain()
        except (OSError, ValueError, TimeoutError, AttributeError):
            pass  # not one of ours, or gone in the middle of a line
        finally:
            self._serving.discard(task)
            self._let_go(lease)
            writer.close()

    def _let_go(self, lease: Lease) -> None:
        if lease not in self.leases:
            return
        self.leases.discard(lease)
        self._idle_since = time.monotonic()
        self._changed.set()
        for name, kind in lease.places.items():
            self.fleet.discard(kind, name)

    def _tell_loss(self, kinds: list[str], text: str) -> None:
        for lease in self.leases:
            lease.places = {name: kind for name, kind in lease.places.items() if kind not in kinds}
            for kind in kinds:
                lease.tell({"event": "lost", "kind": kind, "text": text})

    async def _answer(self, lease: Lease, asked: dict[str, Any]) -> dict[str, Any]:
        operation = getattr(self, f"_do_{asked.pop('do', '')}", None)
        try:
            if operation is None:
                raise ServerError("the supervisor of another course version is running; type: course servers stop")
            return {"ok": True, **await operation(lease, **asked)}
        except CourseError as error:
            return {"ok": False, "error": str(error)}
        except Exception as error:
            log.exception("could not answer %s", asked)
            return {"ok": False, "error": _bug(error, self.runtime / "supervisor.log")}

    async def _do_allot(self, lease: Lease, kind: str) -> dict[str, Any]:
        place, notices = await self.fleet.allot(kind)
        lease.places[place.name] = kind
        return {"place": place.to_json(), "notices": notices}

    async def _do_discard(self, lease: Lease, name: str) -> dict[str, Any]:
        self.fleet.discard(lease.places.pop(name, ""), name)
        return {}

    async def _do_start(self, lease: Lease, kind: str) -> dict[str, Any]:
        server, notices = await self.fleet.running(kind)
        return {"server": server.describe(), "notices": notices}

    async def _do_hold(self, lease: Lease) -> dict[str, Any]:
        self._held_until = time.monotonic() + HELD_S
        return {}

    async def _do_status(self, lease: Lease) -> dict[str, Any]:
        used = [kind for other in self.leases for kind in set(other.places.values())]
        servers = [server | {"users": str(used.count(server["kind"]))} for server in self.fleet.describe()]
        return {"servers": servers, "lost": self.fleet.lost}

    async def _do_playground(self, lease: Lease) -> dict[str, Any]:
        server, _ = await self.fleet.running("postgres")
        assert isinstance(server, Postgres)
        return {"place": (await server.playground()).to_json()}

    async def _do_stop(self, lease: Lease) -> dict[str, Any]:
        self._wanted.set()
        return {"servers": self.fleet.describe()}


def _bug(error: Exception, file: Path) -> str:
    return (
        f"the servers' supervisor failed ({type(error).__name__}: {error}; its log is {file}); "
        'this is a bug in the course: please report it with the output of "course doctor"'
    )


def main(arguments: list[str]) -> int:
    """Own the folder `arguments[0]` and serve; 0 when it ended well, 1 when another supervisor owns the folder."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    runtime = Path(arguments[0])
    linger = float(os.environ.get("COURSE_SERVER_LINGER") or LINGER_S)
    try:
        with FileLock(runtime / "owner.lock", timeout=OWNER_S):
            asyncio.run(Supervisor(runtime, linger).run())
    except Timeout:
        print(f"another supervisor owns {runtime}", file=sys.stderr)
        return 1
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(state.unwritable(runtime, error), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
