"""Recipes for the errors of lesson 02: each provokes one for real.

Each ignored type error here is the learner's mistake itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any  # Any: asyncpg ships no types

import asyncpg
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from tortoise import Model, fields

from course_lib.databases import database, fresh

from ..recipe import provokes, provokes_on, shows, shows_on


class Base(DeclarativeBase):
    """The table of this lesson."""


class Order(Base):
    """An order, with a column of each type that people get wrong."""

    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    guests: Mapped[int] = mapped_column(default=1)
    at: Mapped[datetime | None]


@asynccontextmanager
async def raw(kind: str) -> AsyncIterator[Any]:
    """Give a connection of asyncpg itself."""
    async with database(kind) as place:
        connection = await asyncpg.connect(place.dsn)
        try:
            yield connection
        finally:
            await connection.close()


@provokes_on("asyncpg-one-operation", "postgres", "pgbouncer")
async def ask_twice_on_one_connection(kind: str) -> None:
    async with raw(kind) as connection:
        slow = asyncio.ensure_future(connection.fetch("select pg_sleep(0.05)"))
        await asyncio.sleep(0)
        try:
            await connection.fetch("select 1")
        finally:
            await slow


@provokes_on("asyncpg-released-connection", "postgres")
async def use_a_connection_after_its_block(kind: str) -> None:
    async with database(kind) as place, asyncpg.create_pool(place.dsn, min_size=1, max_size=1) as pool:
        async with pool.acquire() as connection:
            pass
        await connection.fetch("select 1")


@provokes_on("asyncpg-released-connection", "postgres")
async def use_a_closed_pool(kind: str) -> None:
    async with database(kind) as place:
        async with asyncpg.create_pool(place.dsn, min_size=1, max_size=1) as pool:
            pass
        await pool.fetch("select 1")


def foreign(statement: str, *arguments: object) -> None:
    """Register a recipe that runs another driver's SQL on asyncpg."""

    async def another_drivers_words(kind: str) -> None:
        async with raw(kind) as connection:
            await connection.fetch(statement, *arguments)

    provokes_on("driver-dialect-syntax", "postgres")(another_drivers_words)


foreign("select 1 where 1 in $1", [1, 2])
foreign("select %s", 1)
foreign("select :x", 1)
foreign("select ?", 1)


@provokes_on("driver-dialect-syntax", "sqlite", "postgres")
async def write_percent_s_in_text(kind: str) -> None:
    async with fresh(kind) as engine, engine.connect() as connection:
        await connection.execute(text("select 1 where 1 = %s"), {"x": 1})


@provokes_on("several-statements", "sqlite", "postgres")
async def send_two_statements_in_one(kind: str) -> None:
    async with fresh(kind) as engine, engine.connect() as connection:
        await connection.execute(text("select 1; select 2"))


@shows_on("several-statements", "mariadb")
async def the_second_statement_runs(kind: str) -> tuple[object, object]:
    async with fresh(kind) as engine, engine.connect() as connection:
        await connection.execute(text("select 1; update items set price_cents = 1"))
        return (await connection.scalars(text("select distinct price_cents from items"))).all(), [1]


async def ordered(kind: str, **values: Any) -> None:
    """Insert an order."""
    async with fresh(kind) as engine:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        async with AsyncSession(engine) as session:
            session.add(Order(**values))
            await session.flush()


@provokes_on("strict-types", "postgres")
async def insert_text_into_a_number(kind: str) -> None:
    await ordered(kind, guests="5")


@provokes_on("strict-types", "postgres")
async def insert_a_number_that_is_too_large(kind: str) -> None:
    await ordered(kind, guests=10**12)


@provokes_on("strict-types", "postgres")
async def insert_text_into_a_time(kind: str) -> None:
    await ordered(kind, at="2026-01-31")


@provokes_on("strict-types", "postgres")
async def give_a_number_for_text(kind: str) -> None:
    async with raw(kind) as connection:
        await connection.fetch("select $1::text", 5)


@provokes_on("strict-types", "postgres")
async def give_a_dictionary_for_json(kind: str) -> None:
    async with raw(kind) as connection:
        await connection.fetch("select $1::jsonb", {"a": 1})


@provokes_on("naive-aware-datetime", "postgres")
async def insert_an_aware_time(kind: str) -> None:
    await ordered(kind, at=datetime.now(UTC))


@shows("memory-one-connection")
async def one_transaction_is_everybodys(_: Path) -> tuple[object, object]:
    engine = create_async_engine("sqlite+aiosqlite://")
    try:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        async with AsyncSession(engine) as first, AsyncSession(engine) as second:
            first.add(Order())
            await first.flush()
            seen = await second.scalar(select(func.count()).select_from(Order))
            await second.rollback()
            await first.commit()
            kept = await second.scalar(select(func.count()).select_from(Order))
            await second.rollback()
        return (type(engine.pool).__name__, seen, kept), ("StaticPool", 1, 0)
    finally:
        await engine.dispose()


class Hero(Model):
    """A table of Tortoise, whose `init` nobody has called."""

    id = fields.IntField(primary_key=True)


@provokes("tortoise-not-initialised")
async def ask_tortoise_before_its_init(_folder: Path) -> None:
    await Hero.all()
