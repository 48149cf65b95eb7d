"""A lease: who comes first starts the servers, everybody else attaches, and every kind of death gives it back."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from server_clients import Client, leftovers, processes, wait_all_gone, wait_gone
from small_course import wait_until

from course_lib.databases import lease, state
from course_lib.errors import ServerError

pytestmark = pytest.mark.postgres


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Return a state folder of its own; nothing may run for it when the test is over."""
    folder = tmp_path / "state"
    yield folder
    wait_all_gone(folder)


@pytest.fixture
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Take leases in this very process, from a supervisor that ends at once."""
    lease.release()
    monkeypatch.setenv("COURSE_STATE_DIR", str(place))
    monkeypatch.setenv("COURSE_SERVER_LINGER", "0")
    yield place
    lease.release()


def sockets_folder(client: Client) -> Path:
    """Return the folder of the path sockets."""
    return Path(client.ask("allot", "postgres")["socket"])


def test_four_first_clients_share_one_server(place: Path) -> None:
    clients = [Client(place) for _ in range(4)]
    for client in clients:
        client.send("acquire")
        client.send("allot", "postgres")
    supervisors = {client.answer() for client in clients}
    databases = {client.answer()["name"] for client in clients}
    servers = {client.servers()["postgres"] for client in clients}
    assert (len(supervisors), len(servers), len(databases)) == (1, 1, 4)
    for client in clients:
        client.end()


def test_the_last_lease_gone_stops_everything_and_leaves_no_file(place: Path) -> None:
    client = Client(place)
    supervisor = client.ask("acquire")
    sockets = sockets_folder(client)
    server = client.servers()["postgres"]
    assert sockets.is_dir()
    client.end()
    wait_gone(supervisor, server)
    assert (leftovers(place), sockets.exists()) == ([], False)


def test_a_killed_client_gives_its_lease_back(place: Path) -> None:
    first, second = Client(place), Client(place)
    supervisor = first.ask("acquire")
    second.ask("acquire")
    first.ask("allot", "postgres")
    server = first.servers()["postgres"]
    first.kill()
    assert second.servers() == {"postgres": server}
    assert second.ask("allot", "postgres")["name"]
    second.kill()
    wait_gone(supervisor, server)
    assert leftovers(place) == []


def test_a_killed_supervisor_takes_its_servers_along_and_the_next_one_uses_the_same_folder(place: Path) -> None:
    client = Client(place)
    supervisor = client.ask("acquire")
    client.ask("allot", "postgres")
    server = client.servers()["postgres"]
    (folder,) = place.glob("*/data/pg*")
    made = folder.stat().st_ino
    os.kill(supervisor, signal.SIGKILL)
    wait_gone(supervisor, server)
    assert client.ask("allot", "postgres") == {"error": "the servers' supervisor is gone; run the cell again"}
    assert client.ask("acquire") != supervisor
    assert client.ask("allot", "postgres")["name"]
    assert (client.notices, folder.stat().st_ino) == ([], made)
    client.end()


def test_a_killed_server_is_told_and_the_next_who_asks_gets_a_new_one(place: Path) -> None:
    client = Client(place)
    client.ask("acquire")
    client.ask("allot", "postgres")
    server = client.servers()["postgres"]
    os.kill(server, signal.SIGKILL)
    wait_gone(server)
    assert client.ask("is_alive")
    assert client.ask("allot", "postgres")["name"]
    (notice,) = client.notices
    assert notice.startswith("PostgreSQL ended (signal SIGKILL); its log says: ")
    assert notice.endswith("; a new one was started")
    assert client.servers()["postgres"] != server
    client.end()


def test_a_pooler_is_made_anew_with_the_server_behind_it(place: Path) -> None:
    client = Client(place)
    client.ask("acquire")
    first = client.ask("allot", "pgbouncer")
    server = client.servers()["postgres"]
    os.kill(server, signal.SIGKILL)
    wait_gone(server)
    wait_until(lambda: "postgres" not in client.servers())  # the supervisor hears of it a moment later
    second = client.ask("allot", "pgbouncer")
    assert "error" not in second
    assert second["name"] != first["name"]
    assert sorted(client.servers()) == ["pgbouncer", "postgres"]
    client.end()


def test_everything_killed_at_once_leaves_a_folder_that_serves_again(place: Path) -> None:
    client = Client(place)
    supervisor = client.ask("acquire")
    client.ask("allot", "postgres")
    server = client.servers()["postgres"]
    for pid in (server, supervisor):
        os.kill(pid, signal.SIGKILL)
    client.kill()
    wait_gone(server, supervisor)
    again = Client(place)
    again.ask("acquire")
    assert again.ask("allot", "postgres")["name"]
    assert again.notices == []
    again.end()


def test_a_forked_child_does_not_keep_the_servers_up(place: Path) -> None:
    client = Client(place)
    supervisor = client.ask("acquire")
    child = client.ask("fork")
    client.end()
    try:
        wait_gone(supervisor)
        assert psutil.pid_exists(child)
    finally:
        os.kill(child, signal.SIGKILL)
        wait_gone(child)


def test_one_process_has_one_lease(here: Path) -> None:
    assert lease.acquire() is lease.acquire()
    assert lease.attach() is lease.acquire()


def test_threads_that_come_first_together_share_the_lease(here: Path) -> None:
    got: list[lease.Lease] = []
    threads = [threading.Thread(target=lambda: got.append(lease.acquire())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(one) for one in got}) == 1


def test_attach_starts_nothing(here: Path) -> None:
    assert lease.attach() is None
    assert processes(here) == []


def test_stop_ends_the_servers_for_everybody_and_says_which(here: Path) -> None:
    held = lease.acquire()
    held.allot("postgres")
    (server,) = held.status()
    stopped = lease.stop()
    assert stopped is not None
    assert [(one["kind"], one["pid"]) for one in stopped] == [("postgres", server["pid"])]
    wait_gone(held.pid, int(server["pid"]))
    assert lease.stop() is None


def test_a_lease_notices_that_its_supervisor_is_gone(here: Path) -> None:
    held = lease.acquire()
    os.kill(held.pid, signal.SIGKILL)
    wait_gone(held.pid)
    assert not held.is_alive()
    assert lease.acquire() is not held


def test_a_used_database_of_a_lost_server_is_not_offered_again(here: Path) -> None:
    held = lease.acquire()
    held.keep(held.allot("postgres"), "postgres")
    (server,) = held.status()
    os.kill(int(server["pid"]), signal.SIGKILL)
    wait_gone(int(server["pid"]))
    held.status()  # by its answer the supervisor has seen the end as well
    while held.status():
        pass
    assert held.spare("postgres") is None


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"port": "no"}', '{"port": 1}', '{"port": 1, "token": 1}'])
def test_a_run_file_that_makes_no_sense_is_as_good_as_none(here: Path, content: str) -> None:
    folder, _ = state.run_folder()
    (folder / "run.json").write_text(content)
    assert lease.attach() is None
    assert lease.acquire().status() == []


def test_a_run_file_that_names_somebody_elses_port_is_as_good_as_none(here: Path) -> None:
    folder, _ = state.run_folder()
    with socket.create_server(("127.0.0.1", 0)) as foreign:
        threading.Thread(target=lambda: foreign.accept()[0].close(), daemon=True).start()
        entry = {"port": foreign.getsockname()[1], "token": "t", "protocol": 1, "pid": 1}
        (folder / "run.json").write_text(json.dumps(entry))
        assert lease.attach() is None


def test_a_wrong_token_is_no_lease(here: Path) -> None:
    lease.acquire()
    folder, _ = state.run_folder()
    entry = json.loads((folder / "run.json").read_text())
    with socket.create_connection(("127.0.0.1", entry["port"]), 10) as stranger:
        stranger.sendall(b'{"token": "guess"}\n')
        assert stranger.recv(100) == b""


def test_only_we_may_read_the_token(here: Path) -> None:
    lease.acquire()
    folder, _ = state.run_folder()
    assert (folder / "run.json").stat().st_mode & 0o077 == 0
    assert folder.stat().st_mode & 0o077 == 0


def test_a_supervisor_that_cannot_start_says_why_in_one_sentence(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_UNROOT", "magic")
    with pytest.raises(ServerError) as caught:
        lease.acquire()
    assert str(caught.value) == (
        "COURSE_UNROOT must be plain, userns or nobody, got 'magic'; unset it: the course chooses"
    )


def test_a_word_the_supervisor_does_not_know_is_one_sentence(here: Path) -> None:
    with pytest.raises(ServerError) as caught:
        lease.acquire()._ask("dance")
    assert str(caught.value) == ("the supervisor of another course version is running; type: course servers stop")


def test_a_kind_the_supervisor_does_not_know_is_one_sentence(here: Path) -> None:
    with pytest.raises(ServerError) as caught:
        lease.acquire().allot("oracle")
    assert str(caught.value) == "expected postgres, pgbouncer or mariadb, got 'oracle'"


def test_a_read_only_home_moves_the_servers_to_the_temporary_folder(tmp_path: Path) -> None:
    if os.name != "posix" or os.getuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("mounting a read-only folder needs root and unshare")
    home, temporary = tmp_path / "home", tmp_path / "t"
    home.mkdir()
    temporary.mkdir()
    script = (
        "from course_lib.databases import lease\n"
        "held = lease.acquire()\n"
        "held.allot('postgres')\n"
        "print(held.notices)\n"
        "lease.stop()\n"
    )
    ran = subprocess.run(
        [
            *("unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o ro none "$0" && exec "$@"'),
            home,
            sys.executable,
            "-c",
            script,
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "COURSE_STATE_DIR": str(home / "servers"), "TMPDIR": str(temporary)},
    )
    instead = temporary / f"velvet-rope-servers-{os.getuid()}"
    assert ran.stdout.strip() == str(
        [
            f"cannot write in {home / 'servers'} (Read-only file system); "
            f"servers are kept in {instead}, and not between days"
        ]
    ), ran.stderr
    wait_all_gone(instead)


def test_a_disk_without_a_byte_left_is_one_sentence(tmp_path: Path) -> None:
    if os.name != "posix" or os.getuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("mounting a small disk needs root and unshare")
    small = tmp_path / "small"
    small.mkdir()
    script = (
        "import sys\n"
        "from course_lib.databases import lease\n"
        "from course_lib.errors import ServerError\n"
        "open(sys.argv[1] + '/full', 'wb', 0).write(b'x' * 60000)\n"
        "try:\n"
        "    lease.acquire()\n"
        "except ServerError as error:\n"
        "    print(error)\n"
    )
    mounted = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=64k none "$0" && exec "$@"')
    ran = subprocess.run(
        [*mounted, str(small), sys.executable, "-c", script, str(small)],
        capture_output=True,
        text=True,
        env={**os.environ, "COURSE_STATE_DIR": str(small / "state"), "TMPDIR": str(tmp_path)},
    )
    text = ran.stdout.strip()
    assert text.startswith("cannot write in "), ran.stderr
    assert text.endswith(" (No space left on device); make room, or set COURSE_STATE_DIR to another disk")
