"""Recipes for the errors of lesson 09: each provokes one for real.

Each ignored type error here is the learner's mistake itself.
"""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from pathlib import Path
from typing import Any  # Any: sqlite3's own connection

import anyio
import httpx
from fastapi import FastAPI
from pooled import closed
from sqlalchemy import event, make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from course_lib.databases import database, fresh

from ..beside import OWN_ID, SLOW, ask, beside, served
from ..club import opened
from ..recipe import Seen, provokes, provokes_on, shows, shows_on


@provokes_on("connection-closed", "postgres", "mariadb")
async def use_a_connection_that_was_ended(kind: str) -> None:
    async with fresh(kind, pool_size=1, max_overflow=0) as engine, beside(engine, kind) as watcher:
        async with engine.connect() as connection:
            session = (await connection.execute(text(OWN_ID[kind]))).scalar()
            driver = (await connection.get_raw_connection()).driver_connection
        await watcher.kill(session)
        if kind == "postgres":
            await closed(driver)
        else:
            await watcher.until(f"select count(*) from information_schema.processlist where id = {session}", 0)
        await ask(engine, "select 1")


async def end_a_running_statement(kind: str) -> None:
    async with fresh(kind) as engine, beside(engine, kind) as watcher:
        running = asyncio.create_task(ask(engine, SLOW[kind]))
        await watcher.running(1)
        await watcher.kill()
        await running


@provokes_on("connection-closed", "mariadb")
async def lose_a_connection_in_a_statement(kind: str) -> None:
    await end_a_running_statement(kind)


@provokes_on("connection-lost-mid-query", "postgres")
async def lose_a_connection_in_the_middle(kind: str) -> None:
    await end_a_running_statement(kind)


async def idle_in_a_transaction(kind: str, statement: str) -> None:
    """Let the server end a transaction that does nothing, then go on with `statement`."""
    settings = {"server_settings": {"idle_in_transaction_session_timeout": "50"}}
    async with fresh(kind, connect_args=settings) as engine, engine.connect() as connection:
        await connection.execute(text(OWN_ID[kind]))
        await closed((await connection.get_raw_connection()).driver_connection)
        await connection.execute(text(statement))


@provokes_on("idle-timeout-kill", "postgres")
async def idle_too_long_and_repeat_a_statement(kind: str) -> None:
    await idle_in_a_transaction(kind, OWN_ID[kind])


@provokes_on("connection-closed", "postgres")
async def idle_too_long_and_run_a_new_statement(kind: str) -> None:
    await idle_in_a_transaction(kind, "select 'a statement that was not prepared yet'")


@provokes_on("statement-timeout", "postgres")
async def run_too_long(kind: str) -> None:
    async with fresh(kind, connect_args={"server_settings": {"statement_timeout": "50"}}) as engine:
        await ask(engine, SLOW[kind])


@provokes_on("statement-timeout", "mariadb")
async def run_too_long_on_mariadb(kind: str) -> None:
    async with fresh(kind) as engine:
        await ask(engine, f"set statement max_statement_time=0.05 for {SLOW[kind]}")


@provokes_on("statement-timeout", "postgres")
async def wait_behind_a_migration(kind: str) -> None:
    async with fresh(kind) as engine, beside(engine, kind) as watcher, engine.connect() as reader:
        await reader.execute(text("select * from items"))
        async with engine.connect() as migration, engine.connect() as innocent:
            altering = asyncio.create_task(migration.execute(text("alter table items add colour text")))
            await watcher.until("select count(*) from pg_locks where not granted", 1)
            await innocent.execute(text("set statement_timeout = 50"))
            try:
                await innocent.execute(text("select * from items"))
            finally:
                await reader.rollback()
                await altering


@provokes_on("empty-timeout", "postgres")
async def let_the_driver_lose_patience(kind: str) -> None:
    async with fresh(kind, connect_args={"command_timeout": 0.05}) as engine:
        await ask(engine, SLOW[kind])


@provokes("empty-timeout")
async def lose_patience(_: Path) -> None:
    async with asyncio.timeout(0):
        await asyncio.sleep(600)


async def connect_otherwise(kind: str, **other: Any) -> None:
    async with database(kind, tls="disable" if kind == "postgres" else None) as place:
        url = make_url(place.url).set(**other)
        engine = create_async_engine(url, connect_args=place.connect_args, poolclass=NullPool)
        try:
            await ask(engine, "select 1")
        finally:
            await engine.dispose()


@provokes_on("server-unreachable", "postgres", "mariadb")
async def knock_where_nobody_is(kind: str) -> None:
    await connect_otherwise(kind, port=1)


@provokes_on("server-unreachable", "postgres")
async def ask_for_a_host_that_is_none(kind: str) -> None:
    await connect_otherwise(kind, host="a b")


@provokes_on("server-unreachable", "postgres", "mariadb", "pgbouncer")
async def say_a_wrong_password(kind: str) -> None:
    await connect_otherwise(kind, password="wrong")


@provokes_on("server-unreachable", "postgres")
async def ask_for_a_database_that_is_not_there(kind: str) -> None:
    await connect_otherwise(kind, database="nodb")


async def cancelled_by_asyncio(engine: AsyncEngine, kind: str) -> None:
    """Cancel a statement once the server runs it, as `asyncio.timeout` does."""
    async with beside(engine, kind) as watcher:
        running = asyncio.create_task(ask(engine, SLOW[kind]))
        await watcher.running(1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@shows_on("zombie-query", "postgres", "mariadb")
async def cancelled_statements_still_run(kind: str) -> tuple[object, object]:
    """Cancel three statements by an anyio scope, each once the server runs it."""

    async def slow(scope: anyio.CancelScope) -> None:
        with scope:
            await ask(engine, SLOW[kind])

    async with fresh(kind, pool_size=1, max_overflow=0) as engine, beside(engine, kind) as watcher:
        for number in (1, 2, 3):
            scope = anyio.CancelScope()
            running = asyncio.create_task(slow(scope))
            await watcher.running(number)
            scope.cancel()
            await running
        lent = engine.sync_engine.pool.checkedout()  # type: ignore[attr-defined]
        await watcher.running(3)
        await watcher.kill()
        await watcher.running(0)
        await cancelled_by_asyncio(engine, kind)
        if kind == "postgres":  # asyncpg has asked the server to stop
            await watcher.running(0)
        else:
            await watcher.running(1)
            await watcher.kill()
    return lent, 0


@shows("zombie-query")
async def a_thread_works_on(folder: Path) -> tuple[object, object]:
    order: list[str] = []
    began, may_end = threading.Event(), threading.Event()

    def cook() -> int:
        began.set()
        may_end.wait(5)
        order.append("the statement ended")
        return 1

    async with opened(folder) as engine:

        @event.listens_for(engine.sync_engine, "connect")
        def add_function(connection: Any, _: object) -> None:
            connection.create_function("cook", 0, cook)

        await engine.dispose()
        running = asyncio.create_task(ask(engine, "select cook()"))
        await asyncio.to_thread(began.wait, 5)
        running.cancel()
        order.append("the client gave up")
        may_end.set()
        await asyncio.gather(running, return_exceptions=True)
        order.append("the client could go")
    return order, ["the client gave up", "the statement ended", "the client could go"]


@shows("disconnect-does-not-cancel")
async def the_server_finishes(_: Path) -> tuple[object, object]:
    app, log = FastAPI(), list[str]()
    go, ended = asyncio.Event(), asyncio.Event()

    @app.get("/")
    async def endpoint() -> None:
        try:
            await go.wait()
            log.append("finished")
        except asyncio.CancelledError:
            log.append("cancelled")
            raise
        finally:
            ended.set()

    async with served(app) as (_server, client):
        try:
            await client.get("/", timeout=0.2)
        except httpx.ReadTimeout as error:
            log.append(f"gave up, text {str(error)!r}")
        go.set()
        await ended.wait()
    go.clear()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://club") as in_process:
        try:
            await asyncio.wait_for(in_process.get("/"), 0.2)
        except TimeoutError:
            log.append("gave up in process")
    return log, ["gave up, text ''", "finished", "cancelled", "gave up in process"]


def leaked(seen: list[warnings.WarningMessage]) -> Warning:
    """Return what SQLAlchemy said of a connection that was dropped."""
    return next(one.message for one in seen if isinstance(one.message, Warning) and "SAWarning" in str(one.category))


async def drop_a_connection_of(engine: AsyncEngine) -> None:
    async def leak() -> None:
        await (await engine.connect()).execute(text("select 1"))

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        await leak()
        gc.collect()
    raise leaked(seen)


@provokes("gc-connection")
async def drop_a_connection(folder: Path) -> None:
    async with opened(folder) as engine:
        await drop_a_connection_of(engine)


@provokes_on("gc-connection", "postgres")
async def drop_a_connection_to(kind: str) -> None:
    async with fresh(kind) as engine:
        await drop_a_connection_of(engine)


@provokes("cleanup-cancelled")
async def clean_up_in_a_cancelled_scope(_: Path) -> None:
    said: list[str] = []
    with anyio.move_on_after(0):
        try:
            await asyncio.sleep(600)
        finally:
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError as cancelled:
                said.append(str(cancelled))
                raise
    raise Seen(said[0])
