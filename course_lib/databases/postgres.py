"""A private PostgreSQL: TLS on, SCRAM everywhere, and a database of its own for everybody who asks.

It runs inside the supervisor; a lesson's process sees only the `Place` of its database, never the superuser.
"""

from __future__ import annotations

import os
from urllib.parse import unquote, urlsplit

from course_lib.databases import binaries
from course_lib.databases.cluster import ADMIN
from course_lib.databases.place import Login, Place
from course_lib.databases.postgres_roles import Roles
from course_lib.databases.postgres_server import PostgresServer
from course_lib.databases.process import ServerProcess
from course_lib.databases.served import Served
from course_lib.databases.state import Home
from course_lib.errors import ServerError

DAMAGED = ("XX", "58", "3D")  # classes of SQLSTATE: data corrupted, a file not found, the new database not there
BUSY = ("53",)  # no memory, no disk, no connection left: nothing that another start or a new folder would change


class Postgres(Served):
    """A PostgreSQL server, ours or the one that `COURSE_PG_URL` names."""

    kind = "postgres"

    def __init__(self, home: Home) -> None:
        self.home = home
        self.process: ServerProcess | None = None
        self.capabilities: tuple[str, ...] = ()
        self.version = ""
        self.source = ""
        self.notices: list[str] = []  # one line for each thing that was mended
        self.host, self.port = "127.0.0.1", 0
        self.socket = ""
        self._external = binaries.external(self.kind)
        self._server: PostgresServer | None = None
        self._roles: Roles | None = None

    async def start(self) -> None:
        """Serve, and log in as the superuser. Raises `ServerError` when that cannot be had, leaving nothing running."""
        try:
            if self._external:
                await self._use_external(self._external)
            else:
                await self._serve(PostgresServer(self.home))
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End the server; on one that is not ours, remove what we made there."""
        try:
            if self._roles is not None:
                await self._roles.close(clean=bool(self._external))
        finally:
            if self._server is not None:
                await self._server.stop()

    async def allot(self) -> Place:
        """Return a new, seeded database with its two logins."""
        try:
            name, logins, fingerprint = await self._running().allot()
        except ServerError as error:
            if self._server is None or not _sqlstate(error).startswith(DAMAGED):
                raise
            self._server.cluster.suspect(str(error))
            raise ServerError(f"{error}; its folder is damaged, type: course servers stop, then try again") from error
        has_tls = "tls" in self.capabilities
        keys = self.home.certificates
        ca = os.environ.get("COURSE_PG_CA", "") if self._external else str(keys.ca)
        return Place(
            kind=self.kind,
            name=name,
            host=self.host,
            port=self.port,
            logins=logins,
            version=self.version,
            capabilities=self.capabilities,
            socket=self.socket,
            ca=ca if has_tls else "",
            other_ca=str(keys.other_ca) if has_tls else "",
            fingerprint=fingerprint,
        )

    async def discard(self, name: str) -> None:
        """Drop a database that `allot` made, with its logins; who is still connected is thrown out."""
        await self._running().discard(name)

    async def playground(self) -> Place:
        """Return the database `course`, for psql and other tools: made when first asked for, kept with the folder.

        On a server that is not ours it has a name of its own, and goes with the rest of what we made there.
        """
        name, logins = await self._running().playground()
        return Place(self.kind, name, self.host, self.port, logins, self.version, socket=self.socket)

    def _running(self) -> Roles:
        if self._roles is None:
            raise ServerError("PostgreSQL has not been started; await its start() first")
        return self._roles

    async def _use_external(self, url: str) -> None:
        self.source = "COURSE_PG_URL"
        try:
            parts = urlsplit(url)
            if not parts.scheme.startswith("postgres") or not parts.hostname:
                raise ValueError
            self.host, self.port = parts.hostname, parts.port or 5432
        except ValueError:
            raise ServerError("expected COURSE_PG_URL like postgresql://user:password@host:5432/postgres") from None
        login = Login(unquote(parts.username or "postgres"), unquote(parts.password or ""))
        database = unquote(parts.path.lstrip("/")) or "postgres"
        self._roles = Roles(self.home.identity, self.host, self.port, login, database, is_private=False)
        self.version, self.capabilities = await self._roles.prepare()

    async def _serve(self, server: PostgresServer) -> None:
        self._server = server
        self.socket = str(self.home.sockets)
        await server.start()
        while not self.version:
            try:
                await self._prepare(server)
            except ServerError as error:
                if isinstance(error.__cause__, TimeoutError | None) or _sqlstate(error).startswith(BUSY):
                    raise
                await self._running().close(clean=False)
                await server.start_again(str(error))  # raises when it has tried everything
        self.process, self.source, self.notices = server.process, server.source, server.notices

    async def _prepare(self, server: PostgresServer) -> None:
        self.port = server.port
        login = Login(ADMIN, server.cluster.password)
        self._roles = Roles(self.home.identity, self.socket, self.port, login, "postgres", is_private=True)
        self.version, self.capabilities = await self._roles.prepare()


def _sqlstate(error: BaseException) -> str:
    """Return the server's own code for what went wrong, or an empty text where it never got a word in."""
    return str(getattr(error.__cause__, "sqlstate", None) or "")
