"""Two clocks: the pool's and the server's agree while somebody waits, and differ when nobody does any more."""

from __future__ import annotations

import asyncio
import importlib

import anyio
import pytest
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib import fresh
from course_lib.databases.clocks import Clocks, clocks, evenings
from course_lib.errors import CourseError

module = importlib.import_module("course_lib.databases.clocks")  # the attribute of that name is the function
SLOW, SLOWER = text("SELECT pg_sleep(600)"), text("SELECT pg_sleep(601)")


async def ask(engine: AsyncEngine, statement: TextClause = SLOW) -> None:
    """Run a statement that never ends by itself."""
    async with engine.connect() as connection:
        await connection.execute(statement)


@pytest.mark.postgres
def test_the_clocks_agree_while_somebody_waits_and_differ_for_a_zombie() -> None:
    async def main() -> tuple[str, str]:
        async with fresh("postgres", pool_size=1, max_overflow=0) as engine:
            both = clocks(engine, "pg_sleep")
            await both.look(0)
            async with anyio.create_task_group() as group:
                group.start_soon(ask, engine)
                await both.look(1)
                group.cancel_scope.cancel()
            await both.look(1)
            await both.end()
            await both.look(0)
            return repr(both), repr(evenings(by_anyio=both))

    said, drawn = asyncio.run(main())
    assert said == "pool says 0 1 0 0 | server says 0 1 1 0"
    assert drawn == "by anyio\n  pool says        ==\n  server says 1    ####"


@pytest.mark.postgres
def test_the_end_is_for_the_statements_it_counts_and_for_no_other() -> None:
    async def main() -> tuple[int, str]:
        async with fresh("postgres", pool_size=3) as engine:
            slow, other = clocks(engine, "pg_sleep(600)"), clocks(engine, "pg_sleep(601)")
            tasks = [asyncio.create_task(ask(engine)), asyncio.create_task(ask(engine, SLOWER))]
            await slow.until(1)
            await other.until(1)
            await slow.end()
            await asyncio.wait({tasks[0]})
            left = await other.left(0)
            tasks[1].cancel()
            await asyncio.wait(tasks)
            return left, type(tasks[0].exception()).__name__

    assert asyncio.run(main()) == (1, "DBAPIError")


@pytest.mark.postgres
def test_a_statement_that_never_comes_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.1)

    async def main() -> None:
        async with fresh("postgres") as engine:
            await clocks(engine).until(1)

    with pytest.raises(CourseError, match=r"^expected 1 active statements on the server, got 0; who runs them\?$"):
        asyncio.run(main())


def test_an_evening_without_statements_has_an_empty_row() -> None:
    class Nobody(Clocks):
        def __init__(self) -> None:
            self.looks = [(0, 0)]

    assert repr(evenings(quiet=Nobody())) == "quiet\n  pool says\n  server says"
