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
import signal
import sys
import time
from pathlib import Path
from typing import Any, Protocol  # Any: JSON

from filelock import FileLock, Timeout

from course_lib.databases import state, unroot
from course_lib.databases.place import Place
from course_lib.databases.postgres import Postgres
from course_lib.databases.process import ServerProcess
from course_lib.errors import CourseError, ServerError

FIRST_S = 10.0  # whoever started us attaches at once, or was killed
LINGER_S = 10.0  # a kernel that restarts comes back within it
HELD_S = 2 * 3600.0  # `course servers start` and then nobody came
HELLO_S = 5.0
LOSS_S = 1.0
POOLERS = ("pgbouncer", "pgbouncer-prepared")
OWNER_S = 30.0  # an older supervisor may still be stopping its servers
LONGEST_LINE = 64 * 1024

log = logging.getLogger("course.servers")


class Server(Protocol):
    """What a supervisor needs to know of a server."""

    process: ServerProcess | None  # None where it is not ours
    notices: list[str]

    async def start(self) -> None:
        """Serve, or raise `ServerError` with nothing left running."""

    async def stop(self) -> None:
        """End the server."""

    async def allot(self) -> Place:
        """Return a new, seeded database."""

    async def discard(self, name: str) -> None:
        """Drop a database that `allot` made."""

    def describe(self) -> dict[str, str]:
        """Return what `course servers` shows."""


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
        self.servers: dict[str, Server] = {}
        self.leases: set[Lease] = set()
        self.home: state.Home
        self._locks: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._serving: set[asyncio.Task[Any]] = set()  # one for each connection
        self._lost: dict[str, str] = {}  # how a server ended that nobody asked to
        self._held_until = 0.0
        self._idle_since = time.monotonic() + FIRST_S
        self._wanted = asyncio.Event()  # the end is wanted
        self._changed = asyncio.Event()
        self._loss = asyncio.Event()  # the next loss of a server; a new one after each

    async def run(self) -> None:
        """Serve; when it returns no server runs and `run.json` is gone."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(NotImplementedError):  # Windows
                loop.add_signal_handler(number, self._wanted.set)
        self.home = state.open_home(self.runtime, unroot.choose())
        listener = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=LONGEST_LINE)
        try:
            self._announce(listener.sockets[0].getsockname()[1])
            await self._until_nobody_needs_it()
        finally:
            (self.runtime / "run.json").unlink(missing_ok=True)  # first: nobody shall attach to what is ending
            listener.close()
            await self._stop()

    def _announce(self, port: int) -> None:
        content = json.dumps({"protocol": state.PROTOCOL, "port": port, "token": self.token, "pid": os.getpid()})
        part = self.runtime / "run.json.part"
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as stream:
            stream.write(content)
        part.replace(self.runtime / "run.json")

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
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        kinds = sorted(self.servers, key=lambda kind: kind == "postgres")  # a pooler ends before what it pools
        for kind in kinds:
            with contextlib.suppress(Exception):
                await self.servers.pop(kind).stop()
        for lease in self.leases:  # last: who asked for the end waits for this
            lease.writer.close()
        if self._serving:
            await asyncio.wait(self._serving, timeout=HELLO_S)
        with contextlib.suppress(OSError):
            self.home.sockets.rmdir()

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
            if kind in self.servers and not self._wanted.is_set():
                self._spawn(self.servers[kind].discard(name))

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
        server, notices = await self._running(kind)
        try:
            place = await server.allot()
        except CourseError:
            if not await self._is_lost(kind, server):
                raise
            server, notices = await self._running(kind)
            place = await server.allot()
        lease.places[place.name] = kind
        return {"place": place.to_json(), "notices": notices}

    async def _do_discard(self, lease: Lease, name: str) -> dict[str, Any]:
        kind = lease.places.pop(name, "")
        if kind in self.servers:
            await self.servers[kind].discard(name)
        return {}

    async def _do_start(self, lease: Lease, kind: str) -> dict[str, Any]:
        server, notices = await self._running(kind)
        return {"server": server.describe(), "notices": notices}

    async def _do_hold(self, lease: Lease) -> dict[str, Any]:
        self._held_until = time.monotonic() + HELD_S
        return {}

    async def _do_status(self, lease: Lease) -> dict[str, Any]:
        used = [kind for other in self.leases for kind in set(other.places.values())]
        servers = [server.describe() | {"users": str(used.count(kind))} for kind, server in self.servers.items()]
        return {"servers": servers, "lost": self._lost}

    async def _do_playground(self, lease: Lease) -> dict[str, Any]:
        server, _ = await self._running("postgres")
        assert isinstance(server, Postgres)
        return {"place": (await server.playground()).to_json()}

    async def _do_stop(self, lease: Lease) -> dict[str, Any]:
        self._wanted.set()
        return {"servers": [server.describe() for server in self.servers.values()]}

    async def _running(self, kind: str) -> tuple[Server, list[str]]:
        """Return the server of `kind`, started if need be, and what there is to say about it."""
        async with self._locks.setdefault(kind, asyncio.Lock()):
            if kind in self.servers:
                return self.servers[kind], []
            server = await self._make(kind)
            await server.start()
            self.servers[kind] = server
            if server.process is not None:
                self._spawn(self._watch(kind, server))
            lost = self._lost.pop(kind, "")
            return server, [*([f"{lost}; a new one was started"] if lost else []), *server.notices]

    async def _is_lost(self, kind: str, server: Server) -> bool:
        """Say whether `server` has ended; who asks may notice a moment before the system tells us."""
        with contextlib.suppress(TimeoutError):
            if self.servers.get(kind) is server:
                await asyncio.wait_for(self._loss.wait(), LOSS_S)
        return self.servers.get(kind) is not server

    async def _make(self, kind: str) -> Server:
        if kind == "postgres":
            return Postgres(self.home)
        if kind == "mariadb":
            from course_lib.databases.mariadb import MariaDB  # imported here: nobody waits for what they do not use

            return MariaDB(self.home)
        if kind in POOLERS:
            postgres, _ = await self._running("postgres")
            assert isinstance(postgres, Postgres)
            from course_lib.databases.pgbouncer import PgBouncer

            return PgBouncer(self.home, postgres, prepared_statements=kind == "pgbouncer-prepared")
        raise ServerError(f"expected postgres, pgbouncer or mariadb, got {kind!r}")

    async def _watch(self, kind: str, server: Server) -> None:
        """Tell every lease when a server ends that should not; the next one who asks gets a new one."""
        assert server.process is not None
        await server.process.wait()
        if self.servers.get(kind) is not server:
            return
        self._lost[kind] = server.process.ended()
        log.warning("%s", self._lost[kind])
        self._loss.set()
        self._loss = asyncio.Event()
        gone = [kind, *(POOLERS if kind == "postgres" else ())]  # a pooler is of no use without what is behind it
        stopping = [self.servers.pop(name) for name in gone if name in self.servers]
        for lease in self.leases:
            lease.places = {name: of for name, of in lease.places.items() if of not in gone}
            for name in gone:
                lease.tell({"event": "lost", "kind": name, "text": self._lost[kind]})
        for lost in reversed(stopping):
            await lost.stop()

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.warning("in the background: %r", task.exception())


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
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
