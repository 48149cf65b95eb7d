"""A deck shows what is due, takes a grade once, takes it back, and goes on after a restart."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from course_lib.errors import CourseError
from course_lib.study import store
from course_lib.study.deck import Deck, back_of, brief, cards_of
from course_lib.study.progress import events, record
from course_lib.study.questions import of_kind

from .study_clock import MORNING, Now, do

FRONTS = [question.prompt for question in cards_of("00_doors_open")]


@pytest.fixture
def now() -> Now:
    return Now()


def deck(now: Now, number: int | None = 0) -> Deck:
    """Return the deck as another notebook, or a restarted kernel, builds it."""
    return Deck(number, now.journal())


def grade(model: Deck, how: str = "good") -> None:
    do(model, "flip")
    do(model, "grade", grade=how)


def test_a_new_deck_shows_the_first_front_and_no_back(now: Now) -> None:
    view = deck(now).view()
    assert view == {
        "kind": "cards",
        "title": "Cards of lesson 00",
        "turn": view["turn"],
        "state": "front",
        "due": 0,
        "new": 11,
        "card": "00-card-asyncio-run",
        "lesson": "00_doors_open",
        "front": FRONTS[0],
        "back": "",
        "grades": [],
        "repeat": 0,
        "can_undo": False,
        "undoes": "",
        "wakes_in": None,
        "said": "",
    }
    assert json.loads(json.dumps(view)) == view


def test_a_turned_card_shows_its_back_and_what_each_grade_does(now: Now) -> None:
    view = do(deck(now), "flip")
    assert (view["state"], view["back"]) == ("back", "The kernel's loop is already running in this thread.")
    assert view["grades"] == [
        {"grade": "again", "next": "1 minute"},
        {"grade": "hard", "next": "6 minutes"},
        {"grade": "good", "next": "10 minutes"},
        {"grade": "easy", "next": "8 days"},
    ]


def test_a_grade_is_an_event_and_the_next_card_comes(now: Now) -> None:
    model = deck(now)
    do(model, "flip")
    view = do(model, "grade", grade="good")
    assert (view["front"], view["state"], view["new"]) == (FRONTS[1], "front", 10)
    assert view["wakes_in"] is None
    assert view["said"] == 'Good: "Why does `asyncio.run` fail in Jupyter?" comes back in 10 minutes.'
    (event,) = events("reviewed")
    assert (event.object, event.at_utc) == ("00-card-asyncio-run", "2027-01-04T09:00:00.000000+00:00")
    assert event.result == {"grade": "good", "lesson": "00_doors_open"}


def test_a_grade_before_the_card_is_turned_changes_nothing(now: Now) -> None:
    assert do(deck(now), "grade", grade="good")["front"] == FRONTS[0]
    assert events() == []


@pytest.mark.parametrize("wrong", ["perfect", None, 3, ["good"]])
def test_a_grade_that_is_none_changes_nothing(wrong: object, now: Now) -> None:
    model = deck(now)
    do(model, "flip")
    assert do(model, "grade", grade=wrong)["state"] == "back"
    assert events() == []


def test_an_action_that_came_twice_counts_once(now: Now) -> None:
    model = deck(now)
    turn = do(model, "flip")["turn"]
    for _ in range(3):
        view = model.act({"turn": turn, "do": "grade", "grade": "easy"})
    assert (view["front"], len(events("reviewed"))) == (FRONTS[1], 1)


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        ({"turn": 0}, "expected an action (flip, grade, undo, refresh), got None; send one of them as 'do'"),
        (
            {"turn": 0, "do": "burn"},
            "expected an action (flip, grade, undo, refresh), got 'burn'; send one of them as 'do'",
        ),
        ({"do": "flip"}, "expected the number of a view as 'turn', got None; send view()['turn']"),
    ],
)
def test_what_is_no_action_is_said_in_one_sentence(action: dict[str, object], sentence: str, now: Now) -> None:
    with pytest.raises(CourseError) as caught:
        deck(now).act(action)
    assert str(caught.value) == sentence


def test_a_card_graded_again_comes_back_in_the_same_sitting_after_all_others(now: Now) -> None:
    model = deck(now)
    grade(model, "again")
    for _ in range(10):
        assert model.view()["card"] != "00-card-asyncio-run"
        grade(model, "easy")
    view = model.view()
    assert (view["card"], view["state"]) == ("00-card-asyncio-run", "front")
    do(model, "flip")
    assert do(model, "grade", grade="again")["said"] == "Again: here it is once more."
    view = model.view()
    assert (view["due"], view["new"], view["repeat"]) == (0, 0, 1)
    grade(model, "easy")
    assert model.view()["state"] == "done"
    easy = 'Easy: "Why does `asyncio.run` fail in Jupyter?" comes back in 1 day.'
    assert model.view()["wakes_in"] is None  # not before tomorrow
    assert model.view()["said"] == f"{easy} Nothing is due now; the next card is due in 1 day."


def test_an_empty_pile_says_when_it_wakes(now: Now) -> None:
    model = deck(now)
    grade(model, "hard")
    for _ in range(10):
        grade(model, "easy")
    wakes_in = model.view()["wakes_in"]
    assert 60 < wakes_in < 600
    now.later(seconds=wakes_in)
    view = do(model, "refresh")
    assert (view["state"], view["card"]) == ("front", "00-card-asyncio-run")


def test_undo_brings_the_card_and_its_date_back(now: Now) -> None:
    model = deck(now)
    grade(model)
    grade(model, "easy")
    assert (model.view()["can_undo"], model.view()["undoes"]) == (True, brief(FRONTS[1]))
    view = do(model, "undo")
    assert (view["front"], view["state"], view["new"]) == (FRONTS[1], "front", 10)
    assert view["said"] == "The last review is taken back; here is its card again."
    assert do(model, "undo")["front"] == FRONTS[0]
    assert not model.view()["can_undo"]
    assert do(model, "undo")["said"] == "There is no review of the last day to take back."
    assert [event.result.get("grade", "undo") for event in events()] == ["good", "easy", "undo", "undo"]
    grade(model, "hard")
    assert deck(now).view()["new"] == 10


def test_undo_is_for_a_slip_and_not_for_history(now: Now) -> None:
    model = deck(now)
    grade(model)
    now.later(days=2)
    assert not model.view()["can_undo"]
    do(model, "undo")
    assert len(events()) == 1


def test_a_restarted_kernel_goes_on_where_it_was(now: Now) -> None:
    model = deck(now)
    grade(model)
    grade(model, "again")
    fresh = deck(now)
    assert {**fresh.view(), "turn": 0, "said": ""} == {**model.view(), "turn": 0, "said": ""}


def test_a_card_is_due_on_another_day(now: Now) -> None:
    model = deck(now)
    for _ in range(11):
        grade(model, "easy")
    assert model.view()["state"] == "done"
    now.later(days=7, hours=23)
    assert do(model, "refresh")["due"] == 0
    now.later(hours=1)
    assert do(model, "refresh")["due"] == 11
    assert model.view()["front"] == FRONTS[0]


def test_two_notebooks_on_one_card_count_one_review(now: Now) -> None:
    left, right = deck(now), deck(now)
    do(left, "flip")
    do(right, "flip")
    do(left, "grade", grade="easy")
    view = do(right, "grade", grade="again")
    assert [event.result["grade"] for event in events()] == ["easy"]
    assert (view["front"], view["state"]) == (FRONTS[1], "front")
    assert view["said"] == "This card was reviewed in another notebook meanwhile; that review counts, once."


def test_two_notebooks_that_undo_take_back_one_review(now: Now) -> None:
    left, right = deck(now), deck(now)
    grade(left)
    grade(left)
    do(right, "refresh")
    turn = left.view()["turn"]
    do(right, "undo")
    left.act({"turn": turn, "do": "undo"})
    assert deck(now).view()["new"] == 11
    assert len(events()) == 4


RACE = """
import sys
from course_lib.study.deck import Deck
deck = Deck(0)
deck.act({"turn": deck.view()["turn"], "do": "flip"})
print("ready", flush=True)
sys.stdin.readline()
deck.act({"turn": deck.view()["turn"], "do": "grade", "grade": "good"})
"""


def test_processes_that_grade_one_card_at_once_count_one_review() -> None:
    store.append("opened", "lesson:00_doors_open", {})
    command = [sys.executable, "-c", RACE]
    notebooks = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for notebook in notebooks:
        assert notebook.stdout is not None
        assert notebook.stdout.readline() == "ready\n"
    for notebook in notebooks:
        assert notebook.stdin is not None
        notebook.stdin.write("go\n")
        notebook.stdin.flush()
    for notebook in notebooks:
        notebook.communicate(timeout=60)
    assert [notebook.returncode for notebook in notebooks] == [0] * 4
    assert [event.object for event in events("reviewed")] == ["00-card-asyncio-run"]


def test_a_quiz_item_answered_wrongly_is_a_card(now: Now) -> None:
    question = of_kind("quiz", ["00_doors_open"])[1]
    record("answered", question.id, {"right": False, "lesson": "00_doors_open"})
    record("answered", "00-quiz-task-life", {"right": True, "lesson": "00_doors_open"})
    model = deck(now)
    for _ in range(11):
        grade(model, "easy")
    view = do(model, "flip")
    assert (view["card"], view["front"]) == ("00-quiz-client-socket", "`client(app)` opens")
    assert view["back"] == "no socket. The app is called as a function."


def test_all_cards_are_those_of_the_lessons_met(now: Now) -> None:
    model = deck(now, None)
    assert model.view()["said"] == "No cards yet: they come with the lessons you open."
    assert repr(model) == "Cards: 0 due, 0 new"
    record("opened", "lesson:00_doors_open")
    record("predicted", "07-opened", {"guess": "5", "lesson": "07_pools"})
    cards = [*cards_of("00_doors_open"), *cards_of("07_pools")]
    assert repr(model) == f"Cards: 0 due, {len(cards)} new"
    assert model.counts() == (0, len(cards))
    assert {one.lesson for one in cards} == {"00_doors_open", "07_pools"}


def test_a_lesson_s_deck_reads_the_same_whatever_was_reviewed(now: Now) -> None:
    model = deck(now)
    before = repr(model)
    grade(model)
    record("answered", "00-quiz-client-socket", {"right": False})
    now.later(days=30)
    assert repr(model) == repr(deck(now)) == before
    assert before.splitlines() == ["Cards of lesson 00: 11", *(f"- {front}" for front in FRONTS)]


def test_a_lesson_without_questions_is_one_sentence() -> None:
    with pytest.raises(
        CourseError, match=r"^expected a lesson that has questions \(00, .*\), got 77; name one of them$"
    ):
        Deck(77)


def test_a_store_that_refuses_loses_no_review(
    now: Now, progress_db: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_arguments: object, **_options: object) -> sqlite3.Connection:
        raise sqlite3.OperationalError("database or disk is full")

    model = deck(now)
    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", refuse)
        grade(model)
        grade(model, "easy")
        assert (model.view()["front"], model.view()["new"]) == (FRONTS[2], 9)
    assert capsys.readouterr().err.count("\n") == 1
    now.later(minutes=1)
    grade(model, "hard")
    assert [event.result["grade"] for event in events()] == ["good", "easy", "hard"]
    assert [event.at_utc[11:16] for event in events()] == ["09:00", "09:00", "09:01"]
    assert now.moment > MORNING
    assert progress_db.exists()


def test_the_back_of_a_card_is_its_answer() -> None:
    first, *_, last = cards_of("00_doors_open")
    assert (back_of(first), back_of(last)) == (first.answer, "In a script, once, at the top.")
