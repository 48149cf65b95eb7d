"""PgBouncer in transaction mode before the private PostgreSQL, or the course's own small pooler where there is none.

A lesson asks for a pooler and gets one on every machine; which one it got is said openly.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import secrets
import shutil
import ssl
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from course_lib.databases import binaries, pg_wire
from course_lib.databases.cluster import ENVIRONMENT
from course_lib.databases.mini_pooler import MAX_CLIENTS, MiniPooler
from course_lib.databases.pgbouncer_console import Console
from course_lib.databases.place import Login, Place
from course_lib.databases.postgres import Postgres
from course_lib.databases.process import KILL, QUIT, Escalation, ServerProcess, complaint, free_port
from course_lib.databases.served import Served
from course_lib.databases.state import Home
from course_lib.databases.unroot import readable_copy
from course_lib.errors import ServerError

MINI_NOTICE = "pgbouncer not found, using the course's own small pooler (no statement tracking, no admin console)"
MINI_SOURCE = "the course's own small pooler"
POOL_SIZE = 2
TRACKED_STATEMENTS = 200  # PgBouncer's own default since 1.24
TRACKS_STATEMENTS = (1, 21)  # the first version with max_prepared_statements
READY_S = 10.0  # 0.1 s on a quiet machine
ANSWER_S = 2.0  # of a console that is up
POLL_S = 0.005
ATTEMPTS = 3  # somebody may take the port between our look and PgBouncer's
AT_ONCE: Escalation = ((QUIT, 3.0), (KILL, 5.0))  # since 1.23 SIGTERM waits for the clients


class PgBouncer(Served):
    """A pooler before `postgres`: PgBouncer as a process of ours, the one `COURSE_PGBOUNCER_URL` names, or our own."""

    kind = "pgbouncer"

    def __init__(self, home: Home, postgres: Postgres, *, prepared_statements: bool = False) -> None:
        self.home = home
        self.process: ServerProcess | None = None
        self.capabilities: tuple[str, ...] = ()
        self.version = ""
        self.source = ""
        self.notices: list[str] = []
        self.host, self.port = "127.0.0.1", 0
        self.mini: MiniPooler | None = None
        self._postgres = postgres
        self._prepared_statements = prepared_statements
        self._external = binaries.external(self.kind)
        self._folder: Path | None = None
        self._console = Console(self.host, 0, Login("course_console", secrets.token_urlsafe(18)))
        self._logins: dict[str, Login] = {}  # by user
        self._users: dict[str, tuple[str, ...]] = {}  # of each database we gave away
        self._one_at_a_time = asyncio.Lock()

    @property
    def notice(self) -> str:
        """What a learner is told of this pooler, empty when it is PgBouncer."""
        return " ".join(self.notices)

    async def start(self) -> None:
        """Serve. Raises `ServerError` when that cannot be had, leaving nothing running."""
        found = None if self._external else self._find()
        try:
            if self._external:
                await self._use_external(self._external)
            elif found is None:
                await self._start_mini()
            else:
                await self._serve(found)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End the pooler and every connection through it."""
        if self.process is not None:
            await self.process.stop(AT_ONCE)
        if self.mini is not None:
            await self.mini.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def allot(self) -> Place:
        """Return a new, seeded database of the PostgreSQL behind, as it is reached through the pooler."""
        behind = await self._postgres.allot()
        await self._know(behind)
        kept = [name for name in behind.capabilities if name != "tls"]
        keys = self.home.certificates
        ca = os.environ.get("COURSE_PG_CA", "") if self._external else str(keys.ca)
        has_tls = "tls" in self.capabilities
        return dataclasses.replace(
            behind,
            kind=self.kind,
            host=self.host,
            port=self.port,
            socket="",
            capabilities=(*self.capabilities, *kept),
            ca=ca if has_tls else "",
            other_ca=str(keys.other_ca) if has_tls else "",
        )

    async def discard(self, name: str) -> None:
        """Drop a database that `allot` made, and let its users in no more."""
        for user in self._users.pop(name, ()):
            self._logins.pop(user, None)
            if self.mini is not None:
                await self.mini.forget(user)
        await self._postgres.discard(name)

    def _find(self) -> binaries.Binaries | None:
        """Return the PgBouncer to run, None where our own pooler stands in."""
        try:
            found = binaries.find(self.kind)
        except ServerError:
            if os.environ.get(binaries.PRODUCTS[self.kind].folder_variable):
                raise  # an explicit choice: nothing else may quietly take its place
            if self._prepared_statements:
                raise ServerError(_cannot_track(MINI_SOURCE)) from None
            return None
        if self._prepared_statements and found.version < TRACKS_STATEMENTS:
            raise ServerError(_cannot_track(f"PgBouncer {found.release}"))
        return found

    async def _start_mini(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        keys = self.home.certificates
        context.load_cert_chain(keys.certificate, keys.key)
        self.mini = MiniPooler(self._postgres.host, self._postgres.port, tls=context, size=POOL_SIZE)
        await self.mini.start()
        self.port, self.source = self.mini.port, MINI_SOURCE
        self.capabilities = ("tls", "mini-pooler")
        self.notices.append(MINI_NOTICE)

    async def _use_external(self, url: str) -> None:
        """Take the pooler as it is: its users and its settings are its owner's affair."""
        if not binaries.external("postgres"):
            raise ServerError(
                "COURSE_PGBOUNCER_URL needs COURSE_PG_URL, the server behind it; set both or none of them"
            )
        parts = urlsplit(url)
        try:
            self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 6432
        except ValueError:
            raise ServerError("expected COURSE_PGBOUNCER_URL like postgresql://user:password@host:6432") from None
        self.source = binaries.PRODUCTS[self.kind].url_variable
        login = Login(unquote(parts.username or ""), unquote(parts.password or ""))
        console = Console(self.host, self.port, login)
        try:
            async with asyncio.timeout(READY_S):
                tls: tuple[str, ...] = ("tls",) if await console.offers_tls() else ()
                with contextlib.suppress(pg_wire.Refusal):  # who may not ask goes on without an answer
                    tls += await console.capabilities()
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            where = f"{self.host}:{self.port}"
            raise ServerError(
                f"no PgBouncer answers at {where} ({type(error).__name__}); correct COURSE_PGBOUNCER_URL"
            ) from error
        self.capabilities = tls

    async def _serve(self, found: binaries.Binaries) -> None:
        runnable = readable_copy(found, self.home.unroot, self.home.data)
        self.source, self.version = found.source, found.release
        self._folder = Path(tempfile.mkdtemp(prefix="pgbouncer-", dir=self.home.runtime))
        self.home.unroot.give(self._folder)
        self._write_users()
        for _ in range(ATTEMPTS):
            self.port = self._console.port = free_port()
            settings = self._write("pgbouncer.ini", self._settings(found.version))
            if await self._is_ready(runnable, settings):
                return
        raise ServerError(f"PgBouncer did not start ({complaint(self._log)}); see: course doctor")

    def _settings(self, version: tuple[int, ...]) -> str:
        keys = self.home.certificates
        values = {
            "listen_addr": self.host,
            "listen_port": self.port,
            "unix_socket_dir": "",
            "auth_type": "scram-sha-256",
            "auth_file": self._private("users.txt"),
            "admin_users": self._console.login.user,
            "pool_mode": "transaction",
            "default_pool_size": POOL_SIZE,
            "max_client_conn": MAX_CLIENTS,
            "client_tls_sslmode": "allow",
            "client_tls_cert_file": keys.certificate,
            "client_tls_key_file": keys.key,
            "server_tls_sslmode": "prefer" if binaries.external("postgres") else "disable",
            "pidfile": self._private("pgbouncer.pid"),
            "log_connections": 0,
            "log_disconnections": 0,
            "log_stats": 0,
        }
        if version >= TRACKS_STATEMENTS:  # 0 must be written too: the default is 200 since 1.24
            values["max_prepared_statements"] = TRACKED_STATEMENTS if self._prepared_statements else 0
        lines = "".join(f"{name} = {value}\n" for name, value in values.items())
        behind = f"* = host={self._postgres.host} port={self._postgres.port}"
        return f"[databases]\n{behind}\n\n[pgbouncer]\n{lines}"

    async def _is_ready(self, runnable: binaries.Binaries, settings: Path) -> bool:
        """Start PgBouncer once; return whether it serves. Nothing runs when it does not."""
        self.process = await ServerProcess.start(
            "PgBouncer",
            [runnable.program, settings],
            log=self._log,
            unroot=self.home.unroot,
            environment=ENVIRONMENT,
            death_signal=KILL,  # it has nothing to save
        )
        answering, ending = asyncio.create_task(self._answer()), asyncio.create_task(self.process.wait())
        try:
            await asyncio.wait({answering, ending}, timeout=READY_S, return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                self.capabilities = ("tls", *answering.result())
                return True
        finally:
            for task in (answering, ending):
                task.cancel()
            await asyncio.gather(answering, ending, return_exceptions=True)
        await self.process.stop(AT_ONCE)
        return False

    async def _answer(self) -> tuple[str, ...]:
        """Wait until the console answers; nobody else who took the port knows its password."""
        while True:
            with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, pg_wire.Refusal):
                async with asyncio.timeout(ANSWER_S):
                    return await self._console.capabilities()
            await asyncio.sleep(POLL_S)

    async def _know(self, place: Place) -> None:
        """Let the users of `place` in; when this returns they can log in."""
        self._users[place.name] = tuple(login.user for login in place.logins.values())
        self._logins |= {login.user: login for login in place.logins.values()}
        if self.mini is not None:
            for login in place.logins.values():
                self.mini.know(login.user, login.password)
        elif not self._external:
            try:
                async with self._one_at_a_time, asyncio.timeout(READY_S):
                    self._write_users()
                    await self._console.tell("RELOAD")  # SIGHUP does the same, but does not say when it is done
            except (OSError, TimeoutError, asyncio.IncompleteReadError, pg_wire.Refusal) as error:
                raise ServerError(f"PgBouncer took no new user ({complaint(self._log)}); see: course doctor") from error

    def _write_users(self) -> None:
        logins = (self._console.login, *self._logins.values())
        self._write("users.txt", "".join(f'"{login.user}" "{login.password}"\n' for login in logins))

    def _write(self, name: str, text: str) -> Path:
        """Write a file for the pooler's user alone, whole or not at all."""
        part, file = self._private(f"{name}.part"), self._private(name)
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as stream:
            stream.write(text)
        self.home.unroot.give(part)
        return part.replace(file)

    def _private(self, name: str) -> Path:
        assert self._folder is not None  # `_serve` made it
        return self._folder / name

    @property
    def _log(self) -> Path:
        return self._private("pgbouncer.log")


def _cannot_track(pooler: str) -> str:
    return (
        f"expected PgBouncer 1.21 or newer for tracked prepared statements, got {pooler}; "
        "install a newer one, or leave prepared_statements out"
    )
