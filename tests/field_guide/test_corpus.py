"""What people pasted into public issue reports is answered by the entry that a person would choose."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from course_lib.field_guide import entries, explain
from course_lib.field_guide.explain import fitting

REPORTS = tomllib.loads(Path(__file__).with_name("corpus.toml").read_text(encoding="utf-8"))["report"]


@pytest.mark.parametrize(
    "report", REPORTS, ids=[report["url"].removeprefix("https://github.com/") for report in REPORTS]
)
def test_exactly_the_right_entry_answers(report: dict[str, str]) -> None:
    found = explain(report["lines"])
    assert (found.slug or "", found.parts) == (report["answers"], ())
    assert {one.slug for one in fitting(report["lines"])} <= {report["answers"]}, "no word of it is another's"


def test_there_are_enough_reports_of_enough_errors() -> None:
    assert len({report["url"] for report in REPORTS}) == len(REPORTS) >= 25
    answers = {report["answers"] for report in REPORTS} - {""}
    assert len(answers) >= 15
    assert answers <= {one.slug for one in entries()}
