"""A private PostgreSQL without a supervisor, for tests of what the supervisor would not let them see."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar  # Any: asyncpg and psutil ship no types

import asyncpg
import psutil
import pytest

from course_lib.databases import binaries, state, unroot
from course_lib.databases.cluster import Cluster
from course_lib.databases.place import Place
from course_lib.databases.postgres import Postgres
from course_lib.databases.unroot import Unroot

ROOT = Path(__file__).parent.parent
LIMIT_S = 60.0  # only a test that fails waits that long
T = TypeVar("T")


class Private:
    """A home, an event loop, and the servers that were started on them."""

    def __init__(self, folder: Path, way: Unroot | None = None) -> None:
        folder.mkdir(exist_ok=True, parents=True)
        self.home = state.open_home(folder, way or unroot.choose())
        self.servers: list[Postgres] = []
        self._runner = asyncio.Runner()

    def __enter__(self) -> Private:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop every server; fail where one leaves a task, a process or a socket."""
        try:
            for server in self.servers:
                self.run(server.stop())
            pending = self._runner.run(_others())
            alive = self.processes()
            sockets = [path.name for path in self.home.sockets.iterdir()]
        finally:
            for process in self.processes():
                process.kill()
            self._runner.close()
            shutil.rmtree(self.home.sockets, ignore_errors=True)
            if self.home.unroot.mode == "nobody":
                shutil.rmtree(self.home.data.parent)  # not in the folder of the test, which nobody may enter
        if error is None:
            assert (pending, alive, sockets) == ([], [], [])

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something on the loop of the servers."""
        return self._runner.run(asyncio.wait_for(work, LIMIT_S))

    def start(self) -> Postgres:
        """Start a server on the home."""
        self.servers.append(Postgres(self.home))
        self.run(self.servers[-1].start())
        return self.server

    @property
    def server(self) -> Postgres:
        """The server that was started last."""
        return self.servers[-1]

    @property
    def cluster(self) -> Cluster:
        """The data folder, as the programs found now would use it."""
        return Cluster(self.home, binaries.find("postgres"))

    def allot(self) -> Place:
        """Return a new database of the server that was started last."""
        return self.run(self.server.allot())

    def kill(self) -> None:
        """Kill the server, as a machine short of memory would."""
        process = self.server.process
        assert process is not None
        psutil.Process(process.pid).kill()
        self.run(process.wait())

    def processes(self) -> list[Any]:
        """Return every process that works in this home or names it."""
        folder = str(self.home.data)
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                is_here = process.cwd().startswith(folder) or any(folder in word for word in process.cmdline())
                if is_here and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found


async def _others() -> list[str]:
    return [repr(task) for task in asyncio.all_tasks() if task is not asyncio.current_task()]


def login(place: Place, role: str = "app", **changes: Any) -> dict[str, Any]:
    """Return the arguments of `asyncpg.connect` for a role of a place, over its socket."""
    who = place.logins[role]
    return {
        "host": place.socket,
        "port": place.port,
        "user": who.user,
        "password": who.password,
        "database": place.name,
        **changes,
    }


async def ask(place: Place, *statements: str, role: str = "app", **changes: Any) -> list[Any]:
    """Run statements in one session; return the rows of the last one as tuples."""
    connection = await asyncpg.connect(**login(place, role, **changes))
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return [tuple(row) for row in await connection.fetch(statements[-1])]
    finally:
        await connection.close()


def posing(folder: Path, monkeypatch: pytest.MonkeyPatch, setting: str, *says: str) -> None:
    """Have a build that refuses `setting` as PostgreSQL does, and is the real server otherwise."""
    real = binaries.find("postgres")
    folder.mkdir()
    refuse = "\n".join(f"  echo {line!r} >&2" for line in says)
    start = f'if [ "$1" = -D ] && grep -q "^{setting} = " "$2/postgresql.conf"; then\n{refuse}\n  exit 1\nfi\n'
    for name, path in real.programs.items():
        script = folder / name
        script.write_text(f'#!/bin/sh\n{start if name == "postgres" else ""}exec "{path}" "$@"\n')
        script.chmod(0o755)
    monkeypatch.setenv("COURSE_PG_BIN", str(folder))
    binaries.find.cache_clear()


def on_small_disk(size: str, folder: Path, code: str, *arguments: str) -> str:
    """Run `code` in a process for which `folder` is a disk of `size`; return what it prints."""
    folder.mkdir(exist_ok=True)
    mount = f'mount -t tmpfs -o size={size},mode=755 none "{folder}" && exec "$@"'
    command = ["unshare", "--mount", "/bin/sh", "-c", mount, "sh", sys.executable, "-c", code, str(folder)]
    command += arguments
    if shutil.which("unshare") is None:
        pytest.skip("a disk of its own needs unshare of util-linux")
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, cwd=ROOT)
    if "unshare failed" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"this machine does not let us mount a small disk: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Private]:
    """Return an empty home for servers of this test alone; nothing may be left of it."""
    for name in ("COURSE_PG_URL", "COURSE_PG_BIN", "COURSE_PG_CA", "COURSE_UNROOT"):
        monkeypatch.delenv(name, raising=False)
    binaries.find.cache_clear()
    with Private(tmp_path / "state") as made:
        yield made
    binaries.find.cache_clear()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Private]:
    """Return a home with one running server for all tests of a module."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("COURSE_PG_URL", "COURSE_PG_BIN", "COURSE_PG_CA", "COURSE_UNROOT"):
            patch.delenv(name, raising=False)
        binaries.find.cache_clear()
        with Private(tmp_path_factory.mktemp("shared")) as made:
            made.start()
            yield made
    binaries.find.cache_clear()
