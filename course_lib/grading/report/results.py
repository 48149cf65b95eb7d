"""The verdicts on a class, put in the order that every report shows: learners by name, questions as in the exercises.

A learner who handed in one exercise twice is counted once, with the better sheet.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from functools import cached_property

from course_lib import notebook_file
from course_lib.authoring import graft
from course_lib.errors import CourseError, NotebookError
from course_lib.grading.exercise import exercise
from course_lib.grading.graded import Graded, Submission, Verdict

RED = ("fail", "error", "timeout")
MARKS = {"pass": "✓", "fail": "✗", "error": "!", "timeout": "∞", "not attempted": "·"}


@dataclass(frozen=True)
class Question:
    """One column of the matrix."""

    exercise: str
    name: str
    possible: int


@dataclass(frozen=True)
class Results:
    """Everything a report may say; `submissions` are only asked for example answers, by digest.

    `isolation` says what stood between the answers and this machine, `problems` what could not be read.
    """

    graded: tuple[Graded, ...]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    isolation: tuple[str, ...] = ()
    course: str = ""
    seconds: float = 0.0
    submissions: tuple[Submission, ...] = ()

    @cached_property
    def learners(self) -> list[str]:
        """Return every learner, by name."""
        return sorted({each.learner for each in self.graded}, key=lambda name: (name.casefold(), name))

    @cached_property
    def counted(self) -> dict[tuple[str, str], Graded]:
        """Return the sheet that counts, by learner and exercise: the one with the most points, then the last."""
        best: dict[tuple[str, str], Graded] = {}
        for each in self.graded:
            if each.exercise and each.points >= getattr(best.get((each.learner, each.exercise)), "points", 0):
                best[each.learner, each.exercise] = each
        return best

    @cached_property
    def unread(self) -> list[str]:
        """Return a sentence for everything that has no verdict."""
        return [*self.problems, *(f"{each.file}: {each.problem}" for each in self.graded if each.problem)]

    @cached_property
    def exercises(self) -> list[str]:
        """Return the stems of the exercises that were handed in, in the order of the course."""
        return sorted({stem for _, stem in self.counted})

    @cached_property
    def questions(self) -> list[Question]:
        """Return the questions of those exercises, in order."""
        found: dict[Question, None] = {}
        for _, graded in sorted(self.counted.items(), key=lambda item: item[0][1]):
            for verdict in graded.verdicts:
                outcome = verdict.outcome
                found[Question(graded.exercise, outcome.question, outcome.possible)] = None
        return list(found)

    @cached_property
    def _cells(self) -> dict[tuple[str, str, str], Verdict]:
        return {
            (learner, stem, verdict.outcome.question): verdict
            for (learner, stem), graded in self.counted.items()
            for verdict in graded.verdicts
        }

    def verdict(self, learner: str, question: Question) -> Verdict | None:
        """Return the verdict that counts, None when the exercise was not handed in."""
        return self._cells.get((learner, question.exercise, question.name))

    def points(self, learner: str) -> int:
        """Return all points of a learner."""
        return sum(self.counted[learner, stem].points for stem in self.exercises if (learner, stem) in self.counted)

    @property
    def possible(self) -> int:
        """Return the points of somebody who has answered everything."""
        return sum(question.possible for question in self.questions)

    def answer(self, learner: str, question: Question) -> str:
        """Return what a learner wrote, empty when the submission is not at hand."""
        graded = self.counted.get((learner, question.exercise))
        submission = self._submissions.get(graded.digest) if graded is not None else None
        if submission is None:
            return ""
        try:
            sheet = notebook_file.parse_notebook(submission.text, submission.file)
            return graft.answers_of(sheet, exercise(question.exercise).solution).texts.get(question.name, "")
        except (CourseError, OSError):
            return ""

    @cached_property
    def _submissions(self) -> dict[str, Submission]:
        return {each.digest: each for each in self.submissions}


@functools.lru_cache(maxsize=256)
def title(stem: str, section: int | None = None) -> str:
    """Return the title of a lesson or of one of its sections, empty when there is none."""
    try:
        sheet = notebook_file.read_notebook(notebook_file.find("notebooks", int(stem[:2])))
    except (NotebookError, CourseError, ValueError):
        return ""
    wanted = re.compile(rf"^## {section}\b\W*(.+)$" if section is not None else r"^# \d*\s*(.+)$", re.MULTILINE)
    for cell in sheet["cells"]:
        found = wanted.search(notebook_file.source(cell)) if cell.get("cell_type") == "markdown" else None
        if found:
            return found[1].strip()
    return ""
