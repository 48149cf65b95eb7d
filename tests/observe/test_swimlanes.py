"""The lanes of a real request: the loan ends before the answer leaves, or after everything else."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import BackgroundTasks, Depends, FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from course_lib import client, fresh, trace
from course_lib.observe import swimlanes
from course_lib.observe.panels import Panels
from course_lib.observe.trace import Trace


def house(engine: AsyncEngine, scope: Literal["function", "request"]) -> FastAPI:
    """Return an app whose one endpoint reads, commits and leaves a background task behind."""
    app = FastAPI()

    async def session() -> AsyncIterator[AsyncSession]:
        async with AsyncSession(engine) as opened:
            yield opened

    @app.get("/")
    async def count(
        opened: Annotated[AsyncSession, Depends(session, scope=scope)], later: BackgroundTasks
    ) -> dict[str, bool]:
        await opened.execute(text("SELECT 1"))
        later.add_task(lambda: None)
        return {"ok": True}

    return app


def traced(scope: Literal["function", "request"], times: int = 1) -> Trace:
    """Return the trace of `times` requests, one after the other."""

    async def main() -> Trace:
        async with fresh() as engine:
            app = house(engine, scope)
            async with client(app) as http, trace(engine, app) as events:
                for _ in range(times):
                    await http.get("/")
        return events

    return asyncio.run(main())


def test_the_default_scope_holds_its_connection_until_all_is_done() -> None:
    assert repr(swimlanes(request_scope=traced("request"))) == "\n".join(
        [
            "request scope",
            "  endpoint         ##",
            "  ROLLBACK                     ##",
            "  send                 ####",
            "  background               ##",
            "  exit                       ##",
            "  connection held    ==============",
        ]
    )


def test_function_scope_gives_it_back_before_the_answer() -> None:
    rows = {row.label: row.bars for row in swimlanes(function=traced("function")).panels[0].rows}
    assert rows["connection held"][0][1] < rows["send"][0][0] < rows["background"][0][0]


def test_only_the_first_request_of_a_trace_is_shown() -> None:
    assert swimlanes(a=traced("request", times=2)) == swimlanes(a=traced("request"))


def test_a_connection_that_never_came_back_is_out_to_the_end() -> None:
    async def main() -> Trace:
        async with fresh() as engine, trace(engine) as events:
            connection = await engine.connect()
            other = await engine.connect()
            await other.close()
            await connection.execute(text("SELECT 1"))
            seen = swimlanes(leak=events)
            assert [row.bars for row in seen.panels[0].rows if row.hatched] == [((0, 2),)]
            await connection.close()
        return events

    asyncio.run(main())


def test_an_empty_trace_is_a_panel_without_bars() -> None:
    with trace() as events:
        pass
    panels: Panels = swimlanes(nobody=events)
    assert panels.steps == 0
