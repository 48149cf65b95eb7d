"""Five outcomes, each with one line a learner reads."""

from __future__ import annotations

import pytest

from course_lib.checks.outcome import Outcome, OutcomeName

PLACE = {"lesson": "07_pools", "section": 2}


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (Outcome("pool-size", "pass", "five inside", 1, 1), "pass pool-size, 1 point: five inside"),
        (Outcome("pool-size", "pass", "five inside", 2, 2), "pass pool-size, 2 points: five inside"),
        (
            Outcome("pool-size", "not attempted", "write your answer in the cell above", lesson="07_pools", section=2),
            "not attempted pool-size: write your answer in the cell above",
        ),
        (Outcome("pool-size", "fail", "expected 5, got 1"), "fail pool-size: expected 5, got 1"),
        (
            Outcome("pool-size", "fail", "expected 5, got 1", lesson="07_pools", section=2),
            "fail pool-size: expected 5, got 1; read notebooks/07_pools.ipynb § 2",
        ),
        (
            Outcome("pool-size", "error", "TimeoutError", lesson="07_pools", section=2, slug="pool-timeout"),
            'error pool-size: TimeoutError; read notebooks/07_pools.ipynb § 2; explain("pool-timeout") says more',
        ),
        (
            Outcome("pool-size", "timeout", "timeout: still waiting after 5 s"),
            "timeout pool-size: still waiting after 5 s",
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
    assert Outcome("pool-size", name, "", lesson="07_pools", section=2).pointer == pointer


def test_without_a_section_nothing_is_pointed_at() -> None:
    assert Outcome("pool-size", "fail", "", lesson="07_pools").pointer == ""


def test_as_data_it_carries_everything() -> None:
    assert Outcome("pool-size", "fail", "no", 0, 2, "07_pools", 2, "slug").as_dict() == {
        "question": "pool-size",
        "outcome": "fail",
        "message": "no",
        "points": 0,
        "possible": 2,
        "lesson": "07_pools",
        "section": 2,
        "slug": "slug",
        "pointer": "notebooks/07_pools.ipynb § 2",
    }
