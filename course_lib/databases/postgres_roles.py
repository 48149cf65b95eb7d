"""Roles and databases on a PostgreSQL server: each worker gets a database that no other worker can even connect to.

Only names that begin with `course_` are made and dropped, so that a server which is not ours stays as it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import deque
from typing import Any  # Any: asyncpg ships no types

from course_lib.databases import seed
from course_lib.databases.place import Login
from course_lib.databases.postgres_reset import fingerprint
from course_lib.errors import ServerError

AHEAD = 2  # databases made while nobody waits; one costs 0.1 s, mostly the copy of the system catalogs
OLDEST = 150000  # the first that keeps normal users out of the schema `public` of somebody else
APP, READONLY = "course_app", "course_readonly"
PLAYGROUND = "course"

Allotted = tuple[str, dict[str, Login], str]  # name, logins, fingerprint


class Roles:
    """What the superuser does; nothing of it is ever shown to a lesson."""

    def __init__(self, identity: str, host: str, port: int, admin: Login, database: str, *, is_private: bool) -> None:
        self.prefix = f"course_{identity}_"
        self._run = secrets.token_hex(2)
        self._where = {"host": host, "port": port}
        self._login = admin
        self._database = database
        self._is_private = is_private
        self._admin: Any = None
        self._one_at_a_time = asyncio.Lock()
        self._made = 0
        self._ahead: deque[asyncio.Task[Allotted]] = deque()
        self._behind: set[asyncio.Task[None]] = set()
        self._playground: dict[str, Login] = {}

    async def connect(self) -> None:
        """Log in as the superuser. Raises `ServerError` in the server's words when that is refused."""
        self._admin = await self._open(self._login, self._database)

    async def prepare(self) -> None:
        """Log in if that is not done, close the doors that a new server leaves open, and make databases ahead."""
        if self._admin is None:
            await self.connect()
        number = int(await self._admin.fetchval("SHOW server_version_num"))
        if number < OLDEST:
            raise ServerError(f"expected PostgreSQL 15 or newer, got {number // 10000}; see: course doctor")
        if self._is_private:
            await self._do("REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC")
            await self._extend_template()
        leftovers = [row["datname"] for row in await self._ours("pg_database", "datname")]
        stale = {row["rolname"] for row in await self._ours("pg_roles", "rolname")}
        self._later(self._forget(leftovers, stale))
        self._ahead.extend(self._task() for _ in range(AHEAD))

    async def look(self) -> tuple[str, tuple[str, ...]]:
        """Ask the running server for its version and for what it can do."""
        version = str(await self._value("SHOW server_version")).split()[0]
        preloaded = str(await self._value("SELECT current_setting('shared_preload_libraries', true)"))
        found = ["tls"] if await self._value("SHOW ssl") == "on" else []
        found += ["pg_stat_statements"] if "pg_stat_statements" in preloaded else []
        return version, tuple(found)

    async def allot(self) -> Allotted:
        """Return a new, seeded database: its name, its logins and its fingerprint."""
        self._ahead.append(self._task())
        return await self._ahead.popleft()

    async def discard(self, name: str) -> None:
        """Drop the database `name` and its roles, in the background."""
        if not name.startswith(self.prefix):
            raise ServerError(f"expected a database of this course, got {name}; nothing was dropped")
        self._later(self._forget([name], {name, f"{name}_readonly"}))

    async def playground(self) -> dict[str, Login]:
        """Return the logins of the database `course`, which is made when it is not there; passwords are new."""
        if not self._playground:
            logins = {"app": Login(APP, _password()), "readonly": Login(READONLY, _password())}
            for login, rights in ((logins["app"], "CREATEDB"), (logins["readonly"], "NOCREATEDB")):
                await self._login_role(login, rights)
            if not await self._value("SELECT 1 FROM pg_database WHERE datname = $1", PLAYGROUND):
                await self._create_database(PLAYGROUND, logins)
                await self._fill(PLAYGROUND, logins)
            self._playground = logins
        return self._playground

    async def close(self, *, clean: bool) -> None:
        """Log out; `clean` drops what was made first (on a server that stays)."""
        pending = [*self._ahead, *self._behind]
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        if self._admin is None:
            return
        with contextlib.suppress(Exception):  # the server may be gone already, and that is what we want
            if clean:
                databases = [row["datname"] for row in await self._ours("pg_database", "datname")]
                roles = {row["rolname"] for row in await self._ours("pg_roles", "rolname")}
                await self._forget(databases, roles)
            await self._admin.close(timeout=1)

    def _task(self) -> asyncio.Task[Allotted]:
        return asyncio.create_task(self._make())

    def _later(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._behind.add(task)
        task.add_done_callback(self._behind.discard)

    async def _make(self) -> Allotted:
        self._made += 1
        name = f"{self.prefix}{self._run}{self._made}"
        logins = {"app": Login(name, _password()), "readonly": Login(f"{name}_readonly", _password())}
        for login in logins.values():
            await self._login_role(login, "NOCREATEDB")
        await self._do(f"GRANT {name}_readonly TO {name}")  # so that the owner may end its reader's sessions
        await self._create_database(name, logins)
        return name, logins, await self._fill(name, logins)

    async def _login_role(self, login: Login, rights: str) -> None:
        rights += f" LOGIN NOSUPERUSER NOCREATEROLE PASSWORD '{login.password}'"
        is_there = await self._value("SELECT 1 FROM pg_roles WHERE rolname = $1", login.user)
        await self._do(f"{'ALTER' if is_there else 'CREATE'} ROLE {login.user} {rights}")
        if login.user.endswith("readonly"):  # a guard rail: the role may switch it off; the missing grants are the wall
            await self._do(f"ALTER ROLE {login.user} SET default_transaction_read_only = on")

    async def _create_database(self, name: str, logins: dict[str, Login]) -> None:
        owner, reader = logins["app"].user, logins["readonly"].user
        if not self._is_private:  # who is no superuser may only give a database to a role it is a member of
            await self._do(f"GRANT {owner} TO CURRENT_USER")
        await self._do(f"CREATE DATABASE {name} OWNER {owner} STRATEGY FILE_COPY")
        await self._do(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
        await self._do(f"GRANT CONNECT ON DATABASE {name} TO {reader}")

    async def _fill(self, name: str, logins: dict[str, Login]) -> str:
        """Fill the new database as its owner; return its fingerprint."""
        connection = await self._open(logins["app"], name)
        reader = logins["readonly"].user
        try:
            rights = (
                f"GRANT USAGE ON SCHEMA public TO {reader}",
                f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {reader}",
                f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON SEQUENCES TO {reader}",
            )
            await connection.execute("; ".join((*rights, *seed.statements("postgres"))))
            return await fingerprint(connection)
        finally:
            await connection.close(timeout=1)

    async def _extend_template(self) -> None:
        """Put pg_stat_statements into every database to come; a build without it goes on without it."""
        import asyncpg

        if "pg_stat_statements" not in str(await self._admin.fetchval("SHOW shared_preload_libraries")):
            return
        connection = await self._open(self._login, "template1")
        try:
            with contextlib.suppress(asyncpg.PostgresError):
                await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        finally:
            await connection.close(timeout=1)

    async def _ours(self, catalog: str, column: str) -> list[Any]:
        """Return the rows of what this state folder ever made on the server."""
        query = f"SELECT {column} FROM {catalog} WHERE starts_with({column}::text, $1)"
        async with self._one_at_a_time:
            rows: list[Any] = await self._admin.fetch(query, self.prefix)
        return rows

    async def _forget(self, databases: list[str], roles: set[str]) -> None:
        for name in databases:
            with contextlib.suppress(Exception):  # a leftover costs 7 MB, a failure here would cost a lesson
                await self._do(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        for role in sorted(roles):
            with contextlib.suppress(Exception):
                await self._do(f"DROP ROLE IF EXISTS {role}")

    async def _do(self, statement: str) -> None:
        async with self._one_at_a_time:
            await self._admin.execute(statement)

    async def _value(self, query: str, *arguments: object) -> Any:
        async with self._one_at_a_time:
            return await self._admin.fetchval(query, *arguments)

    async def _open(self, login: Login, database: str) -> Any:
        import asyncpg

        try:
            return await asyncpg.connect(
                **self._where, user=login.user, password=login.password, database=database, timeout=10
            )
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise ServerError(
                f"no login to PostgreSQL ({type(error).__name__}: {error}); see: course doctor"
            ) from error


def _password() -> str:
    return secrets.token_urlsafe(18)
