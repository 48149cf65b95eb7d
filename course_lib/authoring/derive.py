"""Make an exercise from its solution; the solution is the only source, so the two cannot drift apart.

Answers lose what stands between the markers, raw cells and `because` paragraphs go, checks keep their output: it is
the target a learner sees, and what nbval compares.
"""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

from course_lib.errors import NotebookError
from course_lib.locations import course_root
from course_lib.notebook_file import (
    Cell,
    Kind,
    Notebook,
    checked_question,
    code_cells,
    question_of,
    read_notebook,
    source,
    stems,
    tags,
)
from course_lib.whole_file import write_whole

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
STUB = "...  # your code here"
CAUGHT = "# caught:"
_SOLUTION = re.compile(rf"^(?P<indent>[ \t]*){BEGIN}[^\n]*\n.*?^[ \t]*{END}[^\n]*$", re.MULTILINE | re.DOTALL)


def starter(answer: str) -> str:
    """Return the starter of an answer: each marked region becomes one `...` at the same indent.

    Raises `NotebookError` when a marker is missing its partner, or when there is none.
    """
    text, replaced = _SOLUTION.subn(lambda found: f"{found['indent']}{STUB}", answer)
    if not replaced or BEGIN in text or END in text:
        raise NotebookError(
            f"an answer needs {BEGIN} and {END}, each on its own line; got {answer.partition(chr(10))[0]!r}"
        )
    return text


def without_markers(answer: str) -> str:
    """Return the answer as a learner would write it: the marker lines are gone."""
    return "\n".join(line for line in answer.splitlines() if line.strip() not in (BEGIN, END))


def caught_text(text: str) -> str | None:
    """Return what a raw cell's `# caught:` line promises, None when it has none."""
    for line in text.splitlines()[:2]:
        if line.startswith(CAUGHT):
            return line.removeprefix(CAUGHT).strip()
    return None


def body(text: str) -> str:
    """Return a raw cell's text without its `# caught:` line."""
    return "\n".join(line for line in text.splitlines() if not line.startswith(CAUGHT))


def raw_question(cell: Cell) -> str | None:
    """Return the question a raw cell (`wrong-NAME-noun`, `right-NAME-noun`, `starter-NAME`) belongs to."""
    if cell.get("cell_type") != "raw":
        return None
    course = cell["metadata"].get("course", {})
    return str(course["question"]) if isinstance(course, dict) and "question" in course else None


def starters(solution: Notebook) -> dict[str, str]:
    """Return the starter of every question: a raw `starter` cell where there is one, else the stubbed answer."""
    given = {
        raw_question(cell): body(source(cell))
        for cell in solution["cells"]
        if cell.get("cell_type") == "raw" and "starter" in tags(cell)
    }
    found: dict[str, str] = {}
    for cell in solution["cells"]:
        name = question_of(cell)
        if name:
            found[name] = given[name] if name in given else starter(source(cell))
    return found


def derive(solution: Notebook) -> Notebook:
    """Return the exercise of `solution` as a new notebook."""
    exercise = copy.deepcopy(solution)
    texts = starters(solution)
    kept: list[Cell] = []
    for cell in exercise["cells"]:
        if cell.get("cell_type") == "raw" or "because" in tags(cell):
            continue
        name = question_of(cell)
        if name:
            cell["source"] = texts[name]
            cell["outputs"], cell["execution_count"] = [], None
        kept.append(cell)
    exercise["cells"] = kept
    return exercise


def dump(notebook: Notebook) -> str:
    """Return the one spelling a notebook has in this repository: indent 1, UTF-8, sorted keys, one newline."""
    lined = copy.deepcopy(notebook)
    for cell in lined["cells"]:
        cell["source"] = source(cell).splitlines(keepends=True)
    return json.dumps(lined, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def derive_all(check: bool = False, only: int | None = None) -> list[str]:
    """Write every exercise whose bytes differ from what its solution gives; with `check` only name them."""
    changed = []
    for stem in stems("solutions"):
        if only is not None and int(stem[:2]) != only:
            continue
        target = _path("exercises", stem)
        text = dump(derive(read_notebook(_path("solutions", stem))))
        if not target.exists() or target.read_bytes() != text.encode():
            changed.append(stem)
            if not check:
                target.parent.mkdir(exist_ok=True)
                write_whole(target, text)
    if only is None:
        changed += [f"{stem} (no solution)" for stem in stems("exercises") if stem not in stems("solutions")]
    return changed


def _path(kind: Kind, stem: str) -> Path:
    return course_root() / kind / f"{stem}.ipynb"


def checks(solution: Notebook) -> dict[str, Cell]:
    """Return the check cell of every question."""
    found = ((checked_question(cell), cell) for cell in code_cells(solution))
    return {name: cell for name, cell in found if name}
