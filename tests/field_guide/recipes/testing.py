"""Recipes for the errors of lesson 10: each provokes one for real.

Each ignored type error here is the learner's mistake itself.
"""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import warnings
from pathlib import Path

import httpx
from fastapi import BackgroundTasks, FastAPI
from sqlalchemy.ext.asyncio import create_async_engine

from course_lib.databases import database

from ..beside import ask, served
from ..club import guest
from ..recipe import Seen, provokes, provokes_on, shows

FORGET = """
import asyncio, sys
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
engine = create_async_engine(sys.argv[1])
async def main():
    async with engine.connect() as connection:
        await connection.execute(text("select 1"))
asyncio.run(main())
"""
CLOSE_LATE = """
import asyncio, sys, asyncpg
with asyncio.Runner() as first:
    connection = first.run(asyncpg.connect(sys.argv[1]))
with asyncio.Runner() as second:
    for late in (lambda: connection.fetchval("SELECT 1"), connection.close):
        try:
            second.run(late())
        except RuntimeError as error:
            last = error
print(last)
"""


def pool_in_two_loops(folder: Path) -> RuntimeError:
    """Wait for a connection in one loop, then in another; both stay open, so that everything can be closed."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{folder / 'club.db'}", pool_size=1, max_overflow=0)

    async def visit() -> None:
        async with engine.connect():
            await asyncio.sleep(0)

    async def two_visits() -> list[RuntimeError]:
        results = await asyncio.gather(visit(), visit(), return_exceptions=True)
        return [result for result in results if isinstance(result, RuntimeError)]

    with asyncio.Runner() as first, asyncio.Runner() as second:
        assert first.run(two_visits()) == []
        error = second.run(two_visits())[0]
        first.run(engine.dispose())
    return error


@provokes("different-loop")
async def use_a_pool_in_two_loops(folder: Path) -> None:
    raise await asyncio.to_thread(pool_in_two_loops, folder)


def connection_in_two_loops(url: str) -> Exception:
    """Use a pooled connection in a second loop; the first stays open, so that it can be closed."""
    engine = create_async_engine(url, pool_size=1, max_overflow=0)
    with asyncio.Runner() as first, asyncio.Runner() as second:
        first.run(ask(engine, "select 1"))
        try:
            second.run(ask(engine, "select 1"))
        except RuntimeError as error:
            return error
        finally:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what the second loop left is closed in the first
                first.run(engine.dispose())
                gc.collect()
    raise AssertionError("the second loop was served")


@provokes_on("different-loop", "postgres")
async def use_a_connection_in_two_loops(kind: str) -> None:
    async with database(kind) as place:
        raise await asyncio.to_thread(connection_in_two_loops, place.url)


async def said_by(program: str, url: str) -> subprocess.CompletedProcess[str]:
    """Run a program of its own: what it forgets to close is not forgotten in ours."""
    command = [sys.executable, "-c", program, url]
    return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)


@provokes_on("loop-closed", "mariadb")
async def end_a_program_without_dispose(kind: str) -> None:
    async with database(kind) as place:
        child = await said_by(FORGET, place.url)
    raise Seen(child.stderr.strip().splitlines()[-1].removeprefix("RuntimeError: "))


@provokes_on("loop-closed", "postgres")
async def close_a_connection_of_a_loop_that_ended(kind: str) -> None:
    async with database(kind) as place:
        raise Seen((await said_by(CLOSE_LATE, place.dsn)).stdout.strip())


@shows("transport-hides")
async def in_process_everything_looks_well(_: Path) -> tuple[object, object]:
    app, order = FastAPI(), list[str]()
    told = asyncio.Event()
    told.set()

    @app.get("/slow")
    async def slow() -> None:
        await asyncio.sleep(0.3)

    @app.get("/background")
    async def background(tasks: BackgroundTasks) -> None:
        async def write() -> None:
            await told.wait()
            order.append("task")

        tasks.add_task(write)

    impatient = httpx.Timeout(30, read=0.05)
    async with guest(app) as http:
        order.append(str((await http.get("/slow", timeout=impatient)).status_code))
        await http.get("/background")
        order.append("answer")
    told.clear()
    async with served(app) as (_server, client):
        try:
            await client.get("/slow", timeout=impatient)
        except httpx.ReadTimeout:
            order.append("timeout")
        await client.get("/background")
        order.append("answer")
        told.set()
    return order, ["200", "task", "answer", "timeout", "answer", "task"]
