"""What is known is said in a word, from the latest answer to each question."""

from __future__ import annotations

import pytest

from course_lib.study.event import Event
from course_lib.study.mastery import Mastery, Word, mastery, standing_answers


def answered(name: str, right: bool) -> Event:
    return Event("answered", name, {"right": right})


def reviewed(name: str, **result: object) -> Event:
    return Event("reviewed", name, dict(result))


@pytest.mark.parametrize(
    ("happened", "known"),
    [
        ([answered("q", True)], True),
        ([answered("q", False)], False),
        ([answered("q", False), answered("q", True)], True),
        ([answered("q", True), reviewed("q", grade="again")], False),
        ([answered("q", False), reviewed("q", grade="hard")], True),
        ([answered("q", False), reviewed("q", grade="good"), reviewed("q", undo=True)], False),
        ([reviewed("q", grade="again"), reviewed("q", grade="easy"), reviewed("q", undo=True)], False),
    ],
)
def test_the_latest_answer_that_stands_counts(happened: list[Event], known: bool) -> None:
    assert standing_answers(happened) == {"q": known}


def test_what_was_undone_or_says_nothing_is_no_answer() -> None:
    happened = [reviewed("q", undo=True), reviewed("q"), Event("predicted", "q", {"right": True})]
    assert standing_answers([*happened, reviewed("r", grade="good"), reviewed("r", undo=True)]) == {}


@pytest.mark.parametrize(
    ("answers", "is_met", "word"),
    [
        ({}, False, "not yet"),
        ({}, True, "met"),
        ({"a": False}, False, "met"),
        ({"a": True}, False, "growing"),
        ({"a": True, "b": False}, False, "growing"),
        ({"a": True, "b": True}, False, "known"),
    ],
)
def test_mastery_is_a_word(answers: dict[str, bool], is_met: bool, word: Word) -> None:
    assert mastery(["a", "b"], answers, is_met=is_met).word == word


def test_what_has_no_questions_is_never_known() -> None:
    assert mastery([], {"a": True}) == Mastery(0, 0, False)
    assert (mastery([], {}).word, mastery([], {}, is_met=True).word) == ("not yet", "met")
