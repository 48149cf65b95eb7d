"""Item analysis: which question and which wrong turn cost the class most, and which question may be a bad one."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from dataclasses import dataclass

from course_lib.grading.graded import Verdict
from course_lib.grading.report.results import RED, Question, Results

ENOUGH = 10  # learners: a correlation of fewer says nothing
ODD = -0.2  # a correlation below it is no accident of a small class
UNCLEAR = 3  # errors, at least, before a question is called badly worded
REMARK_UNCLEAR = "more answers raised than were wrong: is the question worded clearly?"
REMARK_ODD = "who did well elsewhere did worse here: is the question, or its check, at fault?"


@dataclass(frozen=True)
class Turn:
    """A way to be wrong that learners took: the turn's name where it is known, else the shape of its message."""

    question: Question
    name: str
    outcome: str
    message: str
    section: int | None
    slug: str
    learners: tuple[str, ...]
    lost: int

    @property
    def pointer(self) -> str:
        """Return where the lesson explains it, empty when nothing points anywhere."""
        return f"notebooks/{self.question.exercise}.ipynb § {self.section}" if self.section is not None else ""


@dataclass(frozen=True)
class Item:
    """One question in numbers; `discrimination` is its correlation with the rest of its exercise."""

    question: Question
    counts: dict[str, int]
    points: int
    turns: tuple[Turn, ...]
    discrimination: float | None
    remark: str

    @property
    def sheets(self) -> int:
        """Return how many handed the exercise in."""
        return sum(self.counts.values())

    @property
    def lost(self) -> int:
        """Return the points that the class did not get."""
        return self.sheets * self.question.possible - self.points

    @property
    def easiness(self) -> float:
        """Return the share of the points that the class got."""
        possible = self.sheets * self.question.possible
        return round(self.points / possible, 2) if possible else 0.0


def items(results: Results) -> list[Item]:
    """Return every question in numbers, in the order of the exercises."""
    return [_item(results, question) for question in results.questions]


def to_teach_again(found: list[Item]) -> list[Turn]:
    """Return all wrong turns, those that cost the class most first; ties in the order of the course."""
    turns = [turn for item in found for turn in item.turns]
    return sorted(turns, key=lambda turn: (-turn.lost, -len(turn.learners)))


def _item(results: Results, question: Question) -> Item:
    judged = [(name, verdict) for name in results.learners if (verdict := results.verdict(name, question))]
    counts: Counter[str] = Counter(verdict.outcome.outcome for _, verdict in judged)
    discrimination = _discrimination(results, question, judged)
    remark = REMARK_ODD if discrimination is not None and discrimination < ODD else ""
    if counts["error"] >= UNCLEAR and counts["error"] > counts["fail"]:
        remark = REMARK_UNCLEAR
    return Item(
        question,
        {name: counts[name] for name in ("pass", *RED, "not attempted")},
        sum(verdict.outcome.points for _, verdict in judged),
        tuple(_turns(question, judged)),
        discrimination,
        remark,
    )


def _turns(question: Question, judged: list[tuple[str, Verdict]]) -> list[Turn]:
    groups: dict[tuple[str, str], list[tuple[str, Verdict]]] = {}
    for name, verdict in judged:
        if verdict.outcome.outcome in RED:
            key = (verdict.turn, "" if verdict.turn else _shape(verdict))
            groups.setdefault(key, []).append((name, verdict))
    turns = []
    for (turn, _), members in groups.items():
        outcomes = Counter(verdict.outcome for _, verdict in members)
        common = max(outcomes, key=lambda outcome: (outcomes[outcome], outcome.message))
        lost = sum(verdict.outcome.possible - verdict.outcome.points for _, verdict in members)
        learners = tuple(name for name, _ in members)
        where = (common.section, common.slug)
        turns.append(Turn(question, turn, common.outcome, common.message, *where, learners, lost))
    return sorted(turns, key=lambda turn: (-turn.lost, -len(turn.learners), not turn.name, turn.name, turn.message))


def _shape(verdict: Verdict) -> str:
    """Return what messages of one cause have in common: no numbers, and no place in somebody's cell."""
    message = re.sub(r", line \d+ of the cell.*", "", verdict.outcome.message)
    return f"{verdict.outcome.outcome} {re.sub(r'[0-9]+', '#', message)}"


def _discrimination(results: Results, question: Question, judged: list[tuple[str, Verdict]]) -> float | None:
    if len(judged) < ENOUGH:
        return None
    here = [float(verdict.outcome.points) for _, verdict in judged]
    sheets = [results.counted[name, question.exercise] for name, _ in judged]
    rest = [float(sheet.points - own) for sheet, own in zip(sheets, here, strict=True)]
    if len({*here}) == 1 or len({*rest}) == 1:
        return None
    return round(statistics.correlation(here, rest), 2) + 0.0  # no -0.0
