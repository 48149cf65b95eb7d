"""Who reads before writing is held until all have read; who reads alone is not held for long; a lock is noticed."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from course_lib.checks.contention import Pause, all_of, engines_on_one_file, pausing

GUESTS = 6
Turn = Callable[[AsyncSession], Coroutine[Any, Any, Any]]


class Base(DeclarativeBase):
    """The tables of these tests."""


class Tonight(Base):
    """A number that guests count up."""

    __tablename__ = "tonight"
    id: Mapped[int] = mapped_column(primary_key=True)
    admitted: Mapped[int]


async def read_then_write(session: AsyncSession) -> None:
    row = await session.get_one(Tonight, 1)
    row.admitted += 1
    await session.commit()


async def lock_then_write(session: AsyncSession) -> None:
    row = await session.get_one(Tonight, 1, with_for_update=True)
    row.admitted += 1
    await session.commit()


async def one_statement(session: AsyncSession) -> None:
    await session.execute(update(Tonight).values(admitted=Tonight.admitted + 1))
    await session.commit()


async def read_twice(session: AsyncSession) -> None:
    for _ in range(2):
        await session.scalar(select(Tonight.admitted))


async def with_session(engine: AsyncEngine, turn: Turn) -> None:
    async with AsyncSession(engine) as session:
        await turn(session)


def counted(turn: Turn, *, engines: int = 1, waits_for: int = GUESTS, table: str = "tonight") -> tuple[int, Pause]:
    """Return the number after `GUESTS` turns over so many engines on one file, and the pause."""

    async def main() -> tuple[int, Pause]:
        async with engines_on_one_file(Base, engines) as houses:
            async with AsyncSession(houses[0]) as session, session.begin():
                session.add(Tonight(id=1, admitted=0))
            with pausing(houses, table, waits_for) as pause:
                await all_of([with_session(houses[n % engines], turn) for n in range(GUESTS)])
            async with AsyncSession(houses[0]) as session:
                return await session.scalar(select(Tonight.admitted)) or 0, pause

    return asyncio.run(main())


@pytest.mark.parametrize("engines", [1, 2])
def test_reading_before_writing_loses_every_time(engines: int) -> None:
    number, pause = counted(read_then_write, engines=engines)
    assert (number, pause.asked_for_lock) == (1, False)


def test_one_statement_is_not_held() -> None:
    assert counted(one_statement)[0] == GUESTS


def test_a_lock_that_the_database_leaves_out_is_noticed() -> None:
    number, pause = counted(lock_then_write)
    assert (number, pause.asked_for_lock) == (1, True)


def test_readers_go_on_when_nobody_else_comes() -> None:
    assert counted(read_then_write, waits_for=GUESTS + 1)[0] == 1


def test_once_all_have_read_nobody_is_held_again() -> None:
    assert counted(read_twice)[0] == 0


def test_another_table_is_not_watched() -> None:
    number, pause = counted(lock_then_write, table="another", waits_for=1)
    assert (1 <= number <= GUESTS, pause.asked_for_lock) == (True, True)


def test_listeners_are_gone_after_the_block() -> None:
    async def main() -> bool:
        async with engines_on_one_file(Base, 1) as [engine]:
            with pausing([engine], "tonight", 2) as pause:
                pass
            await with_session(engine, lock_then_write_nothing)
            return pause.asked_for_lock

    assert asyncio.run(main()) is False


async def lock_then_write_nothing(session: AsyncSession) -> None:
    await session.scalar(select(Tonight.admitted).with_for_update())


def test_the_first_error_comes_when_nobody_is_left_at_work() -> None:
    async def main() -> list[str]:
        ended: list[str] = []
        failed = asyncio.Event()

        async def fails() -> None:
            failed.set()
            raise ValueError("no")

        async def goes_on() -> None:
            await failed.wait()
            await asyncio.sleep(0)
            ended.append("later")

        with pytest.raises(ValueError, match=r"^no$"):
            await all_of([goes_on(), fails()])
        return ended

    assert asyncio.run(main()) == ["later"]


def test_results_come_in_the_order_of_the_turns() -> None:
    async def main() -> list[Any]:
        first_may_end = asyncio.Event()

        async def first() -> int:
            await first_may_end.wait()
            return 1

        async def second() -> int:
            first_may_end.set()
            return 2

        return await all_of([first(), second()])

    assert asyncio.run(main()) == [1, 2]
