"""`course servers` as somebody types it, on real servers: status, start, stop, url."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any  # Any: a row of JSON

import hidden_servers
import psutil
import pytest
from server_clients import folder, own_servers, wait_gone

from course_lib.cli import main
from course_lib.databases import lease

COURSE = [sys.executable, "-m", "course_lib.cli", "servers"]
__all__ = ["folder", "own_servers"]
pytestmark = pytest.mark.usefixtures("own_servers")

UP = r"PostgreSQL \d+(\.\d+)+ is up after \d+\.\d\d s \(.+, TLS: (yes|no)\)"


def rows(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Return the rows of `course servers --json` by kind."""
    capsys.readouterr()
    assert main(["servers", "--json"]) == 0
    return {row["kind"]: row for row in json.loads(capsys.readouterr().out)}


@pytest.mark.postgres
def test_started_servers_outlive_the_command_until_they_are_stopped(capsys: pytest.CaptureFixture[str]) -> None:
    done = subprocess.run([*COURSE, "start"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(
        f"{UP}\nan address for psql: course servers url; to stop: course servers stop\n", done.stdout
    ), done.stdout
    found = rows(capsys)["postgres"]
    assert (found["state"], found["users"]) == ("running", "0")
    assert psutil.pid_exists(int(found["pid"]))
    assert main(["servers", "stop"]) == 0
    assert capsys.readouterr().out == f"PostgreSQL {found['version']} stopped\n"
    wait_gone(int(found["pid"]))
    assert rows(capsys)["postgres"]["state"] == "stopped"


@pytest.mark.postgres
@pytest.mark.mariadb
def test_several_kinds_are_started_one_after_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["servers", "start", "postgres", "mariadb"]) == 0
    first, second, last = capsys.readouterr().out.splitlines()
    assert re.fullmatch(UP, first)
    assert re.fullmatch(UP.replace("PostgreSQL", "MariaDB"), second)
    assert last == "an address for psql: course servers url; to stop: course servers stop"


def test_stop_says_when_there_is_nothing_to_stop(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["servers", "stop"]) == 0
    assert capsys.readouterr().out == "no server was running\n"


def test_status_is_a_table_of_every_server(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    hidden_servers.hide(monkeypatch)
    assert main(["servers", "status"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["server", "state", "version", "source", "TLS", "users", "port", "pid"] in lines
    for name in ("PostgreSQL", "PgBouncer", "MariaDB"):
        assert [name, "not", "here", *"------"] in lines


@pytest.mark.parametrize("arguments", [["--json", "status"], ["status", "--json"]])
def test_json_may_stand_before_or_behind_status(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden_servers.hide(monkeypatch)
    assert main(["servers", *arguments]) == 0
    unknown = dict.fromkeys(("version", "source", "tls", "users", "port", "pid"), "")
    assert json.loads(capsys.readouterr().out)[2] == {"kind": "mariadb", "state": "not here", **unknown}


async def who(url: str) -> tuple[str, str]:
    """Log in and return the database, and whether a table could be made."""
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        name = str(await connection.fetchval("SELECT current_database()"))
        try:
            await connection.execute("BEGIN; CREATE TABLE mine (id int); ROLLBACK")
        except asyncpg.PostgresError as error:
            return name, type(error).__name__
        return name, "may write"
    finally:
        await connection.close()


@pytest.mark.postgres
@pytest.mark.parametrize(("role", "says"), [([], "may write"), (["--role", "readonly"], "ReadOnlySQLTransactionError")])
def test_url_opens_the_playground_and_keeps_it_up(
    role: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    done = subprocess.run([*COURSE, "url", *role], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    said = "PostgreSQL was started for you; to stop: course servers stop\n"
    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, said, 1)
    assert asyncio.run(who(done.stdout.strip())) == ("course", says)
    assert rows(capsys)["postgres"]["state"] == "running"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["start", "postgres", "oracle"],
            "expected postgres, pgbouncer, pgbouncer-prepared, mariadb, got 'oracle'; "
            "the list of servers: course servers",
        ),
        (["url", "mariadb"], "expected postgres, got 'mariadb': only PostgreSQL keeps a database for your own tools"),
    ],
)
def test_an_unknown_server_is_one_sentence_and_starts_nothing(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["servers", *arguments]) == 2
    assert capsys.readouterr() == ("", f"course servers: {said}\n")
    assert lease.attach() is None


def test_a_server_that_is_not_here_is_one_sentence(tmp_path: Path) -> None:
    env = hidden_servers.environment(tmp_path / "startup")
    done = subprocess.run([*COURSE, "start"], env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("course servers: no PostgreSQL server found; looked at: ")
    assert done.stderr.endswith("; SQLite lessons work without it\n")
    assert len(done.stderr.splitlines()) == 1
