"""One exercise as the judge knows it: our notebook, what an untouched sheet holds, points, hints and wrong turns.

It is read once and kept; a class of a thousand is judged with the same one.
"""

from __future__ import annotations

import ast
import functools
from dataclasses import dataclass

from course_lib import notebook_file
from course_lib.authoring import derive, prove
from course_lib.errors import NotebookError
from course_lib.locations import course_root
from course_lib.notebook_file import Notebook


@dataclass(frozen=True)
class Exercise:
    """What is known of an exercise before anybody has answered it; the dicts are by question."""

    stem: str
    solution: Notebook
    starters: dict[str, str]
    points: dict[str, int]
    hints: dict[str, str]
    turns: dict[str, list[prove.Variant]]

    def turn(self, question: str, answer: str, message: str) -> str:
        """Return the name of the wrong turn that `answer` is, or whose message it got; empty when none is known."""
        text = _shape(answer)
        for variant in self.turns[question]:
            if text and _shape(variant.text) == text:
                return variant.name
        caught = [variant for variant in self.turns[question] if variant.caught and message.startswith(variant.caught)]
        return max(caught, key=lambda variant: len(variant.caught)).name if caught else ""


def _shape(text: str) -> str:
    try:
        return ast.dump(ast.parse(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""


def exercise_for(name: str, sheet: Notebook) -> Exercise:
    """Return the exercise a sheet belongs to: by the name of its file, else by the questions inside.

    Raises `NotebookError` when neither says.
    """
    file = name.rpartition("/")[2].removesuffix(".ipynb")
    for stem in notebook_file.stems("solutions"):
        if file == stem or file.startswith(f"{stem}-") or file[:3] == stem[:3] or stem in file:
            return exercise(stem)
    asked = set(notebook_file.questions(sheet))
    for stem in notebook_file.stems("solutions"):
        if asked & set(exercise(stem).points):
            return exercise(stem)
    raise NotebookError(f"{name} belongs to no exercise of the course; name it like 03_engine_and_session.ipynb")


def exercise(stem: str) -> Exercise:
    """Return the exercise `stem`, read anew when its file has changed."""
    path = course_root() / "solutions" / f"{stem}.ipynb"
    changed = path.stat()
    return _read(stem, str(path), changed.st_mtime_ns, changed.st_size)


@functools.lru_cache(maxsize=64)
def _read(stem: str, path: str, _changed: int, _size: int) -> Exercise:
    solution = notebook_file.read_notebook(course_root() / "solutions" / f"{stem}.ipynb")
    checks = derive.checks(solution)
    wrong: dict[str, list[prove.Variant]] = {name: [] for name in checks}
    for variant in prove.variants(solution):
        if variant.kind == "wrong":
            wrong[variant.question].append(variant)
    return Exercise(
        stem,
        solution,
        derive.starters(solution),
        {name: notebook_file.points(cell) for name, cell in checks.items()},
        {name: first_hint(solution, name) for name in checks},
        wrong,
    )


def first_hint(solution: Notebook, question: str) -> str:
    """Return the first hint of `question`, empty when there is none."""
    for cell in solution["cells"]:
        if cell.get("id") == f"hints-{question}":
            items = [line[2:].strip() for line in notebook_file.source(cell).splitlines() if line.startswith("1.")]
            return items[0] if items else ""
    return ""
