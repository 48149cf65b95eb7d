"""Recipes for the errors of lesson 11: each provokes one for real.

Each ignored type error here is the learner's mistake itself.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import warnings
from decimal import Decimal
from pathlib import Path

import asyncpg
from sqlalchemy import column, insert, table, text
from sqlalchemy.exc import NotSupportedError

from course_lib.databases import database, fresh

from ..beside import ask, beside
from ..recipe import provokes_on, shows, shows_on

NAMED = text("insert into items (name, price_cents) values (:name, 500)")
TELL = """
import logging, logging.config, sys
logging.getLogger("app")
logging.config.fileConfig(sys.argv[1], disable_existing_loggers=sys.argv[2] == "True")
print(logging.getLogger("app").disabled)
"""
INI = """
[loggers]
keys = root
[handlers]
keys = console
[formatters]
keys =
[logger_root]
level = WARNING
handlers = console
[handler_console]
class = StreamHandler
args = (sys.stderr,)
"""


@provokes_on("cached-plan", "postgres")
async def select_after_a_migration(kind: str) -> None:
    async with fresh(kind) as engine, engine.connect() as old, engine.connect() as migration:
        await old.execute(text("select * from items"))
        await old.rollback()
        await migration.execute(text("alter table items add colour text"))
        await migration.commit()
        try:
            await old.execute(text("select * from items"))
        except NotSupportedError:
            await old.rollback()
            assert len((await old.execute(text("select * from items"))).all()) == 3, "it heals"
            raise


@provokes_on("value-does-not-fit", "postgres", "mariadb")
async def insert_a_long_name(kind: str) -> None:
    async with fresh(kind) as engine, engine.connect() as connection:
        await connection.execute(NAMED, {"name": "x" * 60})


@provokes_on("value-does-not-fit", "postgres")
async def insert_a_nul(kind: str) -> None:
    async with fresh(kind) as engine, engine.connect() as connection:
        await connection.execute(NAMED, {"name": "a\0b"})


@shows_on("float-in-numeric", "postgres")
async def every_digit_comes_back(kind: str) -> tuple[object, object]:
    async with database(kind) as place:
        connection = await asyncpg.connect(place.dsn)
        try:
            found = [await connection.fetchval("SELECT $1::numeric", price) for price in (0.1 + 0.2, Decimal("0.30"))]
        finally:
            await connection.close()
    return [str(price) for price in found], ["0.3000000000000000444089209850062616169452667236328125", "0.30"]


@provokes_on("too-many-arguments", "postgres")
async def insert_too_many_values(kind: str) -> None:
    rows = [{"name": str(number)} for number in range(32768)]
    async with fresh(kind) as engine, engine.connect() as connection:
        await connection.execute(insert(table("items", column("name"))).values(rows))


@provokes_on("too-many-arguments", "postgres")
async def pass_one_argument_too_many(kind: str) -> None:
    async with database(kind) as place:
        connection = await asyncpg.connect(place.dsn)
        try:
            await connection.fetchval("SELECT $1::int", 1, 2)
        finally:
            await connection.close()


@provokes_on("create-race", "postgres")
async def create_a_table_twice_at_once(kind: str) -> None:
    create = text("create table if not exists racer (id serial primary key)")
    async with (
        fresh(kind) as engine,
        beside(engine, kind) as watcher,
        engine.connect() as first,
        engine.connect() as second,
    ):
        await first.execute(create)
        racing = asyncio.create_task(second.execute(create))
        await watcher.until("select count(*) from pg_locks where not granted", 1)
        await first.commit()
        await racing


@shows("migration-in-lifespan")
async def loggers_are_silent(folder: Path) -> tuple[object, object]:
    (folder / "alembic.ini").write_text(INI, encoding="utf-8")
    said = []
    for disable in ("True", "False"):
        command = [sys.executable, "-c", TELL, str(folder / "alembic.ini"), disable]
        child = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
        said.append(child.stdout.strip())
    return said, ["True", "False"]


@shows_on("lock-never-released", "postgres")
async def the_pool_keeps_the_lock(kind: str) -> tuple[object, object]:
    free: list[object] = []
    for lock in ("select pg_advisory_lock(42)", "select pg_advisory_xact_lock(42)"):
        async with fresh(kind, pool_size=1, max_overflow=0) as engine, beside(engine, kind) as other:
            async with engine.begin() as connection:
                await connection.execute(text(lock))
            free.append(await other.scalar("select pg_try_advisory_lock(42)"))
            await ask(engine, "select pg_advisory_unlock_all()")
    return free, [False, True]


@provokes_on("notify-lost", "postgres")
async def give_a_listening_connection_back(kind: str) -> None:
    async with database(kind) as place, asyncpg.create_pool(place.dsn, min_size=1, max_size=1) as pool:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            async with pool.acquire() as connection:
                await connection.add_listener("news", lambda *_: None)
        raise next(one.message for one in seen if isinstance(one.message, asyncpg.InterfaceWarning))
