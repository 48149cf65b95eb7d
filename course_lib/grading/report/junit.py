"""JUnit XML: a suite per submission, a case per question, for a continuous integration that shows such files.

The times of the cases are the only thing in it that differs from run to run.
"""

from __future__ import annotations

from xml.etree import ElementTree as Xml

from course_lib.grading.graded import Graded, Verdict
from course_lib.grading.printable import printable
from course_lib.grading.report.results import RED, Results


def junit(results: Results) -> str:
    """Return the results as JUnit XML; what could not be read is an error in a suite of its own."""
    root = Xml.Element("testsuites", name="course grade")
    suites = [_suite(root, graded) for graded in results.graded]
    if results.problems:
        suites.append(_unread(root, results.problems))
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(suite.get(name, 0)) for suite in suites)))
    root.set("time", _time(sum(float(suite.get("time", 0)) for suite in suites)))
    Xml.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{Xml.tostring(root, encoding="unicode")}\n'


def _suite(root: Xml.Element, graded: Graded) -> Xml.Element:
    name = " ".join(part for part in (graded.learner, graded.exercise) if part)
    suite = Xml.SubElement(root, "testsuite", name=_text(name), file=_text(graded.file))
    outcomes = [verdict.outcome.outcome for verdict in graded.verdicts]
    _count(
        suite,
        tests=max(1, len(outcomes)),
        failures=outcomes.count("fail"),
        errors=outcomes.count("error") + outcomes.count("timeout") + bool(graded.problem),
        skipped=outcomes.count("not attempted"),
    )
    suite.set("time", _time(sum(verdict.seconds for verdict in graded.verdicts)))
    for verdict in graded.verdicts:
        _case(suite, graded, verdict)
    if not graded.verdicts:
        case = Xml.SubElement(suite, "testcase", name="notebook", classname=_text(graded.learner), time=_time(0))
        _said(case, "error", "unreadable", graded.problem)
    return suite


def _case(suite: Xml.Element, graded: Graded, verdict: Verdict) -> None:
    outcome = verdict.outcome
    time = _time(verdict.seconds)
    case = Xml.SubElement(suite, "testcase", name=outcome.question, classname=graded.exercise, time=time)
    if outcome.outcome in RED:
        kind = "failure" if outcome.outcome == "fail" else "error"
        _said(case, kind, verdict.turn or outcome.outcome, outcome.message, outcome.pointer)
    elif outcome.outcome == "not attempted":
        _said(case, "skipped", outcome.outcome, outcome.message)
    layers = ", ".join(verdict.isolation)
    lines = [f"points: {outcome.points} of {outcome.possible}", f"isolation: {layers}" if layers else "", verdict.note]
    Xml.SubElement(case, "system-out").text = _text("\n".join(line for line in lines if line))


def _unread(root: Xml.Element, problems: tuple[str, ...]) -> Xml.Element:
    suite = Xml.SubElement(root, "testsuite", name="could not be read")
    _count(suite, tests=len(problems), failures=0, errors=len(problems), skipped=0)
    for problem in problems:
        where, _, why = problem.partition(": ")
        case = Xml.SubElement(suite, "testcase", name=_text(where), classname="submissions", time=_time(0))
        _said(case, "error", "unreadable", why or problem)
    return suite


def _said(case: Xml.Element, tag: str, kind: str, message: str, read: str = "") -> None:
    said = Xml.SubElement(case, tag, type=_text(kind), message=_text(message))
    said.text = _text(f"read: {read}" if read else message)


def _count(suite: Xml.Element, **numbers: int) -> None:
    for name, number in numbers.items():
        suite.set(name, str(number))


def _time(seconds: float) -> str:
    return f"{seconds:.3f}"


def _text(text: str) -> str:
    r"""Return `text` without what XML 1.0 cannot hold: it is written out, as in `\x1b`."""
    return printable(text, keep="\n\t")
