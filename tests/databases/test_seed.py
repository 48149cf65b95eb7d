"""The first content of a database: the same rows on every server."""

from __future__ import annotations

import sqlite3

import pytest
from private_postgres import Private, ask

from course_lib.databases import seed

MENU = [(1, "Gin", 900), (2, "Rum", 800), (3, "Soda", 300)]


def test_sqlite_gets_the_menu() -> None:
    connection = sqlite3.connect(":memory:")
    for statement in seed.statements("sqlite"):
        connection.execute(statement)
    assert connection.execute("SELECT id, name, price_cents FROM items ORDER BY id").fetchall() == MENU
    with pytest.raises(sqlite3.IntegrityError, match="price_not_negative"):
        connection.execute("INSERT INTO items (name, price_cents) VALUES ('Rain', -1)")
    connection.close()


@pytest.mark.postgres
def test_postgres_gets_the_menu(shared: Private) -> None:
    assert shared.run(ask(shared.allot(), "SELECT id, name, price_cents FROM items ORDER BY id")) == MENU


def test_every_server_gets_tables_and_rows() -> None:
    assert {kind: seed.statements(kind)[-1] for kind in seed.TABLES} == dict.fromkeys(
        ("sqlite", "postgres", "mariadb"), seed.ROWS
    )
