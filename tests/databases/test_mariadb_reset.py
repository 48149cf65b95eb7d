"""A used MariaDB database is clean again after a reset, or the reset says that it cannot be."""

from __future__ import annotations

import asyncio
import dataclasses

import aiomysql
import pytest
from mariadb_clients import MENU, connected, home, refusal, run, with_place
from server_clients import GONE_S

from course_lib.databases.mariadb import MariaDB
from course_lib.databases.mariadb_reset import fingerprint, reset
from course_lib.databases.place import Place
from course_lib.databases.process import free_port
from course_lib.databases.state import Home

__all__ = ["home"]
pytestmark = pytest.mark.mariadb

LOST = 2013


async def is_clean(place: Place) -> bool:
    """Say whether the rows are the menu and the next row gets the next number."""
    async with connected(place) as connection:
        found = await run(connection, "SELECT id, name, price_cents FROM items ORDER BY id")
        await run(connection, "INSERT INTO items (name, price_cents) VALUES ('next', 1)")
        return found == MENU and await run(connection, "SELECT max(id) FROM items") == ((4,),)


def test_rows_and_numbers_are_those_of_the_beginning(home: Home) -> None:
    async def scenario(server: MariaDB, place: Place) -> None:
        for _ in range(2):
            async with connected(place) as connection:
                await run(connection, "DELETE FROM items WHERE name = 'Gin'")
                await run(connection, "INSERT INTO items (name, price_cents) VALUES ('Tea', 1), ('Milk', 2)")
            assert await reset(place)
            assert await is_clean(place)

    with_place(home, scenario)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE seats (number INTEGER)",
        "DROP TABLE items",
        "ALTER TABLE items ADD COLUMN stock INTEGER",
        "ALTER TABLE items MODIFY price_cents BIGINT NOT NULL",
        "ALTER TABLE items DROP CONSTRAINT price_not_negative",
        "ALTER TABLE items COMMENT 'mine'",
        "CREATE INDEX by_price ON items (price_cents)",
        "CREATE VIEW cheap AS SELECT * FROM items WHERE price_cents < 500",
        "CREATE FUNCTION answer() RETURNS INT DETERMINISTIC RETURN 1",
        "CREATE TRIGGER free BEFORE INSERT ON items FOR EACH ROW SET NEW.price_cents = 0",
        "CREATE EVENT later ON SCHEDULE EVERY 1 HOUR DO DELETE FROM items",
        "CREATE SEQUENCE numbers",
        "ALTER DATABASE CHARACTER SET latin1",
        "SET PASSWORD = PASSWORD('another')",
    ],
)
def test_a_changed_structure_needs_a_new_database(home: Home, statement: str) -> None:
    async def scenario(server: MariaDB, place: Place) -> None:
        async with connected(place) as connection:
            await run(connection, statement)
        assert not await reset(place)

    with_place(home, scenario)


def test_a_change_taken_back_is_no_change(home: Home) -> None:
    async def scenario(server: MariaDB, place: Place) -> None:
        async with connected(place) as connection:
            await run(connection, "CREATE TABLE seats (number INTEGER)")
            await run(connection, "DROP TABLE seats")
        assert await reset(place)
        assert await is_clean(place)

    with_place(home, scenario)


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("app", "UPDATE items SET price_cents = 1"),
        ("app", "SELECT * FROM items FOR UPDATE"),
        ("app", "LOCK TABLES items WRITE"),
        ("readonly", "SELECT * FROM items"),
        ("readonly", "SELECT * FROM items FOR UPDATE"),
    ],
)
def test_an_open_transaction_does_not_block(home: Home, role: str, statement: str) -> None:
    async def scenario(server: MariaDB, place: Place) -> None:
        async with connected(place, role, autocommit=False) as connection:
            await run(connection, statement)
            assert await reset(place)
            assert await refusal(connection, "SELECT 1") == LOST
        assert await is_clean(place)

    with_place(home, scenario)


def test_a_running_statement_does_not_block(home: Home) -> None:
    async def scenario(server: MariaDB, place: Place) -> None:
        async with connected(place) as connection:
            asked = asyncio.create_task(run(connection, "UPDATE items SET price_cents = price_cents + SLEEP(60)"))
            async with connected(place) as watcher:
                query = "SELECT count(*) FROM information_schema.processlist WHERE state = 'User sleep'"
                async with asyncio.timeout(GONE_S):
                    while await run(watcher, query) != ((1,),):
                        pass
            assert await reset(place)
            with pytest.raises(aiomysql.MySQLError):
                await asked
        assert await is_clean(place)

    with_place(home, scenario)


def test_sessions_of_other_databases_live_on(home: Home) -> None:
    async def scenario(server: MariaDB, place: Place) -> None:
        other = await server.allot()
        async with connected(other) as connection:
            await run(connection, "DELETE FROM items")
            assert await reset(place)
            assert await run(connection, "SELECT count(*) FROM items") == ((0,),)

    with_place(home, scenario)


def test_the_fingerprint_does_not_see_rows(home: Home) -> None:
    async def scenario(server: MariaDB, place: Place) -> None:
        async with connected(place) as connection:
            await run(connection, "INSERT INTO items (name, price_cents) VALUES ('Tea', 1)")
            assert await fingerprint(connection) == place.fingerprint

    with_place(home, scenario)


def test_a_place_that_is_gone_is_no_exception(home: Home) -> None:
    async def scenario(server: MariaDB, place: Place) -> None:
        await server.discard(place.name)
        assert not await reset(place)
        assert not await reset(dataclasses.replace(place, port=free_port()))

    with_place(home, scenario)
