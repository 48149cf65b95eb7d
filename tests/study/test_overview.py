"""The figures of a learner, computed from what happened."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from course_lib.study.bookmarks import bookmark
from course_lib.study.event import Event
from course_lib.study.overview import minutes_by_lesson, overview
from course_lib.study.progress import record
from course_lib.study.questions import load

from .study_clock import MORNING, Now

POINTS = {"00_doors_open": {"first-call": 1, "two-at-once": 2}, "01_event_loop": {"knee": 3}, "77_new": {}}


def at(minute: float, verb: str, obj: str, **result: object) -> Event:
    return Event(verb, obj, dict(result), at_utc=(MORNING + timedelta(minutes=minute)).isoformat())


def test_a_learner_who_did_nothing_begins_at_the_beginning() -> None:
    mine = overview(POINTS)
    assert mine.lines() == [
        "Lessons whose last cell ran: 0 of 3",
        "Predictions right: 0 of 0",
        "Quiz and cards known: 0 of 32",
        "Cards: 0 due, 0 new",
        "Minutes: 0",
        "Next: lesson 00_doors_open (course start)",
    ]
    assert [row.mastery for row in mine.lessons] == ["not yet"] * 3


def test_every_figure_comes_from_events() -> None:
    record("ran", "lesson:00_doors_open")
    record("passed", "first-call", {"lesson": "00_doors_open"})
    for guess, right in (("returns", False), ("raises", True)):
        record("predicted", "00-asyncio-run", {"guess": guess, "right": right, "lesson": "00_doors_open"})
    record("predicted", "00-client-port", {"guess": "8000", "right": False, "lesson": "00_doors_open"})
    record("answered", "00-quiz-client-socket", {"right": True, "lesson": "00_doors_open"})
    now = Now()
    now.journal().write("reviewed", "00-card-coroutine", {"grade": "good", "lesson": "00_doors_open"}, "one")
    now.later(days=1)
    bookmark("why port 8000", lesson=0)
    mine = overview(POINTS, now.journal())
    row = mine.lessons[0]
    assert (row.ran, row.questions_passed, row.questions, row.points_won, row.points) == (True, 1, 2, 1, 3)
    assert (row.predictions_right, row.predictions_made) == (1, 2)
    assert (row.quiz_and_cards_known, row.mastery) == (2, "growing")
    assert row.quiz_and_cards == len([q for q in load("00_doors_open") if q.kind != "predict"])
    assert (mine.cards_due, mine.cards_new) == (1, 10)
    where = "(study.cards() in a notebook, course cards in a terminal)"
    assert mine.next == f"review the card that is due {where}, then exercise 00_doors_open (course start)"
    assert "  why port 8000 (notebooks/00_doors_open.ipynb)" in mine.lines()


def test_more_cards_are_counted_in_what_is_next() -> None:
    now = Now()
    for name in ("00-card-coroutine", "00-card-app-magic"):
        now.journal().write("reviewed", name, {"grade": "good", "lesson": "00_doors_open"}, name)
    now.later(hours=1)
    assert (
        overview({}, now.journal()).next
        == "review the 2 cards that are due (study.cards() in a notebook, course cards in a terminal)"
    )
    assert overview(POINTS, now.journal()).next.startswith(
        "review the 2 cards that are due (study.cards() in a notebook, course cards in a terminal), then lesson"
    )


def test_json_has_the_rows_and_their_sums() -> None:
    record("ran", "lesson:01_event_loop")
    record("passed", "knee", {"lesson": "01_event_loop"})
    found = overview(POINTS).as_json()
    assert json.loads(json.dumps(found)) == found
    assert list(found) == ["lessons", "cards_due", "cards_new", "minutes", "next", "bookmarks", "total"]
    assert (found["total"]["ran"], found["total"]["points_won"], found["total"]["points"]) == (1, 3, 6)
    assert (found["total"]["lessons"], found["lessons"][1]["lesson"]) == (3, "01_event_loop")


def test_minutes_are_counted_from_event_to_event_and_a_pause_is_none() -> None:
    happened = [
        at(0, "opened", "lesson:00_doors_open"),
        at(4, "predicted", "00-client-port", lesson="00_doors_open"),
        at(9, "passed", "first-call", lesson="00_doors_open"),
        at(70, "opened", "lesson:01_event_loop"),
        at(73, "ran", "lesson:01_event_loop"),
        Event("ran", "lesson:01_event_loop", at_utc="one day"),
    ]
    spent = minutes_by_lesson(happened[::-1])
    assert spent == {"00_doors_open": timedelta(minutes=9), "01_event_loop": timedelta(minutes=3)}


@pytest.mark.parametrize("verb", ["reset", "checked"])
def test_a_reset_takes_the_points_back(verb: str) -> None:
    record("passed", "knee", {"lesson": "01_event_loop"})
    record("reset", "exercise:01_event_loop")
    assert overview(POINTS).lessons[1].points_won == 0
