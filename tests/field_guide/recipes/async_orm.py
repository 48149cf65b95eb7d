"""Recipes for the errors of lesson 05: each provokes one for real.

Each ignored type error here is the learner's mistake itself.
"""

from __future__ import annotations

import gc
import warnings
from pathlib import Path

from sqlalchemy import create_engine, event, select
from sqlalchemy.ext.asyncio import AsyncSession

from ..club import Author, opened
from ..recipe import provokes, shows


def touch(subject: object, name: str) -> None:
    """Read an attribute that wants SQL; aiosqlite leaves a coroutine behind, which is part of the symptom."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            getattr(subject, name)
        finally:
            gc.collect()


@provokes("missing-greenlet")
async def touch_a_lazy_relationship(folder: Path) -> None:
    async with opened(folder) as engine, AsyncSession(engine) as session:
        author = await session.get_one(Author, 1)
        touch(author, "books")


@provokes("missing-greenlet")
async def touch_an_expired_column(folder: Path) -> None:
    async with opened(folder) as engine, AsyncSession(engine) as session:
        author = await session.get_one(Author, 1)
        await session.commit()
        touch(author, "name")


@provokes("missing-greenlet")
async def connect_a_sync_engine_with_an_async_url(folder: Path) -> None:
    create_engine(f"sqlite+aiosqlite:///{folder / 'club.db'}").connect()


@shows("n-plus-one")
async def statements_grow_with_the_rows(folder: Path) -> tuple[object, object]:
    statements: list[str] = []
    async with opened(folder) as engine, AsyncSession(engine) as session:
        event.listen(
            engine.sync_engine, "before_cursor_execute", lambda _c, _k, statement, *_: statements.append(statement)
        )
        books = await session.run_sync(lambda sync: [len(author.books) for author in sync.scalars(select(Author))])
    return (books, len(statements)), ([2, 2], 1 + 2)
