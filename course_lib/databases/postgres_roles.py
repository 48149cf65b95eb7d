"""Roles and databases on a PostgreSQL server: each worker gets a database that no other worker can even connect to.

Only names that begin with `course_` are made and dropped, so that a server which is not ours stays as it was.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import re
import secrets
from collections import deque
from collections.abc import AsyncIterator, Coroutine
from typing import Any  # Any: asyncpg ships no types

from course_lib.databases import seed
from course_lib.databases.place import Login
from course_lib.databases.postgres_reset import fingerprint, trouble
from course_lib.errors import ServerError

AHEAD = 2  # databases made while nobody waits; one costs 0.05 s, mostly the copy of the system catalogs
OLDEST = 15  # the first that keeps normal users out of the schema `public` of somebody else
LOGIN_S = 30.0  # 0.01 s on a quiet machine
SCRAM_ROUNDS = 4096  # PostgreSQL's own default
WITH_STATEMENTS, READY = "course: ready, with pg_stat_statements", "course: ready"  # remarks on template1
FACTS = """
SELECT current_setting('server_version_num')::int / 10000 AS major, current_setting('server_version') AS version,
       current_setting('ssl')::bool AS has_tls,
       rolname AS user, rolsuper OR rolcreatedb AND rolcreaterole AS may_create,
       CASE WHEN rolsuper THEN current_setting('shared_preload_libraries') ELSE '' END AS preloaded,
       (SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'template1') AS template
FROM pg_roles WHERE rolname = current_user
"""

Allotted = tuple[str, dict[str, Login], str]  # name, logins, fingerprint


class Roles:
    """What the superuser does; nothing of it is ever shown to a lesson."""

    def __init__(self, identity: str, host: str, port: int, admin: Login, database: str, *, is_private: bool) -> None:
        self.prefix = f"course_{identity}_"
        self._run = secrets.token_hex(3)
        self._where = {"host": host, "port": port}
        self._login = admin
        self._database = database
        self._is_private = is_private
        self._admin: Any = None
        self._one_at_a_time = asyncio.Lock()  # statements of the one connection
        self._in_turn = asyncio.Lock()  # databases: the first to be made is the first that somebody waits for
        self._made = 0
        self._ahead: deque[asyncio.Task[Allotted]] = deque()
        self._behind: set[asyncio.Task[None]] = set()
        self._is_closing = False
        self._playground: tuple[str, dict[str, Login]] | None = None
        self._playing = asyncio.Lock()

    async def prepare(self) -> tuple[str, tuple[str, ...]]:
        """Log in, close the doors a new server leaves open, and make databases ahead; return version and capabilities.

        Raises `ServerError` with the server's words where it refuses.
        """
        async with self._in_one_sentence("cannot be used"):
            async with self._one_at_a_time:
                facts = await (await self._superuser()).fetchrow(FACTS)
            if facts["major"] < OLDEST:
                raise ServerError(f"expected PostgreSQL {OLDEST} or newer, got {facts['version']}; see: course doctor")
            if not facts["may_create"]:
                raise ServerError(
                    f"expected a role with CREATEDB and CREATEROLE in COURSE_PG_URL, got {facts['user']} without; "
                    "grant both, or unset the variable"
                )
            capabilities = ["tls"] if facts["has_tls"] else []
            is_preloaded = "pg_stat_statements" in facts["preloaded"]
            if self._is_private and await self._prepare_template(facts["template"], is_preloaded):
                capabilities.append("pg_stat_statements")
            left = await self._ours("pg_database", "datname"), await self._ours("pg_roles", "rolname")
        self._ahead.extend(self._task() for _ in range(AHEAD))
        self._later(self._sweep(*left))
        return facts["version"].split()[0], tuple(capabilities)

    async def allot(self) -> Allotted:
        """Return a new, seeded database: its name, its logins and its fingerprint."""
        self._ahead.append(self._task())
        ahead = self._ahead.popleft()
        await asyncio.wait([ahead])
        if ahead.cancelled():  # by `close`: whoever waits must hear a sentence, not that they were cancelled
            raise ServerError("PostgreSQL has ended; run the cell again")
        if isinstance(ahead.exception(), ServerError):  # it may have met a full server that is not full any more
            return await self._make()
        return ahead.result()

    async def discard(self, name: str) -> None:
        """Drop the database `name` and its roles, in the background."""
        if not re.fullmatch(f"{self.prefix}[0-9a-f]+", name):
            raise ServerError(f"expected a database of this course, got {name}; nothing was dropped")
        self._later(self._forget([name], [name, f"{name}_readonly"]))

    async def playground(self) -> tuple[str, dict[str, Login]]:
        """Return the name of the database for tools and its logins; it is made when it is not there."""
        async with self._playing, self._in_one_sentence("could not make the database for tools"):
            if self._playground is None:
                self._playground = await self._open_playground()
            return self._playground

    async def close(self, *, clean: bool) -> None:
        """Log out; `clean` drops what was made first (on a server that stays)."""
        self._is_closing = True
        pending = [*self._ahead, *self._behind]
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        if clean:
            with contextlib.suppress(Exception):  # the server may be gone already, and that is what we want
                await self._forget(await self._ours("pg_database", "datname"), await self._ours("pg_roles", "rolname"))
                await self._admin.close(timeout=1)
        if self._admin is not None:
            self._admin.terminate()

    def _task(self) -> asyncio.Task[Allotted]:
        return asyncio.create_task(self._make())

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._behind.add(task)
        task.add_done_callback(self._behind.discard)

    async def _make(self) -> Allotted:
        async with self._in_turn, self._in_one_sentence("could not make a database"):
            self._made += 1
            name = f"{self.prefix}{self._run}{self._made}"
            app, reader = Login(name, _password()), Login(f"{name}_readonly", _password())
            try:
                # its owner is a member of the reader, so that it may end the reader's sessions
                await self._do(f"{_create(app)}; {_create(reader)}; GRANT {reader.user} TO {app.user}")
                return name, {"app": app, "readonly": reader}, await self._create_database(name, app, reader)
            except BaseException:
                if not self._is_closing:
                    self._later(self._forget([name], [app.user, reader.user]))
                raise

    async def _create_database(self, name: str, owner: Login, reader: Login) -> str:
        """Make and fill a database that only its two roles can connect to; return its fingerprint."""
        if not self._is_private:  # who is no superuser may only give a database to a role it is a member of
            await self._do(f"GRANT {owner.user} TO CURRENT_USER")
        await self._do(f"CREATE DATABASE {name} OWNER {owner.user} STRATEGY FILE_COPY")
        await self._do(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC; GRANT CONNECT ON DATABASE {name} TO {reader.user}")
        fill = (
            f"SET ROLE {owner.user}",  # not its login: the last connections of a full server are the superuser's
            f"GRANT USAGE ON SCHEMA public TO {reader.user}",
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {reader.user}",
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON SEQUENCES TO {reader.user}",
            *seed.statements("postgres"),
        )
        connection = await self._open(name)
        try:
            await connection.execute("; ".join(fill))
            return await fingerprint(connection)
        finally:
            connection.terminate()

    async def _prepare_template(self, remark: str | None, is_preloaded: bool) -> bool:
        """Prepare what every database is a copy of, once for each folder; return whether it has pg_stat_statements."""
        import asyncpg

        if remark == WITH_STATEMENTS or (remark == READY and not is_preloaded):
            return remark == WITH_STATEMENTS and is_preloaded
        await self._do("REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC")
        remark = READY
        if is_preloaded:
            connection = await self._open("template1")
            try:
                with contextlib.suppress(asyncpg.FeatureNotSupportedError, asyncpg.UndefinedFileError):
                    await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
                    remark = WITH_STATEMENTS
            finally:
                await connection.close(timeout=LOGIN_S)
        await self._do(f"COMMENT ON DATABASE template1 IS '{remark}'")
        return remark == WITH_STATEMENTS

    async def _open_playground(self) -> tuple[str, dict[str, Login]]:
        # on a server that is not ours two people may have one each, and ours must go with the rest
        stem = "course" if self._is_private else f"{self.prefix}playground"
        app, reader = Login(f"{stem}_app", _password()), Login(f"{stem}_readonly", _password())
        there = [row["rolname"] for row in await self._rows("SELECT rolname FROM pg_roles")]
        for login, rights in ((app, "CREATEDB"), (reader, "NOCREATEDB")):
            await self._do(_create(login, rights, verb="ALTER" if login.user in there else "CREATE"))
        if not await self._rows("SELECT FROM pg_database WHERE datname = $1", stem):
            unfinished = f"{stem}_unfinished"
            await self._do(f"DROP DATABASE IF EXISTS {unfinished} WITH (FORCE)")
            await self._create_database(unfinished, app, reader)
            await self._rename(unfinished, stem)
        return stem, {"app": app, "readonly": reader}

    async def _rename(self, database: str, name: str) -> None:
        """Give a database its name; whoever filled it must have left first."""
        query = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = $1"
        await self._rows(query, database)
        await self._do(f"ALTER DATABASE {database} RENAME TO {name}")

    async def _ours(self, catalog: str, column: str) -> list[str]:
        """Return the names of what this state folder ever made on the server."""
        query = f"SELECT {column} AS name FROM {catalog} WHERE starts_with({column}::text, $1) ORDER BY 1"
        return [row["name"] for row in await self._rows(query, self.prefix)]

    async def _sweep(self, databases: list[str], roles: list[str]) -> None:
        """Drop what a killed run left, when nobody waits for a first database any more."""
        await asyncio.gather(*self._ahead, return_exceptions=True)
        await self._forget(databases, roles)

    async def _forget(self, databases: list[str], roles: list[str]) -> None:
        for name in databases:
            with contextlib.suppress(Exception):  # a leftover costs 7 MB, a failure here would cost a lesson
                await self._do(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        for role in roles:
            with contextlib.suppress(Exception):
                await self._do(f"DROP ROLE IF EXISTS {role}")

    async def _do(self, statements: str) -> None:
        async with self._one_at_a_time:
            await (await self._superuser()).execute(statements)

    async def _rows(self, query: str, *arguments: object) -> list[Any]:
        async with self._one_at_a_time:
            rows: list[Any] = await (await self._superuser()).fetch(query, *arguments)
            return rows

    async def _superuser(self) -> Any:
        """Return the connection for everything, a new one where the server has closed it."""
        if self._admin is None or self._admin.is_closed():
            self._admin = await self._open(self._database)
        return self._admin

    async def _open(self, database: str) -> Any:
        import asyncpg

        user, password = self._login.user, self._login.password
        return await asyncpg.connect(**self._where, user=user, password=password, database=database, timeout=LOGIN_S)

    @contextlib.asynccontextmanager
    async def _in_one_sentence(self, what: str) -> AsyncIterator[None]:
        """Turn what the server or its driver says into a `ServerError`."""
        import asyncpg

        try:
            yield
        except trouble() as error:
            said = f"{type(error).__name__}: {error}".partition("\n")[0].rstrip(": ")
            if isinstance(error, asyncpg.DiskFullError):
                advice = "make room, or set COURSE_STATE_DIR to another disk"
            else:
                advice = "see: course doctor"
            if not self._is_private:
                advice = "check COURSE_PG_URL, or unset it"
            raise ServerError(f"PostgreSQL {what} ({said}); {advice}") from error


def _create(login: Login, rights: str = "NOCREATEDB", verb: str = "CREATE") -> str:
    statement = f"{verb} ROLE {login.user} {rights} LOGIN NOSUPERUSER NOCREATEROLE PASSWORD '{_scram(login.password)}'"
    if not login.user.endswith("_readonly"):
        return statement
    # a guard rail: the role may switch it off; the missing grants are the wall
    return f"{statement}; ALTER ROLE {login.user} SET default_transaction_read_only = on"


def _password() -> str:
    return secrets.token_urlsafe(18)


def _scram(password: str) -> str:
    """Return what PostgreSQL keeps of a password; the password itself would stand in logs and statistics."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, SCRAM_ROUNDS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${SCRAM_ROUNDS}:{encoded[0]}${encoded[1]}:{encoded[2]}"
