"""A real PostgreSQL with a pooler before it, for tests of both poolers: PgBouncer, and the course's own small one."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any  # Any: asyncpg ships no types

import asyncpg
import pytest

from course_lib.databases import binaries, pg_login, pg_wire, state, unroot
from course_lib.databases.mini_pooler import MiniPooler
from course_lib.databases.pg_wire import message, read_message
from course_lib.databases.pgbouncer import PgBouncer
from course_lib.databases.place import Place
from course_lib.databases.postgres import Postgres
from course_lib.databases.state import Home

WAIT_S = 30.0  # far more than anything takes; only a failing test waits that long
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


def hide_pgbouncer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let discovery look where there is no PgBouncer."""
    product = replace(binaries.PRODUCTS["pgbouncer"], programs=("no-such-program",), folders=())
    monkeypatch.setitem(binaries.PRODUCTS, "pgbouncer", product)
    for name in (product.folder_variable, product.url_variable):
        monkeypatch.delenv(name, raising=False)
    binaries.find.cache_clear()


@contextmanager
def housed(runtime: Path) -> Iterator[Home]:
    """Yield the folders of a supervisor; the data folder in them is made once for all tests that share it."""
    home = state.open_home(runtime, unroot.choose())
    yield home
    shutil.rmtree(home.sockets)
    if home.data.parent != runtime:  # the servers' user cannot enter `runtime`
        shutil.rmtree(home.data.parent)


@dataclass
class Pooled:
    """A database that is reached through a pooler."""

    place: Place
    postgres: Postgres
    pooler: PgBouncer
    clients: list[Any] = field(default_factory=list)  # all that were opened, so that none is forgotten

    async def connect(self, *, role: str = "app", port: int = 0, **options: Any) -> Any:
        """Log in through the pooler (or at another port), without asyncpg's own cache unless asked for."""
        login = self.place.logins[role]
        words = {
            "user": login.user,
            "password": login.password,
            "database": self.place.name,
            "ssl": False,
            "statement_cache_size": 0,
            "timeout": WAIT_S,
            **options,
        }
        client = await asyncpg.connect(host="127.0.0.1", port=port or self.place.port, **words)
        self.clients.append(client)
        return client

    async def beside(self) -> Any:
        """Log in to the server itself, to look at it from outside the pool."""
        return await self.connect(port=self.postgres.port)


@asynccontextmanager
async def pooled(home: Home, *, prepared_statements: bool = False) -> AsyncIterator[Pooled]:
    """Yield a fresh database behind a pooler; afterwards neither server runs."""
    postgres = Postgres(home)
    await postgres.start()
    try:
        pooler = PgBouncer(home, postgres, prepared_statements=prepared_statements)
        await pooler.start()
        try:
            bar = Pooled(await pooler.allot(), postgres, pooler)
            async with asyncio.timeout(WAIT_S):
                yield bar
            for client in bar.clients:
                client.terminate()
        finally:
            await pooler.stop()
    finally:
        await postgres.stop()


class Bar:
    """A small pooler before a database, and everybody who came."""

    def __init__(self, pooler: MiniPooler, place: Place) -> None:
        self.pooler, self.place = pooler, place
        self.user, self.password = place.logins["app"].user, place.logins["app"].password
        self._clients: list[Any] = []
        self._raw: list[asyncio.StreamWriter] = []

    async def connect(self, port: int = 0, **options: Any) -> Any:
        """Log in through the pooler with asyncpg."""
        words = {"user": self.user, "password": self.password, "statement_cache_size": 0, "ssl": False, **options}
        client = await asyncpg.connect(
            host="127.0.0.1", port=port or self.pooler.port, database=self.place.name, timeout=WAIT_S, **words
        )
        self._clients.append(client)
        return client

    async def beside(self) -> Any:
        """Log in to the server itself."""
        return await self.connect(self.place.port)

    async def open(self) -> Streams:
        """Open a bare connection to the pooler."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.pooler.port)
        self._raw.append(writer)
        return reader, writer

    async def raw(self) -> Streams:
        """Log in through the pooler, and leave the messages to the test."""
        reader, writer = await self.open()
        await pg_login.log_in(reader, writer, self.user, self.password, self.place.name)
        return reader, writer

    async def leave(self) -> None:
        """Close what the test left open."""
        for client in self._clients:
            client.terminate()
        for writer in self._raw:
            await pg_wire.hang_up(writer)


@asynccontextmanager
async def opened(home: Home, **options: Any) -> AsyncIterator[Bar]:
    """Yield a small pooler that knows one user."""
    postgres = Postgres(home)
    await postgres.start()
    try:
        place = await postgres.allot()
        pooler = MiniPooler("127.0.0.1", postgres.port, **options)
        pooler.know(place.logins["app"].user, place.logins["app"].password)
        await pooler.start()
        bar = Bar(pooler, place)
        try:
            async with asyncio.timeout(WAIT_S):
                yield bar
        finally:
            await bar.leave()
            await pooler.close()
    finally:
        await postgres.stop()


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a test; no task may be left when it is over."""

    async def main() -> None:
        await work
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def query(statement: str) -> bytes:
    """Return a Query message."""
    return message(b"Q", pg_wire.text(statement))


async def letters(reader: asyncio.StreamReader) -> str:
    """Return the kinds of messages up to the next ReadyForQuery."""
    seen = ""
    while not seen.endswith("Z"):
        seen += (await read_message(reader))[:1].decode()
    return seen


async def refused(reader: asyncio.StreamReader) -> tuple[str, str]:
    """Return sqlstate and text of the error that comes next; nothing may come after it."""
    refusal = pg_wire.refusal(await read_message(reader))
    assert await reader.read() == b""
    return refusal.sqlstate, refusal.text


async def until(watcher: Any, query: str, wanted: object = True) -> None:
    """Ask the server again and again until `query` gives what is wanted."""
    async with asyncio.timeout(WAIT_S):
        while await watcher.fetchval(query) != wanted:
            pass


async def closed(connection: Any) -> None:
    """Wait until the other side has closed `connection`."""
    ended = asyncio.Event()
    connection.add_termination_listener(lambda _: ended.set())
    if not connection.is_closed():
        async with asyncio.timeout(WAIT_S):
            await ended.wait()


async def seen(watcher: Any, claim: Callable[[], bool]) -> None:
    """Give the loop something else to do, a question to the server, until `claim` holds."""
    async with asyncio.timeout(WAIT_S):
        while not claim():
            await watcher.execute("SELECT 1")
