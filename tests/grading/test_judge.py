"""A sheet gets a verdict per question, whatever state it is in; one bad answer costs one question."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any  # Any: a cell is JSON

import hidden_servers
import pytest
import small_course
from small_course import RIGHT, STEM, code, markdown

from course_lib.authoring.graft import Job
from course_lib.checks.outcome import Outcome
from course_lib.errors import CourseError, NotebookError
from course_lib.grading.exercise import exercise_for
from course_lib.grading.graded import Graded, Submission, Verdict
from course_lib.grading.judge import Judge, believed
from course_lib.grading.zygote import Zygote
from course_lib.notebook_file import Notebook

DOUBLE, LATER = RIGHT["small-double"], RIGHT["small-later"]


def graded(judge: Judge, sheet: Notebook, tell: Callable[[Verdict], None] = lambda verdict: None) -> Graded:
    """Judge a sheet as it would lie on a disk."""
    return judge.grade_one(Submission("ada", f"{STEM}.ipynb", json.dumps(sheet).encode()), tell)


def judged(judge: Judge, sheet: Notebook) -> dict[str, Verdict]:
    """Judge a sheet; return the verdicts by question."""
    return {verdict.outcome.question: verdict for verdict in graded(judge, sheet).verdicts}


def outcomes(verdicts: dict[str, Verdict]) -> list[str]:
    """Return the outcomes in the order of the questions."""
    return [verdict.outcome.outcome for verdict in verdicts.values()]


def test_right_answers_pass_with_their_points(small: Path, judge: Judge) -> None:
    told: list[Verdict] = []
    right = graded(judge, small_course.right(), told.append)
    verdicts = right.verdicts
    assert tuple(told) == verdicts
    assert (right.learner, right.exercise, right.problem, right.points, right.possible) == ("ada", STEM, "", 2, 2)
    shown = [(v.outcome.question, v.outcome.outcome, v.outcome.points, v.outcome.possible) for v in verdicts]
    assert shown == [("small-double", "pass", 1, 1), ("small-later", "pass", 1, 1)]
    assert [(v.note, v.hint) for v in verdicts] == [("", ""), ("", "")]


def test_untouched_sheet_is_not_attempted(small: Path, judge: Judge) -> None:
    verdicts = judged(judge, small_course.sheet())
    assert outcomes(verdicts) == ["not attempted", "not attempted"]
    assert verdicts["small-double"].outcome.message == "still the starter; write your answer in its cell"
    assert (verdicts["small-double"].outcome.points, verdicts["small-double"].outcome.possible) == (0, 1)


@pytest.mark.parametrize("answer", ["", "# question: small-double", "# question: small-double\n# later\n", "   \n"])
def test_empty_answer_is_not_attempted(answer: str, small: Path, judge: Judge) -> None:
    assert outcomes(judged(judge, small_course.sheet(small_double=answer))) == ["not attempted"] * 2


def test_wrong_answer_has_message_pointer_and_hint(small: Path, judge: Judge) -> None:
    verdict = judged(judge, small_course.sheet(small_double="async def double(n):\n    return 6"))["small-double"]
    assert verdict.outcome.message == "expected 8, got 6"
    assert verdict.outcome.pointer == f"notebooks/{STEM}.ipynb § 2"
    assert verdict.hint.startswith("word word")


# what a learner writes -> outcome and message of that question; the other one passes all the same
BAD_ANSWERS = {
    "a syntax error": ("def double(:", "error", "SyntaxError: invalid syntax, line 2 of the cell"),
    "an endless loop": ("while True: pass", "timeout", "timeout: still waiting at line 2 of the cell after 2 s"),
    "an endless coroutine": (
        "async def double(n):\n    while True: pass",
        "timeout",
        "timeout: still waiting at line 3 of the cell after 2 s",
    ),
    "the end of the process": ("import os; os._exit(0)", "timeout", "the answer ended the process (exit status 0)"),
    "a question to nobody": (
        "name = input()",
        "error",
        "EOFError: input() has no keyboard here; give the value in the code, line 2 of the cell",
    ),
    "10 MB of output": ("print('x' * 10_000_000)\nasync def double(n): return 6", "fail", "expected 8, got 6"),
    "100 000 lines": ("for n in range(100_000): print(n)\nasync def double(n): return 6", "fail", "expected 8, got 6"),
    "a magic that fails": (
        "%not_a_magic",
        "error",
        "UsageError: Line magic function `%not_a_magic` not found., line 2 of the cell",
    ),
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_bad_answer_costs_its_own_question(name: str, small: Path, judge: Judge) -> None:
    answer, outcome, message = BAD_ANSWERS[name]
    sheet = small_course.sheet(small_double=f"# question: small-double\n{answer}", small_later=LATER)
    verdicts = judged(judge, sheet)
    assert outcomes(verdicts) == [outcome, "pass"]
    assert verdicts["small-double"].outcome.message == message


def test_check_that_is_broken_itself_costs_its_own_question(small: Path, judge: Judge) -> None:
    path = small / "solutions" / f"{STEM}.ipynb"
    path.write_text(path.read_text().replace('return \\"told later\\"', "return None"))
    verdicts = judged(judge, small_course.right())
    assert outcomes(verdicts) == ["pass", "error"]
    assert verdicts["small-later"].outcome.message.startswith("the check of small-later returned NoneType")
    assert "this is a bug in the course" in verdicts["small-later"].outcome.message


Damage = Callable[[Notebook], None]


def drop(name: str) -> Damage:
    """Delete a cell."""
    return lambda sheet: sheet["cells"].remove(next(cell for cell in sheet["cells"] if cell["id"] == name))


def change(name: str, **changes: Any) -> Damage:
    """Change a cell."""
    return lambda sheet: next(cell for cell in sheet["cells"] if cell["id"] == name).update(changes)


def same_ids(sheet: Notebook) -> None:
    """Give every cell the same id."""
    for cell in sheet["cells"]:
        cell["id"] = "same"


def no_ids(sheet: Notebook) -> None:
    """Take the ids away, as nbformat 4.4 does."""
    sheet["nbformat_minor"] = 4
    for cell in sheet["cells"]:
        del cell["id"]


def no_metadata(sheet: Notebook) -> None:
    """Take all metadata away."""
    del sheet["metadata"]
    for cell in sheet["cells"]:
        del cell["metadata"]


def odd_metadata(sheet: Notebook) -> None:
    """Leave metadata that are none."""
    lefts: list[Any] = [None, [], "x", 3, {"tags": 3}, {"nbgrader": []}, {"course": 1}]
    for cell, left in zip(sheet["cells"], lefts, strict=False):
        cell["metadata"] = left


def odd_cells(sheet: Notebook) -> None:
    """Add things that are no cells."""
    sheet["cells"] += [None, 3, {}, {"cell_type": "code"}, {"cell_type": "code", "source": 3, "metadata": 0}]


# damage to a right sheet -> the outcomes, and the note beside the first question
DAMAGES: dict[str, tuple[Damage, list[str], str]] = {
    "no ids": (no_ids, ["pass", "pass"], ""),
    "duplicate ids": (same_ids, ["pass", "pass"], ""),
    "no metadata": (no_metadata, ["pass", "pass"], ""),
    "odd metadata": (odd_metadata, ["pass", "pass"], ""),
    "odd cells": (odd_cells, ["pass", "pass"], ""),
    "reversed": (lambda sheet: sheet["cells"].reverse(), ["pass", "pass"], ""),
    "checks deleted": (drop("check-small-double"), ["pass", "pass"], ""),
    "check changed": (
        change("check-small-double", source="pass"),
        ["pass", "pass"],
        "the check cell was changed; ours was used",
    ),
    "setup deleted": (drop("setup"), ["pass", "pass"], ""),
    "answer deleted": (drop("answer-small-double"), ["not attempted", "pass"], ""),
    "answer duplicated": (
        lambda sheet: sheet["cells"].append(code("# question: small-double\nasync def double(n): return 6")),
        ["fail", "pass"],
        "answered twice; the last cell counts",
    ),
    "marker renamed": (
        change("answer-small-double", source=DOUBLE.replace("small-double", "mine")),
        ["pass", "pass"],
        "the line '# question: small-double' is missing or changed; found by its metadata",
    ),
    "answer as text": (
        change("answer-small-double", cell_type="markdown"),
        ["not attempted", "pass"],
        "the answer stands in a markdown cell; make it a code cell",
    ),
    "source in lines": (
        change("answer-small-double", source=DOUBLE.splitlines(keepends=True)),
        ["pass", "pass"],
        "",
    ),
    "outputs forged": (
        change("check-small-double", outputs=[{"output_type": "error", "ename": "x"}]),
        ["pass", "pass"],
        "",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_sheet_keeps_the_verdicts_of_its_answers(name: str, small: Path, judge: Judge) -> None:
    damage, expected, note = DAMAGES[name]
    sheet = json.loads(json.dumps(small_course.right()))
    damage(sheet)
    verdicts = graded(judge, sheet).verdicts
    assert [verdict.outcome.outcome for verdict in verdicts] == expected
    assert verdicts[0].note == note


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "00_small.ipynb is not a notebook (no JSON inside); restore it with: course reset 00"),
        (b"{", "00_small.ipynb is not a notebook (no JSON inside); restore it with: course reset 00"),
        (b"[" * 100_000, "00_small.ipynb is not a notebook (no JSON inside); restore it with: course reset 00"),
        (b"[]", "00_small.ipynb is not a notebook (expected an object, got list); restore it with: course reset 00"),
        (
            b'{"nbformat": 3, "worksheets": []}',
            "00_small.ipynb has notebook format 3, expected 4; open it in JupyterLab and save it again",
        ),
        (
            b'{"cells": []}',
            "00_small.ipynb has notebook format None, expected 4; open it in JupyterLab and save it again",
        ),
        (b'{"nbformat": 4}', "00_small.ipynb has no list of cells; restore it with: course reset 00"),
        (b'{"nbformat": 4, "cells": {}}', "00_small.ipynb has no list of cells; restore it with: course reset 00"),
    ],
)
def test_file_that_is_no_notebook_costs_one_sentence(content: bytes, said: str, small: Path, judge: Judge) -> None:
    found = judge.grade_one(Submission("ada", f"late/{STEM}.ipynb", content))
    assert (found.problem, found.verdicts, found.exercise) == (said, (), "")


def test_file_in_another_encoding_costs_one_sentence(small: Path, judge: Judge) -> None:
    said = judge.grade_one(Submission("ada", f"{STEM}.ipynb", '{"nbformat": 4}'.encode("utf-16"))).problem
    assert re.fullmatch(r"00_small\.ipynb cannot be read \(.*\); check the file and its permissions", said)


def test_file_with_a_byte_order_mark_is_read(small: Path, judge: Judge) -> None:
    text = b"\xef\xbb\xbf" + json.dumps(small_course.right()).encode()
    assert judge.grade_one(Submission("ada", f"{STEM}.ipynb", text)).points == 2


@pytest.mark.parametrize("name", [f"{STEM}.ipynb", f"{STEM}-2.ipynb", "00_kept-20260101.ipynb", "my answers.ipynb"])
def test_sheet_is_known_by_its_name_or_by_its_questions(name: str, small: Path) -> None:
    assert exercise_for(f"folder/{name}", small_course.sheet()).stem == STEM


def test_sheet_of_another_course_is_refused(small: Path) -> None:
    with pytest.raises(NotebookError) as refused:
        exercise_for("other.ipynb", small_course.notebook(markdown("a", "# x")))
    assert str(refused.value) == (
        "other.ipynb belongs to no exercise of the course; name it like 03_engine_and_session.ipynb"
    )


@pytest.mark.parametrize("name", ["answer-small-double", "check-small-double"])
def test_question_whose_server_is_missing_is_not_attempted_and_the_others_are_judged(
    name: str, small: Path, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COURSE_REQUIRE_ALL", raising=False)
    hidden_servers.hide(monkeypatch)
    solution = small_course.solution()
    ours = next(cell for cell in solution["cells"] if cell["id"] == name)
    first, _, rest = ours["source"].partition("\n" if name.startswith("answer") else "await")
    ours["source"] = f"{first}\n# needs: mariadb\n{rest}" if first else f"# needs: mariadb\nawait{rest}"
    small_course.write(small / "solutions" / f"{STEM}.ipynb", solution)
    verdicts = judged(judge, small_course.right())
    assert outcomes(verdicts) == ["not attempted", "pass"]
    said = verdicts["small-double"].outcome
    assert said.message == "skipped: no MariaDB here; course doctor says how to install one"
    assert (said.points, said.possible) == (0, 1)


def test_needs_line_of_a_learner_loses_no_verdict(small: Path, judge: Judge) -> None:
    sheet = small_course.sheet(small_double=f"# needs: oracle\n{DOUBLE}", small_later=LATER)
    verdicts = judged(judge, sheet)
    assert outcomes(verdicts) == ["error", "pass"]
    assert verdicts["small-double"].outcome.message.startswith("CourseError: a needs line expects postgres, ")


def test_a_known_wrong_turn_is_named_by_its_text_or_by_its_message(small: Path, judge: Judge) -> None:
    known = "async def double(number):\n    return 6  # copied, with a remark of my own"
    verdicts = judged(judge, small_course.sheet(small_double=f"# question: small-double\n{known}"))
    assert verdicts["small-double"].turn == "copied"
    likewise = "async def double(number):\n    number = 6\n    return number"
    verdicts = judged(judge, small_course.sheet(small_double=f"# question: small-double\n{likewise}"))
    assert verdicts["small-double"].turn == "copied"
    other = "async def double(number):\n    return 'six'"
    verdicts = judged(judge, small_course.sheet(small_double=f"# question: small-double\n{other}"))
    assert (verdicts["small-double"].turn, verdicts["small-double"].outcome.outcome) == ("", "fail")


def test_what_a_right_answer_prints_stays_with_the_judge(
    small: Path, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[dict[str, Any]] = []

    def ended(_: Zygote, job: dict[str, Any]) -> dict[str, Any]:
        sent.append(job)
        return {"stage": "died", "message": "no"}

    monkeypatch.setattr(Zygote, "run", ended)
    graded(judge, small_course.right())
    assert sorted(job["question"] for job in sent) == ["small-double", "small-later"]
    assert all("target" not in job for job in sent)


def test_many_submissions_are_judged_side_by_side_and_each_gets_its_own(small: Path, judge: Judge) -> None:
    def submission(number: int) -> Submission:
        right = small_course.right() if number % 2 else small_course.sheet(small_double="# question: small-double\nx")
        return Submission(f"learner {number}", f"{STEM}.ipynb", json.dumps(right).encode())

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(judge.grade_one, map(submission, range(12))))
    assert [result.learner for result in results] == [f"learner {number}" for number in range(12)]
    assert [result.points for result in results] == [0, 2] * 6
    assert [result.digest for result in results] == [submission(number).digest for number in range(12)]


def test_a_shorter_clock_is_the_judges(small_root: Path, small: Path) -> None:
    hang = small_course.sheet(small_double="# question: small-double\nawait asyncio.sleep(1e9)", small_later=LATER)
    with Judge(jobs=1, timeout=0.3, quick=True) as hasty:
        verdicts = judged(hasty, hang)
    assert outcomes(verdicts) == ["timeout", "pass"]
    assert (
        verdicts["small-double"].outcome.message
        == "timeout: still waiting in '<module>' at line 2 of the cell after 0.3 s"
    )


def test_without_fork_the_verdicts_are_the_same(small: Path) -> None:
    sheet = small_course.sheet(
        small_double="# question: small-double\nasync def double(n): return 6", small_later=LATER
    )
    with Judge(jobs=1, fork=False) as slow:
        verdicts = judged(slow, sheet)
    assert outcomes(verdicts) == ["fail", "pass"]
    assert [verdict.isolation for verdict in verdicts.values()] == [(), ()]


def test_a_judge_without_jobs_is_refused() -> None:
    with pytest.raises(CourseError, match=r"^expected at least 1 job, got 0$"):
        Judge(jobs=0)


SAID = Outcome("small-double", "pass", "all right", 1, 1, STEM, 1)
JOB = Job("small-double", [], "", "", repr(SAID))


def record(**changes: Any) -> dict[str, Any]:
    """Return the record of a pass, with changes to its verdict."""
    said = {key: value for key, value in SAID.as_dict().items() if key != "pointer"}
    return {"stage": "verdict", "verdict": {**said, **changes}, "shown": repr(SAID)}


def test_a_record_in_form_is_believed() -> None:
    assert believed(JOB, record()) == SAID


@pytest.mark.parametrize(
    "odd",
    [
        record(outcome="perfect"),
        record(question="small-later"),
        record(message=["pass"]),
        record(points="1"),
        record(extra=1),
        {**record(), "verdict": None},
        {**record(), "shown": 3},
        {"stage": "verdict"},
        {"stage": "late"},
        {"stage": "answer", "message": None, "place": 3, "slug": {}},
        {},
    ],
)
def test_a_record_out_of_form_is_an_error_of_the_answer(odd: dict[str, Any]) -> None:
    said = believed(JOB, odd)
    assert said.outcome == "error"
    assert said.message.startswith(("the answer wrote into the judge's own channel", "None"))


def test_a_message_without_end_is_cut() -> None:
    assert len(believed(JOB, record(outcome="fail", message="x" * 9_000)).message) == 2000
