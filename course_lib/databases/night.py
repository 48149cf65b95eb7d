"""`night`: a house with one evening and a few seats, for everybody who wants to oversell it.

Its engine is the one that everybody makes first, or, with the pen in its hand, the one that `db.py` of lesson 08 makes.
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any  # Any: a declarative base, and options of an engine

from course_lib.databases import database, fresh

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

SEATS, CONNECTIONS = 5, 20  # a connection for each guest of a rush: nobody waits for one
NIGHT = "INSERT INTO events (name, starts_at, capacity, admitted) VALUES ('Silk', '2027-01-02 21:00', {seats}, 0)"


@asynccontextmanager
async def night(
    kind: str = "sqlite", *, seats: int = SEATS, writes: bool = False, base: Any = None, **options: Any
) -> AsyncIterator[AsyncEngine]:
    """Yield an engine as everybody makes it, on a fresh database with one night, and a connection for each guest.

    With `writes` it is made as `db.py` of lesson 08 makes it: on SQLite each transaction begins with the pen in its
    hand. `base` has the tables (None: the app's), `options` go to the engine. Disposed at the end of the block.
    """
    from sqlalchemy import text

    tables = base or importlib.import_module("app.models").Base
    async with _engine(kind, writes, {"pool_size": CONNECTIONS, "max_overflow": 0, **options}) as engine:
        async with engine.begin() as connection:
            await connection.run_sync(tables.metadata.create_all)
            await connection.execute(text(NIGHT.format(seats=seats)))
        yield engine.execution_options(writes=True) if writes else engine


@asynccontextmanager
async def _engine(kind: str, writes: bool, options: dict[str, Any]) -> AsyncIterator[AsyncEngine]:
    from sqlalchemy.ext.asyncio import create_async_engine

    if writes:
        async with fresh(kind, **options) as engine:
            yield engine
        return
    async with database(kind) as place:
        arguments = {**place.connect_args, **options.pop("connect_args", {})}
        engine = create_async_engine(place.url, connect_args=arguments, **options)
        try:
            yield engine
        finally:
            await engine.dispose()
