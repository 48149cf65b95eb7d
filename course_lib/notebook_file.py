"""Read notebook files as plain JSON: cells, app files, questions, and where the course keeps them.

`nbformat` would cost 1.5 s of imports at every start (measured), and we need none of its validation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from course_lib.errors import CourseError, NotebookError
from course_lib.locations import course_root

Kind = Literal["notebooks", "exercises", "solutions"]
Cell = dict[str, Any]  # one cell as nbformat 4 stores it
Notebook = dict[str, Any]  # one notebook as nbformat 4 stores it

QUESTION = re.compile(r"^#\s*question:\s*([a-z0-9][a-z0-9-]*)\s*$")
APP_CELL = re.compile(r"^%%app\s+(\S+)\s*$")


def read_notebook(path: Path) -> Notebook:
    """Return the notebook stored in `path`; raise `NotebookError` with one sentence when it is not one."""
    return parse_notebook(read_bytes(path), path.name)


def read_bytes(path: Path) -> bytes:
    """Return what is stored in `path`; raise `NotebookError` with one sentence when it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise NotebookError(f"no notebook at {path.name}; is the number right? see notebooks/") from None
    except OSError as error:
        raise NotebookError(f"{path.name} cannot be read ({error}); check the file and its permissions") from error


def parse_notebook(text: bytes, name: str) -> Notebook:
    """Return the notebook in `text` (UTF-8, a mark allowed); raise `NotebookError` with one sentence about `name`."""
    try:
        loaded = json.loads(text.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise NotebookError(f"{name} cannot be read ({error}); check the file and its permissions") from error
    except (ValueError, RecursionError):
        raise NotebookError(f"{name} is not a notebook (no JSON inside); {_remedy(name)}") from None
    return _checked(loaded, name)


def _checked(loaded: Any, name: str) -> Notebook:  # Any: whatever json found
    if not isinstance(loaded, dict):
        raise NotebookError(
            f"{name} is not a notebook (expected an object, got {type(loaded).__name__}); {_remedy(name)}"
        )
    if loaded.get("nbformat") != 4:
        raise NotebookError(
            f"{name} has notebook format {loaded.get('nbformat')}, expected 4; open it in JupyterLab and save it again"
        )
    cells = loaded.get("cells")
    if not isinstance(cells, list):
        raise NotebookError(f"{name} has no list of cells; {_remedy(name)}")
    loaded["cells"] = [cell for cell in cells if isinstance(cell, dict)]
    for cell in loaded["cells"]:
        if not isinstance(cell.get("metadata"), dict):
            cell["metadata"] = {}
    return loaded


def _remedy(name: str) -> str:
    return f"restore it with: course reset {name[:2]}" if name[:2].isdigit() else "name another file"


def source(cell: Cell) -> str:
    """Return the text of `cell`; nbformat allows a string or a list of lines."""
    text = cell.get("source", "")
    return "".join(str(line) for line in text) if isinstance(text, list) else str(text)


def tags(cell: Cell) -> list[str]:
    """Return the tags of `cell`, empty when its metadata is lost."""
    found = cell.get("metadata", {}).get("tags", [])
    return [str(tag) for tag in found] if isinstance(found, list) else []


def code_cells(notebook: Notebook) -> list[Cell]:
    """Return the code cells of `notebook` in order."""
    return [cell for cell in notebook["cells"] if cell.get("cell_type") == "code"]


def question_of(cell: Cell) -> str | None:
    """Return the question an answer cell belongs to: by its first line, then its grade_id, then its cell id."""
    if cell.get("cell_type") != "code":
        return None
    found = QUESTION.match(source(cell).lstrip().partition("\n")[0])
    if found:
        return found[1]
    grade = cell.get("metadata", {}).get("nbgrader", {})
    if isinstance(grade, dict) and grade.get("solution") is True and grade.get("grade_id"):
        return str(grade["grade_id"])
    name = str(cell.get("id", ""))
    return name.removeprefix("answer-") if name.startswith("answer-") else None


def checked_question(cell: Cell) -> str | None:
    """Return the question a check cell is about, or None for every other cell."""
    name = str(cell.get("id", ""))
    return name.removeprefix("check-") if cell.get("cell_type") == "code" and name.startswith("check-") else None


def points(cell: Cell) -> int:
    """Return the points of a check cell, 0 when its metadata is lost."""
    grade = cell.get("metadata", {}).get("nbgrader", {})
    found = grade.get("points", 0) if isinstance(grade, dict) else 0
    return int(found) if isinstance(found, int | float) else 0


def questions(notebook: Notebook) -> list[str]:
    """Return the names of the questions of `notebook`, in order and each once."""
    return list(dict.fromkeys(name for name in map(question_of, notebook["cells"]) if name))


def app_cells(notebook: Notebook) -> Iterator[tuple[str, str]]:
    """Yield (file name, text) of each `%%app FILE` cell, in order."""
    for cell in code_cells(notebook):
        head, _, body = source(cell).partition("\n")
        found = APP_CELL.match(head)
        if found:
            yield found[1], body.rstrip() + "\n"


def stems(kind: Kind = "notebooks") -> list[str]:
    """Return the stems (`00_doors_open`, ...) of one of the three folders, in order."""
    return sorted(path.stem for path in (course_root() / kind).glob("[0-9][0-9]_*.ipynb"))


def find(kind: Kind, number: int) -> Path:
    """Return the notebook of lesson `number` in one of the three folders; raise `CourseError` when there is none."""
    there = stems(kind)
    for stem in there:
        if int(stem[:2]) == number:
            return course_root() / kind / f"{stem}.ipynb"
    known = ", ".join(stem[:2] for stem in there) or "none"
    raise CourseError(f"lesson {number:02} is not in {kind}/; there are: {known}")
