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
    nobody, or one that meets elsewhere.
    """
    from sqlalchemy import text

    if guests < 1:
        raise CourseError(f"rush needs at least 1 guest, got {guests}")
    if meet not in PLACES:
        raise CourseError(f"expected meet to be one of {', '.join(map(repr, PLACES))}; got {meet!r}")
    barriers = [asyncio.Barrier(guests if meet == where else 1) for where in PLACES]
    async with house as engine:
        async with trace(engine) as events:
            said = await asyncio.gather(*(_guest(buy, engine, barriers, options) for _ in range(guests)))
        async with engine.connect() as connection:
            stored, seats = (await connection.execute(text("SELECT admitted, capacity FROM events"))).one()
    errors = frozenset(one for one in said if isinstance(one, str))
    return Rush(said.count(True), guests - said.count(True), seats, stored, errors, events)


async def _guest(
    buy: Callable[..., Awaitable[Any]], engine: AsyncEngine, barriers: list[asyncio.Barrier], options: dict[str, Any]
) -> Any:
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.ext.asyncio import AsyncSession

    async with AsyncSession(engine, expire_on_commit=False) as session:
        try:
            return await buy(session, *barriers, **options)
        except DBAPIError as error:
            return f"{type(error).__name__} {getattr(error.orig, 'sqlstate', None) or error.orig}"
