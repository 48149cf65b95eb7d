"""Five outcomes, each with one line a learner reads."""

from __future__ import annotations

import pytest

from course_lib.checks.outcome import Outcome, OutcomeName

PLACE = {"lesson": "07_pools", "section": 2}


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (Outcome("pond-size", "pass", "five inside", 1, 1), "pass pond-size, 1 point: five inside"),
        (Outcome("pond-size", "pass", "five inside", 2, 2), "pass pond-size, 2 points: five inside"),
        (
            Outcome("pond-size", "not attempted", "write your answer in the cell above", lesson="07_pools", section=2),
            "not attempted pond-size: write your answer in the cell above",
        ),
        (Outcome("pond-size", "fail", "expected 5, got 1"), "fail pond-size: expected 5, got 1"),
        (
            Outcome("pond-size", "fail", "expected 5, got 1", lesson="07_pools", section=2),
            "fail pond-size: expected 5, got 1; read notebooks/07_pools.ipynb § 2",
        ),
        (
            Outcome("pond-size", "error", "TimeoutError", lesson="07_pools", section=2, slug="pool-timeout"),
            'error pond-size: TimeoutError; read notebooks/07_pools.ipynb § 2; explain("pool-timeout") says more',
        ),
        (
            Outcome("pond-size", "timeout", "timeout: still waiting after 5 s"),
            "timeout pond-size: still waiting after 5 s",
        ),
    ],
)
def test_each_outcome_is_one_line(outcome: Outcome, text: str) -> None:
    assert repr(outcome) == str(outcome) == text


@pytest.mark.parametrize(
    ("name", "pointer"),
    [
        ("fail", "notebooks/07_pools.ipynb § 2"),
        ("error", "notebooks/07_pools.ipynb § 2"),
        ("timeout", "notebooks/07_pools.ipynb § 2"),
        ("pass", ""),
        ("not attempted", ""),
    ],
)
def test_only_what_went_wrong_points_into_the_lesson(name: OutcomeName, pointer: str) -> None:
    assert Outcome("pond-size", name, "", lesson="07_pools", section=2).pointer == pointer


def test_without_a_section_nothing_is_pointed_at() -> None:
    assert Outcome("pond-size", "fail", "", lesson="07_pools").pointer == ""


def test_as_data_it_carries_everything() -> None:
    assert Outcome("pond-size", "fail", "no", 0, 2, "07_pools", 2, "slug").as_dict() == {
        "question": "pond-size",
        "outcome": "fail",
        "message": "no",
        "points": 0,
        "possible": 2,
        "lesson": "07_pools",
        "section": 2,
        "slug": "slug",
        "pointer": "notebooks/07_pools.ipynb § 2",
    }
