"""Lanes of reads and writes on real databases: crossed without a lock, one after the other with it."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib import fresh
from course_lib.observe import crossing, trace
from course_lib.observe.trace import Trace

LOOK, CHANGE = text("SELECT price_cents FROM items"), text("UPDATE items SET price_cents = 1 WHERE id = :id")

CROSSED = """
no lock
  guest 1 reads   ==
  guest 1 writes    ##
  guest 2 reads   ==
  guest 2 writes    ##
""".strip()

ONE_BY_ONE = """
the pen
  guest 1 reads   ==
  guest 1 writes    ##
  guest 2 reads       ==
  guest 2 writes        ##
""".strip()


async def two_guests(engine: AsyncEngine, both_have_read: asyncio.Barrier) -> Trace:
    """Let two guests read and write at once; the barrier stands between the two."""

    async def guest() -> None:
        async with engine.begin() as connection:
            await connection.scalar(LOOK)
            await both_have_read.wait()
            await connection.execute(CHANGE, {"id": 1})

    async with trace(engine) as events:
        await asyncio.gather(guest(), guest())
    return events


async def crossed_and_not() -> tuple[Trace, Trace]:
    async with fresh(pool_size=2, max_overflow=0) as engine:
        pen = await two_guests(engine.execution_options(writes=True), asyncio.Barrier(1))
    async with fresh("postgres", pool_size=2, max_overflow=0) as engine:
        return await two_guests(engine, asyncio.Barrier(2)), pen


@pytest.mark.postgres
def test_reads_stand_side_by_side_without_a_lock() -> None:
    crossed, pen = asyncio.run(crossed_and_not())
    assert repr(crossing(no_lock=crossed)) == CROSSED
    assert repr(crossing(no_lock=crossed, the_pen=pen)) == f"{CROSSED}\n{ONE_BY_ONE}"


def test_with_the_pen_they_come_one_after_the_other() -> None:
    async def with_the_pen() -> Trace:
        async with fresh(pool_size=2, max_overflow=0) as engine:
            return await two_guests(engine.execution_options(writes=True), asyncio.Barrier(1))

    assert repr(crossing(the_pen=asyncio.run(with_the_pen()))) == ONE_BY_ONE


def test_who_never_writes_is_left_out() -> None:
    async def one_looks_one_writes() -> Trace:
        async with fresh() as engine, trace(engine) as events:

            async def look() -> None:
                async with engine.connect() as connection:
                    await connection.scalar(LOOK)

            async def write() -> None:
                async with engine.begin() as connection:
                    await connection.execute(CHANGE, {"id": 1})
                    await connection.execute(CHANGE, {"id": 2})

            await asyncio.create_task(look())
            await asyncio.create_task(write())
        return events

    shown = repr(crossing(evening=asyncio.run(one_looks_one_writes())))
    assert shown == "evening\n  guest 1 reads\n  guest 1 writes  ####"


def test_an_evening_without_a_guest_is_a_title() -> None:
    assert repr(crossing(an_evening=Trace())) == "an evening"


def test_the_figure_says_what_it_shows() -> None:
    figure = crossing(an_evening=Trace()).draw(alt="nobody came")
    assert repr(figure) == "Figure: nobody came"
    assert "<svg" in figure.svg
