"""Recipes for the errors of lesson 12: each provokes one for real.

Each ignored type error here is the learner's mistake itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any  # Any: asyncpg ships no types, and get_bind takes anything

import asyncpg
from sqlalchemy import Connection, Engine, make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from course_lib.databases import database, fresh
from course_lib.databases.mini_pooler import MiniPooler

from ..beside import ask
from ..club import opened
from ..recipe import provokes_on, shows

NO_CACHE = {"statement_cache_size": 0}


@provokes_on("prepared-statement-lost", "pgbouncer")
async def run_a_statement_on_another_server_connection(kind: str) -> None:
    async with database(kind) as place:
        engine = create_async_engine(place.url, pool_size=1, max_overflow=0, connect_args=place.connect_args)
        first, second = [await asyncpg.connect(place.dsn, **NO_CACHE) for _ in range(2)]
        try:
            await first.execute("BEGIN")
            await ask(engine, "select 77")
            await second.execute("BEGIN")  # takes the server connection that knows the statement
            await first.execute("ROLLBACK")
            await ask(engine, "select 77")
        finally:
            first.terminate()
            second.terminate()
            await engine.dispose()


@provokes_on("prepared-statement-lost", "pgbouncer")
async def prepare_under_a_name_that_is_taken(kind: str) -> None:
    async with database(kind) as place:
        first, second = [await asyncpg.connect(place.dsn, **NO_CACHE) for _ in range(2)]
        try:
            await (await first.prepare("SELECT 1", name="d1")).fetchval()
            await second.prepare("SELECT 1", name="d1")
        finally:
            first.terminate()
            second.terminate()


@provokes_on("startup-parameter", "pgbouncer")
async def set_a_limit_at_login(kind: str) -> None:
    async with fresh(kind, connect_args={"server_settings": {"statement_timeout": "100"}}) as engine:
        await ask(engine, "select 1")


@asynccontextmanager
async def small(**limits: Any) -> AsyncIterator[AsyncEngine]:
    """Give an engine behind the course's own pooler, whose limits a test can set."""
    async with database("postgres", tls="disable") as place:
        url = make_url(place.url)
        pooler = MiniPooler("127.0.0.1", url.port or 5432, **limits)
        pooler.know(str(url.username), str(url.password))
        await pooler.start()
        engine = create_async_engine(
            url.set(port=pooler.port), poolclass=NullPool, connect_args=place.connect_args | NO_CACHE
        )
        try:
            yield engine
        finally:
            await engine.dispose()
            await pooler.close()


@provokes_on("pooler-full", "pgbouncer")
async def wait_for_a_server_connection(_: str) -> None:
    async with small(size=1, query_wait_timeout=0.05) as engine, engine.connect() as first:
        await first.execute(text("select 1"))
        await ask(engine, "select 1")


@provokes_on("pooler-full", "pgbouncer")
async def come_as_one_client_too_many(_: str) -> None:
    async with small(max_clients=1) as engine, engine.connect():
        await ask(engine, "select 1")


@shows("get-bind-not-called")
async def the_routing_is_not_asked(folder: Path) -> tuple[object, object]:
    asked: list[str] = []

    class RoutingAsyncSession(AsyncSession):
        """The mistake: nobody calls this."""

        def get_bind(self, *arguments: Any, **options: Any) -> Engine | Connection:
            asked.append("async")
            return super().get_bind(*arguments, **options)

    class RoutingSession(Session):
        """The cure."""

        def get_bind(self, *arguments: Any, **options: Any) -> Engine | Connection:
            asked.append("sync")
            return super().get_bind(*arguments, **options)

    async with opened(folder) as engine:
        async with RoutingAsyncSession(engine) as wrong:
            await wrong.execute(text("select 1"))
        without = list(asked)
        async with async_sessionmaker(engine, sync_session_class=RoutingSession)() as right:
            await right.execute(text("select 1"))
    return (without, set(asked)), ([], {"sync"})


@provokes_on("no-matching-host", "postgres")
async def ask_for_a_replica(kind: str) -> None:
    async with database(kind) as place:
        await asyncpg.connect(place.dsn, target_session_attrs="read-only")
