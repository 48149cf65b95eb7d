"""A MariaDB of a test's own and clients of it: the real server, in a folder that is gone afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any  # Any: aiomysql ships no types

import aiomysql
import pytest

from course_lib.databases import unroot
from course_lib.databases.mariadb import MariaDB
from course_lib.databases.place import Place
from course_lib.databases.state import Home, open_home
from course_lib.databases.unroot import Unroot

MENU = ((1, "Gin", 900), (2, "Rum", 800), (3, "Soda", 300))


@contextmanager
def a_home(folder: Path, way: Unroot | None = None) -> Iterator[Home]:
    """Yield the folders of a supervisor; nothing of them is left, wherever they are."""
    folder.mkdir(exist_ok=True)
    home = open_home(folder, way or unroot.choose())
    try:
        yield home
    finally:
        for place in {home.sockets, home.data.parent}:
            shutil.rmtree(place, ignore_errors=True)


@asynccontextmanager
async def serving(home: Home) -> AsyncIterator[MariaDB]:
    """Yield a server that was started; it is stopped afterwards."""
    server = MariaDB(home)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def connected(place: Place, role: str = "app", **options: Any) -> AsyncIterator[Any]:
    """Yield a connection with one of the place's logins; each statement is committed unless the test says no."""
    login = place.logins[role]
    told = {"host": place.host, "port": place.port, "db": place.name, "autocommit": True, "charset": "utf8mb4"}
    told["init_command"] = (
        "SET SESSION max_error_count = 0"  # the driver makes a Python warning of each of the server's
    )
    connection = await aiomysql.connect(user=login.user, password=login.password, **{**told, **options})
    try:
        yield connection
    finally:
        with contextlib.suppress(OSError):
            await connection.ensure_closed()
        connection.close()


async def run(connection: Any, statement: str) -> tuple[tuple[Any, ...], ...]:
    """Run one statement; return its rows."""
    async with connection.cursor() as cursor:
        await cursor.execute(statement)
        return tuple(await cursor.fetchall())


async def refusal(connection: Any, statement: str) -> int:
    """Return the number of the error that the server answers `statement` with."""
    try:
        await run(connection, statement)
    except aiomysql.MySQLError as error:
        return int(error.args[0])
    raise AssertionError(f"expected a refusal, got none: {statement}")


def trust(ca: str) -> ssl.SSLContext:
    """Return what verifies a server with `ca`."""
    return ssl.create_default_context(cafile=ca)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Return one home for the tests of a file: a new data folder takes a second."""
    with a_home(tmp_path_factory.mktemp("maria")) as made:
        yield made


def with_place(home: Home, scenario: Callable[[MariaDB, Place], Awaitable[None]]) -> None:
    """Run `scenario` with a server and a database on it."""

    async def run_it() -> None:
        async with serving(home) as server:
            await scenario(server, await server.allot())

    asyncio.run(run_it())
