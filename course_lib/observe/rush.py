"""`rush`: many guests buy a seat at once, each with a session of its own; what they were told, and what was stored.

They meet at a barrier, so that who reads before writing loses in every single run, and not only on a bad evening.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any  # Any: what a buyer takes and says

from course_lib.errors import CourseError
from course_lib.observe.trace import Trace, trace

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

GUESTS = 20
PLACES = ("before", "between")
MEET_S = 10.0  # guests are there in a twentieth of it; whoever holds a lock until all are there would wait for ever


NOBODY_CAME = "nobody came"  # what a guest says who has waited at the barrier in vain


@dataclass(frozen=True)
class Rush:
    """What came of it: how many were told yes and how many not, the number stored, errors by name, and the events."""

    yes: int
    no: int
    seats: int
    stored: int
    errors: frozenset[str]
    events: Trace

    def __repr__(self) -> str:
        return " ".join([f"{self.yes} in, {self.no} not, stored {self.stored}", *sorted(self.errors)])


class _Meeting(asyncio.Barrier):
    """A barrier that breaks when somebody cannot come any more, and remembers how many have come."""

    def __init__(self, guests: int) -> None:
        super().__init__(guests)
        self.came = 0

    async def wait(self) -> int:
        """Wait until all are there; raises `BrokenBarrierError` when one is missing after `MEET_S`."""
        self.came += not self.broken
        try:
            async with asyncio.timeout(MEET_S):
                return await super().wait()
        except TimeoutError:
            await self.abort()
            raise asyncio.BrokenBarrierError from None

    async def leave(self) -> None:
        """Let one guest go; if not all have come by then, nobody may wait for them any more."""
        if self.came < self.parties and self.parties > 1:
            await self.abort()


async def rush(
    buy: Callable[..., Awaitable[Any]],
    house: AbstractAsyncContextManager[AsyncEngine],
    *,
    meet: str = "before",
    guests: int = GUESTS,
    **options: Any,
) -> Rush:
    """Open `house`, send `guests` buyers at once, and return what they were told and what is stored.

    Each is called as `buy(session, before, between, **options)`, and says True for a seat; `before` and `between` are
    barriers, of which the one named by `meet` lets nobody through before all are there. A database error is counted
    as a no, with its name and sqlstate; every other error of a buyer is raised. Raises `CourseError` for a rush of
    nobody, one that meets elsewhere, and one that waits at its barrier for a guest who cannot come.
    """
    from sqlalchemy import text

    if guests < 1:
        raise CourseError(f"rush needs at least 1 guest, got {guests}")
    if meet not in PLACES:
        raise CourseError(f"expected meet to be one of {', '.join(map(repr, PLACES))}; got {meet!r}")
    barriers = [_Meeting(guests if meet == where else 1) for where in PLACES]
    async with house as engine:
        async with trace(engine) as events:
            turns = [_guest(buy, engine, barriers, options) for _ in range(guests)]
            said = await asyncio.gather(*turns, return_exceptions=True)
        for one in said:
            if isinstance(one, BaseException):
                raise one
        if NOBODY_CAME in said:
            came = barriers[PLACES.index(meet)].came
            cause = next((one for one in said if isinstance(one, str) and one != NOBODY_CAME), "does one hold a lock?")
            raise CourseError(f"expected {guests} guests to meet {meet!r}, {came} came; {cause}")
        async with engine.connect() as connection:
            stored, seats = (await connection.execute(text("SELECT admitted, capacity FROM events"))).one()
    errors = frozenset(one for one in said if isinstance(one, str))
    return Rush(said.count(True), guests - said.count(True), seats, stored, errors, events)


async def _guest(
    buy: Callable[..., Awaitable[Any]], engine: AsyncEngine, barriers: list[_Meeting], options: dict[str, Any]
) -> Any:
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.ext.asyncio import AsyncSession

    async with AsyncSession(engine, expire_on_commit=False) as session:
        try:
            return await buy(session, *barriers, **options)
        except DBAPIError as error:
            return f"{type(error).__name__} {getattr(error.orig, 'sqlstate', None) or error.orig}"
        except asyncio.BrokenBarrierError:
            return NOBODY_CAME
        finally:
            for barrier in barriers:
                await barrier.leave()
