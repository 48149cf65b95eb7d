"""How often each cure of lesson 08 oversells: a thousand evenings for each, on each database it is taught for.

An evening is small: six buyers, two seats, all at once. Nobody may be told yes without a seat, and no seat may be lost;
one evening on which that happened ends the run with 1. Beside the cures stands what they cure, which must oversell.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any  # Any: engine options

from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from course_lib.databases import needs
from course_lib.databases.night import night

AGAIN = {"40001", "40P01"}
ATTEMPTS = 5


class Base(DeclarativeBase):
    """The table of an evening."""


class Event(Base):
    """A night, as the app has it."""

    __tablename__ = "events"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    starts_at: Mapped[str]
    capacity: Mapped[int]
    admitted: Mapped[int]


Buyer = Callable[[AsyncSession, asyncio.Barrier], Awaitable[bool]]


async def read_then_write(session: AsyncSession, all_have_read: asyncio.Barrier) -> bool:
    """Sell as everybody does it first."""
    tonight = await session.get_one(Event, 1)
    await all_have_read.wait()
    return await _write(session, tonight)


async def one_statement(session: AsyncSession, _: asyncio.Barrier) -> bool:
    """Let one UPDATE decide."""
    seat = update(Event).where(Event.id == 1, Event.admitted < Event.capacity).values(admitted=Event.admitted + 1)
    taken = await session.scalar(seat.returning(Event.id))
    await session.commit()
    return taken is not None


async def for_update(session: AsyncSession, _: asyncio.Barrier) -> bool:
    """Read with a row lock, then write."""
    return await _write(session, await session.get_one(Event, 1, with_for_update=True))


async def with_the_pen(session: AsyncSession, _: asyncio.Barrier) -> bool:
    """Read and write in a transaction that has begun with BEGIN IMMEDIATE."""
    return await _write(session, await session.get_one(Event, 1))


async def a_snapshot_and_again(session: AsyncSession, _: asyncio.Barrier) -> bool:
    """Read and write in a snapshot, and run the whole again when it was too old."""
    attempt = 0
    while True:
        attempt += 1
        try:
            return await _write(session, await session.get_one(Event, 1))
        except DBAPIError as error:
            await session.rollback()
            if getattr(error.orig, "sqlstate", None) not in AGAIN or attempt >= ATTEMPTS:
                raise
            await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))


async def a_version(session: AsyncSession, _: asyncio.Barrier) -> bool:
    """Write only where the number is still the one that was read, else read again."""
    while True:
        seen, capacity = (await session.execute(select(Event.admitted, Event.capacity))).one()
        if seen >= capacity:
            return False
        mine = update(Event).where(Event.id == 1, Event.admitted == seen).values(admitted=seen + 1)
        taken = await session.scalar(mine.returning(Event.id))
        await session.commit()
        if taken is not None:
            return True


async def _write(session: AsyncSession, tonight: Event) -> bool:
    if tonight.admitted >= tonight.capacity:
        return False
    tonight.admitted += 1
    await session.commit()
    return True


@dataclass(frozen=True)
class Way:
    """A way to sell on one kind of database: the buyer, and how its engine is made."""

    kind: str
    buy: Buyer
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def is_a_cure(self) -> bool:
        """True for all but the one that is to be cured."""
        return self.buy is not read_then_write

    def house(self, buyers: int, seats: int) -> AbstractAsyncContextManager[AsyncEngine]:
        """Return an evening for so many buyers."""
        return night(self.kind, seats=seats, base=Base, pool_size=buyers, **self.options)


REPEATABLE = {"isolation_level": "REPEATABLE READ"}
WAYS = (
    Way("sqlite", read_then_write),
    Way("sqlite", one_statement),
    Way("sqlite", with_the_pen, {"writes": True}),
    Way("sqlite", a_version),
    Way("postgres", read_then_write),
    Way("postgres", one_statement),
    Way("postgres", for_update),
    Way("postgres", a_snapshot_and_again, REPEATABLE),
    Way("postgres", a_version),
)


async def sold(engine: AsyncEngine, buy: Buyer, buyers: int) -> tuple[int, int]:
    """Open the doors of an empty house for `buyers`; return how many were told yes, and how many seats are taken."""
    async with engine.begin() as connection:
        await connection.execute(update(Event).values(admitted=0))
    all_have_read = asyncio.Barrier(buyers)

    async def buyer() -> bool:
        async with AsyncSession(engine, expire_on_commit=False) as session:
            return await buy(session, all_have_read)

    said = await asyncio.gather(*(buyer() for _ in range(buyers)))
    async with engine.connect() as connection:
        stored = await connection.scalar(select(Event.admitted))
    return said.count(True), stored or 0


async def oversold(way: Way, rounds: int, buyers: int, seats: int) -> tuple[int, float]:
    """Return on how many of `rounds` evenings the books were wrong, and the seconds that all of them took."""
    begin, wrong = time.perf_counter(), 0
    async with way.house(buyers, seats) as engine:
        for _ in range(rounds):
            wrong += await sold(engine, way.buy, buyers) != (seats, seats)
    return wrong, time.perf_counter() - begin


def main() -> int:
    """Measure and print; 1 when a cure has oversold, or when what it cures has not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--buyers", type=int, default=6)
    parser.add_argument("--seats", type=int, default=2)
    chosen = parser.parse_args()
    holds = True
    print(f"{chosen.buyers} buyers, {chosen.seats} seats")
    for way in WAYS:
        if way.kind != "sqlite" and needs.absent((way.kind,)):
            print(f"{way.kind:9} not here; its ways are left out")
            continue
        wrong, seconds = asyncio.run(oversold(way, chosen.rounds, chosen.buyers, chosen.seats))
        name = way.buy.__name__.replace("_", " ")
        verdict = f"oversold {wrong:4} of {chosen.rounds}, {seconds:6.1f} s"
        print(f"{way.kind:9} {name:21} {verdict}{'' if way.is_a_cure else '   (what is cured)'}", flush=True)
        holds &= wrong == (0 if way.is_a_cure else chosen.rounds)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
