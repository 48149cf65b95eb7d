"""A private MariaDB: what it serves, what it survives, and that nothing of it stays."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import aiomysql
import psutil
import pytest
from mariadb_clients import MENU, a_home, connected, run, serving, trust
from server_clients import GONE_S, wait_gone

from course_lib.databases import mariadb, unroot
from course_lib.databases.mariadb import MariaDB
from course_lib.databases.process import free_port
from course_lib.databases.state import Home
from course_lib.databases.unroot import Mode, Unroot
from course_lib.errors import ServerError

pytestmark = pytest.mark.mariadb

PARENT = """
import asyncio, sys
from pathlib import Path
from course_lib.databases import process, unroot
from course_lib.databases.mariadb import MariaDB
from course_lib.databases.state import open_home

async def serve():
    server = MariaDB(open_home(Path(sys.argv[1]), unroot.choose()))
    await server.start()
    print(server.process.pid, flush=True)
    await asyncio.Event().wait()

if sys.argv[2:] == ["untied"]:  # as on a system that does not tell a child of its parent's death
    process.LIBC = None
asyncio.run(serve())
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Return one home for the tests of this file: a new data folder takes a second."""
    with a_home(tmp_path_factory.mktemp("maria")) as made:
        yield made


@pytest.fixture
def own_home(tmp_path: Path, home: Home) -> Iterator[Home]:
    """Return a home with a data folder that a test may ruin."""
    with a_home(tmp_path / "own") as made:
        for folder in home.data.glob("mariadb*"):
            shutil.copytree(folder, made.data / folder.name)
        yield made


def test_a_database_has_the_menu_and_any_letter(home: Home) -> None:
    async def scenario() -> None:
        async with serving(home) as server:
            place = await server.allot()
            async with connected(place) as connection:
                assert await run(connection, "SELECT id, name, price_cents FROM items ORDER BY id") == MENU
                await run(connection, "INSERT INTO items (name, price_cents) VALUES ('é日本🍸', 1)")
                assert await run(connection, "SELECT name FROM items WHERE id = 4") == (("é日本🍸",),)
            assert place.version.endswith("-MariaDB")
            assert place.capabilities == ("tls",)
            assert (place.host, place.socket) == ("127.0.0.1", "")

    asyncio.run(scenario())


def test_it_says_what_it_is(home: Home) -> None:
    async def scenario() -> None:
        async with serving(home) as server:
            assert server.process is not None
            assert server.describe() == {
                "kind": "mariadb",
                "version": server.version,
                "source": server.source,
                "tls": "yes",
                "port": str(server.port),
                "pid": str(server.process.pid),
            }
            words = psutil.Process(server.process.pid).cmdline()
            assert any(word.startswith("--datadir=") for word in words)
            assert psutil.Process(server.process.pid).environ().keys() == {"PATH", "LC_ALL", "TZ"}

    asyncio.run(scenario())


def test_two_databases_never_meet(home: Home) -> None:
    async def scenario() -> None:
        async with serving(home) as server:
            ours, theirs = await server.allot(), await server.allot()
            assert ours.name != theirs.name
            async with connected(ours) as one, connected(theirs) as other:
                await run(one, "DELETE FROM items")
                assert await run(other, "SELECT count(*) FROM items") == ((3,),)
                assert await run(one, "SHOW DATABASES") == ((ours.name,), ("information_schema",))

    asyncio.run(scenario())


def test_the_right_ca_is_trusted(home: Home) -> None:
    async def scenario() -> None:
        async with serving(home) as server:
            place = await server.allot()
            for name in ("127.0.0.1", "localhost"):
                async with connected(place, host=name, ssl=trust(place.ca)) as connection:
                    ((_, cipher),) = await run(connection, "SHOW STATUS LIKE 'Ssl_cipher'")
                    assert cipher.startswith("TLS")

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("authority", "host", "reason"),
    [
        ("other_ca", "127.0.0.1", "unable to get local issuer certificate"),
        ("ca", "127.1", "Hostname mismatch, certificate is not valid for '127.1'"),  # the same machine, another name
    ],
)
def test_a_wrong_certificate_is_refused(home: Home, authority: str, host: str, reason: str) -> None:
    async def scenario() -> None:
        async with serving(home) as server:
            place = await server.allot()
            with pytest.raises(aiomysql.OperationalError) as caught:
                async with connected(place, host=host, ssl=trust(getattr(place, authority))):
                    pass
            cause = caught.value.__cause__
            assert isinstance(cause, ssl.SSLCertVerificationError)
            assert reason in str(cause)

    asyncio.run(scenario())


def test_a_taken_port_is_left_to_its_owner(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = free_port()
        ports = [taken.getsockname()[1], free]
        monkeypatch.setattr(mariadb, "free_port", lambda: ports.pop(0))

        async def scenario() -> None:
            async with serving(home) as server:
                assert (server.port, server.notices) == (free, [])

        asyncio.run(scenario())


def test_four_taken_ports_are_told(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(mariadb, "free_port", lambda: port)
        server = MariaDB(home)
        with pytest.raises(ServerError) as caught:
            asyncio.run(server.start())
    assert str(caught.value) == (
        "MariaDB did not start (Can't start server: Bind on TCP/IP port. Got error: 98: Address already in use); "
        f"its log is {home.runtime / 'mariadb.log'}"
    )
    assert server.process is None


def test_a_killed_server_leaves_a_folder_that_is_used_again(own_home: Home) -> None:
    async def scenario() -> list[Path]:
        server = MariaDB(own_home)
        await server.start()
        place = await server.allot()
        async with connected(place) as connection:
            await run(connection, "INSERT INTO items (name, price_cents) VALUES ('Tea', 1)")
            assert server.process is not None
            os.kill(server.process.pid, signal.SIGKILL)
            await server.process.wait()
        assert server.process.ended().startswith("MariaDB ended (signal SIGKILL); its log says: ")
        await server.stop()
        async with serving(own_home) as again:
            assert again.notices == []
            async with connected(await again.allot()) as connection:
                assert await run(connection, "SELECT count(*) FROM items") == ((3,),)
        return list(own_home.data.iterdir())

    assert len(asyncio.run(scenario())) == 1


def test_a_broken_folder_is_moved_aside(own_home: Home) -> None:
    (folder,) = own_home.data.iterdir()
    (folder / "ibdata1").write_bytes(b"not a database" * 1000)

    async def scenario() -> None:
        async with serving(own_home) as server:
            (aside,) = own_home.data.glob("*.broken-*")
            (notice,) = server.notices
            assert notice.startswith("a MariaDB data folder could not be used (")
            assert "Aborting" not in notice
            assert notice.endswith(f"); a new one was made, see {aside}")
            await server.allot()
        assert (aside / "ibdata1").read_bytes().startswith(b"not a database")

    asyncio.run(scenario())
    (folder / "ibdata1").unlink()
    asyncio.run(_notices(own_home, ["a MariaDB data folder could not be used (it is not whole)"]))
    assert len(list(own_home.data.glob("*.broken-*"))) == 1


async def _notices(home: Home, wanted: list[str]) -> None:
    async with serving(home) as server:
        assert [notice.partition(";")[0] for notice in server.notices] == wanted


def test_stop_leaves_no_process_and_no_socket(home: Home) -> None:
    async def scenario() -> None:
        server = MariaDB(home)
        await server.start()
        assert server.process is not None
        pid, place = server.process.pid, await server.allot()
        assert (home.sockets / "mysql.sock").exists()
        async with connected(place, autocommit=False) as connection:
            await run(connection, "UPDATE items SET price_cents = 1")  # an open transaction does not keep it
            await server.stop()
        assert not psutil.pid_exists(pid)
        assert not list(home.sockets.iterdir())
        assert not list(home.runtime.glob("*.sql"))
        assert not list(home.data.glob("*/*.pid"))
        await server.stop()  # a second time changes nothing

    asyncio.run(scenario())


def parent(home: Home, *words: str) -> tuple[subprocess.Popen[str], int]:
    """Start a process that starts the server; return both, the server as its process id."""
    started = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(home.runtime), *words], stdout=subprocess.PIPE, text=True
    )
    assert started.stdout is not None
    pid = int(started.stdout.readline())
    started.stdout.close()
    return started, pid


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_the_death_of_its_parent_ends_it(own_home: Home) -> None:
    started, pid = parent(own_home)
    started.kill()
    started.wait(GONE_S)
    wait_gone(pid)


def test_a_server_that_outlived_its_parent_is_ended_first(own_home: Home) -> None:
    started, pid = parent(own_home, "untied")
    started.kill()
    started.wait(GONE_S)
    assert psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    asyncio.run(_notices(own_home, []))
    wait_gone(pid)


@pytest.mark.parametrize("mode", get_args(Mode))
def test_it_runs_in_every_way_that_works_here(tmp_path: Path, mode: Mode) -> None:
    way = Unroot(mode)
    if not unroot.is_root() and mode != "plain":
        pytest.skip(f"only root needs the way {mode}")
    if reason := unroot.complaint(way):
        pytest.skip(f"{mode} does not work here: {reason}")

    async def scenario(home: Home) -> None:
        async with serving(home) as server:
            assert server.process is not None
            wanted = unroot.nobody()[0] if mode == "nobody" else os.getuid()
            assert psutil.Process(server.process.pid).uids().real == wanted
            async with connected(await server.allot()) as connection:
                assert await run(connection, "SELECT count(*) FROM items") == ((3,),)
        async with serving(home) as again:
            assert again.notices == []

    with a_home(tmp_path / "home", way) as home:
        asyncio.run(scenario(home))


def test_without_its_driver_nothing_starts(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mariadb, "find_spec", lambda _name: None)
    with pytest.raises(ServerError) as caught:
        asyncio.run(MariaDB(home).start())
    assert str(caught.value) == (
        'MariaDB needs the driver aiomysql; install it with: pip install "velvet-rope-course[mariadb]"'
    )


def test_nothing_is_allotted_before_the_start(home: Home) -> None:
    with pytest.raises(ServerError, match=r"^MariaDB is not running; start it first$"):
        asyncio.run(MariaDB(home).allot())
