"""The data folder of a private PostgreSQL: made whole or not at all, never served twice, refused when it is damaged."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
from private_postgres import LIMIT_S, Private, ask, login, on_small_disk

from course_lib.databases import binaries, state
from course_lib.databases.cluster import ENVIRONMENT, Cluster
from course_lib.errors import ServerError

pytestmark = pytest.mark.postgres

SMALL = """
import asyncio, sys
from pathlib import Path
from course_lib.databases import binaries, state, unroot
from course_lib.databases.cluster import Cluster
from course_lib.errors import ServerError

state.ROOM_MB = {room}
home = state.open_home(Path(sys.argv[1]), unroot.choose())
cluster = Cluster(home, binaries.find("postgres"))
try:
    asyncio.run(cluster.make())
except ServerError as error:
    print(error)
print(sorted(path.name for path in home.data.iterdir()), cluster.flaw())
home.sockets.rmdir()
"""


def mode(path: Path) -> int:
    """Return who may do what with a file."""
    return stat.S_IMODE(path.stat().st_mode)


def test_a_folder_is_named_after_what_made_it(private: Private) -> None:
    found = binaries.find("postgres")
    name = private.cluster.folder.name
    assert name.startswith(f"pg{found.version[0]}-")
    others = [
        dataclasses.replace(found, version=(99, 1)),
        dataclasses.replace(found, programs={**found.programs, "initdb": Path("/other/initdb")}),
    ]
    assert name not in [Cluster(private.home, other).folder.name for other in others]


def test_a_new_folder_is_whole_and_private(private: Private) -> None:
    cluster = private.cluster
    assert cluster.flaw() == ""
    private.run(cluster.make())
    assert [path.name for path in private.home.data.iterdir()] == [cluster.folder.name]
    assert (cluster.folder / "PG_VERSION").read_text().strip() == str(binaries.find("postgres").version[0])
    assert mode(cluster.folder) == 0o700
    assert mode(cluster.folder / "course.secret") == 0o600
    assert len(cluster.password) >= 24
    assert cluster.flaw() == ""


def test_settings_survive_any_path_and_are_private(private: Private) -> None:
    cluster = private.cluster
    private.run(cluster.make())
    cluster.folder.chmod(0o755)
    cluster.configure(4711, {"ssl_key_file": "/home/o'brien/back\\slash"})
    written = (cluster.folder / "postgresql.conf").read_text().splitlines()
    assert "port = '4711'" in written
    assert "ssl_key_file = '/home/o''brien/back\\\\slash'" in written
    assert "trust" not in (cluster.folder / "pg_hba.conf").read_text()
    assert (mode(cluster.folder), mode(cluster.folder / "postgresql.conf")) == (0o700, 0o600)


def damage_version(cluster: Cluster) -> None:
    """Have the folder be another major's."""
    (cluster.folder / "PG_VERSION").write_text("9\n")


def lose_version(cluster: Cluster) -> None:
    """Have the folder be no data folder at all."""
    (cluster.folder / "PG_VERSION").unlink()


def lose_password(cluster: Cluster) -> None:
    """Remove the only copy of the superuser's password."""
    (cluster.folder / "course.secret").unlink()


def crash_machine(cluster: Cluster) -> None:
    """Leave what a power cut leaves: a server's file from before the machine started."""
    (cluster.folder / "postmaster.pid").write_text("4711\n")
    os.utime(cluster.folder / "postmaster.pid", (1, 1))


def suspect(cluster: Cluster) -> None:
    """Note what somebody saw while it was served."""
    cluster.suspect("a file is missing")


@pytest.mark.parametrize(
    ("happen", "flaw"),
    [
        (damage_version, "expected one of version {major}, got 9"),
        (lose_version, "expected one of version {major}, got none"),
        (lose_password, "its password is lost"),
        (crash_machine, "the machine went down while it was in use"),
        (suspect, "a file is missing"),
    ],
)
def test_a_folder_that_must_not_be_served_says_why(private: Private, happen: Any, flaw: str) -> None:
    cluster = private.cluster
    cluster.folder.mkdir()
    (cluster.folder / "PG_VERSION").write_text(f"{cluster.binaries.version[0]}\n")
    (cluster.folder / "course.secret").write_text("ginger")
    assert cluster.flaw() == ""
    happen(cluster)
    assert cluster.flaw() == flaw.format(major=cluster.binaries.version[0])


def test_a_folder_that_is_brought_back_keeps_its_password(private: Private) -> None:
    cluster = private.cluster
    private.run(cluster.make())
    password = cluster.password
    aside = cluster.set_aside()
    private.run(cluster.make())
    assert cluster.password != password
    cluster.bring_back(aside)
    assert cluster.password == password
    assert [path.name for path in private.home.data.iterdir()] == [cluster.folder.name]


def test_initdb_that_is_cancelled_leaves_nothing(
    private: Private, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    fake = tmp_path / "bin"
    fake.mkdir()
    real = binaries.find("postgres").programs["postgres"]
    (fake / "postgres").write_text(f'#!/bin/sh\nexec "{real}" "$@"\n')
    (fake / "initdb").write_text(f'#!/bin/sh\nmkdir "$2"\necho up > "{fifo}"\nsleep 600\n')
    for program in fake.iterdir():
        program.chmod(0o755)
    monkeypatch.setenv("COURSE_PG_BIN", str(fake))
    binaries.find.cache_clear()

    async def main() -> None:
        making = asyncio.create_task(private.cluster.make())
        await asyncio.to_thread(fifo.read_text)
        making.cancel()
        with pytest.raises(asyncio.CancelledError):
            await making

    private.run(main())
    assert list(private.home.data.iterdir()) == []


def test_initdb_that_fails_says_its_last_words(private: Private, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("course_lib.databases.cluster.ADMIN", "pg_reserved")
    with pytest.raises(ServerError) as caught:
        private.run(private.cluster.make())
    assert str(caught.value) == (
        'initdb failed (initdb: error: superuser name "pg_reserved" is disallowed; '
        f'role names cannot begin with "pg_"); its log is {private.home.runtime / "initdb.log"}'
    )
    assert list(private.home.data.iterdir()) == []


def test_a_disk_that_is_too_small_is_one_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    said, left = on_small_disk("20m", folder, SMALL.format(room=state.ROOM_MB)).splitlines()
    assert said == (
        f"disk full: 100 MB needed in {folder / 'data'}, 20 MB free; make room, or set COURSE_STATE_DIR to another disk"
    )
    assert left == "[]"


def test_a_disk_that_fills_up_during_initdb_is_one_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    said, left = on_small_disk("20m", folder, SMALL.format(room=1)).splitlines()
    assert said == (
        f"disk full: initdb could not make its 40 MB in {folder / 'data'}; "
        "make room, or set COURSE_STATE_DIR to another disk"
    )
    assert left == "[]"


def test_only_the_process_that_was_started_can_be_ready(private: Private) -> None:
    cluster = private.cluster
    assert not cluster.is_ready(1)
    cluster.folder.mkdir()
    (cluster.folder / "postmaster.pid").write_text("4711\n/x\n1\n2\n/s\n127.0.0.1\n 1 2\nstarting\n")
    assert not cluster.is_ready(4711)
    (cluster.folder / "postmaster.pid").write_text("4711\n/x\n1\n2\n/s\n127.0.0.1\n 1 2\nready   \n")
    assert cluster.is_ready(4711)
    assert not cluster.is_ready(471)


def test_a_foreign_process_in_a_stale_file_is_left_alone(private: Private) -> None:
    cluster = private.cluster
    cluster.folder.mkdir()
    with subprocess.Popen(["sleep", "600"]) as foreign:
        (cluster.folder / "postmaster.pid").write_text(f"{foreign.pid}\n{cluster.folder}\n")
        assert cluster.strays() == []
        cluster.reap()
        assert foreign.poll() is None
        foreign.kill()
    assert not cluster.was_left


def test_a_stale_file_of_a_dead_process_is_left_to_postgresql(private: Private) -> None:
    cluster = private.cluster
    cluster.folder.mkdir()
    with subprocess.Popen(["true"]) as dead:
        dead.wait()
    (cluster.folder / "postmaster.pid").write_text(f"{dead.pid}\n{cluster.folder}\n")
    cluster.reap()
    assert cluster.was_left


def test_a_file_that_names_nobody_is_removed(private: Private) -> None:
    cluster = private.cluster
    cluster.folder.mkdir()
    (cluster.folder / "postmaster.pid").write_text("\n")
    cluster.reap()
    assert not cluster.was_left


def test_an_orphan_server_is_reaped(private: Private) -> None:
    """As it is left where the system does not end a child with its parent."""
    first = private.start()
    private.run(first.stop())
    cluster = private.cluster
    argv = private.home.unroot.command([cluster.binaries.program, "-D", cluster.folder])
    options: dict[str, Any] = {"env": ENVIRONMENT, "start_new_session": True, **private.home.unroot.options()}
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL, **options) as orphan:
        _until(lambda: cluster.is_ready(orphan.pid))
        second = private.start()
        assert orphan.wait(LIMIT_S) == 0
    assert second.notices == []
    assert second.process is not None
    assert second.process.pid != orphan.pid
    (private.home.sockets / f".s.PGSQL.{first.port}").unlink(missing_ok=True)


def test_a_session_that_outlived_a_killed_server_is_reaped(private: Private) -> None:
    """PostgreSQL would refuse to start while it works in the folder, and without its file would ruin it."""
    private.start()
    place = private.allot()

    async def work() -> psutil.Process:
        connection = await asyncpg.connect(**login(place))
        busy = asyncio.create_task(connection.fetch("SELECT count(*) FROM generate_series(1, 1e12)"))
        while not await ask(
            place,
            "SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%1e12%' AND pid <> pg_backend_pid()",
        ):
            pass
        session = psutil.Process(connection.get_server_pid())
        assert private.server.process is not None
        psutil.Process(private.server.process.pid).kill()
        await private.server.process.wait()
        busy.cancel()
        await asyncio.gather(busy, return_exceptions=True)
        connection.terminate()
        return session

    session = private.run(work())
    assert session.is_running()
    assert session.pid in [process.pid for process in private.cluster.strays()]
    again = private.start()
    assert not session.is_running()
    assert again.notices == []
    assert private.run(ask(private.allot(), "SELECT count(*) FROM items")) == [(3,)]


def _until(condition: Any) -> None:
    """Wait for something that happens outside of Python."""
    end = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)
