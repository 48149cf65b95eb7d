"""A night has its seats, its engine as everybody makes it or with the pen, and nothing is left of it afterwards."""

import asyncio
import sys
from types import SimpleNamespace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from course_lib.databases.night import CONNECTIONS, SEATS, night


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


def kept(engine: AsyncEngine) -> int:
    """Return how many connections the pool of an engine keeps."""
    return int(engine.sync_engine.pool.checkedin())  # type: ignore[attr-defined] # it is a queue pool


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_it_has_an_empty_house_and_ends_with_its_block(kind: str) -> None:
    async def opened() -> tuple[tuple[int, ...], int, int]:
        async with night(kind, base=Base, seats=7) as engine:
            async with engine.connect() as connection:
                row = (await connection.execute(text("SELECT admitted, capacity FROM events"))).one()
            inside = kept(engine)
        return tuple(row), inside, kept(engine)

    assert asyncio.run(opened()) == ((0, 7), 1, 0)


def test_everybody_has_a_connection_unless_told_otherwise() -> None:
    async def sizes() -> list[int]:
        async with night(base=Base) as wide, night(base=Base, pool_size=2) as narrow:
            return [engine.sync_engine.pool.size() for engine in (wide, narrow)]  # type: ignore[attr-defined] # ditto

    assert asyncio.run(sizes()) == [CONNECTIONS, 2]


@pytest.mark.parametrize("writes", [False, True])
def test_only_with_the_pen_a_reader_waits_for_a_reader(writes: bool) -> None:
    look = text("SELECT capacity FROM events")

    async def second_look() -> int:
        impatient = night(base=Base, writes=writes, connect_args={"timeout": 0.05})
        async with impatient as engine, engine.connect() as first, engine.connect() as second:
            await first.execute(look)
            return await second.scalar(look) or 0

    if writes:
        with pytest.raises(OperationalError, match="database is locked"):
            asyncio.run(second_look())
    else:
        assert asyncio.run(second_look()) == SEATS


def test_the_tables_are_those_of_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    async def opened() -> int:
        async with night() as engine, engine.connect() as connection:
            return await connection.scalar(text("SELECT count(*) FROM events")) or 0

    monkeypatch.setitem(sys.modules, "app.models", SimpleNamespace(Base=Base))
    assert asyncio.run(opened()) == 1
