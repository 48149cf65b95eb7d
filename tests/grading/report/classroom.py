"""Classes with known verdicts, for the tests of the reports: no judge, no course but the small one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any  # Any: whatever a field of Results takes

import small_course
from small_course import STEM

from course_lib.checks.outcome import Outcome, OutcomeName
from course_lib.grading.graded import Graded, Submission, Verdict
from course_lib.grading.report.results import Results

QUESTIONS = ("small-double", "small-later")
EVIL = "<script>alert(1)</script>\x1b[31m&amp; \udc80 \"'"
PASS, FAIL, NOTHING = ("pass", ""), ("fail", "expected 8, got 6"), ("not attempted", "")


def verdict(question: str, outcome: OutcomeName, message: str = "", turn: str = "", possible: int = 1) -> Verdict:
    """Return one verdict; a wrong one points to section 1 of the small lesson."""
    section = 1 if outcome in ("fail", "error") else None
    points = possible if outcome == "pass" else 0
    said = Outcome(question, outcome, message, points, possible, STEM, section)
    ran = outcome != "not attempted"
    return Verdict(said, "", "look" if message else "", turn, ("a", "b") if ran else (), 0.5 * ran, 0.25 * ran)


def sheet(learner: str, *verdicts: Verdict, file: str = "", text: bytes = b"{}") -> tuple[Submission, Graded]:
    """Return what a learner handed in, and its verdicts."""
    submission = Submission(learner, file or f"{learner}/{STEM}.ipynb", text)
    return submission, Graded(learner, submission.file, submission.digest, STEM, verdicts)


def results(*sheets: tuple[Submission, Graded], **more: Any) -> Results:
    """Return the results of these sheets."""
    submissions, graded = tuple(each for each, _ in sheets), tuple(each for _, each in sheets)
    return Results(graded, course="0.1.0", submissions=submissions, **more)


def small_class() -> Results:
    """Return a class of four: right, copied (a known turn), an error of its own, and one file that is broken."""
    copied = "# question: small-double\nasync def double(number):\n    return 6  # Bob's own"
    text = json.dumps(small_course.sheet(small_double=copied)).encode()
    right, later = verdict("small-double", "pass", "doubled twice"), verdict("small-later", "pass", "told later")
    wrong = verdict("small-double", "fail", "expected 8, got 6", "copied")
    crashed = verdict("small-double", "error", "NameError: name 'x' is not defined, line 2 of the cell")
    nothing = verdict("small-later", "not attempted", "still the starter")
    broken = Submission("dan", "dan.ipynb", b"")
    return results(
        sheet("Ada", right, later),
        sheet("bob", wrong, nothing, text=text),
        sheet("cid", crashed, later),
        (broken, Graded("dan", "dan.ipynb", broken.digest, problem="dan.ipynb is not a notebook")),
        problems=("eve.zip: is encrypted; ask for it without a password",),
        notes=("class: 2 passed over (__MACOSX)",),
        isolation=("no sandbox on this system",),
    )


def evil_class() -> Results:
    """Return a class in which every text is an attack."""
    answer = f"# question: small-double\nasync def double(number):\n    return {'</code></pre>' + EVIL[:25]!r}"
    text = json.dumps(small_course.sheet(small_double=answer)).encode()
    wrong = replace(verdict("small-double", "fail", EVIL, EVIL), note=EVIL, hint=EVIL, isolation=(EVIL,))
    name = EVIL.replace("\udc80", "")  # no name has half a letter: they are printable when they are found
    evil = sheet(name, wrong, file=f"{name}/{STEM}.ipynb", text=text)
    return results(evil, problems=(EVIL,), notes=(EVIL,), isolation=(EVIL,))


def times(seconds: float, made: Results) -> Results:
    """Return the same results of a faster or slower run."""
    graded = tuple(
        replace(each, verdicts=tuple(replace(verdict, seconds=seconds, cpu=seconds) for verdict in each.verdicts))
        for each in made.graded
    )
    return replace(made, graded=graded, seconds=seconds)
