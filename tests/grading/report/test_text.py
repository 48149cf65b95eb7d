"""The text says first what to teach again, then marks, then questions; nothing in it moves a terminal."""

from __future__ import annotations

import pytest

from course_lib.grading.report.text import counted, text

from .classroom import evil_class, results, sheet, small_class, verdict

SMALL = """\
What to teach again
1. small-double: expected 8, got 6
   1 learner, 1 point lost; read notebooks/00_small.ipynb § 1
2. small-double: NameError: name 'x' is not defined, line 2 of the cell
   1 learner, 1 point lost; read notebooks/00_small.ipynb § 1

learner  1 2  points
Ada      ✓ ✓    2/2
bob      ✗ ·    0/2
cid      ! ✓    1/2
dan             0/2
✓ pass, ✗ fail, ! error, ∞ timeout, · not attempted

1  00 small-double: 1 of 3 pass, 2 points lost
   most often wrong: expected 8, got 6 (1 learner)
2  00 small-later: 2 of 3 pass, 1 point lost

Could not be read
eve.zip: is encrypted; ask for it without a password
dan.ipynb: dan.ipynb is not a notebook
"""


@pytest.mark.usefixtures("small")
def test_text_of_a_small_class() -> None:
    assert text(small_class()) == SMALL


@pytest.mark.usefixtures("small")
def test_escapes_are_shown_escaped() -> None:
    shown = text(evil_class())
    assert all(letter.isprintable() or letter == "\n" for letter in shown)
    assert r"\x1b[31m" in shown


def test_columns_stay_in_line_with_many_questions_and_long_names() -> None:
    verdicts = [verdict(f"q{number}", "pass") for number in range(12)]
    lines = text(results(sheet("x" * 100, *verdicts), sheet("y", *verdicts))).splitlines()
    assert len({len(line) for line in lines[1:3]}) == 1
    assert lines[1].startswith("x" * 27 + "...  ✓ ✓")
    assert lines[0].endswith(" 9 10 11 12  points")


def test_nothing_is_almost_empty() -> None:
    assert text(results()) == "\n"


def test_numbers_agree_with_their_nouns() -> None:
    assert [counted(number, "point") for number in (0, 1, 2)] == ["0 points", "1 point", "2 points"]
