"""The menu of a fresh file can be made longer, and the engine on it sees that and opens nothing for it."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib import fresh
from course_lib.checks.menu import serve
from course_lib.observe import gauge

MENU = text("SELECT name, price_cents FROM items ORDER BY id")


def test_drinks_are_added_behind_those_of_the_house() -> None:
    async def main() -> tuple[list[tuple[str, int]], int]:
        async with fresh() as engine:
            opened = gauge(engine)
            assert serve(engine.url.database, []) == (3, 2000)
            assert serve(engine.url.database, [("Tonic", 250), ("Vermouth", 700)]) == (5, 2950)
            assert opened.opened == 0
            return await menu(engine), opened.opened

    async def menu(engine: AsyncEngine) -> list[tuple[str, int]]:
        async with engine.connect() as connection:
            return [(row[0], row[1]) for row in await connection.execute(MENU)]

    rows, opened = asyncio.run(main())
    assert rows == [("Gin", 900), ("Rum", 800), ("Soda", 300), ("Tonic", 250), ("Vermouth", 700)]
    assert opened == 1


def test_drink_that_is_there_already_is_refused() -> None:
    async def main() -> None:
        async with fresh() as engine:
            serve(engine.url.database, [("Gin", 1)])

    with pytest.raises(sqlite3.IntegrityError, match=r"UNIQUE constraint failed: items\.name"):
        asyncio.run(main())


def test_engine_without_a_file_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a file, got an engine on no file"):
        serve(None, [])
