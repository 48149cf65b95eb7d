"""Every exercise of the course: no hole in its proof, red while untouched, green when solved, and help that fits.

An exercise that passes unsolved, or that a right answer cannot pass, is worse than none.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path
from typing import Any  # Any: a row of JSON

import pytest
from sheets import EXERCISES, ROOT, SOLUTIONS, name_of, of_type, solved

from course_lib import notebook_file
from course_lib.authoring import derive
from course_lib.checks.question import find_question
from course_lib.databases import needs
from course_lib.field_guide import entry
from course_lib.notebook_file import Cell, code_cells, read_notebook, source, tags

EACH = pytest.mark.parametrize("path", EXERCISES, ids=name_of)
EACH_SOLUTION = pytest.mark.parametrize("path", SOLUTIONS, ids=name_of)
HINTS = range(1, 4)
HINT_WORDS = range(20, 61)  # at least one hint of this size
ALL_HINTS_WORDS = range(30, 111)
ANSWER_LINES = range(1, 11)
NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """Return the rows of one `course prove --json` over the whole course."""
    command = [sys.executable, "-m", "course_lib.cli", "prove", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode in (0, 1), done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_the_proof_has_no_hole(rows: list[dict[str, Any]]) -> None:
    holes = [f"{row['question']} / {row['variant']}: {row['hole']}" for row in rows if row["hole"]]
    assert holes == []


@EACH_SOLUTION
def test_the_proof_covers_every_kind_of_answer(path: Path, rows: list[dict[str, Any]]) -> None:
    for question in notebook_file.questions(read_notebook(path)):
        kinds = [row["kind"] for row in rows if row["question"] == question]
        assert [kinds.count(kind) for kind in ("starter", "solution")] == [1, 1]
        assert kinds.count("right") >= 1
        assert kinds.count("wrong") >= 3


def judged_by_nbval(path: Path, report: Path) -> dict[str, str]:
    """Run `pytest --nbval` over a notebook; return `passed` or `failed` of each of its code cells, by cell id."""
    options = ["-q", "-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml"), f"--junitxml={report}"]
    options += ["--nbval", "--nbval-cell-timeout", "60", "--nbval-kernel-name", "course-warm"]
    command = [sys.executable, "-m", "pytest", *options, str(path)]
    env = {**os.environ, "TMPDIR": str(report.parent)}  # nbval kills its kernels, which then remove nothing
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    cases = list(xml.parse(report).iter("testcase"))
    cells = code_cells(read_notebook(path))
    assert len(cases) == len(cells), done.stdout
    red = [any(child.tag in ("failure", "error") for child in case) for case in cases]
    skipped = [any(child.tag == "skipped" for child in case) for case in cases]
    assert skipped == [bool(needs.missing(source(cell))) for cell in cells]
    print(done.stdout)  # pytest shows it when a verdict is not what it must be
    return {cell["id"]: "failed" if is_red else "passed" for cell, is_red in zip(cells, red, strict=True)}


@EACH
def test_untouched_is_red_for_every_question(path: Path, tmp_path: Path) -> None:
    verdicts = judged_by_nbval(path, tmp_path / "report.xml")
    asked = notebook_file.questions(read_notebook(path))
    assert [verdicts[f"check-{question}"] for question in asked] == ["failed"] * len(asked)
    setup = next(iter(verdicts))
    assert verdicts[setup] == "passed"


@EACH
def test_solved_is_green(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / path.name
    copy.write_text(derive.dump(solved(path.stem)), encoding="utf-8")
    assert set(judged_by_nbval(copy, tmp_path / "report.xml").values()) == {"passed"}


def cell_of(path: Path, name: str) -> Cell:
    """Return the cell with the id `name`."""
    found: Cell = next(cell for cell in read_notebook(path)["cells"] if cell["id"] == name)
    return found


@EACH
def test_hints_are_folded_and_of_the_right_size(path: Path) -> None:
    for question in notebook_file.questions(read_notebook(path)):
        text = source(cell_of(path, f"hints-{question}"))
        assert text.startswith("<details><summary>Hints</summary>\n\n1. ")
        assert text.rstrip().endswith("</details>")
        hints = re.findall(r"^\d\. (.+)$", text, re.MULTILINE)
        sizes = [len(hint.split()) for hint in hints]
        assert len(sizes) in HINTS
        assert any(size in HINT_WORDS for size in sizes), (question, sizes)
        assert sum(sizes) in ALL_HINTS_WORDS, (question, sizes)


@EACH
def test_a_question_names_its_points(path: Path) -> None:
    notebook = read_notebook(path)
    checks = {name: cell for cell in code_cells(notebook) if (name := notebook_file.checked_question(cell))}
    total = 0
    for question in notebook_file.questions(notebook):
        worth = notebook_file.points(checks[question])
        total += worth
        word = "point" if worth == 1 else "points"
        title = source(cell_of(path, f"question-{question}")).partition("\n")[0]
        assert title.startswith(f"## {question} · {worth} {word}")
    assert re.search(rf"\b(?:{NUMBERS[min(total, len(NUMBERS)) - 1]}|{total}) points\.", source(notebook["cells"][0]))


@EACH_SOLUTION
def test_what_a_learner_writes_is_short(path: Path) -> None:
    for cell in code_cells(read_notebook(path)):
        question = notebook_file.question_of(cell)
        if question:
            regions = re.findall(rf"{derive.BEGIN}\n(.*?){derive.END}", source(cell), re.DOTALL)
            written = sum(bool(line.strip()) for region in regions for line in region.splitlines()[:-1])
            assert written in ANSWER_LINES, (question, written)


@EACH_SOLUTION
def test_every_question_is_explained(path: Path) -> None:
    notebook = read_notebook(path)
    explained = {cell["id"] for cell in of_type(notebook, "markdown") if "because" in tags(cell)}
    assert {f"because-{question}" for question in notebook_file.questions(notebook)} == explained


def sections(lesson: str) -> set[int]:
    """Return the numbers of the sections a lesson has."""
    cells = of_type(read_notebook(ROOT / "notebooks" / f"{lesson}.ipynb"), "markdown")
    text = "\n".join(source(cell) for cell in cells)
    return {int(number) for number in re.findall(r"^## (\d+) ", text, re.MULTILINE)}


@EACH_SOLUTION
def test_pointers_lead_to_a_section_of_the_lesson(path: Path) -> None:
    notebook, there = read_notebook(path), sections(path.stem)
    for cell in of_type(notebook, "raw"):
        course = cell["metadata"].get("course", {})
        if "wrong" in tags(cell):
            assert course.get("section") in there, cell["id"]
    for name in notebook_file.questions(notebook):
        question = find_question(name)
        assert question.lesson == path.stem
        assert {question.section, *question.probe_sections.values()} <= there, name


@EACH_SOLUTION
def test_slugs_are_in_the_field_guide(path: Path) -> None:
    for cell in of_type(read_notebook(path), "raw"):
        slug = cell["metadata"].get("course", {}).get("slug")
        if slug:
            assert entry(slug).slug


@EACH_SOLUTION
def test_a_switched_off_probe_has_its_reason(path: Path) -> None:
    for name in notebook_file.questions(read_notebook(path)):
        assert all(len(reason.split()) >= 3 for reason in find_question(name).except_probes.values()), name
