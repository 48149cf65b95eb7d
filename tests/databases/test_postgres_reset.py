"""A used database made clean again: rows and identities back, or the honest answer that only a new one will do."""

from __future__ import annotations

import asyncio
import dataclasses

import asyncpg
import pytest
from private_postgres import Private, ask, login
from test_seed import MENU

from course_lib.databases.place import Login, Place
from course_lib.databases.postgres_reset import reset

pytestmark = pytest.mark.postgres

ROWS = "SELECT id, name, price_cents FROM items ORDER BY id"


@pytest.fixture
def place(shared: Private) -> Place:
    """Return a new database."""
    return shared.allot()


async def run(place: Place, *statements: str, role: str = "app") -> None:
    """Run statements, each in a transaction of its own."""
    connection = await asyncpg.connect(**login(place, role))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1",
        "INSERT INTO items (name, price_cents) VALUES ('Ale', 500)",
        "DELETE FROM items",
        "UPDATE items SET name = 'Rain' WHERE id = 1",
        "TRUNCATE items RESTART IDENTITY",
        "ALTER SEQUENCE items_id_seq RESTART WITH 700",
        "ANALYZE",
        "VACUUM items",
        "VACUUM FULL items",
        "REINDEX TABLE items",
        "CREATE TEMPORARY TABLE mine (id INT)",
        "BEGIN; CREATE TABLE mine (id INT); ROLLBACK",
        "SET search_path = 'nowhere'",
        "SELECT pg_advisory_lock(1)",
    ],
)
def test_rows_and_identities_come_back(shared: Private, place: Place, statement: str) -> None:
    shared.run(run(place, statement))
    assert shared.run(reset(place))
    assert shared.run(ask(place, ROWS)) == MENU
    assert shared.run(ask(place, "INSERT INTO items (name, price_cents) VALUES ('Ale', 500) RETURNING id")) == [(4,)]
    assert shared.run(reset(place))


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE guests (id INT)",
        "CREATE UNLOGGED TABLE guests (id INT)",
        "CREATE VIEW cheap AS SELECT * FROM items",
        "CREATE INDEX ON items (price_cents)",
        "CREATE SCHEMA cellar",
        "CREATE SEQUENCE tickets",
        "CREATE TYPE mood AS ENUM ('calm')",
        "CREATE DOMAIN cents AS INT",
        "CREATE FUNCTION one() RETURNS INT LANGUAGE sql AS 'SELECT 1'",
        "CREATE STATISTICS prices (ndistinct) ON name, price_cents FROM items",
        'CREATE COLLATION plain FROM "C"',
        "CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)",
        "CREATE EXTENSION pg_trgm",
        "CREATE PUBLICATION news",
        "CREATE RULE quiet AS ON DELETE TO items DO INSTEAD NOTHING",
        "CREATE POLICY own ON items USING (true)",
        "SELECT lo_create(0)",
        "DROP TABLE items",
        "DROP SCHEMA public CASCADE",
        "ALTER TABLE items ADD COLUMN proof INT",
        "ALTER TABLE items ALTER COLUMN price_cents SET DEFAULT 1",
        "ALTER TABLE items ALTER COLUMN price_cents DROP NOT NULL",
        "ALTER TABLE items DROP CONSTRAINT price_not_negative",
        "ALTER TABLE items RENAME TO drinks",
        "ALTER TABLE items SET UNLOGGED",
        "ALTER TABLE items SET (fillfactor = 50)",
        "ALTER TABLE items ENABLE ROW LEVEL SECURITY",
        "ALTER SEQUENCE items_id_seq INCREMENT BY 10",
        "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
        "COMMENT ON TABLE items IS 'the menu'",
        "GRANT SELECT ON items TO PUBLIC",
        "REVOKE SELECT ON items FROM {name}_readonly",
        "REVOKE CONNECT ON DATABASE {name} FROM {name}_readonly",
        "ALTER DATABASE {name} SET work_mem = '1MB'",
        "ALTER DATABASE {name} CONNECTION LIMIT 3",
        "ALTER ROLE CURRENT_USER SET statement_timeout = '1s'",
        "ALTER ROLE CURRENT_USER IN DATABASE {name} SET work_mem = '1MB'",
        "ALTER ROLE CURRENT_USER PASSWORD 'ginger'",
    ],
)
def test_another_structure_needs_a_new_database(shared: Private, place: Place, statement: str) -> None:
    shared.run(run(place, statement.format(name=place.name)))
    assert not shared.run(reset(place))


@pytest.mark.parametrize("statement", ["ALTER ROLE CURRENT_USER SET statement_timeout = '1s'", "SELECT lo_create(0)"])
def test_what_the_reader_left_needs_a_new_database(shared: Private, place: Place, statement: str) -> None:
    shared.run(run(place, "SET default_transaction_read_only = off", statement, role="readonly"))
    assert not shared.run(reset(place))


@pytest.mark.parametrize("role", ["app", "readonly"])
def test_an_open_transaction_of_a_former_answer_is_thrown_out(shared: Private, place: Place, role: str) -> None:
    async def main() -> str:
        former = await asyncpg.connect(**login(place, role))
        await former.execute("BEGIN; LOCK TABLE items IN ACCESS SHARE MODE")
        assert await reset(place)
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)) as caught:
            await former.execute("COMMIT")
        former.terminate()
        return type(caught.value).__name__

    assert shared.run(main()) in ("AdminShutdownError", "ConnectionDoesNotExistError", "InterfaceError")
    assert shared.run(ask(place, ROWS)) == MENU


def test_a_superusers_lock_costs_the_database_not_the_lesson(shared: Private, place: Place) -> None:
    admin = login(place, user="course_admin", password=shared.cluster.password)

    async def main() -> tuple[bool, bool]:
        other = await asyncpg.connect(**admin)
        try:
            await other.execute("BEGIN; LOCK TABLE items")
            first = await reset(place)
            await other.execute("ROLLBACK")
            return first, await reset(place)
        finally:
            await other.close()

    assert shared.run(main()) == (False, True)


def test_a_database_that_is_gone_needs_a_new_one(shared: Private, place: Place) -> None:
    shared.run(shared.server.discard(place.name))
    roles = shared.server._roles
    assert roles is not None
    shared.run(_settled(*roles._behind))
    assert not shared.run(reset(place))


async def _settled(*tasks: asyncio.Task[None]) -> None:
    await asyncio.gather(*tasks)


def test_a_server_that_is_gone_needs_a_new_one(shared: Private, place: Place) -> None:
    assert not shared.run(reset(dataclasses.replace(place, socket="/nowhere")))
    assert not shared.run(reset(dataclasses.replace(place, socket="", port=1)))
    stranger = {**place.logins, "app": Login("course_stranger", "ginger")}
    assert not shared.run(reset(dataclasses.replace(place, logins=stranger)))


def test_two_databases_of_a_server_do_not_touch_each_other(shared: Private, place: Place) -> None:
    other = shared.allot()
    assert place.fingerprint != other.fingerprint
    shared.run(run(other, "DELETE FROM items"))
    assert shared.run(reset(place))
    assert shared.run(ask(other, ROWS)) == []
