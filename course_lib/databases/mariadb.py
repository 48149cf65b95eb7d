"""A private MariaDB: TLS on, utf8mb4, and a database of its own for everybody who asks.

It runs inside the supervisor; a lesson's process sees only the `Place` of its database, never the admin.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from course_lib.databases import binaries
from course_lib.databases.mariadb_folder import ENVIRONMENT, STOP, DataFolder
from course_lib.databases.mariadb_roles import Roles
from course_lib.databases.place import Login, Place
from course_lib.databases.process import KILL, ServerProcess, complaint, free_port, tail
from course_lib.databases.served import Served
from course_lib.databases.state import Home, move_aside
from course_lib.databases.unroot import readable_copy
from course_lib.errors import ServerError

ADMIN = "course_admin"
READY_S = 30.0  # 0.1 s on a quiet machine; a recovery after a kill -9 takes under a second
POLL_S = 0.005
PORTS = 3  # how often another port is tried
SCHEMES = ("mysql", "mariadb", "mysql+aiomysql", "mariadb+aiomysql")
PORT_TAKEN = "Do you already have another server running on port"


class MariaDB(Served):
    """A MariaDB server, ours or the one that `COURSE_MYSQL_URL` names (which may be MySQL)."""

    kind = "mariadb"

    def __init__(self, home: Home) -> None:
        self.home = home
        self.process: ServerProcess | None = None
        self.capabilities: tuple[str, ...] = ()
        self.version = ""
        self.source = ""
        self.notices: list[str] = []  # one line for each thing that was mended
        self.host, self.port = "127.0.0.1", 0
        self._external = binaries.external(self.kind)
        self._sweeping: asyncio.Task[None] | None = None
        self._folder: DataFolder | None = None
        self._roles: Roles | None = None
        self._log = home.runtime / "mariadb.log"

    async def start(self) -> None:
        """Serve, and log in as the admin. Raises `ServerError` when that cannot be had, leaving nothing running."""
        if find_spec("aiomysql") is None:
            raise ServerError(
                'MariaDB needs the driver aiomysql; install it with: pip install "velvet-rope-course[mariadb]"'
            )
        try:
            roles = self._external_roles(self._external) if self._external else await self._serve()
            self.version, self.capabilities = await roles.look()
            self._roles = roles
            self._sweeping = asyncio.create_task(roles.sweep())
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End the server; on one that is not ours, remove what we made there."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)
        if self._external and self._roles is not None:
            await self._roles.sweep(everything=True)
        await self._stop_process()

    async def allot(self) -> Place:
        """Return a new, seeded database with its two logins."""
        name, logins, fingerprint = await self._ready().allot()
        has_tls = "tls" in self.capabilities
        keys = self.home.certificates
        ca = os.environ.get("COURSE_MYSQL_CA", "") if self._external else str(keys.ca)
        return Place(
            kind=self.kind,
            name=name,
            host=self.host,
            port=self.port,
            logins=logins,
            version=self.version,
            capabilities=self.capabilities,
            ca=ca if has_tls else "",
            other_ca=str(keys.other_ca) if has_tls else "",
            fingerprint=fingerprint,
        )

    async def discard(self, name: str) -> None:
        """Drop a database that `allot` made, with its users; who is still connected is thrown out."""
        await self._ready().discard(name)

    def _ready(self) -> Roles:
        if self._roles is None:
            raise ServerError("MariaDB is not running; start it first")
        return self._roles

    def _external_roles(self, url: str) -> Roles:
        parts = urlsplit(url)
        try:
            self.host, self.port = parts.hostname or "", parts.port or 3306
        except ValueError:
            self.host = ""
        if parts.scheme not in SCHEMES or not self.host:
            raise ServerError("expected COURSE_MYSQL_URL like mysql://user:password@host:3306, got something else")
        self.source = "COURSE_MYSQL_URL"
        login = Login(unquote(parts.username or "root"), unquote(parts.password or ""))
        return Roles(self.home.identity, self.host, self.port, login, is_private=False)

    async def _serve(self) -> Roles:
        """Start our own server, on another port or on a new folder if need be."""
        found = binaries.find(self.kind)
        self.source = found.source
        folder = self._folder = DataFolder(self.home, readable_copy(found, self.home.unroot, self.home.data))
        if folder.folder.exists() and not folder.exists:
            self._set_aside(folder, "it is not whole")
        taken = 0
        while True:
            if not folder.exists:
                await folder.make()
            await asyncio.to_thread(folder.reap)
            admin = Login(ADMIN, secrets.token_urlsafe(18))
            if await self._is_ready(folder, admin):
                return Roles(self.home.identity, self.host, self.port, admin, is_private=True)
            if PORT_TAKEN in self._said() and taken < PORTS:
                taken += 1  # somebody took the port between our look and the server's
            elif PORT_TAKEN not in self._said() and not self.notices:
                self._set_aside(folder, self._complaint())
            else:
                raise ServerError(f"MariaDB did not start ({self._complaint()}); its log is {self._log}")

    async def _is_ready(self, folder: DataFolder, admin: Login) -> bool:
        """Start the server once; return whether it serves `admin`. Nothing runs when it does not."""
        self.port = free_port()
        self._log.unlink(missing_ok=True)
        folder.announce(admin)
        try:
            self.process = await ServerProcess.start(
                "MariaDB",
                folder.argv(self.port),
                log=self._log,
                unroot=self.home.unroot,
                environment=ENVIRONMENT,
                death_signal=KILL,  # a SIGTERM while it starts may be forgotten (1 of 200), and it recovers from either
            )
            with contextlib.suppress(TimeoutError, ServerError):
                async with asyncio.timeout(READY_S):
                    if await self._has_port(folder, self.process):
                        await self._greeted()
                        await Roles(self.home.identity, self.host, self.port, admin, is_private=True).look()
                        return True
        finally:
            folder.forget_announcement()
        await self._stop_process()
        return False

    async def _has_port(self, folder: DataFolder, process: ServerProcess) -> bool:
        """Wait until the port is the server's; before that, somebody else may answer there."""
        while process.is_running:
            if folder.serving_pid() == process.pid:
                return True
            await asyncio.sleep(POLL_S)
        return False

    async def _greeted(self) -> None:
        """Wait for the server's first words, which come when its first statements are done."""
        with contextlib.suppress(OSError):  # it ended in the meantime; the login will say so
            reader, writer = await asyncio.open_connection(self.host, self.port)
            try:
                await reader.read(1)
            finally:
                writer.close()
                await writer.wait_closed()

    async def _stop_process(self) -> None:
        if self.process is not None:
            await self.process.stop(STOP)
            self.process = None
        if self._folder is not None:
            self._folder.clear()

    def _set_aside(self, folder: DataFolder, reason: str) -> None:
        aside = move_aside(folder.folder)
        self.notices.append(f"a MariaDB data folder could not be used ({reason}); a new one was made, see {aside}")

    def _said(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _complaint(self) -> str:
        return reason(self._log)


def reason(log: Path) -> str:
    """Return the first error in the server's log: what follows it (`Aborting`) is only its consequence."""
    errors = [line.partition("[ERROR] ")[2] for line in tail(log) if "[ERROR] " in line]
    return errors[0] if errors else complaint(log)
