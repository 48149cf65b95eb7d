"""The server process on a private data folder: started, and mended where it does not start.

Most of what can be wrong is known from the server's log, and a learner need not see it: a taken port, a build without
TLS, a file left by a kill -9. A folder that cannot be used makes room for a new one, once, and that is said.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from course_lib.databases import binaries
from course_lib.databases.cluster import ENVIRONMENT, FAST_SHUTDOWN, NO_SPACE, Cluster
from course_lib.databases.process import ServerProcess, complaint, free_port, tail
from course_lib.databases.state import Home
from course_lib.databases.unroot import readable_copy
from course_lib.errors import ServerError

READY_S = 30.0  # 0.03 s on a quiet machine; a recovery after a kill -9 takes under a second
POLL_S = 0.005
PORTS = 4  # a port that is free when we look may be taken when the server does
ATTEMPTS = 10  # of one start: these ports, two options that a build may lack, stale files, one ruined folder


class PostgresServer:
    """One private server; after `start` it accepts logins."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.process: ServerProcess | None = None
        self.cluster: Cluster
        self.port = 0
        self.source = ""
        self.notices: list[str] = []  # one line for each thing a learner should know
        self.log = home.runtime / "postgres.log"
        self._options: dict[str, str] = {}
        self._taken_ports = 0
        self._is_second = False
        self._aside: Path | None = None

    async def start(self) -> None:
        """Find the programs and the folder, and serve. Raises `ServerError` with nothing left running."""
        found = binaries.find("postgres")
        self.source = found.source
        self.cluster = cluster = Cluster(self.home, readable_copy(found, self.home.unroot, self.home.data))
        keys = self.home.certificates
        self._options = {
            "ssl": "on",
            "ssl_cert_file": str(keys.certificate),
            "ssl_key_file": str(keys.key),
            "shared_preload_libraries": "pg_stat_statements",
        }
        flaw = cluster.flaw()  # asked first: what was left tells of a power cut
        if cluster.was_left:
            await asyncio.to_thread(cluster.reap)
        if flaw:
            await self._make_anew(flaw)
        elif not cluster.folder.exists():
            await cluster.make()
        await self._serve()

    async def start_again(self, reason: str) -> None:
        """Serve once more when nobody can log in: the same folder, then a new one, then raise `reason`."""
        await self.stop()
        if self._aside is not None:
            raise self._no_better(reason)
        if self._is_second:
            await self._make_anew(reason)
        elif self.cluster.was_left:  # somebody killed it
            await asyncio.to_thread(self.cluster.reap)
        self._is_second = True
        await self._serve()

    async def stop(self) -> None:
        """End the server, and remove its socket, which it leaves behind when it was killed."""
        if self.process is None:
            return
        await self.process.stop(FAST_SHUTDOWN)
        for name in (f".s.PGSQL.{self.port}", f".s.PGSQL.{self.port}.lock"):
            (self.home.sockets / name).unlink(missing_ok=True)

    async def _serve(self) -> None:
        for _ in range(ATTEMPTS):
            self.port = free_port()
            self._configure()
            if await self._is_ready():
                return
            await self._mend()
        raise ServerError(self._failure())

    def _configure(self) -> None:
        try:
            self.cluster.configure(self.port, self._options)
        except OSError as error:
            raise ServerError(
                f"PostgreSQL did not start (cannot write in {self.cluster.folder}: {error.strerror}); "
                "make room, or set COURSE_STATE_DIR to another disk"
            ) from error

    async def _is_ready(self) -> bool:
        """Start the server once; return whether it serves. Nothing runs when it does not."""
        self.process = await ServerProcess.start(
            "PostgreSQL",
            [self.cluster.binaries.programs["postgres"], "-D", self.cluster.folder],
            log=self.log,
            unroot=self.home.unroot,
            environment=ENVIRONMENT,
        )
        import asyncpg  # noqa: F401 - it takes longer than the server: loaded while that one starts

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_S):
                while self.process.is_running:
                    if self.cluster.is_ready(self.process.pid):
                        return True
                    await asyncio.sleep(POLL_S)
        await self.stop()
        return False

    async def _mend(self) -> None:
        """Change what the server's log complains of, or raise `ServerError` where nothing can be done."""
        log = "\n".join(tail(self.log))
        if "could not create any TCP/IP sockets" in log:
            self._taken_ports += 1
            if self._taken_ports == PORTS:
                raise ServerError(f"PostgreSQL found {PORTS} ports taken, one after the other; run the cell again")
        elif "SSL is not supported by this build" in log and "ssl" in self._options:
            self._options = {name: value for name, value in self._options.items() if not name.startswith("ssl")}
        elif 'could not access file "pg_stat_statements"' in log and "shared_preload_libraries" in self._options:
            del self._options["shared_preload_libraries"]
        elif NO_SPACE in log and "shared memory" not in log:
            raise ServerError(
                f"disk full: PostgreSQL could not write in {self.cluster.folder}; "
                "make room, or set COURSE_STATE_DIR to another disk"
            )
        elif 'lock file "postmaster.pid" already exists' in log or "is still in use" in log:
            await asyncio.to_thread(self.cluster.reap)
        elif self._aside is None:
            await self._make_anew(complaint(self.log))
        else:
            raise self._no_better(self._failure())

    async def _make_anew(self, reason: str) -> None:
        self._aside = aside = self.cluster.set_aside()
        try:
            await self.cluster.make()
        except BaseException:
            self.cluster.bring_back(aside)
            raise
        self.notices.append(f"a PostgreSQL data folder could not be used ({reason}); a new one was made, see {aside}")

    def _no_better(self, failure: str) -> ServerError:
        """Put the first folder back, and return what to raise: a new one fails as well, so it was not the cause."""
        if self._aside is not None:
            self.cluster.bring_back(self._aside)
            self._aside = None
            self.notices.clear()
        return ServerError(failure)

    def _failure(self) -> str:
        return f"PostgreSQL did not start ({complaint(self.log)}); its log is {self.log}"
