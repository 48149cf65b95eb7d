"""Contention without luck: who reads before writing is held between the two, until the others have read as well.

A race that needs luck is no check; here a wrong answer loses it every time, and a right one is not held at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any  # Any: a declarative base, and what SQLAlchemy hands to an event

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import await_only

from course_lib.databases import database

SEATS = 40  # of each engine: nobody waits for a connection here
ALONE_S = 0.2  # how long a reader waits for another one; two who start together meet in a twentieth of it


class Pause:
    """Holds everybody who has read `table` until all have, or until nobody else comes."""

    def __init__(self, table: str, guests: int) -> None:
        self._table, self._guests = table, guests
        self._waiting = 0
        self._everybody = asyncio.Event()
        self.asked_for_lock = False  # a read said FOR UPDATE, whether or not the database heard it

    def after(self, *event_arguments: Any) -> None:
        """Hold the reader of a statement; it runs in SQLAlchemy's greenlet, from which the loop can be awaited."""
        statement, compiled = event_arguments[2].lstrip().upper(), getattr(event_arguments[4], "compiled", None)
        if getattr(getattr(compiled, "statement", None), "_for_update_arg", None) is not None:
            self.asked_for_lock = True
        if statement.startswith("SELECT") and f"FROM {self._table.upper()}" in " ".join(statement.split()):
            await_only(self._hold())

    async def _hold(self) -> None:
        self._waiting += 1
        if self._waiting >= self._guests:
            self._everybody.set()
        seen = -1
        while not self._everybody.is_set() and seen != self._waiting:
            seen = self._waiting
            try:
                await asyncio.wait_for(self._everybody.wait(), ALONE_S)
            except TimeoutError:
                continue
        self._waiting -= 1


async def all_of(turns: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Run `turns` side by side and return what they return; the first error is raised once nobody is left at work.

    Each is started in a turn of the loop of its own: forty first steps in one look like a loop that stands still.
    """
    tasks = []
    for turn in turns:
        tasks.append(asyncio.create_task(turn))
        await asyncio.sleep(0)
    came = await asyncio.gather(*tasks, return_exceptions=True)
    for one in came:
        if isinstance(one, BaseException):
            raise one
    return came


@contextmanager
def pausing(engines: Sequence[AsyncEngine], table: str, guests: int) -> Iterator[Pause]:
    """Hold readers of `table` on `engines` in a block, until `guests` have read or nobody else comes."""
    pause = Pause(table, guests)
    for engine in engines:
        event.listen(engine.sync_engine, "after_cursor_execute", pause.after)
    try:
        yield pause
    finally:
        for engine in engines:
            event.remove(engine.sync_engine, "after_cursor_execute", pause.after)


@asynccontextmanager
async def engines_on_one_file(base: Any, number: int = 2) -> AsyncIterator[list[AsyncEngine]]:
    """Yield engines as everybody makes them, on one fresh file with the tables of `base`."""
    async with database() as place, AsyncExitStack() as closing:
        engines = [create_async_engine(place.url, pool_size=SEATS, max_overflow=0) for _ in range(number)]
        for engine in engines:
            closing.push_async_callback(engine.dispose)
        async with engines[0].begin() as connection:
            await connection.run_sync(base.metadata.create_all)
        yield engines
