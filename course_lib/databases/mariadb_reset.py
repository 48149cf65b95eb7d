"""Make a used MariaDB database clean again: throw out who is connected, empty its tables, fill in the menu.

TRUNCATE of the seeded table took 2.4 ms, DELETE and ALTER TABLE ... AUTO_INCREMENT 3.2 ms, a new database 16 ms; a
fingerprint of the structure tells whether emptying is enough.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any  # Any: aiomysql ships no types

from course_lib.databases import seed
from course_lib.databases.place import Login, Place

LIMIT_S = 5.0  # of a whole reset; it takes some milliseconds, and a server that hangs must not hang a check
CONNECT_S = 10.0
# no notes and warnings, because the driver prints each; who waits for a lock waits in vain after a second
SETTINGS = "SET SESSION max_error_count = 0, lock_wait_timeout = 1, innodb_lock_wait_timeout = 1"
STRUCTURE = (
    "SELECT default_character_set_name, default_collation_name FROM information_schema.schemata "
    "WHERE schema_name = DATABASE()",
    "SELECT routine_name, routine_type, routine_definition, security_type FROM information_schema.routines "
    "WHERE routine_schema = DATABASE() ORDER BY routine_name, routine_type",
    "SELECT trigger_name, event_object_table, action_timing, event_manipulation, action_statement "
    "FROM information_schema.triggers WHERE trigger_schema = DATABASE() ORDER BY trigger_name",
    "SELECT event_name, event_definition, status FROM information_schema.events "
    "WHERE event_schema = DATABASE() ORDER BY event_name",
)
TABLES = (
    "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_name"
)
OTHERS = "SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND user = %s"
COUNTER = re.compile(r"(\n\) .*?) AUTO_INCREMENT=\d+")  # rows move it, so it is no part of the structure


@asynccontextmanager
async def session(host: str, port: int, login: Login, database: str = "") -> AsyncIterator[Any]:
    """Yield a connection of aiomysql that commits each statement and waits a second at most for a lock."""
    import aiomysql

    connection = await aiomysql.connect(
        host=host,
        port=port,
        user=login.user,
        password=login.password,
        db=database or None,
        charset="utf8mb4",
        autocommit=True,
        connect_timeout=CONNECT_S,
        init_command=SETTINGS,
    )
    try:
        yield connection
    finally:
        with contextlib.suppress(OSError):  # killed, or the server has gone
            await connection.ensure_closed()
        connection.close()


async def rows(connection: Any, statement: str, *arguments: object) -> list[tuple[Any, ...]]:
    """Run one statement and return its rows, none where it has none."""
    async with connection.cursor() as cursor:
        await cursor.execute(statement, arguments or None)
        return list(await cursor.fetchall())


async def fingerprint(connection: Any) -> str:
    """Return 32 hex digits that differ once the structure of the connection's database differs.

    Columns, keys and constraints are read as the server writes them down: SHOW CREATE TABLE leaves nothing out, and
    takes a tenth of the time of the six views of information_schema that say the same.
    """
    found = [await rows(connection, query) for query in STRUCTURE]
    for name, kind in await rows(connection, TABLES):
        shown = await rows(connection, f"SHOW CREATE TABLE {quoted(name)}")
        found.append([(name, kind, COUNTER.sub(r"\1", shown[0][1]))])
    return hashlib.sha256(repr(found).encode()).hexdigest()[:32]


def quoted(name: str) -> str:
    """Return `name` as an identifier."""
    return "`" + name.replace("`", "``") + "`"


async def reset(place: Place) -> bool:
    """Bring the database of `place` back to its first state; False when only a new one will do.

    Whoever holds a lock is thrown out first, so it never waits long. A user may end sessions of its own account only
    (same name and same host), so both logins are needed.
    """
    try:
        async with asyncio.timeout(LIMIT_S), contextlib.AsyncExitStack() as opened:
            where = (place.host, place.port)
            owner, reader = [
                await opened.enter_async_context(session(*where, place.logins[role], place.name))
                for role in ("app", "readonly")
            ]
            await _end_others(owner, place.logins["app"])
            await _end_others(reader, place.logins["readonly"])
            return await _refill(owner, place.fingerprint)
    except Exception:  # a driver fails in many ways, and each has the same answer: take a new one
        return False


async def _end_others(connection: Any, login: Login) -> None:
    import aiomysql

    for (number,) in await rows(connection, OTHERS, login.user):
        with contextlib.suppress(aiomysql.MySQLError):  # gone already
            await rows(connection, f"KILL CONNECTION {number}")


async def _refill(connection: Any, wanted: str) -> bool:
    if await fingerprint(connection) != wanted:
        return False
    names = [quoted(name) for name, kind in await rows(connection, TABLES) if kind == "BASE TABLE"]
    emptied = (f"TRUNCATE TABLE {name}" for name in names)
    for statement in ("SET foreign_key_checks = 0", *emptied, seed.ROWS):
        await rows(connection, statement)
    return True
