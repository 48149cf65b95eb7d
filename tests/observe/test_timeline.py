"""The timeline is text first: positions are orders of events, so it is the same in every run."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from course_lib import client, fresh, peak, timeline, trace
from course_lib.observe.peak import Peak
from course_lib.observe.timeline import Lane, Timeline


def staircase() -> Peak:
    """Return a peak: one alone, then two together, then one alone."""
    with peak() as inside:
        with inside.block():
            pass
        with inside.block(), inside.block():
            pass
        with inside.block():
            pass
    return inside


def test_a_peak_is_one_bar_per_call_alone_or_together() -> None:
    assert repr(timeline(staircase())) == " 1  ##\n 2    ..\n 3    ..\n 4      ##"


def test_one_that_stays_while_others_come_and_go_is_a_long_bar() -> None:
    with peak() as inside, inside.block():
        for _ in range(2):
            with inside.block():
                pass
    assert repr(timeline(inside)) == " 1  ....\n 2  ..\n 3    .."


def test_one_that_is_still_inside_lasts_to_the_end() -> None:
    with ExitStack() as stays, peak() as inside:
        stays.enter_context(inside.block())
        with inside.block():
            pass
        stays.enter_context(inside.block())
        assert repr(timeline(inside)) == " 1  ....\n 2  ..\n 3    .."


def test_a_trace_is_one_line_per_request() -> None:
    async def main() -> Timeline:
        async with fresh() as engine:
            app = FastAPI()

            @app.get("/")
            async def count() -> None:
                async with engine.connect() as connection:
                    await connection.execute(text("SELECT count(*) FROM items"))

            async with client(app) as http, trace(engine, app) as events:
                await http.get("/")
                await http.get("/nowhere")
        return timeline(events)

    assert repr(asyncio.run(main())) == (
        "request 1  endpoint checkout BEGIN SELECT ROLLBACK reset checkin send-start send-body\n"
        "request 2  send-start send-body"
    )


@pytest.mark.parametrize("events", [peak(), trace()], ids=["peak", "trace"])
def test_nothing_is_said_to_be_nothing(events: Peak) -> None:
    assert repr(timeline(events)) == "nothing happened"


def test_names_of_different_length_stand_in_one_column() -> None:
    lanes = (Lane("task 1", ("BEGIN",)), Lane("request 10", ("COMMIT",)))
    assert repr(Timeline(lanes, 1)) == "task 1      BEGIN\nrequest 10  COMMIT"


def test_a_trace_draws_words_and_a_peak_bars() -> None:
    words = Timeline((Lane("request 1", ("checkout", "checkin")),), 2).draw("one request")
    bars = timeline(staircase()).draw("two were together")
    assert "<!-- checkout -->" in words.svg
    assert "<!-- order of events -->" in bars.svg
    assert "<!-- checkout -->" not in bars.svg
