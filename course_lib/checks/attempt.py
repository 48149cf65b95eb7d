"""Was the question attempted at all? Decided on the text of the answer, before anything is judged.

An untouched exercise is not wrong; nothing red is shown for it.
"""

from __future__ import annotations

import ast
import sys
from typing import Literal

from course_lib import notebook_file
from course_lib.errors import CourseError
from course_lib.locations import course_root

State = Literal["attempted", "untouched", "broken"]


def state(answer: str, starter: str) -> State:
    """Compare an answer with its starter: comments and blank lines do not count.

    An empty answer, and one that still holds the starter's `...`, is untouched; one that does not parse is broken.
    """
    tree = _parse(answer)
    if tree is None:
        return "untouched" if answer.strip() == starter.strip() else "broken"
    given = _parse(starter)
    try:
        is_same = given is not None and ast.dump(tree) == ast.dump(given)
    except (RecursionError, MemoryError):  # a sum of two thousand terms: nobody's starter
        return "attempted"
    if not tree.body or is_same:
        return "untouched"
    if given is not None and _placeholders(given) and _placeholders(tree):
        return "untouched"
    return "attempted"


def _parse(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _placeholders(tree: ast.Module) -> int:
    """Count the `...` that stand alone as a statement, or as the value of a name or of a dict's key."""
    found = 0
    for node in ast.walk(tree):
        values: list[ast.expr | None] = []
        if isinstance(node, ast.Expr | ast.Assign | ast.Return | ast.AnnAssign):
            values = [node.value]
        elif isinstance(node, ast.Dict):
            values = [*node.values]
        found += sum(isinstance(value, ast.Constant) and value.value is Ellipsis for value in values)
    return found


def last_answer(question: str) -> str | None:
    """Return the text of the answer cell of `question` that ran last in this kernel, None outside a kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None:
        return None
    for text in reversed(shell.user_ns.get("In", [])):
        found = notebook_file.QUESTION.match(str(text).lstrip().partition("\n")[0])
        if found and found[1] == question:
            return str(text)
    return None


def state_of(lesson: str, question: str) -> State:
    """Compare the answer that ran last with the committed exercise; what cannot be compared counts as attempted."""
    answer = last_answer(question)
    starter = next((c for c in _exercise(lesson) if notebook_file.question_of(c) == question), None)
    if answer is None or starter is None:
        return "attempted"
    return state(answer, notebook_file.source(starter))


def has_gap(lesson: str, question: str) -> bool:
    """True when the starter of `question` has a `...` to fill, False when it is running code to be repaired."""
    starter = next((c for c in _exercise(lesson) if notebook_file.question_of(c) == question), None)
    tree = _parse(notebook_file.source(starter)) if starter is not None else None
    return tree is None or _placeholders(tree) > 0


def points_of(lesson: str, question: str) -> int:
    """Return the points of `question` as its check cell in the committed exercise says, 0 when it cannot be read."""
    cell = next((c for c in _exercise(lesson) if notebook_file.checked_question(c) == question), None)
    return notebook_file.points(cell) if cell is not None else 0


def _exercise(lesson: str) -> list[notebook_file.Cell]:
    try:
        cells: list[notebook_file.Cell] = notebook_file.read_notebook(course_root() / "exercises" / f"{lesson}.ipynb")[
            "cells"
        ]
    except CourseError:  # while a lesson is being written there is no exercise yet
        return []
    return cells
