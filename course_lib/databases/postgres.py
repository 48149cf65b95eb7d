"""A private PostgreSQL: TLS on, SCRAM everywhere, and a database of its own for everybody who asks.

It runs inside the supervisor; a lesson's process sees only the `Place` of its database, never the superuser.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from urllib.parse import unquote, urlsplit

from course_lib.databases import binaries
from course_lib.databases.cluster import ADMIN, ENVIRONMENT, FAST_SHUTDOWN, Cluster
from course_lib.databases.place import Login, Place
from course_lib.databases.postgres_roles import Roles
from course_lib.databases.process import ServerProcess, complaint, free_port, tail
from course_lib.databases.state import Home, move_aside
from course_lib.databases.unroot import readable_copy
from course_lib.errors import ServerError

READY_S = 30.0  # 0.03 s on a quiet machine; a recovery after a kill -9 takes under a second
POLL_S = 0.005
ATTEMPTS = 8  # of one start: three ports, two options that a build may lack, one stale file, one ruined folder


class Postgres:
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
        self._log = home.runtime / "postgres.log"
        self._external = binaries.external(self.kind)
        self._options: dict[str, str] = {}
        self._taken_ports = 0
        self.roles: Roles

    async def start(self) -> None:
        """Serve, and log in as the superuser. Raises `ServerError` when that cannot be had, leaving nothing running."""
        try:
            if self._external:
                self._use_external(self._external)
            else:
                await self._serve()
            await self.roles.prepare()
            self.version, self.capabilities = await self.roles.look()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End the server; on one that is not ours, remove what we made there."""
        roles = getattr(self, "roles", None)
        if roles is not None:
            await roles.close(clean=bool(self._external))
        if self.process is not None:
            await self.process.stop(FAST_SHUTDOWN)

    async def allot(self) -> Place:
        """Return a new, seeded database with its two logins."""
        name, logins, fingerprint = await self.roles.allot()
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
        await self.roles.discard(name)

    async def playground(self) -> Place:
        """Return the database `course`, for psql and other tools: made when first asked for, kept with the folder."""
        logins = await self.roles.playground()
        return Place(self.kind, "course", self.host, self.port, logins, self.version, socket=self.socket)

    def describe(self) -> dict[str, str]:
        """Return what `course servers` shows."""
        return {
            "kind": self.kind,
            "version": self.version,
            "source": self.source,
            "tls": "yes" if "tls" in self.capabilities else "no",
            "port": str(self.port),
            "pid": str(self.process.pid) if self.process else "",
        }

    def _use_external(self, url: str) -> None:
        parts = urlsplit(url)
        try:
            self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 5432
        except ValueError:
            raise ServerError("expected COURSE_PG_URL like postgresql://user:password@host:5432/postgres") from None
        self.source = "COURSE_PG_URL"
        login = Login(unquote(parts.username or ADMIN), unquote(parts.password or ""))
        database = parts.path.lstrip("/") or "postgres"
        self.roles = Roles(self.home.identity, self.host, self.port, login, database, is_private=False)

    async def _serve(self) -> None:
        found = binaries.find(self.kind)
        self.source = found.source
        cluster = Cluster(self.home, readable_copy(found, self.home.unroot, self.home.data))
        if not cluster.exists:
            if cluster.folder.exists():
                self._set_aside(cluster, "it is not a whole folder of this version")
            await cluster.make()
        if cluster.ready_pid() is not None or (cluster.folder / "postmaster.pid").exists():
            await asyncio.to_thread(cluster.reap)
        self._options = self._tls_options() | {"shared_preload_libraries": "pg_stat_statements"}
        self.socket = str(self.home.sockets)
        await self._start(cluster)
        try:
            await self._log_in(cluster)
        except ServerError as error:  # the password beside the folder is not the folder's: it can never be used
            await self._stop_process()
            self._set_aside(cluster, str(error))
            await cluster.make()
            await self._start(cluster)
            await self._log_in(cluster)

    async def _start(self, cluster: Cluster) -> None:
        for _ in range(ATTEMPTS):
            self.port = free_port()
            cluster.configure(self.port, self._options)
            if await self._is_ready(cluster):
                return
            await self._mend(cluster)
        raise ServerError(f"PostgreSQL did not start ({self._complaint()}); its log is {self._log}")

    async def _log_in(self, cluster: Cluster) -> None:
        login = Login(ADMIN, cluster.password)
        self.roles = Roles(self.home.identity, self.socket, self.port, login, "postgres", is_private=True)
        await self.roles.connect()

    def _tls_options(self) -> dict[str, str]:
        keys = self.home.certificates
        return {"ssl": "on", "ssl_cert_file": str(keys.certificate), "ssl_key_file": str(keys.key)}

    async def _is_ready(self, cluster: Cluster) -> bool:
        """Start the server once; return whether it serves. Nothing runs when it does not."""
        self.process = await ServerProcess.start(
            "PostgreSQL",
            [cluster.binaries.programs["postgres"], "-D", cluster.folder],
            log=self._log,
            unroot=self.home.unroot,
            environment=ENVIRONMENT,
        )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_S):
                while self.process.is_running:
                    if cluster.ready_pid() == self.process.pid:
                        return True
                    await asyncio.sleep(POLL_S)
        await self._stop_process()
        return False

    async def _stop_process(self) -> None:
        if self.process is not None:
            await self.process.stop(FAST_SHUTDOWN)
            self.process = None

    def _complaint(self) -> str:
        return complaint(self._log)

    async def _mend(self, cluster: Cluster) -> None:
        """Change what the server's log complains of, or raise `ServerError` where nothing can be done."""
        log = "\n".join(tail(self._log))
        if "could not create any TCP/IP sockets" in log and self._taken_ports < 3:
            self._taken_ports += 1  # somebody took the port between our look and the server's
        elif "SSL is not supported by this build" in log:
            self._options = {name: value for name, value in self._options.items() if not name.startswith("ssl")}
        elif "pg_stat_statements" in log and "could not access file" in log:
            self._options.pop("shared_preload_libraries", None)
        elif "No space left on device" in log:
            raise ServerError(
                f"PostgreSQL did not start: the disk of {cluster.folder} is full; make room, or set COURSE_STATE_DIR"
            )
        elif 'lock file "postmaster.pid" already exists' in log or "is still in use" in log:
            await asyncio.to_thread(cluster.reap)
        elif not self.notices:
            self._set_aside(cluster, self._complaint())
            await cluster.make()
        else:
            raise ServerError(f"PostgreSQL did not start ({self._complaint()}); its log is {self._log}")

    def _set_aside(self, cluster: Cluster, reason: str) -> None:
        aside = move_aside(cluster.folder)
        self.notices.append(f"a PostgreSQL data folder could not be used ({reason}); a new one was made, see {aside}")
