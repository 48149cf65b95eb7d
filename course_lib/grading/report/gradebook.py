"""CSV: a line per learner for a gradebook, and a line per question for whoever counts further.

A spreadsheet runs a cell that begins with `=`; names and messages are a stranger's text, so such a cell gets a quote.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from course_lib.grading.printable import printable
from course_lib.grading.report.results import Results

MARK = "\ufeff"  # without it Excel reads UTF-8 as something else
RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - some spreadsheets take wide ones too
LONG = ("learner", "file", "exercise", "question", "outcome", "points", "possible", "message", "turn", "read")


def gradebook(results: Results) -> str:
    """Return one line per learner: the points of each question (empty where nothing was handed in), then all points."""
    heads = [f"{question.exercise[:2]} {question.name} ({question.possible})" for question in results.questions]
    rows: list[list[object]] = [["learner", *heads, "points", "possible"]]
    for learner in results.learners:
        verdicts = [results.verdict(learner, question) for question in results.questions]
        cells = ["" if verdict is None else verdict.outcome.points for verdict in verdicts]
        rows.append([learner, *cells, results.points(learner), results.possible])
    return _csv(rows)


def questions(results: Results) -> str:
    """Return one line per verdict that counts: who, what, how, and the message the learner saw."""
    rows: list[list[object]] = [[*LONG]]
    for learner in results.learners:
        for question in results.questions:
            verdict = results.verdict(learner, question)
            if verdict is not None:
                outcome = verdict.outcome
                file = results.counted[learner, question.exercise].file
                said = [
                    outcome.outcome,
                    outcome.points,
                    outcome.possible,
                    outcome.message,
                    verdict.turn,
                    outcome.pointer,
                ]
                rows.append([learner, file, question.exercise, question.name, *said])
    return _csv(rows)


def _csv(rows: Iterable[Iterable[object]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows([_safe(cell) for cell in row] for row in rows)
    return MARK + buffer.getvalue()


def _safe(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    text = printable(cell)
    return f"'{text}" if text.startswith(RISKY) else text
