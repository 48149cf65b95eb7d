"""An action counts on the view it was made for, and on no other."""

from __future__ import annotations

import pytest

from course_lib.errors import CourseError
from course_lib.study.turns import Turns


def test_an_action_of_an_older_view_is_none() -> None:
    turns = Turns(["flip", "grade"])
    assert turns.accept({"turn": 0, "do": "flip"}) == "flip"
    turns.advance()
    assert turns.number == 1
    assert [turns.accept({"turn": turn, "do": "flip"}) for turn in (0, 1, 2)] == [None, "flip", None]


@pytest.mark.parametrize("action", [{}, {"do": "burn", "turn": 0}, {"do": ["flip"], "turn": 0}])
def test_an_unknown_action_names_those_there_are(action: dict[str, object]) -> None:
    with pytest.raises(CourseError) as caught:
        Turns(["flip", "grade"]).accept(action)
    assert str(caught.value) == f"expected an action (flip, grade), got {action.get('do')!r}; send one of them as 'do'"


@pytest.mark.parametrize("turn", [None, "0", 0.0])
def test_an_action_without_a_view_says_what_to_send(turn: object) -> None:
    with pytest.raises(CourseError) as caught:
        Turns(["flip"]).accept({"do": "flip", "turn": turn})
    assert str(caught.value) == f"expected the number of a view as 'turn', got {turn!r}; send view()['turn']"
