"""The JUnit file has the common form: a suite per submission, a case per question, numbers that add up."""

from __future__ import annotations

import re
from collections import Counter
from xml.etree import ElementTree as Xml

import pytest
from small_course import STEM

from course_lib.grading.report.junit import junit
from course_lib.grading.report.results import Results

from .classroom import evil_class, results, sheet, small_class, times, verdict
from .junit_form import faults

HOUR = results(sheet("a", verdict("q", "timeout", "timeout: still waiting after 5 s"), verdict("r", "pass")))


@pytest.mark.parametrize("made", [small_class(), evil_class(), results(), times(4000.0, HOUR)])
def test_file_has_the_common_form(made: Results) -> None:
    assert [*faults(Xml.fromstring(junit(made)))] == []


def test_form_is_not_blind() -> None:
    broken = "<testsuites><testcase time='1e3'/><testsuite name='x' tests='1' odd=''>text</testsuite></testsuites>"
    assert [*faults(Xml.fromstring(broken))] == [
        "testcase in testsuites",
        "testcase without ['name']",
        "time '1e3'",
        "testsuite without ['errors', 'failures']",
        "testsuite with ['odd']",
        "text in testsuite",
    ]


def test_suites_cases_and_numbers() -> None:
    root = Xml.fromstring(junit(small_class()))
    assert [suite.get("name") for suite in root] == [
        f"Ada {STEM}",
        f"bob {STEM}",
        f"cid {STEM}",
        "dan",
        "could not be read",
    ]
    assert root.attrib == {"name": "course grade", "tests": "8", "failures": "1", "errors": "3", "time": "2.500"}
    for suite in root:
        cases = Counter(child.tag for child in suite.iter() if child.tag in ("testcase", "failure", "error", "skipped"))
        numbers = {"testcase": "tests", "failure": "failures", "error": "errors", "skipped": "skipped"}
        assert {tag: cases[tag] for tag in numbers} == {tag: int(suite.get(name, "")) for tag, name in numbers.items()}


def test_case_says_message_turn_pointer_points_and_isolation() -> None:
    case = Xml.fromstring(junit(small_class()))[1][0]
    assert (case.get("classname"), case.get("name"), case.get("time")) == (STEM, "small-double", "0.500")
    assert case[0].attrib == {"type": "copied", "message": "expected 8, got 6"}
    assert case[0].text == f"read: notebooks/{STEM}.ipynb § 1"
    assert case[1].text == "points: 0 of 1\nisolation: a, b"


def test_times_are_the_only_thing_that_differs() -> None:
    fast, slow = (re.sub(r' time="[^"]*"', "", junit(times(seconds, small_class()))) for seconds in (1.0, 2.0))
    assert fast == slow
    assert junit(small_class()) == junit(small_class())


def test_control_letters_are_written_out() -> None:
    text = junit(evil_class())
    assert r"\x1b[31m" in text
    assert r"\udc80" in text
    text.encode()
