"""A lesson is met by whatever happened in it."""

from __future__ import annotations

import pytest

from course_lib.study.event import Event
from course_lib.study.met import met_lessons


@pytest.mark.parametrize(
    "event",
    [
        Event("opened", "lesson:07_pools"),
        Event("ran", "lesson:07_pools"),
        Event("opened", "exercise:07_pools"),
        Event("opened", "quiz:07_pools"),
        Event("passed", "pool-size", {"lesson": "07_pools"}),
        Event("predicted", "07-opened", {"lesson": "07_pools"}),
        Event("reviewed", "07-card-pool", {"lesson": "07_pools"}),
    ],
)
def test_any_event_of_a_lesson_meets_it(event: Event) -> None:
    assert met_lessons([event]) == ["07_pools"]


def test_lessons_are_in_order_and_known() -> None:
    happened = [Event("ran", f"lesson:{stem}") for stem in ("07_pools", "00_doors_open", "77_gone")]
    assert met_lessons([*happened, Event("reset", "first-call"), Event("passed", "x", {"lesson": None})]) == [
        "00_doors_open",
        "07_pools",
    ]
