"""A journal writes an action once, and loses nothing that the store refuses."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys

import pytest

from course_lib.study import store
from course_lib.study.journal import Journal
from course_lib.study.progress import events

from .study_clock import MORNING, Now

WRITER = """
import sys
from course_lib.study.journal import Journal
sys.stdin.readline()
journal = Journal()
for i in range(int(sys.argv[1])):
    print(i, journal.write("reviewed", "00-card-coroutine", {"grade": "good"}, key=f"place {i}"), flush=True)
"""


def writer(count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(count)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def test_the_first_of_two_actions_on_one_place_is_kept() -> None:
    now = Now()
    left, right = now.journal(), now.journal()
    assert left.write("reviewed", "00-card-coroutine", {"grade": "good"}, key="place 1")
    assert not right.write("reviewed", "00-card-coroutine", {"grade": "easy"}, key="place 1")
    assert [event.result for event in right.events()] == [{"grade": "good"}]
    assert left.events()[0].at_utc == MORNING.isoformat(timespec="microseconds")


def test_two_processes_that_want_the_same_places_take_each_once() -> None:
    writers = [writer(60), writer(60)]
    for process in writers:
        go(process)
    said = [process.communicate(timeout=60)[0].splitlines() for process in writers]
    taken = [line.split()[0] for lines in said for line in lines if line.endswith("True")]
    assert sorted(taken, key=int) == [str(i) for i in range(60)]
    assert len(events("reviewed")) == 60


def test_what_was_confirmed_before_kill_9_is_there_and_its_places_are_taken() -> None:
    with writer(100_000) as victim:
        go(victim)
        assert victim.stdout is not None
        confirmed = [victim.stdout.readline() for _ in range(20)]
        os.kill(victim.pid, signal.SIGKILL)
        confirmed += [line for line in victim.stdout if line.endswith("\n")]
    journal = Journal()
    found = len(journal.events())
    assert len(confirmed) <= found <= len(confirmed) + 1  # the last one may be written and not yet said
    again = [journal.write("reviewed", "00-card-coroutine", {}, key=f"place {i}") for i in range(found + 1)]
    assert again == [False] * found + [True]


def test_two_learners_who_took_the_same_place_keep_both_when_merged(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    Journal().write("reviewed", "00-card-coroutine", {"grade": "good"}, key="place 1")
    there = events()
    monkeypatch.setenv("COURSE_PROGRESS_DB", f"{tmp_path}/elsewhere.db")
    Journal().write("reviewed", "00-card-coroutine", {"grade": "easy"}, key="place 1")
    assert store.merge(there) == 1
    assert sorted(event.result["grade"] for event in events()) == ["easy", "good"]


def test_a_home_that_cannot_be_found_costs_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COURSE_PROGRESS_DB", "~nobody-of-that-name/progress.db")
    journal = Journal()
    assert journal.events() == events() == []
    assert journal.write("reviewed", "a", {"grade": "good"}, key="one")
    assert [event.object for event in journal.events()] == ["a"]
    assert capsys.readouterr().err.count("\n") == 1


def test_events_of_another_notebook_are_seen_at_once() -> None:
    left, right = Journal(), Journal()
    for number in range(3):
        left.write("reviewed", str(number), {}, key=f"place {number}")
        assert [event.object for event in right.events()] == [str(n) for n in range(number + 1)]
    store.erase()
    left.write("reviewed", "new", {}, key="place 0")
    assert [event.object for event in right.events()] == ["new"]


def test_what_a_store_refuses_is_written_with_the_next_action(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_arguments: object, **_options: object) -> sqlite3.Connection:
        raise sqlite3.OperationalError("database or disk is full")

    now = Now()
    journal = now.journal()
    journal.write("opened", "lesson:00_doors_open", {}, key="zero")
    journal.events()
    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", refuse)
        assert journal.write("reviewed", "a", {"grade": "good"}, key="one")
        assert not journal.write("reviewed", "a", {"grade": "good"}, key="one")
        assert journal.write("reviewed", "b", {"grade": "easy"}, key="two")
        assert [event.object for event in journal.events()] == ["lesson:00_doors_open", "a", "b"]
    assert capsys.readouterr().err.count("\n") == 1
    now.later(hours=1)
    journal.write("reviewed", "c", {"grade": "hard"}, key="three")
    assert [event.object for event in events()] == ["lesson:00_doors_open", "a", "b", "c"]
    assert [event.at_utc[11:13] for event in events()] == ["09", "09", "09", "10"]
    assert len(journal.events()) == 4
