"""A quiz gives the reason for every option after the answer, keeps its place, and never counts an answer twice."""

from __future__ import annotations

import json
from typing import Any

import pytest

from course_lib.errors import CourseError
from course_lib.study.deck import Deck
from course_lib.study.progress import events
from course_lib.study.questions import of_kind, stems
from course_lib.study.quiz import Quiz

from .study_clock import Now, do

QUESTIONS = of_kind("quiz", ["00_doors_open"])


@pytest.fixture
def now() -> Now:
    return Now()


def quiz(now: Now) -> Quiz:
    """Return the quiz as another notebook, or a restarted kernel, builds it."""
    return Quiz(0, now.journal())


def index(model: Quiz, *, right: bool = True) -> int:
    """Return the index of a right or a wrong option of the question that is shown."""
    view = model.view()
    question = next(q for q in QUESTIONS if q.prompt == view["question"])
    wanted = {option.text for option in question.options if option.right is right}
    return next(i for i, option in enumerate(view["options"]) if option["text"] in wanted)


def answer(model: Quiz, *, right: bool = True) -> dict[str, Any]:
    view = do(model, "answer", option=index(model, right=right))
    do(model, "next")
    return view


def test_a_new_quiz_asks_and_tells_nothing(now: Now) -> None:
    view = quiz(now).view()
    assert {**view, "options": []} == {
        "kind": "quiz",
        "title": "Quiz of lesson 00",
        "turn": 0,
        "state": "asked",
        "number": 1,
        "of": 4,
        "question": "`await` in a cell works because",
        "options": [],
        "right": 0,
        "answered": 0,
        "best": None,
        "rounds": 0,
        "missed": [],
        "said": "",
    }
    assert sorted(o["text"] for o in view["options"]) == sorted(o.text for o in QUESTIONS[0].options)
    assert [(o["mark"], o["because"], o["chosen"]) for o in view["options"]] == [("", "", False)] * 3
    assert json.loads(json.dumps(view)) == view


@pytest.mark.parametrize("right", [True, False])
def test_an_answer_gets_the_reason_of_every_option(right: bool, now: Now) -> None:
    model = quiz(now)
    chosen = index(model, right=right)
    view = do(model, "answer", option=chosen)
    assert (view["state"], view["answered"], view["right"]) == ("answered", 1, int(right))
    reasons = {option.text: option.because for option in QUESTIONS[0].options}
    assert {o["text"]: o["because"] for o in view["options"]} == reasons
    assert [o["mark"] for o in view["options"]].count("right") == 1
    assert [i for i, o in enumerate(view["options"]) if o["chosen"]] == [chosen]
    wrong = 'Not this time: the right answer is "the cell is run as a coroutine". The question is in your cards now.'
    assert view["said"] == ("Right." if right else wrong)
    (event,) = events("answered")
    assert event.object == "00-quiz-top-level-await"
    assert event.result == {
        "option": view["options"][chosen]["text"],
        "right": right,
        "lesson": "00_doors_open",
        "in": "quiz:00_doors_open",
        "round": 0,
    }


def test_the_last_answer_ends_with_the_score(now: Now) -> None:
    model = quiz(now)
    for right in (True, False, True, True):
        answer(model, right=right)
    view = model.view()
    assert (view["state"], view["question"], view["options"]) == ("done", "", [])
    assert (view["right"], view["of"], view["best"]) == (3, 4, 3)
    assert view["missed"] == ["`client(app)` opens: no socket"]
    assert view["said"] == "3 of 4 right; the other one is in your cards."


def test_wrong_items_are_among_the_cards_and_once(now: Now) -> None:
    model = quiz(now)
    for _ in range(2):
        for right in (False, True, False, True):
            answer(model, right=right)
        do(model, "again")
    assert Deck(0, now.journal()).view()["new"] == 11 + 2


def test_another_round_keeps_the_best_and_changes_the_order(now: Now) -> None:
    model = quiz(now)
    orders = set()
    for right in (True, False, False, False):
        orders.add(tuple(option["text"] for option in quiz(now).view()["options"]))
        for _ in range(4):
            answer(model, right=right)
        do(model, "again")
    assert (model.view()["state"], model.view()["answered"], model.view()["best"]) == ("asked", 0, 4)
    assert len(orders) > 1


def test_a_restarted_kernel_goes_on_where_it_was(now: Now) -> None:
    model = quiz(now)
    answer(model)
    do(model, "answer", option=index(model, right=False))
    fresh = quiz(now).view()
    assert (fresh["state"], fresh["number"], fresh["right"], fresh["answered"]) == ("asked", 3, 1, 2)
    assert fresh["question"] == "`print(hello())` prints"


def test_a_round_begun_and_not_answered_is_kept_too(now: Now) -> None:
    model = quiz(now)
    for _ in range(4):
        answer(model)
    do(model, "again")
    assert quiz(now).view()["answered"] == 0


def test_an_answer_that_came_twice_counts_once(now: Now) -> None:
    model = quiz(now)
    option, turn = index(model), model.view()["turn"]
    for _ in range(2):
        view = model.act({"turn": turn, "do": "answer", "option": option})
    assert (view["answered"], len(events("answered"))) == (1, 1)


def test_two_notebooks_on_one_question_count_the_first_answer(now: Now) -> None:
    left, right = quiz(now), quiz(now)
    answer(left, right=False)
    view = do(right, "answer", option=index(right))
    assert [event.result["right"] for event in events("answered")] == [False]
    assert (view["state"], view["right"]) == ("answered", 0)
    assert view["said"].startswith("Answered in another notebook meanwhile. Not this time")


def test_an_answer_to_a_round_that_is_over_is_none(now: Now) -> None:
    left, right = quiz(now), quiz(now)
    for _ in range(4):
        answer(left)
    do(left, "again")
    view = do(right, "answer", option=0)
    assert (view["state"], view["answered"], len(events("answered"))) == ("asked", 0, 4)


@pytest.mark.parametrize("wrong", [3, -1, None, "0", 1.0])
def test_an_option_that_is_none_changes_nothing(wrong: object, now: Now) -> None:
    view = do(quiz(now), "answer", option=wrong)
    assert (view["state"], events()) == ("asked", [])


def test_again_and_next_wait_for_their_turn(now: Now) -> None:
    model = quiz(now)
    for name in ("again", "next"):
        assert do(model, name)["number"] == 1
    assert events() == []


def test_what_is_no_action_is_said_in_one_sentence(now: Now) -> None:
    with pytest.raises(CourseError) as caught:
        quiz(now).act({"turn": 0, "do": "cheat"})
    assert str(caught.value) == "expected an action (answer, next, again), got 'cheat'; send one of them as 'do'"


def test_a_question_dropped_by_a_later_edition_is_left_out(now: Now) -> None:
    model = quiz(now)
    for _ in range(4):
        answer(model)
    now.journal().write("opened", "quiz:00_doors_open", {"round": 1, "questions": ["gone", QUESTIONS[2].id]}, "later")
    view = quiz(now).view()
    assert (view["of"], view["question"]) == (1, QUESTIONS[2].prompt)


def test_the_stored_text_is_every_question_and_never_changes(now: Now) -> None:
    model = quiz(now)
    before = repr(model)
    answer(model, right=False)
    assert repr(model) == before == repr(quiz(now))
    lines = before.splitlines()
    assert lines[:2] == ["Quiz of lesson 00: 4 questions", "1. `await` in a cell works because"]
    assert sorted(line[7:] for line in lines[2:5]) == sorted(option.text for option in QUESTIONS[0].options)
    assert [line[:7] for line in lines[2:5]] == ["   (a) ", "   (b) ", "   (c) "]


@pytest.mark.parametrize("stem", stems())
def test_the_right_option_is_not_always_at_the_same_letter(stem: str) -> None:
    right = {option.text for question in of_kind("quiz", [stem]) for option in question.options if option.right}
    assert len({line[4] for line in repr(Quiz(int(stem[:2]))).splitlines() if line[7:] in right}) > 1
