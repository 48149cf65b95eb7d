"""Fresh databases: `database` gives a URL to a clean one, `fresh` an engine on it; both are gone after the block.

A lesson never sees a path, a port or a password.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from course_lib.databases import sqlite
from course_lib.databases.sqlite import slow
from course_lib.errors import CourseError
from course_lib.workspace import modules

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

__all__ = ["Database", "database", "fresh", "slow"]


@dataclass(frozen=True)
class Database:
    """How to reach a fresh database: `url` and `connect_args` for `create_async_engine`, and what it can do."""

    kind: str
    url: str = field(repr=False)  # a path or a password: nothing a notebook should show
    connect_args: dict[str, Any] = field(repr=False, default_factory=dict)  # Any: what the driver accepts
    capabilities: frozenset[str] = frozenset()


@asynccontextmanager
async def database(kind: str = "sqlite") -> AsyncIterator[Database]:
    """Yield a fresh, seeded database of `kind`; it is deleted at the end of the block.

    Raises `CourseError` for a kind that is not here, `ServerError` when there is no room for it.
    """
    if kind != "sqlite":
        raise CourseError(f"expected kind 'sqlite', got {kind!r}; other servers are not part of these lessons yet")
    await modules.dispose_forgotten()
    with sqlite.database_file() as path:
        yield Database(kind, f"sqlite+aiosqlite:///{path}", {}, frozenset({"foreign-keys", "wal"}))


@asynccontextmanager
async def fresh(kind: str = "sqlite", **engine_options: Any) -> AsyncIterator[AsyncEngine]:
    """Yield an engine on a fresh, seeded database; disposed and deleted at the end of the block.

    `engine_options` go to `create_async_engine` (`pool_size=2`, `echo=True`, ...). On SQLite the engine has real
    transactions, foreign keys and the SQL function `db_sleep(seconds)`.
    """
    from sqlalchemy.ext.asyncio import create_async_engine

    async with database(kind) as place:
        engine = create_async_engine(place.url, **engine_options)
        sqlite.prepare(engine)
        try:
            yield engine
        finally:
            await engine.dispose()
