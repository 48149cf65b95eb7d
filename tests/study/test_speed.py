"""The speed challenge: its clock runs only while it asks, its best is kept, and no clock is needed."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from course_lib.study.deck import Deck
from course_lib.study.progress import events, record
from course_lib.study.questions import of_kind, stems
from course_lib.study.speed import Speed

from .study_clock import Now, do

QUESTIONS = {question.prompt: question for question in of_kind("quiz", stems())}


class Stopwatch:
    """Python's monotonic clock, as a test sets it."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def now() -> Now:
    return Now()


def speed(now: Now, watch: Stopwatch, number: int | None = 0) -> Speed:
    """Return the challenge as another notebook, or a restarted kernel, builds it."""
    return Speed(number, now.journal(), watch)


def answer(model: Speed, *, right: bool = True) -> dict[str, Any]:
    view = model.view()
    wanted = {option.text for option in QUESTIONS[view["question"]].options if option.right is right}
    return do(model, "answer", option=next(i for i, o in enumerate(view["options"]) if o["text"] in wanted))


def play(model: Speed, watch: Stopwatch, seconds: float, rights: str = "++++", *, timed: bool = True) -> dict[str, Any]:
    """Play a whole round; each answer takes `seconds`, each reason is read for a minute."""
    do(model, "start", timed=timed)
    for right in rights:
        watch.seconds += seconds
        answer(model, right=right == "+")
        watch.seconds += 60
        do(model, "next")
    return model.view()


def test_it_waits_to_be_started_and_shows_nothing_before(now: Now, watch: Stopwatch) -> None:
    view = speed(now, watch).view()
    assert view == {
        "kind": "speed",
        "title": "Speed challenge of lesson 00",
        "turn": 0,
        "state": "ready",
        "timed": False,
        "seconds": None,
        "clock": "off",
        "asked_at": None,
        "number": 0,
        "of": 4,
        "question": "",
        "options": [],
        "right": 0,
        "answered": 0,
        "missed": [],
        "streak": 0,
        "longest": 0,
        "best": None,
        "best_untimed": None,
        "best_streak": None,
        "rounds": 0,
        "said": "",
    }
    assert json.loads(json.dumps(view)) == view


def test_the_clock_stands_still_while_a_reason_is_read(now: Now, watch: Stopwatch) -> None:
    model = speed(now, watch)
    assert do(model, "start", timed=True)["clock"] == "runs"
    watch.seconds += 2.5
    view = answer(model)
    assert (view["clock"], view["seconds"], view["said"]) == ("stands", 2.5, "Right.")
    assert all(option["because"] for option in view["options"])
    watch.seconds += 600
    do(model, "next")
    watch.seconds += 1
    assert answer(model)["seconds"] == 3.5


def test_streaks_are_counted(now: Now, watch: Stopwatch) -> None:
    model = speed(now, watch)
    seen = []
    do(model, "start")
    for right in "++-+":
        view = answer(model, right=right == "+")
        seen.append((view["streak"], view["longest"], view["best_streak"]))
        do(model, "next")
    assert seen == [(1, 1, 1), (2, 2, 2), (0, 2, 2), (1, 2, 2)]


def test_the_best_is_most_right_and_then_fastest(now: Now, watch: Stopwatch) -> None:
    model = speed(now, watch)
    first = play(model, watch, 3)
    assert (first["said"], first["rounds"]) == ("4 of 4 right in 12.0 s.", 1)
    assert play(model, watch, 1, "+++-")["said"] == "3 of 4 right in 4.0 s."
    assert play(model, watch, 5)["said"] == "4 of 4 right in 20.0 s."
    assert play(model, watch, 2)["said"] == "4 of 4 right in 8.0 s, your best so far."
    view = speed(now, watch).view()
    assert view["best"] == {"right": 4, "of": 4, "seconds": 8.0}
    assert (view["best_untimed"], view["best_streak"]) == ({"right": 4, "of": 4}, 4)


def test_a_round_without_a_right_answer_is_no_best(now: Now, watch: Stopwatch) -> None:
    assert play(speed(now, watch), watch, 1, "----")["said"] == "0 of 4 right in 4.0 s."


def test_without_a_clock_nothing_is_timed_and_nothing_is_lost(now: Now, watch: Stopwatch) -> None:
    model = speed(now, watch)
    view = play(model, watch, 100, "++-+", timed=False)
    assert (view["timed"], view["seconds"], view["clock"]) == (False, None, "off")
    assert view["said"] == "3 of 4 right, without a clock."
    assert (view["best"], view["best_untimed"]) == (None, {"right": 3, "of": 4})
    assert all("seconds" not in event.result for event in events("answered"))
    assert len(view["missed"]) == 1
    assert Deck(0, now.journal()).view()["new"] == 11 + 1


def test_the_order_is_seeded_and_another_one_in_the_next_round(now: Now, watch: Stopwatch) -> None:
    orders = []
    for _ in range(4):
        play(speed(now, watch), watch, 1)
        opened = events("opened")[-1].result["questions"]
        orders.append(opened)
        assert sorted(opened) == sorted(question.id for question in of_kind("quiz", ["00_doors_open"]))
    assert len({tuple(order) for order in orders}) > 1


def test_a_restarted_kernel_goes_on_in_the_round(now: Now, watch: Stopwatch) -> None:
    model = speed(now, watch)
    do(model, "start", timed=True)
    watch.seconds += 2
    answer(model)
    watch.seconds += 500
    again = speed(now, watch)
    view = again.view()
    assert (view["state"], view["clock"], view["answered"], view["seconds"]) == ("paused", "stands", 1, 2.0)
    assert (view["question"], view["options"]) == ("", [])
    watch.seconds += 100
    view = do(again, "resume")
    assert (view["state"], view["clock"], view["number"], view["seconds"]) == ("asked", "runs", 2, 2.0)
    watch.seconds += 3
    assert answer(again)["seconds"] == 5.0


def test_a_round_without_a_clock_goes_on_at_once_after_a_restart(now: Now, watch: Stopwatch) -> None:
    do(speed(now, watch), "start", timed=False)
    assert speed(now, watch).view()["state"] == "asked"


def test_a_paused_round_can_be_dropped(now: Now, watch: Stopwatch) -> None:
    do(speed(now, watch), "start", timed=True)
    view = do(speed(now, watch), "leave")
    assert (view["state"], view["said"]) == ("ready", "Round dropped; your answers so far are kept.")


@pytest.mark.parametrize(("took", "counted"), [(2.5, 2.5), (9, 6.0), (-1, 6.0), ("2", 6.0), (None, 6.0)])
def test_the_time_of_the_click_counts_where_the_kernel_was_busy(
    took: object, counted: float, now: Now, watch: Stopwatch
) -> None:
    model = speed(now, watch)
    do(model, "start", timed=True)
    watch.seconds += 6
    assert do(model, "answer", option=0, took=took)["seconds"] == counted


def test_only_a_running_clock_says_since_when(now: Now, watch: Stopwatch) -> None:
    model, before = speed(now, watch), time.time()
    asked = do(model, "start", timed=True)
    assert before <= asked["asked_at"] <= time.time()
    assert answer(model)["asked_at"] is None


def test_a_round_that_was_left_is_given_up(now: Now, watch: Stopwatch) -> None:
    model = speed(now, watch)
    do(model, "start")
    answer(model)
    assert do(model, "leave")["state"] == "ready"
    assert speed(now, watch).view()["state"] == "ready"
    assert speed(now, watch).view()["best_streak"] == 1
    assert do(model, "start", timed=False)["answered"] == 0
    assert model.view()["best"] is None


def test_actions_wait_for_their_turn(now: Now, watch: Stopwatch) -> None:
    model = speed(now, watch)
    for name in ("answer", "next", "leave"):
        assert do(model, name, option=0)["state"] == "ready"
    do(model, "start")
    do(model, "start")
    assert len(events()) == 1
    assert do(model, "answer", option=9)["state"] == "asked"


def test_an_answer_that_came_twice_counts_once(now: Now, watch: Stopwatch) -> None:
    model = speed(now, watch)
    turn = do(model, "start")["turn"]
    for _ in range(2):
        model.act({"turn": turn, "do": "answer", "option": 0})
    assert len(events("answered")) == 1


def test_a_round_begun_in_another_notebook_is_the_current_one(now: Now, watch: Stopwatch) -> None:
    left, right = speed(now, watch), speed(now, watch)
    do(left, "start")
    answer(left)
    do(right, "start")
    assert (right.view()["state"], right.view()["answered"], len(events("opened"))) == ("asked", 1, 1)
    do(right, "leave")
    do(right, "start")
    view = do(left, "next")
    assert (view["state"], view["answered"], len(events("opened"))) == ("asked", 0, 3)


def test_over_all_lessons_ten_of_those_met_are_drawn(now: Now, watch: Stopwatch) -> None:
    for stem in ("00_doors_open", "01_event_loop", "02_landscape"):
        record("opened", f"lesson:{stem}")
    view = do(speed(now, watch, None), "start")
    assert (view["title"], view["of"]) == ("Speed challenge", 10)
    assert {name[:2] for name in events("opened")[-1].result["questions"]} <= {"00", "01", "02"}


def test_the_stored_text_never_changes(now: Now, watch: Stopwatch) -> None:
    model = speed(now, watch)
    play(model, watch, 1)
    assert repr(model) == "Speed challenge of lesson 00: 4 questions, with a clock or without"
    assert repr(speed(now, watch, None)) == "Speed challenge: 10 questions, with a clock or without"
