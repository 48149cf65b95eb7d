"""A bar per statement of a real engine, each with the table it asks."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from course_lib import fresh, trace
from course_lib.observe import waterfall
from course_lib.observe.trace import Trace
from course_lib.observe.waterfall import short


def sent(*statements: str) -> Trace:
    """Return the trace of a connection that sends `statements`."""

    async def main() -> Trace:
        async with fresh() as engine, trace(engine) as events, engine.begin() as connection:
            for statement in statements:
                await connection.execute(text(statement))
        return events

    return asyncio.run(main())


def test_one_thin_bar_per_statement_in_order() -> None:
    slow = sent("SELECT name FROM items", "UPDATE items SET name = name", "SELECT 1")
    assert repr(waterfall(three=slow, one=sent("DELETE FROM items"))) == "\n".join(
        [
            "three 3 statements",
            "  SELECT items  ##",
            "  UPDATE items    ##",
            "  SELECT            ##",
            "one 1 statement",
            "  DELETE items  ##",
        ]
    )


def test_nothing_sent_is_said() -> None:
    assert repr(waterfall(silent=sent())) == "silent 0 statements"


def test_the_figure_counts_statements_on_its_axis() -> None:
    assert "<!-- order of statements -->" in waterfall(one=sent("SELECT 1")).draw("one statement").svg


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("SELECT events.id, events.name \nFROM events ORDER BY events.id", "SELECT events"),
        ('INSERT INTO "guests" (name) VALUES (?)', "INSERT guests"),
        ("create table nights (id int)", "CREATE nights"),
        ("PRAGMA foreign_keys=ON", "PRAGMA"),
        ("", ""),
    ],
)
def test_a_statement_in_two_words(statement: str, words: str) -> None:
    assert short(statement) == words
