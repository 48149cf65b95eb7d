"""A server that does not start: what can be mended is mended, what cannot is one sentence, and no folder is lost."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest
from private_postgres import Private, ask, on_small_disk, posing

from course_lib.databases import binaries, postgres_server, process, state, unroot
from course_lib.databases.postgres import Postgres
from course_lib.errors import ServerError

pytestmark = pytest.mark.postgres

NEWLY_MADE = "a PostgreSQL data folder could not be used ({}); a new one was made, see {}"


def sold(private: Private) -> list[tuple[str]]:
    """Return what the bar sells in a new database: the whole server works."""
    return private.run(ask(private.allot(), "SELECT name FROM items ORDER BY id"))


def aside(private: Private) -> Path:
    """Return the folder that was moved out of the way."""
    (found,) = private.home.data.glob("*.broken-*")
    return found


def remembered(private: Private) -> None:
    """Start and stop a server whose playground holds something a learner made."""
    server = private.start()
    playground = private.run(server.playground())
    private.run(ask(playground, "CREATE TABLE kept (drink TEXT)", "SELECT 1"))
    private.run(server.stop())


def remembers(private: Private) -> bool:
    """Say whether the folder is still that of `remembered`."""
    playground = private.run(private.server.playground())
    return private.run(ask(playground, "SELECT to_regclass('kept') IS NOT NULL")) == [(True,)]


def test_a_killed_server_recovers_in_the_same_folder(private: Private) -> None:
    remembered(private)
    private.start()
    private.kill()
    assert private.cluster.was_left
    private.run(private.server.stop())
    again = private.start()
    assert again.notices == []
    assert remembers(private)
    assert sold(private) == [("Gin",), ("Rum",), ("Soda",)]


def test_a_stale_file_that_names_a_foreign_process_is_no_obstacle(private: Private) -> None:
    remembered(private)
    with subprocess.Popen(["sleep", "600"]) as foreign:
        (private.cluster.folder / "postmaster.pid").write_text(
            f"{foreign.pid}\n{private.cluster.folder}\n1700000000\n5432\n/tmp\n127.0.0.1\n 1 2\nready   \n"
        )
        again = private.start()
        assert foreign.poll() is None
        foreign.kill()
    assert again.notices == []
    assert remembers(private)


def test_a_folder_from_before_a_power_cut_makes_room(private: Private) -> None:
    """Its number may be anybody's by now, and what it holds may be anything: we do not wait for the disk."""
    remembered(private)
    left = private.cluster.folder / "postmaster.pid"
    left.write_text(f"{os.getpid()}\n{private.cluster.folder}\n")
    os.utime(left, (1, 1))
    assert private.start().notices == [NEWLY_MADE.format("the machine went down while it was in use", aside(private))]


def test_a_folder_that_others_may_read_is_closed(private: Private) -> None:
    remembered(private)
    private.cluster.folder.chmod(0o755)
    assert private.start().notices == []
    assert remembers(private)


def test_a_folder_of_another_version_makes_room(private: Private) -> None:
    remembered(private)
    (private.cluster.folder / "PG_VERSION").write_text("9\n")
    reason = f"expected one of version {binaries.find('postgres').version[0]}, got 9"
    assert private.start().notices == [NEWLY_MADE.format(reason, aside(private))]
    assert not remembers(private)


def test_a_folder_whose_password_is_lost_makes_room(private: Private) -> None:
    remembered(private)
    (private.cluster.folder / "course.secret").unlink()
    assert private.start().notices == [NEWLY_MADE.format("its password is lost", aside(private))]


def test_a_folder_with_another_password_makes_room(private: Private) -> None:
    remembered(private)
    (private.cluster.folder / "course.secret").write_text("ginger")
    (notice,) = private.start().notices
    assert notice == NEWLY_MADE.format(
        "PostgreSQL cannot be used (InvalidPasswordError: "
        'password authentication failed for user "course_admin"); see: course doctor',
        aside(private),
    )
    assert sold(private) == [("Gin",), ("Rum",), ("Soda",)]


def test_a_ruined_folder_makes_room(private: Private) -> None:
    remembered(private)
    (private.cluster.folder / "global" / "pg_control").write_bytes(b"\0" * 8192)
    (notice,) = private.start().notices
    assert notice.startswith("a PostgreSQL data folder could not be used (")
    assert notice.endswith(f"); a new one was made, see {aside(private)}")
    assert sold(private) == [("Gin",), ("Rum",), ("Soda",)]
    assert len(list(private.home.data.iterdir())) == 2


def test_a_folder_with_a_lost_database_makes_room(private: Private) -> None:
    """It starts, and fails at the first login."""
    remembered(private)
    shutil.rmtree(private.cluster.folder / "base" / "5")  # `postgres` has this number since version 15
    (notice,) = private.start().notices
    assert notice.endswith(f"; a new one was made, see {aside(private)}")
    assert sold(private) == [("Gin",), ("Rum",), ("Soda",)]


def test_only_the_newest_ruined_folder_is_kept(private: Private) -> None:
    for _ in range(2):
        server = private.start()
        private.run(server.stop())
        (private.cluster.folder / "global" / "pg_control").write_bytes(b"\0" * 8192)
    private.start()
    assert len(list(private.home.data.glob("*.broken-*"))) == 1


def test_a_folder_is_not_lost_when_a_new_one_fails_as_well(
    private: Private, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    posing(tmp_path / "bin", monkeypatch, "no_such_setting", "FATAL:  no gin in this build")
    remembered(private)
    script = tmp_path / "bin" / "postgres"
    good = script.read_text()
    script.write_text(good.replace("no_such_setting", "port"))
    with pytest.raises(ServerError) as caught:
        private.run(Postgres(private.home).start())
    assert str(caught.value) == (
        f"PostgreSQL did not start (FATAL:  no gin in this build); its log is {private.home.runtime / 'postgres.log'}"
    )
    assert list(private.home.data.iterdir()) == [private.cluster.folder]
    script.write_text(good)
    private.start()
    assert remembers(private)


def test_a_taken_port_is_no_obstacle(private: Private, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as rude:
        rude.bind(("127.0.0.1", 0))
        rude.listen()
        taken: int = rude.getsockname()[1]
        offered = [taken, taken, taken]
        monkeypatch.setattr(postgres_server, "free_port", lambda: offered.pop() if offered else process.free_port())
        server = private.start()
    assert offered == []
    assert server.port != taken
    assert server.notices == []


def test_ports_that_are_always_taken_cost_no_folder(private: Private, monkeypatch: pytest.MonkeyPatch) -> None:
    remembered(private)
    with socket.socket() as rude:
        rude.bind(("127.0.0.1", 0))
        rude.listen()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(postgres_server, "free_port", lambda: rude.getsockname()[1])
            with pytest.raises(ServerError) as caught:
                private.run(Postgres(private.home).start())
    assert str(caught.value) == "PostgreSQL found 4 ports taken, one after the other; run the cell again"
    private.start()
    assert remembers(private)


def test_a_build_without_tls_serves_without(private: Private, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    posing(
        tmp_path / "bin",
        monkeypatch,
        "ssl",
        "LOG:  SSL is not supported by this build",
        'FATAL:  configuration file "postgresql.conf" contains errors',
    )
    server = private.start()
    assert server.capabilities == ("pg_stat_statements",)
    assert server.describe()["tls"] == "no"
    assert server.notices == []
    place = private.allot()
    assert (place.ca, place.other_ca) == ("", "")
    with pytest.raises(ConnectionError, match="rejected SSL upgrade"):
        private.run(ask(place, "SELECT 1", host=place.host, ssl="require"))
    assert sold(private) == [("Gin",), ("Rum",), ("Soda",)]


def test_a_build_without_statistics_of_statements_serves_without(
    private: Private, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    says = 'FATAL:  could not access file "pg_stat_statements": No such file or directory'
    posing(tmp_path / "bin", monkeypatch, "shared_preload_libraries", says)
    server = private.start()
    assert server.capabilities == ("tls",)
    assert server.notices == []
    assert private.run(ask(private.allot(), "SELECT count(*) FROM pg_extension")) == [(1,)]


def test_a_server_that_says_nothing_is_one_sentence(
    private: Private, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    posing(tmp_path / "bin", monkeypatch, "port")
    with pytest.raises(ServerError) as caught:
        private.start()
    assert str(caught.value) == (
        f"PostgreSQL did not start (it said nothing); its log is {private.home.runtime / 'postgres.log'}"
    )


def test_no_programs_is_one_sentence(private: Private, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_PG_BIN", str(tmp_path))
    with pytest.raises(ServerError) as caught:
        private.start()
    assert str(caught.value) == (
        f"no working PostgreSQL in COURSE_PG_BIN={tmp_path} (no postgres in it); correct the variable or unset it"
    )


def test_paths_with_quotes_and_commas_are_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(prefix="o'b, ") as short:
        monkeypatch.setattr(tempfile, "tempdir", short)
        with Private(tmp_path / "o'brien, gin & \\tonic") as private:
            private.start()
            assert sold(private) == [("Gin",), ("Rum",), ("Soda",)]


def test_a_long_temporary_folder_still_has_room_for_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("long" * 28)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with Private(tmp_path / "state") as private:
        assert len(os.fsencode(private.home.sockets / state.SOCKET_NAME)) <= state.LONGEST_SOCKET
        private.start()
        assert sold(private) == [("Gin",), ("Rum",), ("Soda",)]


FULL = """
import asyncio, shutil, sys
from pathlib import Path
import asyncpg
from course_lib.databases import state, unroot
from course_lib.databases.postgres import Postgres
from course_lib.errors import ServerError

async def main():
    disk = Path(sys.argv[1])
    home = state.open_home(disk, unroot.choose())
    server = Postgres(home)
    await server.start()
    place = await server.allot()
    await asyncio.gather(*server._roles._ahead)  # else they take from the room that is left
    login = place.logins["app"]
    where = dict(host=place.socket, port=place.port, user=login.user, password=login.password, database=place.name)
    connection = await asyncpg.connect(**where)
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(disk).free - 3_000_000))
    try:
        await connection.execute(sys.argv[2])
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        print(type(error).__name__, error.sqlstate)
    connection.terminate()
    await server.stop()
    with ballast.open("ab", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
    try:
        await (server := Postgres(home)).start()
    except ServerError as error:
        print(error)
    await server.stop()
    ballast.unlink()
    await (server := Postgres(home)).start()
    print((await server.allot()).kind, server.notices, len(list(home.data.iterdir())))
    await server.stop()
    shutil.rmtree(home.sockets)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("statement", "seen"),
    [
        ("CREATE TABLE big AS SELECT repeat('x', 1000) FROM generate_series(1, 100000)", "DiskFullError 53100"),
        (
            "SELECT pg_logical_emit_message(false, 'x', repeat('x', 1000000)) FROM generate_series(1, 60)",
            "ConnectionDoesNotExistError 08003",  # its log of changes could not be written: the server lets go of all
        ),
    ],
)
def test_a_disk_that_fills_up_costs_no_folder(tmp_path: Path, statement: str, seen: str) -> None:
    folder = tmp_path / "disk"
    said = on_small_disk("180m", folder, FULL, statement).splitlines()
    assert said[0] == seen
    assert said[1].endswith("; make room, or set COURSE_STATE_DIR to another disk")
    assert said[2:] == ["postgres [] 1"]


@pytest.mark.parametrize("mode", ["userns", "nobody"])
def test_root_serves_in_each_way(tmp_path: Path, mode: unroot.Mode) -> None:
    way = unroot.Unroot(mode)
    reason = unroot.complaint(way) if unroot.is_root() else "only root can become another user"
    if reason:
        pytest.skip(f"mode {mode} does not work here: {reason}")
    with Private(tmp_path / "state", way) as private:
        private.start()
        assert sold(private) == [("Gin",), ("Rum",), ("Soda",)]
        private.kill()
        private.start()
        assert private.server.notices == []
