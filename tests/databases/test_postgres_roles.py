"""What each role may do and what it may not: a lesson's login reaches its own database, and nothing else."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from private_postgres import Private, ask, login

from course_lib.databases.place import Place
from course_lib.errors import ServerError

pytestmark = pytest.mark.postgres

MENU = [("Gin",), ("Rum",), ("Soda",)]
NAMES = "SELECT name FROM items ORDER BY id"


def refused(private: Private, place: Place, *statements: str, role: str = "app", **changes: Any) -> str:
    """Run what the server must refuse; return its words."""
    with pytest.raises(asyncpg.PostgresError) as caught:
        private.run(ask(place, *statements, role=role, **changes))
    return f"{type(caught.value).__name__}: {caught.value}".partition("\n")[0]


def idle(private: Private) -> None:
    """Wait until nothing is made or dropped in the background, so that it takes no connection."""
    roles = private.server._roles
    assert roles is not None
    private.run(_settled(*roles._ahead, *roles._behind))


async def _settled(*tasks: asyncio.Task[Any]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


def test_app_owns_its_database(shared: Private) -> None:
    place = shared.allot()
    assert shared.run(ask(place, NAMES)) == MENU
    made = ["CREATE TABLE guests (id INT)", "CREATE SCHEMA cellar", "INSERT INTO guests VALUES (1)"]
    assert shared.run(ask(place, *made, "DROP TABLE items", "SELECT id FROM guests")) == [(1,)]


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("CREATE DATABASE course_mine", "permission denied to create database"),
        ("CREATE ROLE course_friend", "permission denied to create role"),
        ("ALTER ROLE CURRENT_USER SUPERUSER", "permission denied to alter role"),
        ("ALTER SYSTEM SET fsync = on", 'permission denied to set parameter "fsync"'),
        ("COPY items TO PROGRAM 'cat'", "permission denied to COPY to or from an external program"),
        ("COPY items TO '/tmp/items'", "permission denied to COPY to a file"),
        ("SELECT rolpassword FROM pg_authid", "permission denied for table pg_authid"),
        ("SELECT pg_read_file('PG_VERSION')", "permission denied for function pg_read_file"),
        ("SELECT pg_reload_conf()", "permission denied for function pg_reload_conf"),
        ("SET ROLE course_admin", 'permission denied to set role "course_admin"'),
        ("SET SESSION AUTHORIZATION course_admin", 'permission denied to set session authorization "course_admin"'),
        ("DROP DATABASE course_other", 'database "course_other" does not exist'),
    ],
)
@pytest.mark.parametrize("role", ["app", "readonly"])
def test_no_role_reaches_beyond_its_database(shared: Private, role: str, statement: str, words: str) -> None:
    said = refused(shared, _one(shared), "SET default_transaction_read_only = off", statement, role=role)
    assert words in said or (role == "readonly" and "permission denied for table items" in said)


def _one(private: Private) -> Place:
    """Return a database that several tests may share, because they change nothing."""
    if not hasattr(private, "one"):
        private.one = private.allot()  # type: ignore[attr-defined]
    place: Place = private.one  # type: ignore[attr-defined]
    return place


@pytest.mark.parametrize("role", ["app", "readonly"])
def test_no_role_connects_elsewhere(shared: Private, role: str) -> None:
    mine, other = _one(shared), shared.allot()
    for name in (other.name, "postgres", "template1"):
        assert refused(shared, mine, "SELECT 1", role=role, database=name) == (
            f'InsufficientPrivilegeError: permission denied for database "{name}"'
        )


def test_nobody_drops_the_database_of_another(shared: Private) -> None:
    mine, other = _one(shared), shared.allot()
    assert refused(shared, mine, f"DROP DATABASE {other.name}").endswith(f"must be owner of database {other.name}")


def test_readonly_reads_also_what_is_made_later(shared: Private) -> None:
    place = shared.allot()
    shared.run(
        ask(place, "CREATE TABLE guests (id SERIAL, name TEXT)", "INSERT INTO guests (name) VALUES ('Ada')", "SELECT 1")
    )
    assert shared.run(ask(place, NAMES, role="readonly")) == MENU
    assert shared.run(ask(place, "SELECT name FROM guests", role="readonly")) == [("Ada",)]
    assert shared.run(ask(place, "SELECT last_value FROM guests_id_seq", role="readonly")) == [(1,)]


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("INSERT INTO items (name, price_cents) VALUES ('Ale', 500)", "permission denied for table items"),
        ("UPDATE items SET price_cents = 1", "permission denied for table items"),
        ("DELETE FROM items", "permission denied for table items"),
        ("TRUNCATE items", "permission denied for table items"),
        ("DROP TABLE items", "must be owner of table items"),
        ("CREATE TABLE mine (id INT)", "permission denied for schema public"),
        ("CREATE TEMPORARY TABLE mine (id INT)", "permission denied to create temporary tables in database"),
        ("CREATE SCHEMA mine", "permission denied for database"),
    ],
)
def test_readonly_may_switch_its_guard_off_and_still_not_write(shared: Private, statement: str, words: str) -> None:
    place = _one(shared)
    assert "in a read-only transaction" in refused(shared, place, statement, role="readonly")
    assert words in refused(shared, place, "SET default_transaction_read_only = off", statement, role="readonly")


@pytest.mark.parametrize("host", ["socket", "host"])
@pytest.mark.parametrize("user", ["app", "readonly", "course_admin"])
def test_nobody_logs_in_without_the_password(
    shared: Private, host: str, user: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "none"))
    monkeypatch.delenv("PGPASSWORD", raising=False)
    place = _one(shared)
    name = place.logins[user].user if user in place.logins else user
    for password in (None, "", "ginger"):
        with pytest.raises((asyncpg.InvalidPasswordError, asyncpg.InterfaceError)):
            shared.run(ask(place, "SELECT 1", host=getattr(place, host), user=name, password=password))


def test_the_superusers_password_is_in_no_place(shared: Private) -> None:
    secret = shared.cluster.password
    places = [_one(shared), shared.run(shared.server.playground())]
    assert secret not in json.dumps([place.to_json() for place in places]) + json.dumps(shared.server.describe())


def test_passwords_are_in_no_statement_and_no_log(shared: Private) -> None:
    place = shared.allot()
    query = "SELECT string_agg(query, ' ') FROM pg_stat_statements"
    admin: dict[str, Any] = {"user": "course_admin", "password": shared.cluster.password}
    ((statements,),) = shared.run(ask(place, query, **admin))
    assert "CREATE DATABASE" in statements
    log = (shared.home.runtime / "postgres.log").read_text()
    for one in place.logins.values():
        assert one.password not in statements
        assert one.password not in log


def test_owner_may_end_the_sessions_of_its_reader(shared: Private) -> None:
    place = shared.allot()

    async def main() -> bool:
        reader = await asyncpg.connect(**login(place, "readonly"))
        try:
            ((ended,),) = await ask(place, f"SELECT pg_terminate_backend({reader.get_server_pid()}, 10000)")
            return bool(ended)
        finally:
            reader.terminate()

    assert shared.run(main())


def test_the_playground_is_for_tools(shared: Private) -> None:
    place = shared.run(shared.server.playground())
    assert (place.name, place.logins["app"].user, place.logins["readonly"].user) == (
        "course",
        "course_app",
        "course_readonly",
    )
    assert shared.run(ask(place, NAMES)) == MENU
    shared.run(_outside_a_transaction(place, "CREATE DATABASE course_mine"))
    shared.run(_outside_a_transaction(place, "DROP DATABASE course_mine"))
    assert "permission denied for table items" in refused(
        shared, place, "SET default_transaction_read_only = off", "DELETE FROM items", role="readonly"
    )
    assert refused(shared, place, "SELECT 1", database=_one(shared).name).startswith("InsufficientPrivilegeError")
    assert "permission denied to create role" in refused(shared, place, "CREATE ROLE course_friend")
    assert "permission denied for table pg_authid" in refused(shared, place, "TABLE pg_authid")


async def _outside_a_transaction(place: Place, statement: str) -> None:
    connection = await asyncpg.connect(**login(place))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def test_who_asks_for_the_playground_at_once_gets_the_same(shared: Private) -> None:
    async def main() -> list[Place]:
        return await asyncio.gather(*(shared.server.playground() for _ in range(3)))

    first, *others = shared.run(main())
    assert others == [first, first]
    assert shared.run(ask(first, NAMES)) == MENU


def test_a_server_full_of_a_lessons_connections_says_so_and_still_gives_databases(shared: Private) -> None:
    place = _one(shared)
    idle(shared)

    async def main() -> tuple[int, str, str, Place]:
        held: list[Any] = []
        try:
            while True:
                held.append(await asyncpg.connect(**login(place)))
        except asyncpg.TooManyConnectionsError as error:
            return len(held), str(error), str(error.sqlstate), await shared.server.allot()
        finally:
            await asyncio.gather(*(connection.close() for connection in held))

    count, words, state, another = shared.run(main())
    assert count == 96  # of 100: three are kept for a superuser, and ours has one
    assert words == "remaining connection slots are reserved for roles with the SUPERUSER attribute"
    assert state == "53300"
    assert shared.run(ask(another, NAMES)) == MENU


def test_a_discarded_database_is_gone_with_its_roles(shared: Private) -> None:
    place = shared.allot()
    shared.run(shared.server.discard(place.name))
    idle(shared)
    for query in ("FROM pg_database WHERE datname", "FROM pg_roles WHERE rolname"):
        assert shared.run(ask(_one(shared), f"SELECT {query} LIKE '{place.name}%'")) == []


@pytest.mark.parametrize("name", ["postgres", "course", "course_other", "course_; DROP DATABASE postgres"])
def test_only_a_database_of_ours_is_discarded(shared: Private, name: str) -> None:
    with pytest.raises(ServerError) as caught:
        shared.run(shared.server.discard(name))
    assert str(caught.value) == f"expected a database of this course, got {name}; nothing was dropped"


def test_a_database_whose_session_is_open_is_discarded(shared: Private) -> None:
    place = shared.allot()

    async def main() -> str:
        connection = await asyncpg.connect(**login(place))
        await shared.server.discard(place.name)
        roles = shared.server._roles
        assert roles is not None
        await asyncio.gather(*roles._behind)
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)) as caught:
            await connection.execute("SELECT 1")
        connection.terminate()
        return type(caught.value).__name__

    assert shared.run(main()) in ("AdminShutdownError", "ConnectionDoesNotExistError", "InterfaceError")


def test_what_was_made_ahead_in_vain_is_made_again(shared: Private, monkeypatch: pytest.MonkeyPatch) -> None:
    roles = shared.server._roles
    assert roles is not None
    idle(shared)
    fail = iter([True, True])
    create = roles._create_database

    async def create_or_fail(*arguments: Any) -> str:
        if next(fail, False):
            raise asyncpg.TooManyConnectionsError("full")
        return await create(*arguments)

    monkeypatch.setattr(roles, "_create_database", create_or_fail)
    for _ in range(3):  # two that are there, and the first of those that were made in vain
        place = shared.allot()
        idle(shared)
    assert next(fail, False) is False
    assert shared.run(ask(place, NAMES)) == MENU


def test_a_login_of_ours_that_was_cut_is_made_again(shared: Private) -> None:
    place = shared.allot()
    admin: dict[str, Any] = {"user": "course_admin", "password": shared.cluster.password, "database": "postgres"}
    idle(shared)
    query = """
        SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
        WHERE usename = 'course_admin' AND pid <> pg_backend_pid() AND backend_type = 'client backend'
    """
    assert shared.run(ask(place, query, **admin)) == [(True,)]
    for _ in range(3):
        assert shared.run(ask(shared.allot(), NAMES)) == MENU
