"""The trace of a connection: what was sent and when it was lent, in order, on an async and on a sync engine."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import NullPool

from course_lib import fresh, trace
from course_lib.databases import sqlite
from course_lib.observe.trace import Trace

RUM = "INSERT INTO items (name, price_cents) VALUES ('Rum', 800)"
TEA = "INSERT INTO items (name, price_cents) VALUES ('Tea', 100)"


def test_a_transaction_that_commits() -> None:
    async def main() -> Trace:
        async with fresh() as engine, trace(engine) as events, engine.begin() as connection:
            await connection.execute(text(TEA))
        return events

    events = asyncio.run(main())
    assert repr(events) == "checkout BEGIN INSERT COMMIT reset checkin"
    assert events.statements() == [TEA]


def test_a_transaction_that_fails() -> None:
    async def main() -> Trace:
        async with fresh() as engine, trace(engine) as events:
            with pytest.raises(IntegrityError):
                async with engine.begin() as connection:
                    await connection.execute(text(RUM))
        return events

    assert repr(asyncio.run(main())) == "checkout BEGIN INSERT ROLLBACK reset checkin"


def test_a_read_ends_with_a_rollback() -> None:
    async def main() -> Trace:
        async with fresh() as engine, trace(engine) as events, engine.connect() as connection:
            await connection.execute(text("\n  SELECT\n 1"))
        return events

    assert repr(asyncio.run(main())) == "checkout BEGIN SELECT ROLLBACK reset checkin"


def test_a_savepoint_is_seen() -> None:
    async def main() -> Trace:
        async with fresh() as engine, trace(engine) as events, engine.begin() as connection:
            savepoint = await connection.begin_nested()
            await connection.execute(text("SELECT 1"))
            await savepoint.commit()
        return events

    assert repr(asyncio.run(main())) == "checkout BEGIN SAVEPOINT SELECT RELEASE COMMIT reset checkin"


@pytest.mark.parametrize("part", ["PRAGMA query_only = OFF", "begin immediate"])
def test_what_belongs_to_begin_is_folded_into_it(part: str) -> None:
    engine = create_engine("sqlite://", isolation_level="AUTOCOMMIT")
    with trace(engine) as events, engine.connect() as connection:
        connection.exec_driver_sql(part)
        connection.exec_driver_sql("SELECT 1")
    engine.dispose()
    assert events.statements() == ["SELECT 1"]


def test_a_sync_engine_is_traced_too() -> None:
    with sqlite.database_file() as path:
        engine = create_engine(f"sqlite:///{path}")
        with trace(engine) as events, engine.begin() as connection:
            connection.execute(text(TEA))
        engine.dispose()
    assert repr(events) == "checkout BEGIN INSERT COMMIT reset checkin"
    assert events[0].task == "thread"


def test_only_the_named_engine_is_traced_and_without_a_name_every_one() -> None:
    async def main() -> tuple[int, int]:
        async with fresh() as here, fresh() as there, trace(here) as one, trace() as every:
            for engine in (here, there):
                async with engine.connect() as connection:
                    await connection.execute(text("SELECT 1"))
        return one.count("SELECT"), every.count("SELECT")

    assert asyncio.run(main()) == (1, 2)


def test_nothing_is_recorded_after_the_block() -> None:
    async def main() -> Trace:
        async with fresh() as engine:
            async with trace(engine) as events:
                pass
            async with engine.connect():
                pass
        return events

    events = asyncio.run(main())
    assert len(events) == 0
    assert repr(events) == "nothing happened"


def test_events_can_be_counted_chosen_and_indexed() -> None:
    async def main() -> Trace:
        async with fresh() as engine, trace(engine) as events, engine.connect() as connection:
            for _ in range(2):
                await connection.execute(text("SELECT 1"))
        return events

    events = asyncio.run(main())
    assert (events.count("SELECT"), events.count("DELETE")) == (2, 0)
    assert events.only("BEGIN", "SELECT") == ["BEGIN", "SELECT", "SELECT"]
    assert events.without("SELECT", "reset") == ["checkout", "BEGIN", "ROLLBACK", "checkin"]
    assert str(events[0]) == "checkout"
    assert [event.kind for event in events][-1] == "checkin"


def test_each_task_has_a_lane_from_checkout_to_checkin() -> None:
    async def main() -> list[tuple[str, str]]:
        async with fresh() as engine, trace(engine) as events:
            first_is_in = asyncio.Event()

            async def guest(first: bool) -> None:
                async with engine.begin() as connection:
                    await connection.execute(text("SELECT 1"))
                    await first_is_in.wait() if first else first_is_in.set()

            async with asyncio.TaskGroup() as group:
                group.create_task(guest(True))
                group.create_task(guest(False))
        return [(event.lane, event.kind) for event in events]

    lanes = asyncio.run(main())
    for lane in ("task 1", "task 2"):
        kinds = [kind for name, kind in lanes if name == lane]
        assert kinds == ["checkout", "BEGIN", "SELECT", "COMMIT", "reset", "checkin"]
    assert {name for name, _ in lanes} == {"task 1", "task 2"}


def test_an_invalidated_connection_rolls_back_as_without_us() -> None:
    async def main() -> Trace:
        async with fresh() as engine, trace(engine) as events, engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            await connection.invalidate()
            await connection.rollback()
            await connection.execute(text("SELECT 2"))
        return events

    assert repr(asyncio.run(main())) == (
        "checkout BEGIN SELECT invalidate close checkin ROLLBACK checkout BEGIN SELECT ROLLBACK reset checkin"
    )


def test_a_connection_that_comes_home_after_a_dispose_is_seen() -> None:
    async def main() -> Trace:
        async with fresh(poolclass=NullPool) as engine, trace(engine) as events:
            connection = await engine.connect()
            await engine.dispose()
            await connection.close()
            async with engine.connect():
                pass
        return events

    assert repr(asyncio.run(main())) == "checkout reset checkin close checkout reset checkin close"
