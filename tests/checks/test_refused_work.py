"""Work that a database refuses as planned: in its middle, at its commit, and never for ever."""

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from course_lib import fresh
from course_lib.checks.assertions import Wrong
from course_lib.checks.refused_work import ENDLESS, RefusedWork


class Base(DeclarativeBase):
    """The tables of these tests."""


class Person(Base):
    """Somebody on a list."""

    __tablename__ = "people"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    event_id: Mapped[int]


async def tried(session: AsyncSession, work: RefusedWork, *, rolls_back: bool = True) -> str:
    """Return what the work says, or the name and the state of its error."""
    try:
        said = await work(session)
        await session.commit()
        return said
    except DBAPIError as error:
        if rolls_back:
            await session.rollback()
        return f"{type(error).__name__} {getattr(error.orig, 'sqlstate', '')}"


def told(
    states: Sequence[str], times: int, *, at_commit: bool = False, rolls_back: bool = True, result: str = "done"
) -> tuple[list[str], int]:
    """Return what the work says in so many calls, and how many rows are kept."""

    async def main() -> tuple[list[str], int]:
        async with fresh() as engine:
            async with engine.begin() as connection:
                await connection.run_sync(Base.metadata.create_all)
            work = RefusedWork(Person, states, at_commit=at_commit, result=result)
            async with AsyncSession(engine) as session:
                said = [await tried(session, work, rolls_back=rolls_back) for _ in range(times)]
            assert work.calls == times
            async with AsyncSession(engine) as session:
                return said, await session.scalar(select(func.count(Person.id))) or 0

    return asyncio.run(main())


def test_it_is_refused_as_planned_and_then_done() -> None:
    assert told(["40001", "23505"], 4) == (["DBAPIError 40001", "IntegrityError 23505", "done", "done"], 2)


def test_it_says_the_result_it_was_given() -> None:
    assert told(["40001"], 2, result="served") == (["DBAPIError 40001", "served"], 1)


def test_it_is_refused_at_its_commit() -> None:
    assert told(["40001"], 2, at_commit=True) == (["DBAPIError 40001", "done"], 1)


def test_a_unique_violation_is_an_integrity_error() -> None:
    assert issubclass(IntegrityError, DBAPIError)
    assert told(["23505"], 1) == (["IntegrityError 23505"], 0)


def test_a_call_in_the_old_transaction_is_told() -> None:
    with pytest.raises(Wrong, match=r"^a transaction is still open when the work begins again$"):
        told(["40001"], 2, rolls_back=False)


def test_an_endless_retry_is_told() -> None:
    with pytest.raises(
        Wrong, match=f"^expected 5 calls, got more than {ENDLESS}; without a limit it is a retry storm$"
    ):
        told(["40001"] * (ENDLESS + 1), ENDLESS + 1)
