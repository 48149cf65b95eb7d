"""A cell names its server or library; where that is missing, one line says so and what to do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import hidden_servers
import pytest

from course_lib.databases import binaries, needs
from course_lib.errors import CourseError, ServerError

NO_POSTGRES = "no PostgreSQL here; course doctor says how to install one"
INSTALL = 'pip install -e ".[landscape]"'


@pytest.fixture(autouse=True)
def nothing_is_required(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a server be missing, also where the whole run says that none may be; forget what a test found."""
    monkeypatch.delenv("COURSE_REQUIRE_ALL", raising=False)
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    binaries.find.cache_clear()
    yield
    binaries.find.cache_clear()
    needs._way.cache_clear()


def program(folder: Path, name: str, said: str) -> Path:
    """Write a program that says a version, and return its folder."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{said}'\n")
    path.chmod(0o755)
    return folder


@pytest.mark.parametrize(
    ("cell", "kinds"),
    [
        ("# needs: postgres\nx = 1", ("postgres",)),
        ("\n#needs:postgres , mariadb", ("postgres", "mariadb")),
        ("# needs: postgres, tortoise\nx = 1", ("postgres", "tortoise")),
        ("# question: pool-size\n# needs: pgbouncer-prepared\nx = 1", ("pgbouncer-prepared",)),
        ("x = 1\n# needs: postgres", ()),
        ("%%app items.py\n# needs: postgres", ()),
        ("# it needs: patience", ()),
        ("", ()),
    ],
)
def test_a_cell_names_what_it_needs_in_its_first_line(cell: str, kinds: tuple[str, ...]) -> None:
    assert needs.named(cell) == kinds


@pytest.mark.parametrize("word", ["oracle", ""])
def test_an_unknown_word_is_one_sentence(word: str) -> None:
    with pytest.raises(CourseError) as caught:
        needs.missing(f"# needs: {word}")
    assert str(caught.value) == (
        "a needs line expects postgres, pgbouncer, pgbouncer-prepared, mariadb, tortoise, databases, "
        f"got {word!r}; mend the first line of the cell"
    )


@pytest.mark.parametrize(
    ("kinds", "line"),
    [
        ("postgres", f"skipped: {NO_POSTGRES}"),
        ("pgbouncer", f"skipped: {NO_POSTGRES}"),  # the small pooler would stand in, but for what is behind it
        ("postgres, pgbouncer", f"skipped: {NO_POSTGRES}"),
        ("mariadb", "skipped: no MariaDB here; course doctor says how to install one"),
        ("pgbouncer-prepared", "skipped: no PgBouncer 1.21 or newer here; course doctor says how to install one"),
        (
            "postgres, mariadb",
            "skipped: no PostgreSQL and no MariaDB here; course doctor says how to install one",
        ),
    ],
)
def test_a_missing_server_is_one_line(kinds: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden_servers.hide(monkeypatch)
    assert needs.missing(f"# needs: {kinds}\n1 / 0") == line


def test_a_cell_that_needs_nothing_is_never_missing_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden_servers.hide(monkeypatch)
    assert needs.missing("x = 1") == ""


@pytest.mark.postgres
def test_without_pgbouncer_the_small_pooler_stands_in(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden_servers.hide(monkeypatch, "pgbouncer")
    assert needs.absent(["postgres", "pgbouncer"]) == ""


@pytest.mark.postgres
@pytest.mark.parametrize(("version", "is_there"), [("1.20.1", False), ("1.21.0", True)])
def test_prepared_statements_need_a_pgbouncer_that_tracks_them(
    version: str, is_there: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = program(tmp_path, "pgbouncer", f"PgBouncer {version}")
    monkeypatch.setenv("COURSE_PGBOUNCER_BIN", str(folder))
    assert (needs.absent(["pgbouncer-prepared"]) == "") is is_there
    monkeypatch.setenv("COURSE_REQUIRE_ALL", "1")
    if not is_there:
        with pytest.raises(ServerError) as caught:
            needs.absent(["pgbouncer-prepared"])
        assert str(caught.value) == (
            "no PgBouncer 1.21 or newer here; course doctor says how to install one "
            "(found PgBouncer 1.20.1, which forgets statements)"
        )


def test_a_server_that_is_not_ours_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden_servers.hide(monkeypatch)
    monkeypatch.setenv("COURSE_PG_URL", "postgresql://somebody@db.example/postgres")
    assert needs.absent(["postgres", "pgbouncer"]) == ""
    monkeypatch.setenv("COURSE_PGBOUNCER_URL", "postgresql://somebody@pooler.example/postgres")
    assert needs.absent(["pgbouncer-prepared"]) == ""


@pytest.mark.parametrize(
    ("kinds", "line"),
    [
        ("tortoise", f"tortoise-orm is not installed; {INSTALL} adds it"),
        ("databases", f"databases is not installed; {INSTALL} adds it"),
        ("tortoise, databases", f"tortoise-orm and databases are not installed; {INSTALL} adds them"),
        ("postgres, tortoise", f"{NO_POSTGRES}; tortoise-orm is not installed; {INSTALL} adds it"),
    ],
)
def test_a_missing_library_is_one_line(kinds: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden_servers.hide(monkeypatch)
    for module in needs.LIBRARIES:
        monkeypatch.setitem(sys.modules, module, None)
    assert needs.missing(f"# needs: {kinds}\n1 / 0") == f"skipped: {line}"
    monkeypatch.setenv("COURSE_REQUIRE_ALL", "1")
    with pytest.raises(ServerError) as caught:
        needs.missing(f"# needs: {kinds}\n1 / 0")
    assert str(caught.value).startswith(line)


def test_an_installed_library_is_there() -> None:
    assert needs.absent(needs.LIBRARIES) == ""


def test_mariadb_needs_its_driver_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_MYSQL_URL", "mysql://somebody@db.example/mysql")
    monkeypatch.setitem(sys.modules, "aiomysql", None)
    line = f"aiomysql is not installed; {INSTALL} adds it"
    assert needs.absent(["mariadb"]) == f"skipped: {line}"
    monkeypatch.setenv("COURSE_REQUIRE_ALL", "1")
    with pytest.raises(ServerError) as caught:
        needs.absent(["mariadb"])
    assert str(caught.value) == line


@pytest.mark.parametrize(("name", "value"), [("COURSE_REQUIRE_ALL", "1"), ("NBGRADER_EXECUTION", "autograde")])
def test_where_nothing_may_be_missing_it_is_an_error_that_says_where_was_looked(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden_servers.hide(monkeypatch)
    with pytest.raises(ServerError, match="no PostgreSQL server found; looked at: ") as cause:
        binaries.find("postgres")
    monkeypatch.setenv(name, value)
    with pytest.raises(ServerError) as caught:
        needs.missing("# needs: postgres")
    assert str(caught.value) == f"{NO_POSTGRES} ({cause.value})"


@pytest.mark.parametrize(
    ("kind", "variable"),
    [
        ("postgres", "COURSE_PG_BIN"),
        ("pgbouncer", "COURSE_PGBOUNCER_BIN"),
        ("pgbouncer-prepared", "COURSE_PGBOUNCER_BIN"),
        ("mariadb", "COURSE_MYSQL_BIN"),
    ],
)
def test_a_broken_explicit_choice_is_an_error_and_not_a_skip(
    kind: str, variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hidden_servers.hide(monkeypatch)
    monkeypatch.setenv(variable, str(tmp_path))
    with pytest.raises(ServerError, match=f"^no working .* in {variable}="):
        needs.absent([kind])


@pytest.mark.postgres
def test_a_server_that_cannot_be_run_here_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_UNROOT", "magic")
    assert needs.absent(["postgres"]) == f"skipped: {NO_POSTGRES}"


@pytest.mark.postgres
def test_a_server_that_was_installed_meanwhile_is_found() -> None:
    with pytest.MonkeyPatch.context() as patched:
        hidden_servers.hide(patched)
        assert needs.absent(["postgres"]) != ""
    assert needs.absent(["postgres"]) == ""
