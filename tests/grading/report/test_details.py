"""The lower half of the page: wrong turns with an example each, and what each learner was told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from course_lib.grading.report import details
from course_lib.grading.report.statistics import items

from .classroom import results, sheet, small_class, verdict

pytestmark = pytest.mark.usefixtures("small")


def test_dearest_question_is_open_and_the_others_are_not() -> None:
    parts = [*details.questions(small_class(), items(small_class()))]
    assert [part for part in parts if part.startswith("<details")] == ["<details open>", "<details>"]
    assert "<p>Nobody took a wrong turn.</p>" in parts


def test_turn_says_outcome_cost_name_message_place_and_example() -> None:
    turn = next(part for part in details.questions(small_class(), items(small_class())) if "copied" in part)
    for said in (
        "fail</span> · <strong>1 learner, 1 point lost</strong> · a known wrong turn, <code>copied</code>",
        '<p class="said">expected 8, got 6</p>',
        "read notebooks/00_small.ipynb § 1",
        "return 6</code></pre>",
    ):
        assert said in turn


def test_learner_sees_message_place_hint_and_note() -> None:
    wrong = replace(verdict("small-double", "fail", "expected 8, got 6"), note="found by its id")
    text = "\n".join(details.learners(results(sheet("ada", wrong))))
    for said in ("expected 8, got 6", "read: notebooks/00_small.ipynb § 1", "hint: look", "note: found by its id"):
        assert said in text
    assert '<div id="learner-1">' in text


def test_sheet_that_is_broken_or_does_not_count_is_said() -> None:
    right, wrong = verdict("small-double", "pass"), verdict("small-double", "fail", "no")
    text = "\n".join(details.learners(results(sheet("ada", right, file="new"), sheet("ada", wrong, file="old"))))
    assert "old: 0 of 1; another sheet counts" in text
    assert "dan.ipynb: dan.ipynb is not a notebook" in "\n".join(details.learners(small_class()))


def test_nothing_is_no_section() -> None:
    assert [*details.questions(results(), []), *details.learners(results())] == []
