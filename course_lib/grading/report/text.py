"""Text for a terminal: what to teach again, learners and questions as a table of marks, and what could not be read."""

from __future__ import annotations

from collections.abc import Iterator

from course_lib.grading.printable import printable
from course_lib.grading.report import statistics
from course_lib.grading.report.results import MARKS, Results, title
from course_lib.grading.report.statistics import Item, Turn

TOP = 3
WIDEST_NAME = 30
HEAD = "learner"


def text(results: Results) -> str:
    """Return the report in plain letters; whatever does not print in it is written out."""
    found = statistics.items(results)
    parts = [[*_teach(found)], [*_matrix(results)], [*_questions(found)], [*_unread(results)]]
    return "\n\n".join("\n".join(map(_line, part)) for part in parts if part) + "\n"


def _line(text: str) -> str:
    return printable(text, keep="").rstrip()


def _teach(found: list[Item]) -> Iterator[str]:
    turns = statistics.to_teach_again(found)[:TOP]
    if not turns:
        return
    yield "What to teach again"
    for number, turn in enumerate(turns, 1):
        yield f"{number}. {turn.question.name}: {turn.message}"
        yield f"   {_cost(turn)}{_where(turn)}"


def _cost(turn: Turn) -> str:
    return f"{counted(len(turn.learners), 'learner')}, {counted(turn.lost, 'point')} lost"


def _where(turn: Turn) -> str:
    heading = title(turn.question.exercise, turn.section) if turn.section is not None else ""
    return (f"; read {turn.pointer}" + (f" {heading}" if heading else "")) if turn.pointer else ""


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it is not one."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _matrix(results: Results) -> Iterator[str]:
    if not results.questions:
        return
    width = min(WIDEST_NAME, max(len(printable(name)) for name in (*results.learners, HEAD)))
    columns = [str(number) for number in range(1, len(results.questions) + 1)]
    yield f"{HEAD:{width}}  {' '.join(columns)}  points"
    for learner in results.learners:
        verdicts = [results.verdict(learner, question) for question in results.questions]
        marks = [" " if verdict is None else MARKS[verdict.outcome.outcome] for verdict in verdicts]
        cells = " ".join(f"{mark:>{len(column)}}" for mark, column in zip(marks, columns, strict=True))
        yield f"{_short(learner, width):{width}}  {cells}  {results.points(learner):>3}/{results.possible}"
    yield ", ".join(f"{mark} {name}" for name, mark in MARKS.items())


def _short(name: str, width: int) -> str:
    shown = printable(name, keep="")
    return shown if len(shown) <= width else f"{shown[: width - 3]}..."


def _questions(found: list[Item]) -> Iterator[str]:
    for number, item in enumerate(found, 1):
        share = f"{item.counts['pass']} of {item.sheets} pass, {counted(item.lost, 'point')} lost"
        yield f"{number}  {item.question.exercise[:2]} {item.question.name}: {share}"
        if item.turns:
            turn = item.turns[0]
            yield f"   most often wrong: {turn.message} ({counted(len(turn.learners), 'learner')})"
        if item.remark:
            yield f"   {item.remark}"


def _unread(results: Results) -> Iterator[str]:
    if results.unread:
        yield "Could not be read"
        yield from results.unread
