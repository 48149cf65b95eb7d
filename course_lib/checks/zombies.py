"""`kitchen`: an engine whose report never ends, what limits it, and what still runs for nobody when it was given up.

On PostgreSQL the server is asked. On SQLite, where no server runs on, the report waits in the engine, and one that is
given up stops only when the driver could still have asked a server to stop it: an `await` after the cancellation.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any  # Any: connect arguments, and what SQLAlchemy hands to an event

from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.util import await_only

from course_lib.checks.cancelling import let_go_of_closes
from course_lib.databases import fresh, needs
from course_lib.databases.activity import server_activity
from course_lib.observe import gauge

MARK = "pg_sleep"  # what makes a statement a report
SEAT: dict[str, Any] = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 1}
POLL_S = 0.02
ASKING_S = 0.01  # an await of the driver, long enough for a scope to cancel it again
KEPT = "SELECT setting::int FROM pg_settings WHERE name = 'statement_timeout'"  # milliseconds
END = text(
    "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE datname = current_database()"
    f" AND pid <> pg_backend_pid() AND query LIKE '%{MARK}%'"
)


@dataclass(frozen=True)
class Limits:
    """What ends a report by itself, in seconds: the server's limit, and the driver's."""

    statement: float | None = None
    command: float | None = None


class Kitchen:
    """An engine with one seat, how many reports were asked of it, and who counts those that run.

    `kept` holds what the server says of each report that it was asked for: its limit in seconds, None for no limit.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.room = gauge(engine)
        self.asked = 0
        self.kept: list[float | None] = []
        event.listen(engine.sync_engine, "before_cursor_execute", self._asked)

    def _asked(self, *event_arguments: Any) -> None:
        if MARK in event_arguments[2]:
            self.asked += 1
            self._begin(event_arguments[0], event_arguments[2])

    def _begin(self, connection: Connection, statement: str) -> None:
        """Note the limit of a report that is about to begin; a server begins it by itself."""
        self.kept.append(connection.exec_driver_sql(KEPT).scalar_one() / 1000 or None)

    async def running(self) -> int:
        """Return how many reports the server runs now."""
        return sum(MARK in session.query for session in (await server_activity(self.engine)).active)

    async def left(self, seconds: float) -> int:
        """Return how many reports still run when none does, or when so many seconds are over."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while (count := await self.running()) and loop.time() < end:  # noqa: ASYNC110 - a server has no event for us
            await asyncio.sleep(POLL_S)
        return count


class Stove(Kitchen):
    """A kitchen without a server: a report waits here for its limit, or for whoever gives it up."""

    def __init__(self, engine: AsyncEngine, limits: Limits) -> None:
        super().__init__(engine)
        self._limits = limits
        self._zombies: list[float] = []  # when each ends

    def _begin(self, connection: Connection, statement: str) -> None:
        self.kept.append(self._limits.statement)
        await_only(self._report(statement))

    async def _report(self, statement: str) -> None:
        began, limit = asyncio.get_running_loop().time(), self._limits
        ends = began + (limit.statement or float("inf"))
        try:
            async with asyncio.timeout(min(limit.statement or float("inf"), limit.command or float("inf"))):
                await asyncio.Event().wait()
        except TimeoutError:
            if limit.statement is not None and limit.statement <= (limit.command or float("inf")):
                raise DBAPIError(statement, None, _Cancelled()) from None
            raise
        except asyncio.CancelledError:
            self._zombies.append(ends)
            await asyncio.sleep(ASKING_S)
            self._zombies.remove(ends)
            raise

    async def running(self) -> int:
        """Return how many reports would run on a server now."""
        now = asyncio.get_running_loop().time()
        return sum(ends > now for ends in self._zombies)


class _Cancelled(Exception):
    """What PostgreSQL says when a statement's limit is over."""

    sqlstate = "57014"

    def __str__(self) -> str:
        return "canceling statement due to statement timeout"


@asynccontextmanager
async def kitchen(arguments: Mapping[str, Any], limits: Limits) -> AsyncIterator[Kitchen]:
    """Yield a kitchen whose driver gets `arguments`; no report is left on the server after the block.

    Without PostgreSQL `limits`, which must say the same as `arguments`, are kept here.
    """
    if needs.absent(("postgres",)):
        async with fresh(**SEAT) as engine:
            try:
                yield Stove(engine, limits)
            finally:
                await let_go_of_closes()
        return
    async with fresh("postgres", connect_args=dict(arguments), **SEAT) as engine:
        try:
            yield Kitchen(engine)
        finally:
            await _end(engine)


async def _end(engine: AsyncEngine) -> None:
    """End every report, on a connection of our own: the seat of the engine may be taken."""
    other = create_async_engine(engine.url, poolclass=NullPool)
    async with other.connect() as connection:
        await connection.execute(END)
    await other.dispose()
