"""`course derive`: writes what is stale, names it with `--check`, and says nothing when all is well."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_course import STEM

from course_lib.cli import main


@pytest.fixture
def stale(small: Path) -> Path:
    """Return an exercise that its solution has left behind."""
    path = small / "exercises" / f"{STEM}.ipynb"
    path.write_text("old")
    return path


def test_nothing_to_do_is_nothing_to_say(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["derive"]) == 0
    assert main(["derive", "--check"]) == 0
    assert capsys.readouterr().out == ""


def test_stale_exercise_is_written(stale: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["derive"]) == 0
    assert capsys.readouterr().out == f"exercises/{STEM}: written\n"
    assert main(["derive", "--check"]) == 0


def test_check_names_it_and_changes_nothing(stale: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["derive", "--check"]) == 1
    assert stale.read_text() == "old"
    assert capsys.readouterr().out == f"exercises/{STEM}: stale; run course derive\n"


def test_other_lesson_is_left_alone(stale: Path) -> None:
    assert main(["derive", "5"]) == 0
    assert stale.read_text() == "old"
    assert main(["derive", "0"]) == 0
    assert stale.read_text() != "old"


def test_broken_solution_is_one_sentence(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (small / "solutions" / f"{STEM}.ipynb").write_text("{")
    assert main(["derive"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"course derive: {STEM}.ipynb is not a notebook (no JSON inside)")
    assert len(said.splitlines()) == 1
