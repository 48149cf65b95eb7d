"""What the recipes on real servers share: a look at the server from beside the pool, and an app on a real socket.

A pool knows what it lent out; only the server knows what still runs, and only a socket shows what a client sees.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any  # Any: uvicorn's options, and asyncpg ships no types

import httpx
import uvicorn
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

WAIT_S = 30.0  # far more than anything takes; only a failing test waits that long
SLOW = {"postgres": "select pg_sleep(600)", "mariadb": "select sleep(600)"}
RUNNING = {
    "postgres": "select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'",
    "mariadb": "select count(*) from information_schema.processlist where info = 'select sleep(600)'",
}
VICTIMS = {
    "postgres": "select pid from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'",
    "mariadb": "select id from information_schema.processlist where info = 'select sleep(600)'",
}
KILL = {"postgres": "select pg_terminate_backend({})", "mariadb": "kill {}"}
OWN_ID = {"postgres": "select pg_backend_pid()", "mariadb": "select connection_id()"}


class Watcher:
    """A connection of its own that looks at the server from beside the pool."""

    def __init__(self, connection: AsyncConnection, kind: str) -> None:
        self._connection, self._kind = connection, kind

    async def scalar(self, query: str) -> Any:
        """Return the first value of what `query` finds now."""
        return (await self._connection.execute(text(query))).scalar()

    async def until(self, query: str, wanted: object = True) -> None:
        """Ask again and again until `query` gives what is wanted."""
        async with asyncio.timeout(WAIT_S):
            while await self.scalar(query) != wanted:
                pass

    async def running(self, number: int) -> None:
        """Wait until the server runs this many slow statements."""
        await self.until(RUNNING[self._kind], number)

    async def kill(self, *sessions: object) -> None:
        """End sessions of the server, by default all that run a slow statement."""
        found: Sequence[object] = (
            sessions or (await self._connection.execute(text(VICTIMS[self._kind]))).scalars().all()
        )
        for session in found:
            await self._connection.execute(text(KILL[self._kind].format(session)))


@asynccontextmanager
async def beside(engine: AsyncEngine, kind: str) -> AsyncIterator[Watcher]:
    """Give a watcher of the same database."""
    own = create_async_engine(engine.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    try:
        async with own.connect() as connection:
            yield Watcher(connection, kind)
    finally:
        await own.dispose()


async def ask(engine: AsyncEngine, statement: str) -> Any:
    """Run one statement on a connection of the pool, and return the first value of its answer."""
    async with engine.connect() as connection:
        result = await connection.execute(text(statement))
        return result.scalar() if result.returns_rows else None


@asynccontextmanager
async def served(app: FastAPI, **options: Any) -> AsyncIterator[tuple[uvicorn.Server, httpx.AsyncClient]]:
    """Serve an app on a real socket of this machine, in this loop; give the server and a client of it."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, lifespan="off", log_config=None, ws="none", **options)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(WAIT_S):
            while not server.started:  # noqa: ASYNC110 - uvicorn tells it in no other way
                await asyncio.sleep(0)
        port = server.servers[0].sockets[0].getsockname()[1]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=WAIT_S) as client:
            yield server, client
    finally:
        server.should_exit = True
        await serving
