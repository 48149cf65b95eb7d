"""Attempted or not: decided on the text, before anything runs."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Course

from course_lib.checks import attempt
from course_lib.checks.attempt import has_gap, last_answer, points_of, state, state_of

STARTER = "# question: pond-size\nasync def pool_size(engine):\n    ...  # your code here\n"


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (STARTER, "untouched"),
        ("# question: pond-size\n\nasync def pool_size(engine):\n    # thinking\n    ...\n", "untouched"),
        ("# question: pond-size\n", "untouched"),
        ("", "untouched"),
        (STARTER.replace("...", "x = 1\n    ..."), "untouched"),
        (STARTER.replace("...", "return 5"), "attempted"),
        (STARTER.replace("...", "return engine[...]"), "attempted"),
        (STARTER.replace("...", "return 5 +"), "broken"),
        ("x = '\0'", "broken"),
    ],
)
def test_an_answer_is_compared_with_its_starter(answer: str, found: str) -> None:
    assert state(answer, STARTER) == found


@pytest.mark.parametrize("starter", ["x = ...", "x: int = ...", "return_ = 1\n...", "x = {'one': ..., 'two': ...}"])
def test_a_place_for_a_value_is_a_place_too(starter: str) -> None:
    assert state(starter + "\ny = 2", starter) == "untouched"


def test_a_starter_without_a_place_is_only_equal_or_not() -> None:
    assert state("x = 1  # mine", "x = 1") == "untouched"
    assert state("x = 2", "x = 1") == "attempted"
    assert state("x[...] = ...", "x = 1") == "attempted"


def test_a_starter_that_does_not_parse_is_untouched_until_it_changes() -> None:
    assert state("def f(:\n", "def f(:") == "untouched"
    assert state("def f():\n    return 1", "def f(:") == "attempted"
    assert state("def g(:", "def f(:") == "broken"


def test_outside_a_kernel_there_is_no_last_answer(course: Course) -> None:
    course.add("07_pools", STARTER, kind="exercises")
    assert last_answer("pond-size") is None
    assert state_of("07_pools", "pond-size") == "attempted"


def test_the_answer_that_ran_last_counts(shell: Any, course: Course) -> None:
    course.add("07_pools", STARTER, kind="exercises")
    for text in (STARTER, STARTER.replace("...", "return 5"), "other = 1", "# question: other\n..."):
        shell.run_cell(text, store_history=True)
    assert last_answer("pond-size") == STARTER.replace("...", "return 5").rstrip()
    assert state_of("07_pools", "pond-size") == "attempted"
    shell.run_cell(STARTER, store_history=True)
    assert state_of("07_pools", "pond-size") == "untouched"
    assert last_answer("nobody-asked") is None


@pytest.mark.parametrize("lesson", ["07_pools", "08_not_written_yet"])
def test_what_cannot_be_compared_counts_as_attempted(shell: Any, course: Course, lesson: str) -> None:
    course.add("07_pools", "# question: another\n...", kind="exercises")
    shell.run_cell(STARTER, store_history=True)
    assert state_of(lesson, "pond-size") == "attempted"


def test_a_starter_has_a_gap_or_is_code_to_be_repaired(course: Course) -> None:
    marks = "# question: pool-marks\nx = {'a': ...}\n"
    course.add("07_pools", STARTER, "# question: pool-repair\nx = 1\n", marks, kind="exercises")
    asked = {name: has_gap("07_pools", name) for name in ("pond-size", "pool-repair", "pool-marks", "not-there")}
    assert asked == {"pond-size": True, "pool-repair": False, "pool-marks": True, "not-there": True}


def test_points_are_those_of_the_committed_check_cell(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    course.add("07_pools", kind="exercises", check_pool_size="await check('pond-size')")
    assert points_of("07_pools", "pond-size") == 0
    assert points_of("07_pools", "another") == 0
    assert points_of("08_not_written_yet", "pond-size") == 0
    worth_two = {"cell_type": "code", "id": "check-pond-size", "metadata": {"nbgrader": {"points": 2}}}
    monkeypatch.setattr(attempt, "_exercise", lambda lesson: [worth_two])
    assert points_of("07_pools", "pond-size") == 2
