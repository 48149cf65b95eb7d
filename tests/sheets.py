"""The notebooks of this course as the tests over all of them see them.

A lesson that is added is tested without a line of test code: nothing here names one.
"""

from __future__ import annotations

import re
import statistics
from pathlib import Path

from course_lib import notebook_file
from course_lib.notebook_file import Cell, Notebook, code_cells, read_notebook, source

ROOT = Path(__file__).resolve().parent.parent
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SOLUTIONS = sorted((ROOT / "solutions").glob("*.ipynb"))
EXERCISES = sorted((ROOT / "exercises").glob("*.ipynb"))
COMMITTED = [*LESSONS, *SOLUTIONS, *EXERCISES]
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def name_of(path: Path) -> str:
    """Return the name a test shows: the folder and the stem."""
    return f"{path.parent.name}/{path.stem}"


def of_type(notebook: Notebook, kind: str) -> list[Cell]:
    """Return the cells of one type in order."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


def prose(cell: Cell) -> str:
    """Return the words of a markdown cell without its fenced blocks (diagrams, text figures)."""
    return _FENCE.sub("", source(cell))


def lines(text: str) -> int:
    """Count the lines that are not blank."""
    return sum(bool(line.strip()) for line in text.splitlines())


def percentile_90(values: list[int]) -> float:
    """Return the value that nine of ten do not exceed."""
    return statistics.quantiles(values, n=10, method="inclusive")[-1] if len(values) > 1 else float(values[0])


def solved(stem: str) -> Notebook:
    """Return the exercise of `stem` with every answer written in, as a learner would hand it in."""
    from course_lib.authoring import derive

    exercise = read_notebook(ROOT / "exercises" / f"{stem}.ipynb")
    solution = read_notebook(ROOT / "solutions" / f"{stem}.ipynb")
    answers = {name: source(cell) for cell in code_cells(solution) if (name := notebook_file.question_of(cell))}
    for cell in code_cells(exercise):
        name = notebook_file.question_of(cell)
        if name:
            cell["source"] = derive.without_markers(answers[name])
    return exercise
