"""`course doctor` as a learner types it."""

from __future__ import annotations

import argparse
import json
import sys

import pytest

from course_lib import cli
from course_lib.commands import doctor as command
from course_lib.doctor import Diagnosis, Finding

BROKEN = Diagnosis(
    (
        Finding("Python", "ok", "3.12.1"),
        Finding("SQLite", "not ok", "expected 3.35 or newer, got 3.31", "use conda"),
        Finding("MariaDB", "not here", "lessons on SQLite go on without it", "apt install it", is_needed=False),
    ),
    is_brief=False,
)


def test_says_first_where_it_looks(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("looking in ")
    assert said.splitlines()[0].endswith(f" with {sys.executable}")
    for word in ("Python", "packages", "SQLite", "loopback", "progress (COURSE_PROGRESS_DB)"):
        assert word in said


def test_json_can_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is True
    assert {"name", "state", "detail", "remedy", "is_needed"} == set(report["findings"][0])
    assert report["locations"]["python"] == sys.executable


def test_fault_is_said_in_words(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(command, "doctor", lambda: BROKEN)
    assert cli.main(["doctor"]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "lesson 00 cannot run: SQLite: expected 3.35 or newer, got 3.31; use conda"


def test_works_without_the_package_that_draws_tables(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "rich.console", None)
    monkeypatch.setattr(command, "doctor", lambda: BROKEN)
    assert command.run(argparse.Namespace(json=False)) == 1
    assert "SQLite: not ok, expected 3.35 or newer, got 3.31; use conda" in capsys.readouterr().out
