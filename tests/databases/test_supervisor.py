"""The supervisor: it serves until nobody needs it, and owns its folder alone."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_clients import Client, leftovers, processes, wait_all_gone, wait_gone

IMPATIENT = "import sys; from course_lib.databases import supervisor as s; s.{} = 0.1; sys.exit(s.main(sys.argv[1:]))"

pytestmark = pytest.mark.postgres


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Return a state folder of its own; nothing may run for it when the test is over."""
    folder = tmp_path / "state"
    yield folder
    wait_all_gone(folder)


def end(supervisor: int, number: signal.Signals = signal.SIGTERM) -> None:
    """End a supervisor that would stay."""
    os.kill(supervisor, number)
    wait_gone(supervisor)


def test_it_lingers_for_who_comes_back(place: Path) -> None:
    first = Client(place, linger=600)
    supervisor = first.ask("acquire")
    first.end()
    second = Client(place, linger=600)
    assert second.ask("acquire") == supervisor
    second.end()
    end(supervisor)


def test_servers_start_when_they_are_asked_for(place: Path) -> None:
    client = Client(place)
    client.ask("acquire")
    assert client.ask("status") == []
    started = client.ask("start", "postgres")
    assert (started["kind"], started["tls"]) == ("postgres", "yes")
    assert [(server["kind"], server["users"]) for server in client.ask("status")] == [("postgres", "0")]
    client.ask("allot", "postgres")
    assert [(server["kind"], server["users"]) for server in client.ask("status")] == [("postgres", "1")]
    client.end()


def test_held_servers_outlive_the_last_lease(place: Path) -> None:
    first = Client(place)
    supervisor = first.ask("acquire")
    first.ask("start", "postgres")
    first.ask("hold")
    server = first.servers()
    first.end()
    second = Client(place)
    assert second.ask("acquire") == supervisor
    assert second.servers() == server
    second.ask("stop")
    wait_gone(supervisor, *server.values())
    second.end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_polite_signal_ends_it_and_its_servers(place: Path, number: signal.Signals) -> None:
    client = Client(place)
    supervisor = client.ask("acquire")
    client.ask("start", "postgres")
    server = client.servers()["postgres"]
    end(supervisor, number)
    wait_gone(server)
    assert leftovers(place) == []
    client.end()


def test_a_folder_has_one_supervisor(place: Path) -> None:
    client = Client(place)
    client.ask("acquire")
    (folder,) = place.iterdir()
    second = subprocess.run(
        [
            sys.executable,
            "-c",
            IMPATIENT.format("OWNER_S"),
            str(folder),
        ],
        capture_output=True,
        text=True,
    )
    assert (second.returncode, second.stderr) == (1, f"another supervisor owns {folder}\n")
    assert (folder / "run.json").exists()
    client.end()


def test_a_supervisor_whose_starter_was_killed_ends_by_itself(place: Path) -> None:
    client = Client(place)
    client.ask("acquire")
    (folder,) = place.iterdir()
    client.end()
    wait_all_gone(place)
    alone = subprocess.run(
        [sys.executable, "-c", IMPATIENT.format("FIRST_S"), str(folder)],
        env={**os.environ, "COURSE_SERVER_LINGER": "0"},
        timeout=60,
    )
    assert (alone.returncode, leftovers(place)) == (0, [])


def test_a_server_that_cannot_start_is_one_sentence_and_the_others_go_on(place: Path, tmp_path: Path) -> None:
    client = Client(place, COURSE_MYSQL_BIN=str(tmp_path / "nothing"))
    client.ask("acquire")
    assert client.ask("allot", "postgres")["name"]
    assert str(tmp_path / "nothing") in client.ask("allot", "mariadb")["error"]
    assert list(client.servers()) == ["postgres"]
    client.end()


def test_databases_of_a_client_that_left_are_dropped(place: Path) -> None:
    first, second = Client(place), Client(place)
    first.ask("acquire")
    second.ask("acquire")
    given = first.ask("allot", "postgres")
    first.kill()
    login = given["logins"]["app"]
    script = (
        "import asyncio, asyncpg, sys\n"
        "async def main():\n"
        "    while True:\n"  # the drop happens beside everything else; the login is refused once it is done
        "        connection = await asyncpg.connect(host=sys.argv[1], port=int(sys.argv[2]), user=sys.argv[3],\n"
        "                                           password=sys.argv[4], database=sys.argv[3])\n"
        "        await connection.close()\n"
        "asyncio.run(asyncio.wait_for(main(), 30))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, given["socket"], str(given["port"]), login["user"], login["password"]],
        capture_output=True,
        text=True,
    )
    last = ran.stderr.strip().splitlines()[-1]
    assert last.startswith("asyncpg.exceptions."), last
    second.end()


@pytest.mark.parametrize("line", [b"", b"\n", b"[]\n", b"null\n", b'{"token": 5}\n', b"\xff\xfe\n", b"x" * 100_000])
def test_a_stranger_is_sent_away_and_nothing_else_happens(place: Path, line: bytes) -> None:
    client = Client(place)
    client.ask("acquire")
    (folder,) = place.iterdir()
    port = json.loads((folder / "run.json").read_text())["port"]
    with socket.create_connection(("127.0.0.1", port), 10) as stranger:
        stranger.sendall(line)
        stranger.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):  # sent away while it was still talking
            assert stranger.recv(100) == b""
    assert client.ask("status") == []
    client.end()


def test_a_supervisor_that_cannot_open_its_folders_says_so_and_leaves_nothing(place: Path) -> None:
    client = Client(place, TMPDIR=str(place.parent / ("long" * 30)))
    (place.parent / ("long" * 30)).mkdir()
    assert client.ask("acquire")  # /tmp is shorter, and takes its place
    client.end()
    wait_all_gone(place)
    assert processes(place) == []
