"""`servers()`: the same words as text and as a table, nothing of a machine in them, and nothing started."""

from __future__ import annotations

import asyncio
import re
from html.parser import HTMLParser
from pathlib import Path

import hidden_servers
import pytest
from server_clients import folder, own_servers, wait_all_gone

from course_lib.databases import lease
from course_lib.databases.table import Row, Servers, row_of, servers

__all__ = ["folder", "own_servers"]
pytestmark = pytest.mark.usefixtures("own_servers")

HEAD = "server      state     version  source  TLS  users"


class Words(HTMLParser):
    """Collects the words of a table's cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.cells.append(data)


def of(kind: str) -> Row:
    """Return the row of one server."""
    return next(row for row in servers() if row.kind == kind)


def test_a_machine_without_servers_is_three_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden_servers.hide(monkeypatch)
    assert repr(servers()).splitlines() == [
        HEAD,
        "PostgreSQL  not here  -        -       -    -",
        "PgBouncer   not here  -        -       -    -",
        "MariaDB     not here  -        -       -    -",
    ]


def test_a_server_of_ones_own_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden_servers.hide(monkeypatch)
    monkeypatch.setenv("COURSE_PG_URL", "postgresql://somebody:secret@db.example/postgres")
    monkeypatch.setenv("COURSE_MYSQL_URL", "mysql://somebody:secret@db.example/mysql")
    assert [row.state for row in servers()] == ["from COURSE_PG_URL", "stopped", "from COURSE_MYSQL_URL"]
    assert "secret" not in repr(servers()) + servers()._repr_html_()


def test_a_broken_choice_is_not_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hidden_servers.hide(monkeypatch)
    monkeypatch.setenv("COURSE_PG_BIN", str(tmp_path))
    assert of("postgres").state == "not here"
    assert str(tmp_path) not in repr(servers())


@pytest.mark.postgres
def test_the_small_pooler_stands_in_for_a_missing_one(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden_servers.hide(monkeypatch, "pgbouncer")
    row = of("pgbouncer")
    assert (row.state, row.source) == ("stopped", "the course's own small pooler")


@pytest.mark.postgres
def test_a_look_starts_nothing() -> None:
    assert of("postgres").state == "stopped"
    assert lease.attach() is None


@pytest.mark.postgres
def test_a_running_server_is_told_with_its_users_and_without_its_port() -> None:
    from course_lib.databases import database

    async def main() -> tuple[Row, Row, str]:
        lease.acquire().start("postgres")
        idle = of("postgres")
        async with database("postgres"):
            return idle, of("postgres"), repr(servers()) + servers()._repr_html_()

    idle, used, shown = asyncio.run(main())
    assert (idle.state, idle.users, used.users) == ("running", "0", "1")
    assert idle.version
    assert idle.tls in ("yes", "no")
    assert not re.search(rf"\b(?:{used.port}|{used.pid})\b", shown + repr(used))


@pytest.mark.postgres
def test_a_look_does_not_keep_the_servers_up(folder: Path) -> None:
    lease.acquire().start("postgres")
    assert of("postgres").state == "running"
    lease.release()
    wait_all_gone(folder)


def test_a_folder_and_a_long_version_are_not_shown() -> None:
    row = row_of({"kind": "mariadb", "version": "10.11.19-MariaDB-deb12u1", "source": "/usr/sbin"})
    assert row.cells() == ("MariaDB", "running", "10.11.19", "a folder of this system", "-", "-")


def test_the_table_of_a_notebook_has_the_same_words() -> None:
    shown = Servers((Row("pgbouncer-prepared", "stopped", "<script>", "a & b"),))
    found = Words(shown._repr_html_())
    assert found.tags == {"table", "tr", "th", "td"}
    words = "".join(f"{cell}\n" for cell in found.cells).split("\n")
    assert words[:6] == ["server", "state", "version", "source", "TLS", "users"]
    assert words[6:9] == ["PgBouncer", "stopped", "<script>"]
    assert repr(shown).splitlines()[1].split() == ["PgBouncer", "stopped", "<script>", "a", "&", "b", "-", "-"]
