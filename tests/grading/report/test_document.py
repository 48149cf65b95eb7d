"""The JSON report holds everything, in the form that docs/grading.md describes, with its times in one place."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any  # Any: what JSON holds

from small_course import STEM

from course_lib.grading.graded import Graded
from course_lib.grading.report.document import VERSION, document

from .classroom import evil_class, results, small_class, times

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "grading.md").read_text(encoding="utf-8")


def fields(after: str) -> list[str]:
    """Return the names in the first column of the first table behind some words of the page."""
    table = PAGE.partition(after)[2].partition("| field |")[2].partition("\n\n")[0]
    return re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)


def test_every_field_is_described_and_every_described_field_is_there() -> None:
    data = json.loads(document(small_class()))
    assert [*data] == fields("## The JSON report")
    assert data["version"] == VERSION == int(re.findall(r"`version` is (\d+)\.", PAGE)[0])
    for name in ("submissions", "questions"):
        assert {key for each in data[name] for key in each} == {*fields(f"An object of `{name}`")}
    verdicts = [verdict for each in data["submissions"] for verdict in each["verdicts"]]
    assert {key for verdict in verdicts for key in verdict} == {*fields("An object of `verdicts`")}
    described = {*re.findall(r"`(\w+)`", PAGE)}
    assert {*verdicts[0]["outcome"], *data["questions"][0]["turns"][0]} <= described
    assert {
        *data["timings"],
        *data["timings"]["submissions"][0],
        *data["timings"]["submissions"][0]["verdicts"][0],
    } <= {
        *described,
        "submissions",
        "verdicts",
    }


def test_verdicts_can_be_read_back() -> None:
    data = json.loads(document(small_class()))
    for submission, graded in zip(data["submissions"], small_class().graded, strict=True):
        known: dict[str, Any] = {key: submission[key] for key in graded.as_dict()}
        read = Graded.from_dict(known)
        assert [verdict.outcome for verdict in read.verdicts] == [verdict.outcome for verdict in graded.verdicts]


def test_times_are_in_one_place() -> None:
    fast, slow = (json.loads(document(times(seconds, small_class()))) for seconds in (1.0, 2.0))
    assert fast != slow
    assert {**fast, "timings": None} == {**slow, "timings": None}


def test_same_results_are_the_same_bytes() -> None:
    assert document(small_class()) == document(small_class())


def test_sheet_that_does_not_count_says_so() -> None:
    counted = [each["counted"] for each in json.loads(document(small_class()))["submissions"]]
    assert counted == [True, True, True, False]
    assert json.loads(document(small_class()))["submissions"][1]["exercise"] == STEM


def test_any_text_can_be_stored() -> None:
    document(evil_class()).encode("ascii")
    json.loads(document(results()))
