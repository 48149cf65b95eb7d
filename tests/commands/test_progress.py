"""`course progress`: the table, JSON, CSV; export, load, and forgetting, which asks."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import pytest

from course_lib.cli import main
from course_lib.study.progress import events, progress, record


def test_the_table_ends_with_what_is_next(capsys: pytest.CaptureFixture[str]) -> None:
    record("ran", "lesson:00_doors_open")
    assert main(["progress"]) == 0
    printed = capsys.readouterr().out
    assert printed == f"{progress()}\n"
    assert printed.splitlines()[-1] == "Next: exercise 00_doors_open (course start)"


def test_json_is_every_figure(capsys: pytest.CaptureFixture[str]) -> None:
    record("passed", "first-call", {"lesson": "00_doors_open"})
    assert main(["progress", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == progress().figures().as_json()


def test_csv_is_one_line_for_each_lesson(capsys: pytest.CaptureFixture[str]) -> None:
    record("passed", "first-call", {"lesson": "00_doors_open"})
    assert main(["progress", "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["lesson"] for row in rows] == [row.lesson for row in progress().figures().lessons]
    assert (rows[0]["questions_passed"], rows[0]["mastery"], rows[1]["mastery"]) == ("1", "growing", "not yet")


def test_csv_of_no_lessons_has_a_header(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_ROOT", str(tmp_path))
    assert main(["progress", "--csv"]) == 0
    assert capsys.readouterr().out == "lesson\n"


def test_the_whole_state_moves_to_another_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    record("reviewed", "00-card-coroutine", {"grade": "good", "lesson": "00_doors_open"})
    record("bookmarked", "why pre-ping", {"note": "", "sheet": "", "lesson": ""})
    there = events()
    assert main(["progress", "--export", str(tmp_path / "mine.json")]) == 0
    monkeypatch.setenv("COURSE_PROGRESS_DB", str(tmp_path / "elsewhere.db"))
    for _ in range(2):
        assert main(["progress", "--load", str(tmp_path / "mine.json")]) == 0
    assert events() == there
    assert capsys.readouterr().out.splitlines() == [
        f"2 events written to {tmp_path / 'mine.json'}",
        f"2 events loaded from {tmp_path / 'mine.json'}, 0 were known",
        f"0 events loaded from {tmp_path / 'mine.json'}, 2 were known",
    ]


@pytest.mark.parametrize(("typed", "left"), [("yes\n", 0), ("no\n", 1)])
def test_forgetting_asks(typed: str, left: int, monkeypatch: pytest.MonkeyPatch) -> None:
    record("passed", "first-call")
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    assert main(["progress", "--forget"]) == 0
    assert len(events()) == left


def test_forgetting_without_a_keyboard_says_how(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    record("passed", "first-call")
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert main(["progress", "--forget"]) == 2
    assert len(events()) == 1
    assert main(["progress", "--forget", "--yes"]) == 0
    assert events() == []
    assert capsys.readouterr().err.startswith("course progress: expected an answer, but there is no keyboard here")
