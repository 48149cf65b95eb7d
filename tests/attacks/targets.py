"""The three exercises that every attack is tried on: a coroutine, an endpoint and a session.

Their right and wrong answers are the course's own, read from the solutions, so that the corpus cannot drift from them.
"""

from __future__ import annotations

import ast
import copy
import functools
import json
from dataclasses import dataclass
from pathlib import Path

from course_lib import notebook_file
from course_lib.authoring import derive, graft, prove
from course_lib.notebook_file import Notebook

SOLUTIONS = Path(__file__).resolve().parent.parent.parent / "solutions"


@dataclass(frozen=True)
class Target:
    """One question: where it is asked, the function its check calls, and the wrong turn an attack hides behind."""

    question: str
    stem: str
    function: str
    turn: str
    neighbour: str  # another question of the sheet, answered rightly

    @property
    def file(self) -> str:
        """The name a learner's file has."""
        return f"{self.stem}.ipynb"

    @property
    def right(self) -> str:
        """The solution, as a learner would write it."""
        return self._variant("solution").text

    @property
    def wrong(self) -> str:
        """An answer that is honestly wrong."""
        return self._variant(self.turn).text

    @property
    def caught(self) -> str:
        """How the message of the wrong answer begins."""
        return self._variant(self.turn).caught

    @property
    def proved(self) -> str:
        """What the check says to a right answer; every learner can read it in the exercise."""
        job = next(job for job in graft.jobs(solution(self.stem), {}) if job.question == self.question)
        return job.target.partition(": ")[2]

    @property
    def points(self) -> int:
        """The points of the question."""
        return notebook_file.points(derive.checks(solution(self.stem))[self.question])

    def _variant(self, name: str) -> prove.Variant:
        return variant(self.stem, self.question, name)

    def sheet(self, answer: str, *, neighbour: bool = False) -> Notebook:
        """Return the exercise with `answer` written in, and the neighbour answered if asked for."""
        answers = {self.question: answer}
        if neighbour:
            answers[self.neighbour] = variant(self.stem, self.neighbour, "solution").text
        return filled(self.stem, answers)

    def with_inside(self, answer: str, code: str) -> str:
        """Return `answer` with `code` as the first lines of the function that the check calls."""
        if not code:
            return answer
        functions = ast.FunctionDef | ast.AsyncFunctionDef
        found = [node for node in ast.parse(answer).body if isinstance(node, functions) and node.name == self.function]
        lines, first = answer.split("\n"), found[-1].body[0]
        indented = [" " * first.col_offset + line if line else line for line in code.strip("\n").split("\n")]
        return "\n".join([*lines[: first.lineno - 1], *indented, *lines[first.lineno - 1 :]])


TARGETS = (
    Target("first-call", "00_doors_open", "first_call", "copied", "doors-fixed"),
    Target("not-on-the-list", "03_engine_and_session", "read_item", "none", "six-defects"),
    Target("five-at-once", "05_async_orm", "dashboard", "constant", "empty-plate"),
)


@functools.cache
def solution(stem: str) -> Notebook:
    """Return a solution; nobody may change it."""
    return notebook_file.read_notebook(SOLUTIONS / f"{stem}.ipynb")


@functools.cache
def _variants(stem: str) -> tuple[prove.Variant, ...]:
    return tuple(prove.variants(solution(stem)))


def variants(stem: str, question: str, kind: str) -> list[prove.Variant]:
    """Return the variants of one question and kind: starter, solution, right or wrong."""
    return [one for one in _variants(stem) if one.question == question and one.kind == kind]


def variant(stem: str, question: str, name: str) -> prove.Variant:
    """Return one variant by its name; the solution is called so."""
    return next(one for one in _variants(stem) if one.question == question and one.name == name)


@functools.cache
def _exercise(stem: str) -> Notebook:
    return derive.derive(solution(stem))


def filled(stem: str, answers: dict[str, str]) -> Notebook:
    """Return the exercise with these answers written in; the others are untouched."""
    made = copy.deepcopy(_exercise(stem))
    for cell in notebook_file.code_cells(made):
        name = notebook_file.question_of(cell)
        if name in answers:
            cell["source"] = answers[name]
    return made


def packed(sheet: Notebook) -> bytes:
    """Return a sheet as the bytes of a file."""
    return json.dumps(sheet, indent=1).encode()
