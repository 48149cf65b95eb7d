"""What is computed from events, and the promise that recording never gets in the way."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from course_lib.errors import ProgressError
from course_lib.study.event import Event, Verb
from course_lib.study.progress import (
    Progress,
    Sheet,
    events,
    exercise_points,
    guess,
    next_sheet,
    passed,
    passed_in,
    predictions,
    progress,
    record,
)

STEMS = ["00_doors_open", "01_event_loop"]
QUESTIONS = {"00_doors_open": ["first-call", "two-at-once"], "01_event_loop": ["knee"]}


def ran(stem: str) -> Event:
    return Event("ran", f"lesson:{stem}")


def did_pass(name: str) -> Event:
    return Event("passed", name)


ALL_OF_00 = [did_pass("first-call"), did_pass("two-at-once")]


@pytest.mark.parametrize(
    ("happened", "expected"),
    [
        ([], ("lesson", "00_doors_open")),
        ([Event("opened", "lesson:00_doors_open")], ("lesson", "00_doors_open")),
        ([ran("00_doors_open")], ("exercise", "00_doors_open")),
        ([did_pass("first-call")], ("lesson", "00_doors_open")),
        ([ran("00_doors_open"), did_pass("first-call")], ("exercise", "00_doors_open")),
        ([ran("00_doors_open"), *ALL_OF_00], ("lesson", "01_event_loop")),
        (ALL_OF_00, ("lesson", "01_event_loop")),
        ([ran("01_event_loop")], ("lesson", "00_doors_open")),
        ([*ALL_OF_00, ran("01_event_loop")], ("exercise", "01_event_loop")),
        ([*ALL_OF_00, did_pass("knee")], ("lesson", "01_event_loop")),
        ([ran("00_doors_open"), *ALL_OF_00, Event("reset", "first-call")], ("exercise", "00_doors_open")),
        ([ran("00_doors_open"), *ALL_OF_00, Event("reset", "exercise:00_doors_open")], ("exercise", "00_doors_open")),
        ([*ALL_OF_00, Event("reset", "exercise:00_doors_open"), *ALL_OF_00], ("lesson", "01_event_loop")),
        ([ran("00_doors_open"), Event("reset", "lesson:00_doors_open")], ("lesson", "00_doors_open")),
        ([did_pass("an-old-question"), *ALL_OF_00], ("lesson", "01_event_loop")),
    ],
)
def test_next_sheet_is_the_first_one_not_finished(happened: list[Event], expected: Sheet) -> None:
    assert next_sheet(STEMS, QUESTIONS, happened) == expected


def test_a_lesson_without_questions_is_finished_when_it_ran() -> None:
    assert next_sheet(STEMS, {"01_event_loop": ["knee"]}, []) == ("lesson", "00_doors_open")
    assert next_sheet(STEMS, {"01_event_loop": ["knee"]}, [ran("00_doors_open")]) == ("lesson", "01_event_loop")


def test_all_finished_is_the_last_lesson() -> None:
    everything = [*ALL_OF_00, did_pass("knee"), ran("00_doors_open"), ran("01_event_loop")]
    assert next_sheet(STEMS, QUESTIONS, everything) == ("lesson", "01_event_loop")


def test_a_course_without_lessons_is_one_sentence() -> None:
    with pytest.raises(ProgressError) as caught:
        next_sheet([], {}, [])
    assert str(caught.value) == (
        "expected at least one lesson, found none; start in the course's folder or set COURSE_ROOT"
    )


@pytest.mark.parametrize(
    ("reset", "left"),
    [
        (Event("reset", "first-call"), {"two-at-once", "knee"}),
        (Event("reset", "exercise:00_doors_open"), {"knee"}),
        (Event("reset", "exercise:07_pools", {"questions": ["knee"]}), {"first-call", "two-at-once"}),
        (Event("reset", "exercise:07_pools", {"questions": 3}), {"first-call", "two-at-once", "knee"}),
        (Event("reset", "lesson:00_doors_open"), {"first-call", "two-at-once", "knee"}),
    ],
)
def test_a_reset_voids_what_was_passed_before(reset: Event, left: set[str]) -> None:
    home = {"first-call": "00_doors_open", "two-at-once": "00_doors_open", "knee": "01_event_loop"}
    happened = [Event("passed", name, {"lesson": stem}) for name, stem in home.items()]
    assert passed_in([*happened, reset]) == left
    assert passed_in([reset, *happened]) == set(home)


def test_recorded_events_come_back_and_can_be_chosen() -> None:
    record("opened", "lesson:00_doors_open")
    record("checked", "first-call", {"outcome": "fail"})
    record("passed", "first-call", {"lesson": "00_doors_open", "points": 1})
    assert [event.verb for event in events()] == ["opened", "checked", "passed"]
    assert [event.result for event in events("checked")] == [{"outcome": "fail"}]
    assert [event.verb for event in events(obj="first-call")] == ["checked", "passed"]
    assert passed() == {"first-call"}


def test_the_latest_guess_counts() -> None:
    assert (predictions(), guess("00-asyncio-run")) == ({}, None)
    for text in ("returns", "raises"):
        record("predicted", "00-asyncio-run", {"guess": text})
    record("predicted", "00-client-port", {"guess": "8000"})
    record("predicted", "00-second-run", {})
    assert predictions() == {"00-asyncio-run": "raises", "00-client-port": "8000"}
    assert guess("00-asyncio-run") == "raises"


@pytest.mark.parametrize("reason", ["database or disk is full", "attempt to write a readonly database"])
def test_a_store_that_refuses_costs_one_line(
    reason: str, progress_db: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_arguments: object, **_options: object) -> sqlite3.Connection:
        raise sqlite3.OperationalError(reason)

    record("passed", "first-call")
    monkeypatch.setattr(sqlite3, "connect", refuse)
    record("passed", "two-at-once")
    record("passed", "doors-fixed")
    assert (events(), passed(), guess("00-asyncio-run")) == ([], set(), None)
    said = capsys.readouterr()
    assert said.err == f"progress is not kept in {progress_db} ({reason}); all else works, see: course doctor\n"
    assert said.out == ""


def test_a_folder_that_is_a_file_costs_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("COURSE_PROGRESS_DB", str(tmp_path / "file" / "below" / "progress.db"))
    for _ in range(3):
        record("passed", "first-call")
    assert capsys.readouterr().err.count("\n") == 1


def test_a_home_that_cannot_be_found_costs_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COURSE_PROGRESS_DB", "~nobody-of-that-name/progress.db")
    record("passed", "first-call")
    assert capsys.readouterr().err.startswith("progress is not kept in the user's data folder (")


@pytest.fixture
def small_course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a course of three lessons: one with two questions, one with a broken exercise, one without."""

    def cell(cell_id: str, source: str, points: object = None) -> dict[str, object]:
        grading = {"nbgrader": {"grade": True, "points": points}} if points is not None else {}
        return {"cell_type": "code", "id": cell_id, "metadata": grading, "source": source}

    cells = [
        cell("answer-first-call", "# question: first-call\n"),
        cell("check-first-call", "await check('first-call')", 1),
        cell("answer-two-at-once", "# question: two-at-once\n"),
        cell("check-two-at-once", "await check('two-at-once')", 2),
        cell("check-first-call-again", "1", "many"),
    ]
    (tmp_path / "exercises").mkdir()
    (tmp_path / "notebooks").mkdir()
    exercise = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})
    (tmp_path / "exercises" / "00_doors_open.ipynb").write_text(exercise)
    (tmp_path / "exercises" / "01_event_loop.ipynb").write_text("no notebook")
    for stem in ("00_doors_open", "01_event_loop", "02_landscape"):
        (tmp_path / "notebooks" / f"{stem}.ipynb").write_text("{}")
    monkeypatch.setenv("COURSE_ROOT", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("small_course")
def test_progress_reads_the_same_for_the_same_events() -> None:
    mine = progress()
    record("passed", "two-at-once", {"points": 2})
    assert repr(mine).splitlines() == [
        "Progress: 1 of 2 questions, 2 of 3 points",
        "00_doors_open  1 of 2 questions, 2 of 3 points",
        "01_event_loop  0 of 0 questions, 0 of 0 points",
        "02_landscape   0 of 0 questions, 0 of 0 points",
        "Lessons whose last cell ran: 0 of 3",
        "Predictions right: 0 of 0",
        "Quiz and cards known: 0 of 50",
        "Cards: 0 due, 0 new",
        "Minutes: 0",
        "Next: lesson 00_doors_open (course start)",
    ]
    record("reset", "exercise:00_doors_open")
    assert repr(mine).splitlines()[0] == "Progress: 0 of 2 questions, 0 of 3 points"


@pytest.mark.usefixtures("small_course")
def test_points_are_those_of_the_check_cells() -> None:
    assert exercise_points("00_doors_open") == {"first-call": 1, "two-at-once": 2}


def test_progress_without_lessons_has_nothing_next() -> None:
    lines = repr(Progress({})).splitlines()
    assert (lines[0], lines[-1]) == ("Progress: 0 of 0 questions, 0 of 0 points", "Minutes: 0")


@pytest.mark.parametrize("name", ["mine.json", "mine.csv"])
def test_what_was_exported_can_be_loaded_elsewhere_and_twice(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record("passed", "first-call", {"lesson": "00_doors_open", "message": 'a "quoted", line\nand Zażółć'})
    record("predicted", "00-asyncio-run", {"guess": "raises"})
    there, mine = events(), Progress({})
    mine.export(tmp_path / name)
    monkeypatch.setenv("COURSE_PROGRESS_DB", str(tmp_path / "elsewhere" / "progress.db"))
    record("passed", "knee")
    mine.load(str(tmp_path / name))
    mine.load(tmp_path / name)
    assert [event for event in events() if event.object != "knee"] == there
    assert passed() == {"first-call", "knee"}
    assert capsys.readouterr().out.splitlines() == [
        f"2 events written to {tmp_path / name}",
        f"2 events loaded from {tmp_path / name}, 0 were known",
        f"0 events loaded from {tmp_path / name}, 2 were known",
    ]


@pytest.mark.parametrize(
    ("answer", "left", "said"),
    [("yes", 0, "1 events deleted\n"), (" YES ", 0, "1 events deleted\n"), ("", 1, "nothing was deleted\n")],
)
def test_forget_asks_first(
    answer: str, left: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record("passed", "first-call")
    monkeypatch.setattr("builtins.input", lambda _question: answer)
    Progress({}).forget()
    assert (len(events()), capsys.readouterr().out) == (left, said)


def test_forget_without_a_keyboard_says_how() -> None:
    record("passed", "first-call")
    with pytest.raises(ProgressError) as caught:
        Progress({}).forget()
    assert str(caught.value) == (
        "expected an answer, but there is no keyboard here; call forget(confirm=True), or add --yes to the command"
    )
    assert passed() == {"first-call"}


def test_forget_can_be_confirmed_beforehand() -> None:
    record("passed", "first-call")
    Progress({}).forget(confirm=True)
    assert events() == []


def test_verbs_are_those_of_the_store() -> None:
    verbs: tuple[Verb, ...] = ("opened", "ran", "checked", "passed", "predicted", "answered", "reviewed", "reset")
    for verb in verbs:
        record(verb, "anything")
    assert [event.verb for event in events()] == list(verbs)
