"""SQLite as the lessons need it: real transactions, real foreign keys, a query that takes time, an honest full disk."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
import tempfile
import threading
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from course_lib.databases import fresh, slow, sqlite
from course_lib.databases.sqlite import database_file
from course_lib.errors import ServerError
from course_lib.expect import expect

BUYERS, BOTTLES = 50, 10


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder for temporary files of this test's own: other processes make fresh databases meanwhile."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_the_file_is_in_wal_mode_and_gone_afterwards() -> None:
    with database_file() as path:
        connection = sqlite3.connect(path)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        connection.close()
    assert not path.parent.exists()


def test_a_seed_of_ones_own_is_applied() -> None:
    with database_file("CREATE TABLE seats (row INTEGER)") as path:
        connection = sqlite3.connect(path)
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("seats",)]
        connection.close()


def test_a_slip_in_the_seed_is_shown_as_it_is(temporary: Path) -> None:
    with pytest.raises(sqlite3.OperationalError, match='near "CREAT": syntax error'), database_file("CREAT TABLE x"):
        pass
    assert [*temporary.iterdir()] == []


@pytest.mark.parametrize("method", ["write_bytes", "mkdtemp"])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, temporary: Path, method: str
) -> None:
    def full(*_args: object, **_named: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path if method == "write_bytes" else tempfile, method, full)
    with pytest.raises(ServerError) as caught, database_file():
        pass
    assert str(caught.value) == (
        "no room for a fresh SQLite file (No space left on device); free some disk, or set TMPDIR to another folder"
    )
    assert [*temporary.iterdir()] == []


def test_a_full_disk_that_sqlite_meets_first_is_the_same_sentence() -> None:
    full = "PRAGMA max_page_count = 3;" + "".join(f"CREATE TABLE t{number} (x);" for number in range(9))
    with pytest.raises(ServerError) as caught, database_file(full):
        pass
    assert str(caught.value) == (
        "no room for a fresh SQLite file (database or disk is full); free some disk, or set TMPDIR to another folder"
    )


def test_foreign_keys_hold_on_every_connection() -> None:
    async def main() -> int:
        refused = 0
        async with fresh(pool_size=2) as engine:
            async with engine.begin() as connection:
                await connection.execute(text("CREATE TABLE orders (item INTEGER REFERENCES items (id))"))
            async with engine.connect() as one, engine.connect() as two:
                for connection in (one, two):
                    with pytest.raises(IntegrityError, match="FOREIGN KEY constraint failed"):
                        await connection.execute(text("INSERT INTO orders VALUES (99)"))
                    await connection.rollback()
                    refused += 1
        return refused

    assert asyncio.run(main()) == 2


async def order(engine: AsyncEngine, item: int) -> int:
    """Order `item` in a session of its own, as an endpoint does; return the orders there are."""
    async with AsyncSession(engine) as session:
        await session.execute(text("INSERT INTO orders VALUES (:item)"), {"item": item})
        await session.commit()
        return await session.scalar(text("SELECT count(*) FROM orders")) or 0


def test_a_refused_commit_leaves_no_transaction_behind() -> None:
    async def main() -> int:
        async with fresh(pool_size=1, max_overflow=0) as engine:
            async with engine.begin() as connection:
                await connection.execute(
                    text("CREATE TABLE orders (item INTEGER REFERENCES items (id) DEFERRABLE INITIALLY DEFERRED)")
                )
            with pytest.raises(IntegrityError, match="FOREIGN KEY constraint failed"):
                await order(engine, 99)
            return await order(engine, 1)

    assert asyncio.run(main()) == 1


def test_a_read_stands_inside_its_transaction() -> None:
    async def main() -> tuple[int, int]:
        async with fresh() as engine, engine.connect() as reader:
            first = await reader.scalar(text("SELECT count(*) FROM items"))
            async with engine.begin() as writer:
                await writer.execute(text("DELETE FROM items"))
            return first or 0, await reader.scalar(text("SELECT count(*) FROM items")) or 0

    assert asyncio.run(main()) == (3, 3)


async def buy(engine: AsyncEngine) -> int:
    """Read the stock, give the others a turn, take one; return the bottles bought."""
    async with engine.execution_options(writes=True).begin() as connection:
        left = await connection.scalar(text("SELECT price_cents FROM items WHERE name = 'Gin'"))
        await asyncio.sleep(0)
        if not left:
            return 0
        stock = {"left": left - 1}
        await connection.execute(text("UPDATE items SET price_cents = :left WHERE name = 'Gin'"), stock)
        return 1


def test_fifty_buyers_of_ten_bottles_buy_ten() -> None:
    async def main() -> tuple[int, int | None]:
        async with fresh(connect_args={"timeout": 60}) as engine:
            async with engine.begin() as connection:
                await connection.execute(text(f"UPDATE items SET price_cents = {BOTTLES} WHERE name = 'Gin'"))
            bought = await asyncio.gather(*(buy(engine) for _ in range(BUYERS)))
            async with engine.connect() as connection:
                return sum(bought), await connection.scalar(text("SELECT price_cents FROM items WHERE name = 'Gin'"))

    assert asyncio.run(main()) == (BOTTLES, 0)


def test_a_sync_engine_is_prepared_the_same_way() -> None:
    with database_file() as path:
        engine = create_engine(f"sqlite:///{path}")
        sqlite.prepare(engine)
        with engine.connect() as connection:
            assert connection.scalar(text("PRAGMA foreign_keys")) == 1
            assert connection.scalar(text("SELECT db_sleep(0)")) == 0
        engine.dispose()


def test_db_sleep_returns_its_argument_and_lets_the_loop_run() -> None:
    async def main() -> tuple[bool, float | None]:
        async with fresh() as engine, engine.connect() as connection:
            query = asyncio.create_task(connection.scalar(text("SELECT db_sleep(0.3)")))
            for _ in range(5):
                await asyncio.sleep(0)
            return query.done(), await query

    assert asyncio.run(main()) == (False, 0.3)


def test_slow_gives_an_engine_of_ones_own_db_sleep() -> None:
    async def main() -> float | None:
        engine = create_async_engine("sqlite+aiosqlite://")
        slow(engine)
        async with engine.connect() as connection:
            slept: float | None = await connection.scalar(text("SELECT db_sleep(0)"))
        await engine.dispose()
        return slept

    assert asyncio.run(main()) == 0


@pytest.mark.parametrize(("connections", "most"), [(1, 1), (3, 3)])
def test_slow_tells_who_slept_at_once(connections: int, most: int) -> None:
    async def main() -> int:
        async with fresh(pool_size=connections, max_overflow=0) as engine:
            sleepers = slow(engine)

            async def sleep() -> None:
                async with engine.connect() as connection:
                    await connection.execute(text("SELECT db_sleep(0.2)"))

            await asyncio.gather(*(sleep() for _ in range(3)))
        return sleepers.most

    assert asyncio.run(main()) == most


def test_a_dot_that_asks_the_database_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    """The pool's log would add a hundred lines to an error that is raised anyway; any other line of it stays."""

    class Base(DeclarativeBase):
        pass

    class Drink(Base):
        __tablename__ = "items"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]

    async def main() -> None:
        before = set(threading.enumerate())
        async with fresh() as engine, AsyncSession(engine) as session:
            drink = await session.get_one(Drink, 1)
            workers = set(threading.enumerate()) - before
            await session.commit()
            with expect(DBAPIError) as dot:  # it also lets go of the driver's coroutine, which nobody will await
                _ = drink.name
            assert "greenlet_spawn has not been called" in str(dot.error)
            engine.sync_engine.pool.logger.error("Exception during reset or similar", exc_info=OSError("disk"))
        for worker in workers:  # the driver's thread reports to this loop once more, after the pool has given it up
            await asyncio.to_thread(worker.join, 10)

    asyncio.run(main())
    assert [record.exc_info and str(record.exc_info[1]) for record in caplog.records] == ["disk"]
