"""Recipes for the errors of lesson 13: each provokes one for real.

Each ignored type error here is the learner's mistake itself.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any  # Any: what a driver accepts, and asyncpg ships no types

import asyncpg
from pydantic import BaseModel, PostgresDsn, SecretStr
from sqlalchemy import make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

from course_lib.databases import Database, database, fresh
from course_lib.databases.mini_pooler import MiniPooler

from ..beside import ask
from ..club import opened
from ..recipe import provokes, provokes_on, shows, shows_on

INSERT = "insert into items (name, price_cents) values ('Ale', 500)"
O_BRIEN = "select name from items where name = 'O'Brien'"


async def connect(place: Database, query: dict[str, str] | None = None, **arguments: Any) -> object:
    """Connect over TCP with URL parameters or arguments of our own, and ask something."""
    url = make_url(place.url).update_query_dict(query or {})
    engine = create_async_engine(url, poolclass=NullPool, connect_args=arguments)
    try:
        return await ask(engine, "select 1")
    finally:
        await engine.dispose()


@provokes_on("sslmode-keyword", "postgres")
async def say_sslmode(kind: str) -> None:
    async with database(kind, tls="disable") as place:
        await connect(place, {"sslmode": "require"})


@provokes_on("tls-refused", "postgres")
@provokes_on("server-unreachable", "mariadb")  # its driver says no more than that
async def know_another_ca(kind: str) -> None:
    async with database(kind, tls="require") as place:
        await connect(place, ssl=ssl.create_default_context(cafile=place.other_ca))


@provokes_on("tls-refused", "postgres")
async def say_a_mode_that_is_none(kind: str) -> None:
    async with database(kind, tls="require") as place:
        await connect(place, {"ssl": "true"})


@provokes("tls-refused")
async def ask_a_server_without_tls(_: Path) -> None:
    pooler = MiniPooler("127.0.0.1", 1)  # it refuses TLS before it would need a server
    await pooler.start()
    try:
        await asyncpg.connect(f"postgresql://app@127.0.0.1:{pooler.port}/course?sslmode=require")
    finally:
        await pooler.close()


@shows_on("require-does-not-verify", "postgres")
async def a_stranger_is_trusted(kind: str) -> tuple[object, object]:
    async with database(kind, tls="require") as place:
        trusted = await connect(place, {"ssl": "require"})
        try:
            await connect(place, ssl=ssl.create_default_context())
        except ssl.SSLCertVerificationError:
            return trusted, 1
    return trusted, "a refusal by the default context"


@provokes_on("permission-denied", "mariadb")
async def insert_without_the_right(kind: str) -> None:
    async with fresh(kind, role="readonly") as engine:
        await ask(engine, INSERT)


@provokes_on("permission-denied", "postgres")
async def climb_over_the_guard_rail(kind: str) -> None:
    async with fresh(kind, role="readonly", isolation_level="AUTOCOMMIT") as engine, engine.connect() as connection:
        await connection.execute(text("set default_transaction_read_only = off"))
        await connection.execute(text(INSERT))


@provokes_on("permission-denied", "postgres")
async def create_a_table_in_a_closed_schema(kind: str) -> None:
    async with fresh(kind, role="readonly", isolation_level="AUTOCOMMIT") as engine, engine.connect() as connection:
        await connection.execute(text("set default_transaction_read_only = off"))
        await connection.execute(text("create table mine (id integer)"))


@provokes_on("read-only-transaction", "postgres")
async def insert_as_a_reader(kind: str) -> None:
    async with fresh(kind, role="readonly") as engine:
        await ask(engine, INSERT)


@provokes("read-only-transaction")
async def insert_into_a_file_that_is_open_for_reading(folder: Path) -> None:
    async with opened(folder):
        engine = create_async_engine(f"sqlite+aiosqlite:///file:{folder / 'club.db'}?mode=ro&uri=true")
        try:
            await ask(engine, "insert into author (name) values ('Cy')")
        finally:
            await engine.dispose()


@shows_on("tenant-leak", "postgres", "pgbouncer")
async def the_next_request_sees_the_tenant(kind: str) -> tuple[object, object]:
    seen: list[object] = []
    for statement in ("set app.tenant = 'acme'", "select set_config('app.tenant', 'acme', true)"):
        async with fresh(kind, pool_size=1, max_overflow=0) as engine:
            async with AsyncSession(engine) as session:
                await session.execute(text(statement))
                await session.commit()
            async with AsyncSession(engine) as session:
                seen.append(await session.scalar(text("select current_setting('app.tenant', true)")))
    return seen, ["acme", ""]


@shows_on("session-state-through-pooler", "pgbouncer")
async def session_state_stays_behind(kind: str) -> tuple[object, object]:
    heard: list[object] = []
    async with database(kind) as place:
        first, second = [await asyncpg.connect(place.dsn, statement_cache_size=0) for _ in range(2)]
        try:
            await first.execute("SET app.tenant = 'acme'")
            tenant = await second.fetchval("SELECT current_setting('app.tenant', true)")
            locked = await first.fetchval("SELECT pg_try_advisory_lock(42)")
            await second.execute("BEGIN")  # takes the server connection that holds the lock
            unlocked = await first.fetchval("SELECT pg_advisory_unlock(42)")
            await second.execute("ROLLBACK")
            await first.add_listener("news", lambda *said: heard.append(said))
            await second.execute("NOTIFY news")
            await first.fetchval("SELECT 1")
        finally:
            first.terminate()
            second.terminate()
    return (tenant, locked, unlocked, heard), ("acme", True, False, [])


@provokes_on("sql-injection", "sqlite", "postgres", "mariadb")
async def ask_for_o_brien(kind: str) -> None:
    async with fresh(kind) as engine:
        await ask(engine, O_BRIEN)


@shows_on("sql-injection", "sqlite", "postgres", "mariadb")
async def everybody_is_returned(kind: str) -> tuple[object, object]:
    name = "x' OR '1'='1"
    async with fresh(kind) as engine, engine.connect() as connection:
        found = (await connection.execute(text(f"select name from items where name = '{name}'"))).all()
        safe = (await connection.execute(text("select name from items where name = :n"), {"n": name})).all()
    return (len(found), len(safe)), (3, 0)


@provokes("missing-bind-value")
async def forget_a_value(folder: Path) -> None:
    async with opened(folder) as engine:
        await ask(engine, "select :x")


@shows("secret-in-text")
async def the_password_is_in_the_text(folder: Path) -> tuple[object, object]:
    class Open(BaseModel):
        """The mistake."""

        dsn: PostgresDsn

    class Closed(BaseModel):
        """The cure."""

        dsn: SecretStr

    dsn: Any = "postgresql://app:topsecret@db/course"
    shown = [repr(Open(dsn=dsn)), repr(Closed(dsn=dsn))]
    for hidden in (False, True):
        (folder / str(hidden)).mkdir()
        async with opened(folder / str(hidden), hide_parameters=hidden) as engine, engine.connect() as connection:
            try:
                await connection.execute(text("select * from nope where x = :p"), {"p": "topsecret"})
            except OperationalError as error:
                shown.append(str(error))
    return ["topsecret" in said for said in shown], [True, False, True, False]
