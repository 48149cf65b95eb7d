"""Recipes for the errors of lesson 04: each provokes one for real.

Each ignored type error here is the learner's mistake itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

from fastapi import BackgroundTasks, Depends, FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from ..club import guest, opened
from ..recipe import shows


@shows("connection-held-to-the-end")
async def a_background_task_holds_it(folder: Path) -> tuple[object, object]:
    app = FastAPI()
    held: list[int] = []
    async with opened(folder) as engine, guest(app) as http:

        async def get_session() -> AsyncIterator[AsyncSession]:
            async with AsyncSession(engine) as session:
                yield session

        def look() -> None:
            held.append(engine.sync_engine.pool.checkedout())  # type: ignore[attr-defined]

        scopes: tuple[Literal["request", "function"], ...] = ("request", "function")
        for scope in scopes:

            @app.get(f"/{scope}")
            async def endpoint(
                background: BackgroundTasks,
                session: AsyncSession = Depends(get_session, scope=scope),  # noqa: B008 - FastAPI reads it
            ) -> None:
                await session.execute(text("select 1"))
                background.add_task(look)

            await http.get(f"/{scope}")
    return held, [1, 0]


@shows("idle-in-transaction")
async def a_read_leaves_it_open(folder: Path) -> tuple[object, object]:
    async with opened(folder) as engine, AsyncSession(engine) as session:
        before = session.in_transaction()
        await session.execute(text("select 1"))
        after = session.in_transaction()
        await session.commit()
        return (before, after, session.in_transaction()), (False, True, False)
