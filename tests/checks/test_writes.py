"""The order in which rows are written is seen, however the statement is put."""

from __future__ import annotations

import asyncio

from sqlalchemy import text

from course_lib import fresh
from course_lib.checks.writes import Writes

RAISE = text("UPDATE items SET price_cents = price_cents + 700 WHERE id = :id")


def seen(*statements: tuple[object, dict[str, int] | list[dict[str, int]]]) -> tuple[list[int], int]:
    """Run the statements on a fresh database; return the ids and the number of writing statements."""

    async def main() -> tuple[list[int], int]:
        async with fresh() as engine:
            writes = Writes(engine)
            async with engine.begin() as connection:
                for statement, parameters in statements:
                    await connection.execute(statement, parameters)  # type: ignore[call-overload] # text() each time
            return writes.ids, writes.statements

    return asyncio.run(main())


def test_ids_come_in_the_order_of_the_updates() -> None:
    assert seen((RAISE, {"id": 2}), (RAISE, {"id": 1})) == ([2, 1], 2)


def test_one_statement_with_two_sets_of_parameters_names_both() -> None:
    assert seen((RAISE, [{"id": 1}, {"id": 2}])) == ([1, 2], 1)


def test_reading_is_no_write() -> None:
    assert seen((text("SELECT name FROM items WHERE id = :id"), {"id": 1})) == ([], 0)
