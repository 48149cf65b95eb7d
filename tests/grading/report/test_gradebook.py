"""The gradebook has a line per learner, the long form one per verdict, and no cell that a spreadsheet would run."""

from __future__ import annotations

import csv
import io

import pytest
from small_course import STEM

from course_lib.grading.report.gradebook import LONG, gradebook, questions

from .classroom import evil_class, results, sheet, small_class, verdict


def rows(text: str) -> list[list[str]]:
    """Return what a spreadsheet reads."""
    assert text.startswith("\ufeff")
    return [*csv.reader(io.StringIO(text[1:]))]


def test_gradebook_has_a_line_per_learner() -> None:
    assert rows(gradebook(small_class())) == [
        ["learner", "00 small-double (1)", "00 small-later (1)", "points", "possible"],
        ["Ada", "1", "1", "2", "2"],
        ["bob", "0", "0", "0", "2"],
        ["cid", "0", "1", "1", "2"],
        ["dan", "", "", "0", "2"],
    ]


def test_long_form_has_a_line_per_verdict() -> None:
    table = rows(questions(small_class()))
    assert table[0] == [*LONG]
    assert len(table) == 7
    wrong = ["fail", "0", "1", "expected 8, got 6", "copied", f"notebooks/{STEM}.ipynb § 1"]
    assert table[3] == ["bob", f"bob/{STEM}.ipynb", STEM, "small-double", *wrong]


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])  # noqa: RUF001 - a wide sign is the point
def test_cell_that_a_spreadsheet_would_run_gets_a_quote(first: str) -> None:
    made = results(sheet(f"{first}cmd", verdict("q", "fail", f"{first}HYPERLINK()", f"{first}turn")))
    risky = [cell for text in (gradebook(made), questions(made)) for row in rows(text) for cell in row if "cmd" in cell]
    risky += [rows(questions(made))[1][7], rows(questions(made))[1][8]]
    assert all(cell.startswith("'") or cell[0] == "\\" for cell in risky)


def test_any_text_can_be_stored_and_no_escape_gets_through() -> None:
    for text in (gradebook(evil_class()), questions(evil_class())):
        assert "\x1b" not in text
        text.encode()


def test_empty_class_has_a_head() -> None:
    assert rows(gradebook(results())) == [["learner", "points", "possible"]]
