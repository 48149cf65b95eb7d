"""`server_activity`: the server's own view, also when the pool is exhausted, and without itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any  # Any: an engine's pool

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from course_lib import fresh, gauge, server_activity, trace
from course_lib.databases import database, lease
from course_lib.databases.activity import Activity, Session
from course_lib.errors import CourseError, ServerError

LIMIT_S = 30.0  # of waiting for something that comes at once
NAMED = {"server_settings": {"application_name": "bar"}}


@pytest.fixture(autouse=True, scope="module")
def given_back() -> Iterator[None]:
    """Give the servers back when these tests are over."""
    yield
    lease.release()


async def until(engine: Any, wanted: Callable[[Activity], object]) -> Activity:
    """Ask until the server shows what is wanted."""
    async with asyncio.timeout(LIMIT_S):
        while not wanted(found := await server_activity(engine)):
            pass
    return found


async def ended(task: asyncio.Task[Any]) -> None:
    """Cancel a statement and wait until it is over."""
    task.cancel()
    with suppress(asyncio.CancelledError, DBAPIError):
        await task


async def sleep(connection: AsyncConnection) -> None:
    """Run a statement that does not end by itself."""
    await connection.execute(text("SELECT pg_sleep(600)\n-- the second line"))


@pytest.mark.postgres
def test_an_exhausted_pool_can_be_looked_at_and_nothing_of_it_is_used() -> None:
    async def main() -> tuple[Activity, list[Any], str]:
        options: dict[str, Any] = {"pool_size": 2, "max_overflow": 0, "connect_args": NAMED}
        async with fresh("postgres", **options) as engine, engine.connect() as one, engine.connect() as two:
            await one.execute(text("SELECT 1"))
            running = asyncio.create_task(sleep(two))
            await until(engine, lambda activity: activity.active and activity.active[0].waits_for)
            with trace(engine) as events:
                counts = gauge(engine)
                found = await server_activity(engine)
            await ended(running)
            return found, list(events), repr(counts)

    found, events, counts = asyncio.run(main())
    assert repr(found) == (
        "state                waits for  application  query\n"
        "active               PgSleep    bar          SELECT pg_sleep(600)\n"
        "idle in transaction  -          bar          SELECT 1"
    )
    assert (len(found), len(found.active), len(found.idle_in_transaction)) == (2, 1, 1)
    assert (events, counts) == ([], "inside 0, peak 0, opened 0")


@pytest.mark.postgres
def test_a_failed_transaction_is_idle_in_transaction_and_a_pooled_connection_is_idle() -> None:
    async def main() -> tuple[list[str], int, list[str]]:
        async with fresh("postgres", pool_size=1) as engine:
            async with engine.connect() as connection:
                with suppress(DBAPIError):
                    await connection.execute(text("SELECT 1 / 0"))
                failed = await server_activity(engine)
            pooled = await server_activity(engine)
            return [s.state for s in failed], len(failed.idle_in_transaction), [s.state for s in pooled]

    assert asyncio.run(main()) == (["idle in transaction (aborted)"], 1, ["idle"])


@pytest.mark.postgres
@pytest.mark.parametrize("options", [{}, {"role": "readonly"}, {"tls": "verify-full"}, {"poolclass": NullPool}])
def test_every_engine_on_postgresql_can_be_asked(options: dict[str, Any]) -> None:
    async def main() -> tuple[int, str]:
        async with fresh("postgres", **options) as engine:
            nobody = await server_activity(engine)
            async with engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
                return len(await server_activity(engine)), repr(nobody)

    assert asyncio.run(main()) == (1, "nobody is connected")


@pytest.mark.postgres
@pytest.mark.pgbouncer
def test_behind_a_pooler_the_connection_that_asks_is_not_counted() -> None:
    async def main() -> tuple[int, list[str]]:
        options: dict[str, Any] = {"poolclass": NullPool, "connect_args": {"statement_cache_size": 0}}
        async with fresh("pgbouncer", **options) as engine, engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            found = await server_activity(engine)
            return len(found), [session.state for session in found]

    assert asyncio.run(main()) == (1, ["idle in transaction"])


@pytest.mark.mariadb
def test_mariadb_tells_who_is_active_and_not_who_is_in_a_transaction() -> None:
    async def main() -> tuple[Activity, Activity]:
        async with fresh("mariadb") as engine, engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            idle = await server_activity(engine)
            running = asyncio.create_task(connection.execute(text("SELECT SLEEP(600)")))
            busy = await until(engine, lambda activity: activity.active)
            await ended(running)
            return idle, busy

    idle, busy = asyncio.run(main())
    assert [session.state for session in idle] == ["idle"]
    assert [session.line for session in busy.active] == ["SELECT SLEEP(600)"]
    with pytest.raises(CourseError) as caught:
        _ = idle.idle_in_transaction
    assert str(caught.value) == "MariaDB shows a login of the course no transaction of others; look on PostgreSQL"


def test_sqlite_has_nothing_to_show() -> None:
    async def main() -> None:
        async with fresh() as engine:
            await server_activity(engine)

    with pytest.raises(CourseError) as caught:
        asyncio.run(main())
    assert str(caught.value) == 'expected an engine on PostgreSQL or MariaDB, got sqlite; use fresh("postgres")'


@pytest.mark.postgres
def test_a_login_that_is_refused_is_one_sentence() -> None:
    async def main() -> None:
        async with database("postgres", tls="require") as place:
            scheme, _, where = place.url.partition("@")
            engine = create_async_engine(f"{scheme.rpartition(':')[0]}:wrong@{where}", connect_args=place.connect_args)
            await server_activity(engine)

    with pytest.raises(ServerError) as caught:
        asyncio.run(main())
    said = str(caught.value)
    assert said.startswith(
        "server_activity needs a connection of its own and got none (InvalidPasswordError: password "
    )
    assert said.endswith("); close one of yours and ask again")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"connect_args": {"sslmode": "require"}}, "connect() got an unexpected keyword argument 'sslmode'"),
        (
            {"async_creator": lambda: asyncio.sleep(0)},
            "this engine makes its connections in its own way; give server_activity one made from a URL",
        ),
    ],
)
def test_an_engine_that_cannot_be_asked_says_why(options: dict[str, Any], said: str) -> None:
    engine = create_async_engine("postgresql+asyncpg://somebody@127.0.0.1:1/bar", **options)
    with pytest.raises((TypeError, ServerError)) as caught:
        asyncio.run(server_activity(engine))
    assert str(caught.value) == said


def test_sessions_are_a_sequence_with_the_active_ones_first() -> None:
    idle, busy = Session("idle", "", "", ""), Session("active", "SELECT 'x" + "y" * 99, "Lock", "bar")
    found = Activity([idle, busy])
    assert (found[0], found[1:], list(found), busy in found) == (busy, [idle], [busy, idle], True)
    assert repr(found).splitlines()[1:] == [
        f"active  Lock       bar          {busy.query[:57]}...",
        "idle    -          -",
    ]
