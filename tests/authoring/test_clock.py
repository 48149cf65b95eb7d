"""Each part of a job has a clock of its own, and a word about where it hangs buys no time."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from course_lib.authoring.clock import CHECK_S, SETUP_S, Clock


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let the test set the time: `now[0]` is the monotonic clock."""
    time = [100.0]
    monkeypatch.setattr("course_lib.authoring.clock.time", SimpleNamespace(monotonic=lambda: time[0]))
    return time


def test_each_part_begins_a_clock(now: list[float]) -> None:
    watched = Clock()
    assert watched.left == SETUP_S
    assert not watched.hear({"stage": "prepared", "seconds": 5.0})
    assert watched.left == 5.0
    now[0] += 4
    assert watched.left == 1.0
    assert not watched.hear({"stage": "answered"})
    assert watched.left == 10.0 + CHECK_S


def test_a_word_about_where_it_hangs_buys_no_time(now: list[float]) -> None:
    watched = Clock()
    watched.hear({"stage": "prepared", "seconds": 5.0})
    now[0] += 4
    assert not watched.hear({"stage": "waiting", "message": "at line 2"})
    assert watched.left == 1.0
    now[0] += 60
    assert watched.left == 0.0
    assert watched.late() == {"stage": "late", "message": "at line 2", "seconds": 5.0}


def test_a_later_part_forgets_where_the_earlier_waited() -> None:
    watched = Clock()
    watched.hear({"stage": "prepared", "seconds": 5.0})
    watched.hear({"stage": "waiting", "message": "at line 2"})
    watched.hear({"stage": "answered"})
    assert watched.late()["message"] == ""


@pytest.mark.parametrize("stage", ["verdict", "answer", "check", "setup", "unknown", "machine"])
def test_any_other_record_is_the_last_word(stage: str) -> None:
    watched = Clock()
    watched.hear({"stage": "prepared", "seconds": 5.0, "section": 2})
    assert watched.hear({"stage": stage, "message": "m"})
    assert watched.last == {"stage": stage, "message": "m", "seconds": 5.0, "section": 2}


def test_a_process_without_a_last_word_has_died() -> None:
    assert Clock().died(-9) == {"stage": "died", "message": "exit status -9", "seconds": SETUP_S}
