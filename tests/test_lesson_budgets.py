"""The sizes of a lesson, in numbers: what grows past them is no longer read, and nobody sees it grow.

They are measured on lessons only; an exercise has its own test.
"""

from __future__ import annotations

import difflib
import itertools
import re
import statistics
from pathlib import Path

import pytest
from sheets import LESSONS, lines, name_of, of_type, percentile_90, prose

from course_lib import notebook_file
from course_lib.notebook_file import APP_CELL, Cell, code_cells, read_notebook, source, tags

CELLS = range(30, 51)
CODE_MEDIAN, CODE_P90, CODE_MAX, APP_MAX = 4, 10, 25, 60
MARKDOWN_P90 = 8
IN_A_ROW = 2
WORDS_PER_LINE = (8, 18)
VERSIONS = 4  # of one app file over the whole course; main.py may have more
MAIN_CHANGES = 3
# lesson -> why its main.py changes by more lines than MAIN_CHANGES
LARGE_MAIN: dict[str, str] = {
    "03_engine_and_session": "the house gets settings, engine and lifespan; there is nothing to open before them",
    "09_cancellation": "/live moves into health.py, where its counterpart /ready is",
}

# lesson -> why it has more cells than others, and how many it may have
MANY_CELLS: dict[str, tuple[int, str]] = {
    "08_transactions": (52, "the readers' promise is broken once, on the open house: one cell and its words"),
    "09_cancellation": (76, "half of its claims are the server's, and a cell that needs PostgreSQL stands by itself"),
}

CLOSING = ("quiz-and-cards", "exercises")  # every lesson ends with these two, so they are no part of its size
CLOSED = LESSONS

LESSON = pytest.mark.parametrize("path", LESSONS, ids=name_of)
TAIL = ["Check", "Recap", "Words", "Questions", "Exercises", "Next"]


def is_app(cell: Cell) -> bool:
    """Say whether the cell is a whole file of the app."""
    return bool(APP_CELL.match(source(cell).partition("\n")[0]))


@LESSON
def test_number_of_cells(path: Path) -> None:
    most, _ = MANY_CELLS.get(path.stem, (CELLS.stop - 1, ""))
    assert CELLS.start <= len([cell for cell in read_notebook(path)["cells"] if cell["id"] not in CLOSING]) <= most


@pytest.mark.parametrize("path", CLOSED, ids=name_of)
def test_a_lesson_ends_with_its_quiz_and_cards(path: Path) -> None:
    number = int(path.stem[:2])
    last = code_cells(read_notebook(path))[-1]
    assert last["id"] == "quiz-and-cards"
    assert source(last).splitlines()[-1] == f"display(study.quiz({number}), study.cards({number}))"


@LESSON
def test_code_cells_are_short(path: Path) -> None:
    cells = code_cells(read_notebook(path))
    # a quotation keeps its own length: cutting it would change what is quoted
    plain = [lines(source(cell)) for cell in cells if not is_app(cell) and "verbatim" not in tags(cell)]
    assert statistics.median(plain) <= CODE_MEDIAN
    assert percentile_90(plain) <= CODE_P90
    assert max(plain) <= CODE_MAX
    assert max((lines(source(cell)) for cell in cells if is_app(cell)), default=0) <= APP_MAX


@LESSON
def test_markdown_cells_are_short(path: Path) -> None:
    assert percentile_90([lines(prose(cell)) for cell in of_type(read_notebook(path), "markdown")]) <= MARKDOWN_P90


@LESSON
def test_words_come_between_code(path: Path) -> None:
    runs = itertools.groupby(read_notebook(path)["cells"], key=lambda cell: cell["cell_type"])
    longest = max(len(list(cells)) for kind, cells in runs if kind == "code")
    assert longest <= IN_A_ROW


@LESSON
def test_words_per_line_of_code(path: Path) -> None:
    notebook = read_notebook(path)
    words = sum(len(prose(cell).split()) for cell in of_type(notebook, "markdown"))
    cells = code_cells(notebook)
    every = sum(lines(source(cell)) for cell in cells)
    # a file of the app asks for fewer words than its lines: most were there before, and the cell shows the difference
    typed = sum(lines(source(cell)) for cell in cells if not is_app(cell))
    assert words / every <= WORDS_PER_LINE[1]
    assert words / typed >= WORDS_PER_LINE[0]


@LESSON
def test_has_the_parts_of_a_lesson(path: Path) -> None:
    text = "\n\n".join(prose(cell) for cell in of_type(read_notebook(path), "markdown"))
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    numbered = [heading for heading in headings if heading[0].isdigit()]
    assert [heading.split()[0] for heading in numbered] == [str(n + 1) for n in range(len(numbered))]
    assert 4 <= len(numbered) <= 6
    assert [heading for heading in headings if heading in TAIL] == TAIL
    assert re.search(r"^Needs: .+ Helpful: .+ Time: \d+ min(, exercise \d+ min)?\.$", text, re.MULTILINE)
    goals = re.search(r"\*\*You will\*\*\n\n((?:- .+\n?)+)", text)
    assert goals is not None
    assert len(goals[1].strip().splitlines()) == 3
    questions = re.search(r"^## Questions\n\n((?:\d\. .+\n?)+)", text, re.MULTILINE)
    assert questions is not None
    assert len(questions[1].strip().splitlines()) == 5


@LESSON
def test_every_section_predicts_or_runs(path: Path) -> None:
    cells = read_notebook(path)["cells"]
    codes: dict[str, int] = {}
    section = ""
    for cell in cells:
        found = re.search(r"^## (\d.*)$", source(cell), re.MULTILINE) if cell["cell_type"] == "markdown" else None
        section = found[1] if found else section
        if section and cell["cell_type"] == "code":
            codes[section] = codes.get(section, 0) + 1
    assert min(codes.values()) >= 1


def app_versions() -> dict[str, list[tuple[str, str]]]:
    """Return each app file with its different texts in order, and the lesson of each."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path in LESSONS:
        for name, text in notebook_file.app_cells(read_notebook(path)):
            seen = found.setdefault(name, [])
            if not seen or seen[-1][1] != text:
                seen.append((path.stem, text))
    return found


def test_an_app_file_is_rewritten_rarely() -> None:
    counts = {name: len(versions) for name, versions in app_versions().items() if name != "main.py"}
    assert {name: times for name, times in counts.items() if times > VERSIONS} == {}


def test_main_changes_a_few_lines_at_a_time() -> None:
    large = {}
    versions = app_versions()["main.py"]
    for (_, before), (lesson, after) in itertools.pairwise(versions):
        kept = difflib.SequenceMatcher(None, before.splitlines(), after.splitlines(), autojunk=False)
        changed = sum(max(i2 - i1, j2 - j1) for kind, i1, i2, j1, j2 in kept.get_opcodes() if kind != "equal")
        if changed > MAIN_CHANGES:
            large[lesson] = changed
    assert {lesson: changed for lesson, changed in large.items() if lesson not in LARGE_MAIN} == {}
    assert set(LARGE_MAIN) <= set(large), "an exception that is no longer needed"
