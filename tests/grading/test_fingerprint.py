"""A fingerprint changes with whatever changes a verdict, and with nothing else."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest
from small_course import STEM

from course_lib.grading import fingerprint as module
from course_lib.grading.fingerprint import fingerprint


def test_same_course_has_the_same_fingerprint(small: Path) -> None:
    assert fingerprint(timeout=None) == fingerprint(timeout=None)
    assert [*fingerprint(timeout=2.0, require_sandbox=False)] == [
        "course version",
        "exercises",
        "libraries",
        "--timeout",
        "--require-sandbox",
    ]


def test_exercise_option_and_course_each_change_their_own_part(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(timeout=1.0)
    solution = small / "solutions" / f"{STEM}.ipynb"
    solution.write_bytes(solution.read_bytes() + b"\n")
    monkeypatch.setattr(module, "LIBRARIES", ("no-such-library",))
    monkeypatch.setattr(module, "course_version", lambda: "9.9")
    after = fingerprint(timeout=2.0)
    assert {name for name in before if before[name] != after[name]} == {*before}


def test_library_that_is_not_there_is_said(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIBRARIES", ("fastapi", "no-such-library"))
    named = fingerprint()["libraries"]
    assert named.endswith(f", fastapi {importlib.metadata.version('fastapi')}, no no-such-library")
