"""Recipes for the errors of lesson 05: each provokes one for real.

Each ignored type error here is the learner's mistake itself.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import time
import warnings
from collections.abc import Awaitable, Iterable
from pathlib import Path
from typing import Any, Literal

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict
from sqlalchemy import create_engine, event, select, text
from sqlalchemy.exc import SAWarning
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import joinedload, raiseload

from course_lib.databases import fresh

from ..club import Author, guest, served
from ..recipe import provokes, provokes_on, shows_on

EVERYWHERE = ("sqlite", "postgres", "mariadb")
SLOW = {
    "sqlite": "select moment(), db_sleep(0.1), moment()",
    "postgres": "select clock_timestamp(), pg_sleep(0.1), clock_timestamp()",
    "mariadb": "select sysdate(6), sleep(0.1), sysdate(6)",
}


def touch(subject: object, name: str) -> None:
    """Read an attribute that wants SQL; aiosqlite leaves a coroutine behind, which is part of the symptom."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            getattr(subject, name)
        finally:
            gc.collect()


@provokes_on("missing-greenlet", *EVERYWHERE)
async def touch_a_lazy_relationship(kind: str) -> None:
    async with served(kind) as engine, AsyncSession(engine) as session:
        author = await session.get_one(Author, 1)
        touch(author, "books")


@provokes_on("missing-greenlet", *EVERYWHERE)
async def touch_an_expired_column(kind: str) -> None:
    async with served(kind) as engine, AsyncSession(engine) as session:
        author = await session.get_one(Author, 1)
        await session.commit()
        touch(author, "name")


@provokes("missing-greenlet")
async def connect_a_sync_engine_with_an_async_url(folder: Path) -> None:
    create_engine(f"sqlite+aiosqlite:///{folder / 'club.db'}").connect()


class BookOut(BaseModel):
    """What the menu shows of a book."""

    model_config = ConfigDict(from_attributes=True)
    id: int


class AuthorOut(BaseModel):
    """What the menu shows of an author."""

    model_config = ConfigDict(from_attributes=True)
    books: list[BookOut]


@provokes_on("lazy-in-response", *EVERYWHERE)
async def show_what_is_not_loaded(kind: str) -> None:
    app = FastAPI()
    async with served(kind) as engine, AsyncSession(engine) as session, guest(app) as http:

        @app.get("/", response_model=list[AuthorOut])
        async def endpoint() -> object:
            return (await session.scalars(select(Author))).all()

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # aiosqlite's coroutine, as in `touch`
            try:
                await http.get("/")
            finally:
                gc.collect()


@provokes_on("lazy-raise", *EVERYWHERE)
async def use_a_guarded_relationship(kind: str) -> None:
    async with served(kind) as engine, AsyncSession(engine) as session:
        author = await session.get_one(Author, 1, options=[raiseload(Author.books)])
        author.books  # noqa: B018 - the access is the mistake


@provokes_on("joined-needs-unique", *EVERYWHERE)
async def read_every_joined_row(kind: str) -> None:
    async with served(kind) as engine, AsyncSession(engine) as session:
        (await session.scalars(select(Author).options(joinedload(Author.books)))).all()


async def together(*works: Awaitable[object]) -> None:
    """Await all of them to their end, then raise the first error."""
    for result in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(result, Exception):
            raise result


@provokes_on("session-shared-by-tasks", *EVERYWHERE)
async def ask_one_cold_session_three_times(kind: str) -> None:
    async with fresh(kind) as engine, AsyncSession(engine) as session:
        await together(*[session.execute(text("select 1")) for _ in range(3)])


async def flush_three_times(kind: str, action: Literal["ignore", "error"]) -> None:
    """Flush one session in three tasks; SQLAlchemy warns of the second `add` before it raises at its `flush`."""
    async with served(kind) as engine, AsyncSession(engine) as session:
        await session.connection()

        async def add(name: str) -> None:
            session.add(Author(name=name))
            await session.flush()

        with warnings.catch_warnings():
            warnings.simplefilter(action, SAWarning)
            await together(*map(add, ("Cy", "Di", "Ed")))


@provokes_on("session-shared-by-tasks", *EVERYWHERE)
async def flush_one_session_in_three_tasks(kind: str) -> None:
    await flush_three_times(kind, "ignore")


@provokes_on("session-shared-by-tasks", *EVERYWHERE)
async def be_warned_of_it(kind: str) -> None:
    await flush_three_times(kind, "error")


@provokes_on("illegal-state-change", *EVERYWHERE)
async def leave_the_block_while_tasks_use_it(kind: str) -> None:
    async with fresh(kind) as engine, AsyncSession(engine) as session:
        tasks = [asyncio.ensure_future(session.execute(text("select 1"))) for _ in range(3)]
        try:
            async with session:
                await asyncio.gather(*tasks)
        finally:
            await asyncio.gather(*tasks, return_exceptions=True)


def add_clock(engine: AsyncEngine) -> None:
    """Give SQLite the function `moment()`, which the servers have under other names."""

    def on_connect(connection: Any, _: object) -> None:  # Any: a driver's connection
        connection.run_async(lambda driver: driver.create_function("moment", 0, time.monotonic))

    event.listen(engine.sync_engine, "connect", on_connect)


def overlaps(spans: Iterable[Any]) -> int:
    """Return how often a statement began before the one that began before it was done."""
    ordered = sorted((began, ended) for began, _, ended in spans)
    return sum(later[0] < earlier[1] for earlier, later in itertools.pairwise(ordered))


@shows_on("gather-serial", *EVERYWHERE)
async def one_session_serves_one_at_a_time(kind: str) -> tuple[object, object]:
    slow, all_connected = text(SLOW[kind]), asyncio.Barrier(3)
    async with fresh(kind) as engine:
        if kind == "sqlite":
            add_clock(engine)
        async with AsyncSession(engine) as session:
            await session.connection()  # a cold one would raise session-shared-by-tasks
            one = [result.one() for result in await asyncio.gather(*[session.execute(slow) for _ in range(3)])]

        async def own() -> Any:  # Any: a row
            async with AsyncSession(engine) as session:
                await session.connection()
                await all_connected.wait()
                return (await session.execute(slow)).one()

        three = await asyncio.gather(own(), own(), own())
    return (overlaps(one), overlaps(three) > 0), (0, True)


@shows_on("n-plus-one", *EVERYWHERE)
async def statements_grow_with_the_rows(kind: str) -> tuple[object, object]:
    statements: list[str] = []
    async with served(kind) as engine, AsyncSession(engine) as session:
        event.listen(
            engine.sync_engine, "before_cursor_execute", lambda _c, _k, statement, *_: statements.append(statement)
        )
        books = await session.run_sync(lambda sync: [len(author.books) for author in sync.scalars(select(Author))])
    selects = [statement for statement in statements if statement.startswith("SELECT")]
    return (books, len(selects)), ([2, 2], 1 + 2)
