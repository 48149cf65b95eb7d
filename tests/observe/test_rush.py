"""A rush on real databases: who reads before writing sells every seat to everybody, in every run."""

import asyncio
import importlib
from typing import Any

import pytest
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from course_lib.databases.night import night
from course_lib.errors import CourseError
from course_lib.observe import rush
from course_lib.observe.rush import Rush

module = importlib.import_module("course_lib.observe.rush")  # the package has a function of this name
EVERYWHERE = ("sqlite", pytest.param("postgres", marks=pytest.mark.postgres))


class Base(DeclarativeBase):
    """The tables of these tests."""


class Event(Base):
    """A night, as the app has it."""

    __tablename__ = "events"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    starts_at: Mapped[str]
    capacity: Mapped[int]
    admitted: Mapped[int]


async def read_then_write(
    session: AsyncSession, before: asyncio.Barrier, between: asyncio.Barrier, **lock: Any
) -> bool:
    await before.wait()
    tonight = await session.get_one(Event, 1, **lock)
    if tonight.admitted >= tonight.capacity:
        return False
    await between.wait()
    tonight.admitted += 1
    await session.commit()
    return True


async def one_statement(session: AsyncSession, before: asyncio.Barrier, between: asyncio.Barrier) -> bool:
    await before.wait()
    seat = update(Event).where(Event.admitted < Event.capacity).values(admitted=Event.admitted + 1)
    taken = await session.scalar(seat.returning(Event.id))
    await session.commit()
    return taken is not None


DOZEN = 12  # the server has forty connections for everybody who tests beside us


def sold(buy: Any, kind: str = "sqlite", *, house: dict[str, Any] | None = None, **options: Any) -> Rush:
    """Return the rush of `buy` on a night of a database of this kind."""
    return asyncio.run(rush(buy, night(kind, base=Base, **(house or {})), **options))


@pytest.mark.parametrize("kind", EVERYWHERE)
def test_who_reads_first_sells_to_everybody(kind: str) -> None:
    evening = sold(read_then_write, kind, meet="between", guests=DOZEN)
    assert repr(evening) == "12 in, 0 not, stored 1"
    assert (evening.yes, evening.no, evening.stored, evening.seats, evening.errors) == (12, 0, 1, 5, frozenset())


@pytest.mark.parametrize("kind", EVERYWHERE)
def test_one_statement_sells_what_there_is(kind: str) -> None:
    assert repr(sold(one_statement, kind, guests=DOZEN)) == "5 in, 7 not, stored 5"
    assert repr(sold(one_statement, kind, house={"seats": 2}, guests=3)) == "2 in, 1 not, stored 2"


def test_the_pen_makes_a_reader_right() -> None:
    assert repr(sold(read_then_write, house={"writes": True})) == "5 in, 15 not, stored 5"


@pytest.mark.postgres
def test_a_row_lock_makes_a_reader_right() -> None:
    assert repr(sold(read_then_write, "postgres", guests=DOZEN, with_for_update=True)) == "5 in, 7 not, stored 5"


@pytest.mark.postgres
def test_a_refused_guest_is_a_no_with_a_name() -> None:
    house = {"isolation_level": "REPEATABLE READ"}
    evening = sold(read_then_write, "postgres", house=house, meet="between", guests=3)
    assert repr(evening) == "1 in, 2 not, stored 1 DBAPIError 40001"


def test_an_error_of_sqlite_has_its_own_words() -> None:
    async def asks_for_nothing(session: AsyncSession, *_: asyncio.Barrier) -> bool:
        await session.execute(text("SELECT tip"))
        return True

    assert repr(sold(asks_for_nothing, guests=2)) == "0 in, 2 not, stored 0 OperationalError no such column: tip"


def test_an_error_of_the_buyer_is_raised() -> None:
    async def slips(session: AsyncSession, *_: asyncio.Barrier) -> bool:
        raise ValueError("no")

    with pytest.raises(ValueError, match=r"^no$"):
        sold(slips, guests=1)


async def one_is_refused(
    session: AsyncSession, _: asyncio.Barrier, between: asyncio.Barrier, refused: list[int]
) -> bool:
    if refused:
        refused.pop()
        await session.execute(text("SELECT tip"))
    await between.wait()
    return True


@pytest.mark.parametrize("guests", [2, 5])
def test_nobody_waits_for_a_guest_who_cannot_come(guests: int) -> None:
    said = r"^expected \d guests to meet 'between', \d came; OperationalError no such column: tip$"
    with pytest.raises(CourseError, match=said):
        sold(one_is_refused, meet="between", guests=guests, refused=[1])


@pytest.mark.postgres
def test_nobody_waits_for_ever_with_a_lock_in_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MEET_S", 0.2)
    with pytest.raises(CourseError, match=r"^expected 3 guests to meet 'between', 1 came; does one hold a lock\?$"):
        sold(read_then_write, "postgres", meet="between", guests=3, with_for_update=True)


def test_a_barrier_of_one_outlives_who_leaves_without_it() -> None:
    async def every_other(session: AsyncSession, before: asyncio.Barrier, between: asyncio.Barrier) -> bool:
        await between.wait()
        late.append(session)
        if len(late) % 2:
            return False
        await before.wait()
        return True

    late: list[AsyncSession] = []
    assert repr(sold(every_other, meet="between", guests=4)) == "2 in, 2 not, stored 0"


def test_a_rush_needs_somebody_and_a_place_to_meet() -> None:
    with pytest.raises(CourseError, match=r"^rush needs at least 1 guest, got 0$"):
        sold(one_statement, guests=0)
    with pytest.raises(CourseError, match=r"^expected meet to be one of 'before', 'between'; got 'after'$"):
        sold(one_statement, meet="after")
