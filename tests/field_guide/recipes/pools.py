"""Recipes for the errors of lesson 07: each provokes one for real.

Each ignored type error here is the learner's mistake itself.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any  # Any: asyncpg ships no types

import asyncpg
import pytest
from private_postgres import Private, login
from sqlalchemy import URL, QueuePool, text
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import create_async_engine

from course_lib.databases import fresh
from course_lib.databases.place import Place
from course_lib.field_guide import explain

from ..recipe import provokes, provokes_on, shows_on

EVERYWHERE = ("sqlite", "postgres", "mariadb")


@provokes_on("pool-timeout", *EVERYWHERE)
async def wait_for_a_third_connection(kind: str) -> None:
    async with (
        fresh(kind, pool_size=2, max_overflow=0, pool_timeout=0.05) as engine,
        engine.connect(),
        engine.connect(),
        engine.connect(),
    ):
        pass


@shows_on("two-sessions-deadlock", *EVERYWHERE)
async def everybody_holds_one_and_waits(kind: str) -> tuple[object, object]:
    async with fresh(kind, pool_size=2, max_overflow=0, pool_timeout=0.05) as engine:
        both_hold_one = asyncio.Barrier(2)

        async def request() -> None:
            async with engine.connect():
                await both_hold_one.wait()
                async with engine.connect():
                    pass

        errors = await asyncio.gather(request(), request(), return_exceptions=True)
    return [(type(error), explain(error).slug) for error in errors], [(PoolTimeout, "pool-timeout")] * 2


@provokes("pool-arguments")
async def size_the_pool_of_a_memory_database(_: Path) -> None:
    create_async_engine("sqlite+aiosqlite://", pool_size=10, max_overflow=5)


@provokes("pool-arguments")
async def name_the_sync_pool(folder: Path) -> None:
    create_async_engine(f"sqlite+aiosqlite:///{folder / 'club.db'}", poolclass=QueuePool)


@provokes("pool-arguments")
async def name_no_isolation_level(folder: Path) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{folder / 'club.db'}", isolation_level="IMMEDIATE")
    try:
        async with engine.connect():
            pass
    finally:
        await engine.dispose()


def on_own_server(folder: Path, work: Any) -> None:  # Any: a coroutine function
    """Run `work(place, superuser)` on a server of its own: the shared one has no connections to give away."""
    with pytest.MonkeyPatch.context() as patch, Private(folder / "state") as private:
        for name in ("COURSE_PG_URL", "COURSE_PG_CA"):
            patch.delenv(name, raising=False)  # a server that is not ours is nobody's to fill
        private.start()
        roles: Any = private.server._roles
        place = private.allot()
        superuser = {"user": roles._login.user, "password": roles._login.password}
        private.run(work(place, superuser))


async def fill(place: Place, opened: AsyncExitStack, **who: Any) -> None:
    """Open connections until the server refuses one."""
    while True:
        connection = await asyncpg.connect(**login(place, **who))
        opened.push_async_callback(connection.close)


@pytest.mark.postgres
@provokes("too-many-connections")
async def fill_the_server_through_sqlalchemy(folder: Path) -> None:
    async def work(place: Place, _: Any) -> None:
        how = login(place)
        url = URL.create("postgresql+asyncpg", how["user"], how["password"], database=place.name)
        where = {"host": place.socket, "port": place.port}
        engine = create_async_engine(url.update_query_dict({k: str(v) for k, v in where.items()}), pool_size=99)
        try:
            async with AsyncExitStack() as opened:
                while True:
                    await opened.enter_async_context(engine.connect())
        finally:
            await engine.dispose()

    await asyncio.to_thread(on_own_server, folder, work)


@pytest.mark.postgres
@provokes("too-many-connections")
async def fill_the_server_as_its_superuser(folder: Path) -> None:
    async def work(place: Place, superuser: Any) -> None:
        async with AsyncExitStack() as opened:
            await fill(place, opened, **superuser)

    await asyncio.to_thread(on_own_server, folder, work)


@pytest.mark.postgres
@provokes("too-many-connections")
async def open_more_than_a_role_may(folder: Path) -> None:
    async def work(place: Place, superuser: Any) -> None:
        async with AsyncExitStack() as opened:
            admin = await asyncpg.connect(**login(place, **superuser))
            opened.push_async_callback(admin.close)
            await admin.execute(f"alter role {place.logins['app'].user} connection limit 1")
            await fill(place, opened)

    await asyncio.to_thread(on_own_server, folder, work)


@pytest.mark.postgres
@provokes("too-many-connections")
async def open_more_than_a_database_may(_: Path) -> None:
    async with fresh("postgres") as engine:
        async with engine.begin() as owner:
            name = await owner.scalar(text("SELECT current_database()"))
            await owner.execute(text(f"ALTER DATABASE {name} CONNECTION LIMIT 2"))
        async with engine.connect(), engine.connect(), engine.connect():
            pass
