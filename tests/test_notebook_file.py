"""Reading notebooks as JSON: what is read, what is refused with one sentence, what a lost piece of metadata means."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Course

from course_lib import notebook_file
from course_lib.errors import CourseError, NotebookError
from course_lib.notebook_file import read_notebook


@pytest.fixture
def written(tmp_path: Path) -> Callable[[object], Path]:
    """Return a function that writes `07_pools.ipynb` (text as it is, anything else as JSON)."""

    def write(content: object) -> Path:
        path = tmp_path / "07_pools.ipynb"
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return write


def code(text: str | list[str], **more: Any) -> dict[str, Any]:
    """Return a code cell as nbformat stores it."""
    return {"cell_type": "code", "id": "x", "metadata": {}, "source": text} | more


def refusal(path: Path) -> str:
    """Return the sentence with which `path` is refused."""
    with pytest.raises(NotebookError) as caught:
        read_notebook(path)
    return str(caught.value)


def test_a_missing_notebook_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "42_life.ipynb") == "no notebook at 42_life.ipynb; is the number right? see notebooks/"


def test_an_unreadable_notebook_says_why(tmp_path: Path) -> None:
    path = tmp_path / "07_pools.ipynb"
    path.mkdir()
    assert refusal(path) == (
        f"07_pools.ipynb cannot be read ([Errno 21] Is a directory: '{path}'); check the file and its permissions"
    )


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "07_pools.ipynb"
    path.write_bytes(b"\xff\xfe")
    assert refusal(path).startswith("07_pools.ipynb cannot be read ('utf-8' codec can't decode byte 0xff")


@pytest.mark.parametrize("text", ["", "hello", "[" * 100_000])
def test_what_is_no_json_is_refused(written: Callable[[object], Path], text: str) -> None:
    assert refusal(written(text)) == (
        "07_pools.ipynb is not a notebook (no JSON inside); restore it with: course reset 07"
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ([], "07_pools.ipynb is not a notebook (expected an object, got list); restore it with: course reset 07"),
        (
            {"nbformat": 3, "worksheets": []},
            "07_pools.ipynb has notebook format 3, expected 4; open it in JupyterLab and save it again",
        ),
        ({"nbformat": 4}, "07_pools.ipynb has no list of cells; restore it with: course reset 07"),
    ],
)
def test_json_that_is_no_notebook_is_refused(written: Callable[[object], Path], content: object, sentence: str) -> None:
    assert refusal(written(content)) == sentence


def test_cells_that_are_no_cells_are_dropped_and_lost_metadata_is_empty(written: Callable[[object], Path]) -> None:
    notebook = read_notebook(written({"nbformat": 4, "cells": ["?", {"cell_type": "code", "metadata": None}]}))
    assert notebook["cells"] == [{"cell_type": "code", "metadata": {}}]


@pytest.mark.parametrize(("stored", "text"), [("a\nb", "a\nb"), (["a\n", "b"], "a\nb"), (None, "None")])
def test_source_is_a_string_or_a_list_of_lines(stored: Any, text: str) -> None:
    assert notebook_file.source(code(stored)) == text


def test_a_cell_without_source_is_empty() -> None:
    assert notebook_file.source({"cell_type": "code"}) == ""


@pytest.mark.parametrize(("stored", "tags"), [(["wrong", 7], ["wrong", "7"]), ("wrong", []), (None, [])])
def test_tags_that_are_no_list_are_none(stored: object, tags: list[str]) -> None:
    assert notebook_file.tags(code("", metadata={"tags": stored})) == tags


def test_code_cells_leave_the_words_out() -> None:
    cells = [code("1"), {"cell_type": "markdown", "source": "two"}, code("3")]
    assert [notebook_file.source(cell) for cell in notebook_file.code_cells({"cells": cells})] == ["1", "3"]


@pytest.mark.parametrize(
    ("cell", "question"),
    [
        (code("\n# question: pool-size\n..."), "pool-size"),
        (code("#question: pool-size"), "pool-size"),
        (code("# question: Pool Size"), None),
        (code("x = 1\n# question: pool-size"), None),
        (code("", metadata={"nbgrader": {"solution": True, "grade_id": "pool-size"}}), "pool-size"),
        (code("", metadata={"nbgrader": {"solution": False, "grade_id": "pool-size"}}), None),
        (code("", metadata={"nbgrader": "?"}, id="answer-pool-size"), "pool-size"),
        (code("", id="check-pool-size"), None),
        ({"cell_type": "markdown", "metadata": {}, "id": "answer-pool-size", "source": "# question: x"}, None),
    ],
)
def test_an_answer_is_found_by_its_line_then_its_grade_then_its_id(cell: dict[str, Any], question: str | None) -> None:
    assert notebook_file.question_of(cell) == question


def test_a_check_cell_is_found_by_its_id() -> None:
    assert notebook_file.checked_question(code("", id="check-pool-size")) == "pool-size"
    assert notebook_file.checked_question(code("", id="answer-pool-size")) is None
    assert notebook_file.checked_question({"cell_type": "raw", "id": "check-pool-size"}) is None


@pytest.mark.parametrize(("grade", "points"), [({"points": 2}, 2), ({"points": "2"}, 0), ({}, 0), ("?", 0)])
def test_points_are_zero_when_the_metadata_is_lost(grade: object, points: int) -> None:
    assert notebook_file.points(code("", metadata={"nbgrader": grade})) == points


def test_questions_come_in_order_and_each_once() -> None:
    cells = [code("# question: b"), code("# question: a"), code("# question: b"), code("1")]
    assert notebook_file.questions({"cells": cells}) == ["b", "a"]


def test_app_cells_give_name_and_text_with_one_newline_at_the_end() -> None:
    cells = [code("%%app items.py\nx = 1\n\n"), code("%%app  main.py \ny = 2"), code("%%app\nz"), code("x = '%%app'")]
    assert list(notebook_file.app_cells({"cells": cells})) == [("items.py", "x = 1\n"), ("main.py", "y = 2\n")]


def test_stems_and_find_read_the_course_folder(course: Course) -> None:
    pools = course.add("07_pools")
    course.add("00_doors")
    course.add("draft")
    assert notebook_file.stems() == ["00_doors", "07_pools"]
    assert notebook_file.find("notebooks", 7) == pools


def test_a_lesson_that_is_not_there_names_those_that_are(course: Course) -> None:
    course.add("00_doors")
    course.add("07_pools")
    with pytest.raises(CourseError) as caught:
        notebook_file.find("notebooks", 3)
    assert str(caught.value) == "lesson 03 is not in notebooks/; there are: 00, 07"
    with pytest.raises(CourseError) as caught:
        notebook_file.find("exercises", 3)
    assert str(caught.value) == "lesson 03 is not in exercises/; there are: none"
