"""Recipes for the errors of lesson 08: each provokes one for real.

Each ignored type error here is the learner's mistake itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Update, func, select, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from course_lib.databases import fresh

from ..club import Author, opened, served
from ..recipe import provokes, provokes_on, shows, shows_on

EVERYWHERE = ("sqlite", "postgres", "mariadb")


class Base(DeclarativeBase):
    """The tables of this lesson."""


class Stock(Base):
    """Tickets for tonight, and the version of the row."""

    __tablename__ = "stock"
    id: Mapped[int] = mapped_column(primary_key=True)
    tickets: Mapped[int]
    version: Mapped[int] = mapped_column()
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - the form SQLAlchemy reads


@asynccontextmanager
async def stocked(kind: str, **options: Any) -> AsyncIterator[AsyncEngine]:  # Any: SQLAlchemy's own options
    """Give an engine on a new database with two rows of one ticket each."""
    async with fresh(kind, **options) as engine:
        await fill(engine)
        yield engine


async def fill(engine: AsyncEngine) -> None:
    """Make the tables, and the two rows."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with AsyncSession(engine) as session:
        session.add_all([Stock(tickets=1), Stock(tickets=1)])
        await session.commit()


async def together(*works: Awaitable[object]) -> None:
    """Await all of them to their end, then raise the first error."""
    for result in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(result, Exception):
            raise result


def take(number: int = 1) -> Update:
    """Return the statement that takes one ticket, if there is one."""
    return update(Stock).where(Stock.id == number, Stock.tickets > 0).values(tickets=Stock.tickets - 1)


async def isolated(session: AsyncSession, level: str) -> None:
    """Begin a transaction of this isolation level."""
    await session.connection(execution_options={"isolation_level": level})


async def two_buyers(engine: AsyncEngine) -> tuple[int, int, int]:
    """Sell the one ticket to two buyers; return who read and wrote, who took it in one UPDATE, and what is left."""
    await fill(engine)
    both_have_read = asyncio.Barrier(2)

    async def reads_and_writes() -> int:
        async with AsyncSession(engine) as session:
            left = await session.scalar(select(Stock.tickets).where(Stock.id == 1)) or 0
            await both_have_read.wait()
            await session.execute(update(Stock).where(Stock.id == 1).values(tickets=left - 1))
            await session.commit()
            return left

    async def takes() -> int:
        async with AsyncSession(engine) as session:
            taken: Any = await session.execute(take(2))
            await session.commit()
            return int(taken.rowcount)

    sold = sum(await asyncio.gather(reads_and_writes(), reads_and_writes()))
    taken = sum(await asyncio.gather(takes(), takes()))
    async with AsyncSession(engine) as session:
        return sold, taken, await session.scalar(select(func.sum(Stock.tickets))) or 0


@shows_on("oversell", "postgres", "mariadb")
async def one_ticket_is_sold_twice(kind: str) -> tuple[object, object]:
    async with fresh(kind) as engine:
        return await two_buyers(engine), (2, 1, 0)


@shows("oversell")
async def one_ticket_is_sold_twice_by_the_driver(folder: Path) -> tuple[object, object]:
    async with opened(folder) as engine:  # as the driver comes: a read stands outside any transaction
        return await two_buyers(engine), (2, 1, 0)


@shows("for-update-ignored")
async def the_lock_is_left_out(_: Path) -> tuple[object, object]:
    locking = select(Stock.tickets).with_for_update()
    async with fresh("sqlite") as engine:
        words = [str(locking.compile(dialect=dialect)) for dialect in (engine.dialect, postgresql.dialect())]  # type: ignore[no-untyped-call]
    return [statement.endswith("FOR UPDATE") for statement in words], [False, True]


@provokes("sqlite-locked")
async def wait_too_long_for_a_writer(_: Path) -> None:
    impatient = stocked("sqlite", connect_args={"timeout": 0.05})
    async with impatient as engine, AsyncSession(engine) as first, AsyncSession(engine) as second:
        await first.execute(take())
        await second.execute(take())


@provokes("sqlite-locked")
async def write_after_an_old_read(_: Path) -> None:
    async with stocked("sqlite") as engine, AsyncSession(engine) as first, AsyncSession(engine) as second:
        await first.scalar(select(Stock.tickets))
        await second.execute(take())
        await second.commit()
        with pytest.raises(DBAPIError) as refused:
            await first.execute(take())
        assert getattr(refused.value.orig, "sqlite_errorname", None) == "SQLITE_BUSY_SNAPSHOT"
        raise refused.value


@provokes_on("serialization-failure", "postgres")
async def update_after_an_old_read(kind: str) -> None:
    async with stocked(kind) as engine, AsyncSession(engine) as first, AsyncSession(engine) as second:
        await isolated(first, "REPEATABLE READ")
        await first.scalar(select(Stock.tickets))
        await second.execute(take())
        await second.commit()
        await first.execute(take())


@provokes_on("serialization-failure", "postgres")
async def add_to_a_sum_that_changes(kind: str) -> None:
    async with stocked(kind) as engine, AsyncSession(engine) as first, AsyncSession(engine) as second:
        for session in (first, second):
            await isolated(session, "SERIALIZABLE")
            await session.scalar(select(func.sum(Stock.tickets)))
        for session in (first, second):
            session.add(Stock(tickets=1))
            await session.flush()
        await first.commit()
        await second.commit()


@provokes_on("stale-version", *EVERYWHERE)
async def save_an_older_version(kind: str) -> None:
    async with stocked(kind) as engine, AsyncSession(engine, expire_on_commit=False) as session:
        old = await session.get_one(Stock, 1)
        await session.commit()
        async with AsyncSession(engine) as other:
            (await other.get_one(Stock, 1)).tickets = 5
            await other.commit()
        old.tickets = 3
        await session.commit()


@provokes_on("deadlock", "postgres", "mariadb")
async def lock_in_opposite_order(kind: str) -> None:
    async with stocked(kind) as engine:
        both_hold_one = asyncio.Barrier(2)

        async def locks(one: int, other: int) -> None:
            async with AsyncSession(engine) as session:
                await session.execute(take(one))
                await both_hold_one.wait()
                await session.execute(take(other))

        await together(locks(1, 2), locks(2, 1))


@asynccontextmanager
async def held_row(kind: str) -> AsyncIterator[AsyncSession]:
    """Give a session whose neighbour holds the lock on row 1."""
    async with stocked(kind) as engine, AsyncSession(engine) as holder, AsyncSession(engine) as session:
        await holder.execute(take())
        yield session


@provokes_on("lock-not-available", "postgres", "mariadb")
async def lock_without_waiting(kind: str) -> None:
    async with held_row(kind) as session:
        await session.execute(select(Stock.tickets).where(Stock.id == 1).with_for_update(nowait=True))


IMPATIENT = {"postgres": "set local lock_timeout = '50ms'", "mariadb": "set innodb_lock_wait_timeout = 0"}


@provokes_on("lock-not-available", "postgres", "mariadb")
async def wait_too_long_for_a_lock(kind: str) -> None:
    async with held_row(kind) as session:
        await session.execute(text(IMPATIENT[kind]))
        await session.execute(take())


@shows_on("lock-not-available", "mariadb")
async def the_half_before_it_is_kept(kind: str) -> tuple[object, object]:
    async with held_row(kind) as session:
        await session.execute(text(IMPATIENT[kind]))
        await session.execute(take(2))
        with pytest.raises(DBAPIError):
            await session.execute(take(1))
        await session.commit()
        return (await session.scalars(select(Stock.tickets).order_by(Stock.id))).all(), [1, 0]


@provokes_on("aborted-transaction", "postgres")
async def go_on_after_an_error(kind: str) -> None:
    async with fresh(kind) as engine, AsyncSession(engine) as session:
        with contextlib.suppress(DBAPIError):
            await session.execute(text("select 1/0"))
        await session.execute(text("select 1"))


@shows_on("aborted-transaction", "postgres")
async def the_commit_is_a_rollback(kind: str) -> tuple[object, object]:
    async with served(kind) as engine:
        async with AsyncSession(engine) as session, session.begin():
            await session.execute(text("insert into author (name) values ('Cy')"))
            with contextlib.suppress(DBAPIError):
                await session.execute(text("select 1/0"))
        async with AsyncSession(engine) as session:
            return await session.scalar(select(func.count()).select_from(Author)), 2


@provokes_on("pending-rollback", *EVERYWHERE)
async def go_on_after_a_failed_flush(kind: str) -> None:
    async with served(kind) as engine, AsyncSession(engine) as session:
        session.add(Author(name="Ada"))
        with pytest.raises(IntegrityError):
            await session.flush()
        await session.execute(text("select 1"))


DIE = {"postgres": "select pg_terminate_backend(pg_backend_pid())", "mariadb": "kill connection_id()"}


@provokes_on("pending-rollback", "postgres", "mariadb")
async def go_on_after_the_connection_died(kind: str) -> None:
    async with fresh(kind) as engine, AsyncSession(engine) as session:
        for statement in (DIE[kind], "select 1"):
            with contextlib.suppress(DBAPIError):
                await session.execute(text(statement))
        await session.execute(text("select 1"))
