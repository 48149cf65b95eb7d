"""A round knows what was asked and answered, and its order comes from a seed."""

from __future__ import annotations

import pytest

from course_lib.study.event import Event
from course_lib.study.questions import Option, of_kind
from course_lib.study.round import Played, Round, shown, shuffled

from .study_clock import Now

OPTIONS = [Option("no socket", "a call", right=True), Option("port 8000", "uvicorn"), Option("a thread", "one loop")]


def played(hits: str) -> Played:
    answers = {str(n): Event("answered", str(n), {"right": hit == "+", "seconds": 1.5}) for n, hit in enumerate(hits)}
    return Played(1, {}, answers)


@pytest.mark.parametrize(
    ("hits", "right", "streak", "longest"),
    [("", 0, 0, 0), ("+", 1, 1, 1), ("-", 0, 0, 0), ("++-+", 3, 1, 2), ("+-++", 3, 2, 2), ("+++-", 3, 0, 3)],
)
def test_a_round_counts_right_answers_and_runs(hits: str, right: int, streak: int, longest: int) -> None:
    one = played(hits)
    assert (one.right(), one.streak(), one.longest(), one.seconds()) == (right, streak, longest, 1.5 * len(hits))


def test_a_seed_decides_the_order_for_ever() -> None:
    assert [option.text for option in shuffled(OPTIONS, "07-quiz-x#0")] == ["port 8000", "a thread", "no socket"]
    assert len({tuple(o.text for o in shuffled(OPTIONS, f"07-quiz-x#{n}")) for n in range(20)}) == 6


def test_reasons_are_shown_only_with_an_answer() -> None:
    assert [(o["mark"], o["chosen"], o["because"]) for o in shown(OPTIONS, None)] == [("", False, "")] * 3
    assert [(o["mark"], o["chosen"], o["because"]) for o in shown(OPTIONS, "a thread")] == [
        ("right", False, "a call"),
        ("wrong", False, "uvicorn"),
        ("wrong", True, "one loop"),
    ]


def test_the_first_answer_to_a_question_counts() -> None:
    pool = of_kind("quiz", ["00_doors_open"])
    mine = Round("quiz:00_doors_open", pool, Now().journal())
    assert mine.answer(pool[0], pool[0].options[0])
    assert not mine.answer(pool[0], pool[0].options[1])
    assert mine.current.right() == 1
    assert mine.following == pool[1]


def test_a_round_of_another_face_is_not_this_one() -> None:
    pool = of_kind("quiz", ["00_doors_open"])
    quiz, speed = (Round(f"{face}:00_doors_open", pool, Now().journal()) for face in ("quiz", "speed"))
    speed.open(pool[:2], timed=True)
    speed.answer(pool[0], pool[0].options[0])
    quiz.look()
    assert (quiz.current.number, quiz.current.answers, quiz.complete()) == (0, {}, [])
    assert [question.id for question in speed.questions] == [question.id for question in pool[:2]]
    assert speed.current.opened["timed"] is True
