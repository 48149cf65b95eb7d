"""Recipes for the errors of lesson 06: each provokes one for real.

Each ignored type error here is the learner's mistake itself.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any  # Any: URLs of two kinds of engine

from anyio.to_thread import current_default_thread_limiter
from fastapi import Depends, FastAPI
from pydantic import BaseModel
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from course_lib.field_guide import explain

from ..club import guest
from ..recipe import provokes, shows

GUESTS = 6


class Answer(BaseModel):
    """A response model: FastAPI checks it in a thread of the same pool."""

    one: int


def crowded(engine: Any) -> FastAPI:
    """Return an app that asks the database in threads: with a session dependency, and with one of its own."""
    app = FastAPI()

    def get_session() -> Iterator[Session]:
        with Session(engine) as session:
            yield session

    def ask(session: Session) -> Answer:
        return Answer(one=session.scalar(text("select 1")) or 0)

    @app.get("/dependency")
    def with_dependency(session: Session = Depends(get_session)) -> Answer:  # noqa: B008 - FastAPI reads it
        return ask(session)

    @app.get("/own")
    def with_its_own() -> Answer:
        with Session(engine) as session:
            return ask(session)

    return app


@shows("threadpool-deadlock")
async def holders_wait_for_threads_and_threads_for_holders(folder: Path) -> tuple[object, object]:
    engine = create_engine(f"sqlite:///{folder / 'club.db'}", pool_size=1, max_overflow=0, pool_timeout=0.5)
    current_default_thread_limiter().total_tokens = 2  # forty threads and a pool of five fail the same way

    async def visit(path: str) -> set[object]:
        answers = await asyncio.gather(*[http.get(path) for _ in range(GUESTS)], return_exceptions=True)
        return {explain(each).slug if isinstance(each, Exception) else each.status_code for each in answers}  # type: ignore[union-attr]

    async with guest(crowded(engine)) as http:
        seen = "pool-timeout" in await visit("/dependency"), await visit("/own")
    engine.dispose()
    return seen, (True, {200})


@provokes("wrong-thread")
async def use_a_connection_in_another_thread(_: Path) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        await asyncio.to_thread(connection.execute, "select 1")
