"""Put a learner's answers into our own notebook; everything but the answer cells is ours.

Deleted, edited or reordered checks, cleared outputs and skip markers in a submission therefore have no effect.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field

from course_lib.authoring import derive
from course_lib.databases import needs
from course_lib.notebook_file import QUESTION, Cell, Notebook, checked_question, code_cells, question_of, source


@dataclass(frozen=True)
class Job:
    """Everything that is run for one question: our cells before it, the answer, our check."""

    question: str
    setup: list[str]
    answer: str
    check: str
    target: str  # what our check prints when the answer is right
    needs: list[str] = field(default_factory=list)  # the servers our answer and check cells name


@dataclass
class Answers:
    """The answers found in a submission, by question, and notes on what was odd about it."""

    texts: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)


def answers_of(submission: Notebook, solution: Notebook) -> Answers:
    """Find the answers to the questions of `solution`: by first line, then by grade_id, then by cell id.

    The last duplicate counts; a cell split in two is joined; each oddity leaves a note.
    """
    known = list(derive.checks(solution))
    found = Answers()
    ours = {question: source(cell) for question, cell in derive.checks(solution).items()}
    for cell in submission["cells"]:
        if cell.get("cell_type") == "code":
            _take(cell, known, found)
            checked = checked_question(cell)
            if checked in ours and source(cell).strip() != ours[checked].strip():
                found.notes.setdefault(checked, "the check cell was changed; ours was used")
        elif cell.get("cell_type") == "markdown":
            marked = QUESTION.match(source(cell).lstrip().partition("\n")[0])
            if marked and marked[1] in known:
                found.notes[marked[1]] = "the answer stands in a markdown cell; make it a code cell"
    return found


def _take(cell: Cell, known: list[str], found: Answers) -> None:
    text = source(cell)
    marked = QUESTION.match(text.lstrip().partition("\n")[0])
    if marked and marked[1] in known:
        name = marked[1]
        if name in found.texts:
            found.notes[name] = "answered twice; the last cell counts"
        found.texts[name] = text
        return
    fallback = _by_metadata(cell, known)
    if fallback is None:
        _note_unknown(marked[1] if marked else None, known, found)
    elif marked is None and fallback in found.texts:
        found.texts[fallback] += "\n" + text
        found.notes[fallback] = "the answer was split over two cells; they were joined"
    else:
        found.texts[fallback] = text
        found.notes[fallback] = f"the line '# question: {fallback}' is missing or changed; found by its metadata"


def _by_metadata(cell: Cell, known: list[str]) -> str | None:
    bare = {**cell, "source": ""}  # without its first line: metadata and id only
    name = question_of(bare)
    return name if name in known else None


def _note_unknown(name: str | None, known: list[str], found: Answers) -> None:
    near = difflib.get_close_matches(name, known, n=1) if name else []
    if near:
        found.notes.setdefault(near[0], f"a cell is marked '# question: {name}'; did you mean {near[0]}?")


def jobs(solution: Notebook, texts: dict[str, str]) -> list[Job]:
    """Return one job per question of `solution`, in order; a question without a text gets an empty answer."""
    setup: list[str] = []
    made: list[Job] = []
    check_cells = derive.checks(solution)
    for cell in code_cells(solution):
        name = question_of(cell)
        if name in check_cells:
            check = check_cells[name]
            servers = [*needs.named(source(cell)), *needs.named(source(check))]
            made.append(Job(name, list(setup), texts.get(name, ""), source(check), _printed(check), servers))
        elif name is None and checked_question(cell) is None:
            setup.append(source(cell))
    return made


def _printed(check: Cell) -> str:
    for output in check.get("outputs", []):
        if output.get("output_type") == "execute_result":
            text = output["data"].get("text/plain", "")
            return "".join(text) if isinstance(text, list) else str(text)
    return ""
