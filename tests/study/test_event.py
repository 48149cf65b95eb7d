"""An event is a plain value: equal when equal, and never changed."""

from __future__ import annotations

import dataclasses

import pytest

from course_lib.study.event import COLUMNS, Event


def test_events_are_equal_by_value() -> None:
    assert Event("ran", "lesson:00_doors_open") == Event("ran", "lesson:00_doors_open", {})


def test_an_event_cannot_be_changed() -> None:
    event = Event("passed", "pool-size")
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.__setattr__("verb", "reset")


def test_columns_are_the_table_of_the_store() -> None:
    assert COLUMNS == ("id", "at_utc", "actor", "verb", "object", "result_json", "course_version")
