"""Recipes for the errors of lesson 04: each provokes one for real.

Each ignored type error here is the learner's mistake itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import httpx
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from starlette.types import Message, Receive, Scope, Send

from course_lib.databases import fresh

from ..club import Author, guest, served
from ..recipe import provokes, provokes_on, shows_on

Lifetime = Literal["request", "function"]
LIFETIMES: tuple[Lifetime, ...] = ("request", "function")


def checked_out(engine: AsyncEngine) -> int:
    """Return how many connections of the pool are in use."""
    return engine.sync_engine.pool.checkedout()  # type: ignore[attr-defined, no-any-return]


async def state_of(engine: AsyncEngine, backend: int) -> object:
    """Return what PostgreSQL says another connection is doing."""
    async with engine.connect() as connection:
        return await connection.scalar(text("select state from pg_stat_activity where pid = :pid"), {"pid": backend})


@shows_on("phantom-200", "postgres")
async def the_order_is_saved_and_gone(kind: str) -> tuple[object, object]:
    app, told = FastAPI(), list[tuple[Lifetime, int, int, list[str]]]()
    steps: list[str] = []
    async with fresh(kind) as engine:
        async with engine.begin() as connection:
            await connection.execute(text("create table party (id integer primary key)"))
            late = "references party (id) deferrable initially deferred"
            await connection.execute(text(f"create table round (party integer {late})"))
        event.listen(engine.sync_engine, "commit", lambda _: steps.append("COMMIT"))

        async def get_session() -> AsyncIterator[AsyncSession]:
            async with AsyncSession(engine) as session:
                yield session
                await session.commit()

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            async def say(message: Message) -> None:
                steps.append(message["type"])
                await send(message)

            await app(scope, receive, say)

        for lifetime in LIFETIMES:

            @app.post(f"/{lifetime}")
            async def order(
                session: AsyncSession = Depends(get_session, scope=lifetime),  # noqa: B008 - FastAPI reads it
            ) -> dict[str, bool]:
                await session.execute(text("insert into round values (99)"))
                return {"saved": True}

            steps.clear()
            wire = httpx.ASGITransport(watched, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=wire, base_url="http://club") as http:
                response = await http.post(f"/{lifetime}")
            async with engine.connect() as connection:
                rows = await connection.scalar(text("select count(*) from round"))
            told.append((lifetime, response.status_code, rows or 0, [*steps]))
    return told, [
        ("request", 200, 0, ["http.response.start", "http.response.body", "COMMIT"]),
        ("function", 500, 0, ["COMMIT", "http.response.start", "http.response.body"]),
    ]


@provokes("response-already-started")
async def refuse_after_the_answer(_: Path) -> None:
    app = FastAPI()

    async def teapot() -> AsyncIterator[int]:
        yield 1
        raise HTTPException(418)

    @app.get("/")
    async def endpoint(one: int = Depends(teapot)) -> int:
        return one

    async with guest(app) as http:
        await http.get("/")


@shows_on("connection-held-to-the-end", "sqlite", "postgres")
async def a_background_task_holds_it(kind: str) -> tuple[object, object]:
    app = FastAPI()
    held: list[int] = []
    async with fresh(kind) as engine, guest(app) as http:

        async def get_session() -> AsyncIterator[AsyncSession]:
            async with AsyncSession(engine) as session:
                yield session

        for lifetime in LIFETIMES:

            @app.get(f"/{lifetime}")
            async def endpoint(
                background: BackgroundTasks,
                session: AsyncSession = Depends(get_session, scope=lifetime),  # noqa: B008 - FastAPI reads it
            ) -> None:
                await session.execute(text("select 1"))
                background.add_task(lambda: held.append(checked_out(engine)))

            await http.get(f"/{lifetime}")
    return held, [1, 0]


@provokes("dependency-scope")
async def depend_on_a_shorter_life(_: Path) -> None:
    app = FastAPI()

    async def session() -> AsyncIterator[int]:
        yield 1

    async def user(one: int = Depends(session, scope="function")) -> AsyncIterator[int]:
        yield one

    @app.get("/")
    async def endpoint(one: int = Depends(user)) -> int:
        return one


@shows_on("reopened-after-close", "sqlite", "postgres")
async def a_stream_reopens_it(kind: str) -> tuple[object, object]:
    app = FastAPI()
    sessions: list[AsyncSession] = []
    states: list[object] = []
    async with fresh(kind) as engine, guest(app) as http:

        async def get_session() -> AsyncIterator[AsyncSession]:
            async with AsyncSession(engine) as session:
                sessions.append(session)
                yield session

        @app.get("/")
        async def endpoint(
            session: AsyncSession = Depends(get_session, scope="function"),  # noqa: B008 - FastAPI reads it
        ) -> StreamingResponse:
            async def body() -> AsyncIterator[str]:
                yield str(await session.scalar(text("select 1")))

            return StreamingResponse(body())

        response = await http.get("/")
        held = checked_out(engine)
        if kind == "postgres":
            states.append(await state_of(engine, await _backend(sessions[0])))
        await sessions[0].close()
    promised = ["idle in transaction"] if kind == "postgres" else []
    return (response.status_code, response.text, held, states), (200, "1", 1, promised)


async def _backend(session: AsyncSession) -> int:
    return int(await session.scalar(text("select pg_backend_pid()")) or 0)


@provokes_on("detached-instance", "sqlite", "postgres", "mariadb")
async def use_a_relationship_after_the_session(kind: str) -> None:
    async with served(kind) as engine:
        async with AsyncSession(engine) as session:
            author = await session.get_one(Author, 1)
        author.books  # noqa: B018 - the access is the mistake


@provokes_on("detached-instance", "sqlite", "postgres", "mariadb")
async def use_an_expired_column_after_the_session(kind: str) -> None:
    async with served(kind) as engine:
        async with AsyncSession(engine) as session:
            author = await session.get_one(Author, 1)
            await session.commit()
        author.name  # noqa: B018 - the access is the mistake


@shows_on("idle-in-transaction", "sqlite", "postgres")
async def a_read_leaves_it_open(kind: str) -> tuple[object, object]:
    states: list[Any] = []  # Any: a state is a word on PostgreSQL
    async with fresh(kind) as engine, AsyncSession(engine) as session:
        states.append(session.in_transaction())
        await session.execute(text("select 1"))
        states.append(session.in_transaction())
        if kind == "postgres":
            states.append(await state_of(engine, await _backend(session)))
        await session.commit()
        states.append(session.in_transaction())
    promised = ["idle in transaction"] if kind == "postgres" else []
    return states, [False, True, *promised, False]
