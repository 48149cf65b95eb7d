"""Users and databases on a MariaDB or MySQL server: each worker gets a database that no other worker can even see.

Only names that begin with `course_` are made and dropped, so that a server which is not ours stays as it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any  # Any: aiomysql ships no types

from course_lib.databases import seed
from course_lib.databases.mariadb_reset import OTHERS, fingerprint, quoted, rows, session
from course_lib.databases.place import Login
from course_lib.errors import ServerError

HOSTS = ("127.0.0.1", "localhost")  # a user is a name and where it comes from: TCP, and the path socket
FULL = 1040  # ER_CON_COUNT_ERROR
SEAT_WAITS_S = (0.05, 0.1, 0.2, 0.4, 0.8)  # a server that stays full is said after 1.6 s
LOCK_WAIT_TIMEOUT = 1205  # what MySQL calls error 1205 ER_LOCK_WAIT_TIMEOUT

Allotted = tuple[str, dict[str, Login], str]  # name, logins, fingerprint


class Roles:
    """What the admin does; nothing of it is ever shown to a lesson."""

    def __init__(self, identity: str, host: str, port: int, admin: Login, *, is_private: bool) -> None:
        self.prefix = f"course_{identity}_"
        self._run = f"{self.prefix}{secrets.token_hex(2)}"
        self._where = (host, port)
        self._login = admin
        self._is_private = is_private
        self._hosts: tuple[str, ...] = HOSTS
        self._one_at_a_time = asyncio.Lock()  # a full server keeps one place for the admin, not two
        self._made = 0

    async def look(self) -> tuple[str, tuple[str, ...]]:
        """Ask the running server for its version and for what it can do. Raises `ServerError` without a login."""
        async with self._admin() as connection:
            ((version, us),) = await rows(connection, "SELECT VERSION(), USER()")
            found = dict(
                await rows(connection, "SHOW GLOBAL VARIABLES WHERE variable_name IN ('have_ssl', 'ssl_cert')")
            )
        if not self._is_private:  # a server in a container sees us come from another address
            self._hosts = tuple(dict.fromkeys((*HOSTS, us.rpartition("@")[2])))
        has_tls = found.get("have_ssl", "YES") == "YES" and bool(found.get("ssl_cert"))  # MySQL 9 has no have_ssl
        return version_of(version), ("tls",) if has_tls else ()

    async def allot(self) -> Allotted:
        """Return a new, seeded database: its name, its logins and its fingerprint."""
        import aiomysql

        self._made += 1
        name = f"{self._run}{self._made}"
        try:
            return await self._make(name)
        except BaseException as error:
            await self.discard(name)
            if isinstance(error, aiomysql.MySQLError):
                raise ServerError(f"MariaDB made no database ({_words(error)}); see: course doctor") from error
            raise

    async def _make(self, name: str) -> Allotted:
        logins = {"app": Login(name, _password()), "readonly": Login(f"{name}_readonly", _password())}
        pattern = quoted(name.replace("_", r"\_"))  # in a grant, an underscore is any letter
        async with self._admin() as connection:
            await rows(connection, f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
            for role, rights in (("app", "ALL"), ("readonly", "SELECT")):
                login = logins[role]
                for host in self._hosts:
                    account = f"'{login.user}'@'{host}'"
                    await rows(connection, f"CREATE USER {account} IDENTIFIED BY '{login.password}'")
                    await rows(connection, f"GRANT {rights} ON {pattern}.* TO {account}")
        async with session(*self._where, logins["app"], name) as connection:
            for statement in seed.statements("mariadb"):
                await rows(connection, statement)
            return name, logins, await fingerprint(connection)

    async def discard(self, name: str) -> None:
        """Drop the database `name` and its users; who is still connected is thrown out."""
        if not name.startswith(self.prefix):
            raise ServerError(f"expected a database of this course, got {name}; nothing was dropped")
        import aiomysql

        with contextlib.suppress(OSError, aiomysql.MySQLError, ServerError):  # what stays is dropped at the next start
            async with self._admin() as connection:
                await self._forget(connection, [name], {name, f"{name}_readonly"})

    async def sweep(self, *, everything: bool = False) -> None:
        """Drop what earlier runs of this state folder left, or with `everything` what this one made as well."""
        import aiomysql

        with contextlib.suppress(OSError, aiomysql.MySQLError, ServerError):  # a leftover costs little
            async with self._admin() as connection:
                query = "SELECT schema_name FROM information_schema.schemata"
                databases = [name for (name,) in await rows(connection, query) if self._is_old(name, everything)]
                query = "SELECT DISTINCT user FROM mysql.user"
                users = {name for (name,) in await rows(connection, query) if self._is_old(name, everything)}
                await self._forget(connection, databases, users)

    def _is_old(self, name: str, everything: bool) -> bool:
        return name.startswith(self.prefix) and (everything or not name.startswith(self._run))

    async def _forget(self, connection: Any, databases: Collection[str], users: Collection[str]) -> None:
        """Drop each user first, then end its sessions: nobody can come back."""
        import aiomysql

        for user in users:
            for (host,) in await rows(connection, "SELECT host FROM mysql.user WHERE user = %s", user):
                await rows(connection, f"DROP USER '{user}'@'{host}'")
            for (number,) in await rows(connection, OTHERS, user):
                with contextlib.suppress(aiomysql.MySQLError):  # gone already
                    await rows(connection, f"KILL CONNECTION {number}")
        for name in databases:
            await self._drop(connection, name)

    async def _drop(self, connection: Any, name: str) -> None:
        import aiomysql

        statement = f"DROP DATABASE IF EXISTS {quoted(name)}"
        try:
            await rows(connection, statement)
        except aiomysql.OperationalError as error:
            if error.args[0] != LOCK_WAIT_TIMEOUT or not self._is_private:
                raise
            # a prepared XA transaction outlives its session, and holds its locks until somebody ends it
            for *_, xid in await rows(connection, "XA RECOVER FORMAT='SQL'"):
                with contextlib.suppress(aiomysql.MySQLError):  # its session is alive, so it is not the one in our way
                    await rows(connection, f"XA ROLLBACK {xid}")
            await rows(connection, statement)

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[Any]:
        import aiomysql

        async with self._one_at_a_time, contextlib.AsyncExitStack() as opened:
            try:
                connection = await self._seated(opened)
            except (OSError, aiomysql.MySQLError) as error:
                raise ServerError(f"no login to MariaDB ({_words(error)}); see: course doctor") from error
            yield connection

    async def _seated(self, opened: contextlib.AsyncExitStack) -> Any:
        """Return a session of ours; a full server keeps one seat for us, free a moment after we left it."""
        import aiomysql

        for wait in SEAT_WAITS_S:
            try:
                return await opened.enter_async_context(session(*self._where, self._login))
            except aiomysql.OperationalError as error:
                if error.args[0] != FULL:
                    raise
            await asyncio.sleep(wait)
        return await opened.enter_async_context(session(*self._where, self._login))


def version_of(said: str) -> str:
    """Return the version as people write it, with the product's name: MySQL leaves its own out."""
    number = re.match(r"[\d.]+", said)
    return f"{number[0] if number else said}-{'MariaDB' if 'mariadb' in said.lower() else 'MySQL'}"


def _words(error: Exception) -> str:
    """Return what the server said, without the number that the driver puts before it."""
    return str(error.args[-1] if error.args else error)


def _password() -> str:
    return secrets.token_urlsafe(18)
