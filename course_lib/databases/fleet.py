"""The servers of one supervisor, by kind: started when they are asked for, watched, and ended together.

It exists apart from the leases, because a server may end by itself, and who is told of it is another matter.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any, Protocol  # Any: a coroutine's result

from course_lib.databases.place import Place
from course_lib.databases.postgres import Postgres
from course_lib.databases.process import ServerProcess
from course_lib.databases.state import Home
from course_lib.errors import CourseError, ServerError

LOSS_S = 1.0  # between a server's end and our hearing of it; only a failing request waits that long
POOLERS = ("pgbouncer", "pgbouncer-prepared")

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


class Fleet:
    """The running servers; `on_loss(kinds, text)` is called when some end that nobody asked to."""

    def __init__(self, home: Home, on_loss: Callable[[list[str], str], None]) -> None:
        self.home = home
        self.lost: dict[str, str] = {}  # kind -> how its server ended, until a new one was started
        self._servers: dict[str, Server] = {}
        self._on_loss = on_loss
        self._locks: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loss = asyncio.Event()  # the next loss of a server; a new one after each
        self._is_ending = False

    def describe(self) -> list[dict[str, str]]:
        """Return what `course servers` shows of each running server."""
        return [server.describe() | {"kind": kind} for kind, server in self._servers.items()]

    async def running(self, kind: str) -> tuple[Server, list[str]]:
        """Return the server of `kind`, started if need be, and what there is to say about it."""
        async with self._locks.setdefault(kind, asyncio.Lock()):
            if kind in self._servers:
                return self._servers[kind], []
            server = await self._make(kind)
            await server.start()
            if self._is_ending:
                await server.stop()
                raise ServerError("the servers' supervisor is gone; run the cell again")
            self._servers[kind] = server
            if server.process is not None:
                self._spawn(self._watch(kind, server))
            lost = self.lost.pop(kind, "")
            return server, [*([f"{lost}; a new one was started"] if lost else []), *server.notices]

    async def allot(self, kind: str) -> tuple[Place, list[str]]:
        """Return a new database on the server of `kind`; one that has ended meanwhile is replaced, once."""
        server, notices = await self.running(kind)
        try:
            return await server.allot(), notices
        except CourseError:
            if not await self._is_lost(kind, server):
                raise
        server, notices = await self.running(kind)
        return await server.allot(), notices

    def discard(self, kind: str, name: str) -> None:
        """Drop a database beside everything else; it may have gone with its server."""
        if kind in self._servers and not self._is_ending:
            self._spawn(self._servers[kind].discard(name))

    async def stop(self) -> None:
        """End everything, a pooler before what it pools."""
        self._is_ending = True
        for lock in self._locks.values():  # a server that is just starting ends itself
            async with lock:
                pass
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for kind in sorted(self._servers, key=lambda kind: kind == "postgres"):
            try:
                await self._servers.pop(kind).stop()
            except Exception:
                log.exception("%s did not stop as it should", kind)

    async def _make(self, kind: str) -> Server:
        if kind == "postgres":
            return Postgres(self.home)
        if kind == "mariadb":
            from course_lib.databases.mariadb import MariaDB  # imported here: nobody waits for what they do not use

            return MariaDB(self.home)
        if kind in POOLERS:
            postgres, _ = await self.running("postgres")
            assert isinstance(postgres, Postgres)
            from course_lib.databases.pgbouncer import PgBouncer

            return PgBouncer(self.home, postgres, prepared_statements=kind == "pgbouncer-prepared")
        raise ServerError(f"expected postgres, pgbouncer or mariadb, got {kind!r}")

    async def _is_lost(self, kind: str, server: Server) -> bool:
        """Say whether `server` has ended; who asks may notice a moment before the system tells us."""
        with contextlib.suppress(TimeoutError):
            if self._servers.get(kind) is server:
                await asyncio.wait_for(self._loss.wait(), LOSS_S)
        return self._servers.get(kind) is not server

    async def _watch(self, kind: str, server: Server) -> None:
        """Wait until a server ends, and take it out of service if nobody else did."""
        assert server.process is not None
        await server.process.wait()
        if self._servers.get(kind) is not server:
            return
        self.lost[kind] = server.process.ended()
        log.warning("%s", self.lost[kind])
        gone = [kind, *(POOLERS if kind == "postgres" else ())]  # a pooler is of no use without what is behind it
        stopping = [self._servers.pop(name) for name in gone if name in self._servers]
        self._loss.set()
        self._loss = asyncio.Event()
        self._on_loss(gone, self.lost[kind])
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
