"""Only the answers of a sheet count; whatever else was done to it has no effect, and each oddity leaves a note."""

from __future__ import annotations

import json
from typing import Any  # Any: a cell is JSON

import pytest
import small_course
from small_course import RIGHT, code, markdown

from course_lib.authoring import graft
from course_lib.notebook_file import Notebook

RIGHT_DOUBLE = RIGHT["small-double"]
MEMBERS = ["small-double", "small-later"]


def answers(sheet: Notebook) -> graft.Answers:
    """Find the answers of a sheet."""
    return graft.answers_of(sheet, small_course.solution())


def place(sheet: Notebook, name: str) -> int:
    """Return where the cell with this id is."""
    return next(index for index, cell in enumerate(sheet["cells"]) if cell.get("id") == name)


def cell(sheet: Notebook, name: str) -> dict[str, Any]:
    """Return the cell with this id."""
    found: dict[str, Any] = sheet["cells"][place(sheet, name)]
    return found


def test_answers_are_found_by_their_first_line() -> None:
    found = answers(small_course.right())
    assert found.texts == RIGHT
    assert found.notes == {}


def test_line_found_without_metadata_and_id() -> None:
    sheet = small_course.right()
    for one in sheet["cells"]:
        one["metadata"] = {}
        one.pop("id")
    found = answers(sheet)
    assert (found.texts, found.notes) == (RIGHT, {})


def test_answer_without_its_line_is_found_by_grade_id() -> None:
    sheet = small_course.sheet(small_double="async def double(n):\n    return n + n")
    cell(sheet, "answer-small-double")["id"] = "x"
    found = answers(sheet)
    assert found.texts["small-double"] == "async def double(n):\n    return n + n"
    assert found.notes["small-double"] == (
        "the line '# question: small-double' is missing or changed; found by its metadata"
    )


def test_answer_without_line_and_metadata_is_found_by_its_id() -> None:
    sheet = small_course.sheet(small_double="async def double(n):\n    return n + n")
    cell(sheet, "answer-small-double")["metadata"] = {}
    assert "n + n" in answers(sheet).texts["small-double"]


def test_renamed_question_is_found_by_its_metadata() -> None:
    sheet = small_course.sheet(small_double=RIGHT_DOUBLE.replace("small-double", "my-double"))
    found = answers(sheet)
    assert "number + number" in found.texts["small-double"]
    assert "missing or changed" in found.notes["small-double"]


def test_renamed_question_without_metadata_gets_a_hint() -> None:
    sheet = small_course.sheet()
    sheet["cells"].append(code(RIGHT_DOUBLE.replace("small-double", "small-doubel"), "free"))
    del sheet["cells"][place(sheet, "answer-small-double")]
    found = answers(sheet)
    assert "small-double" not in found.texts
    assert found.notes["small-double"] == "a cell is marked '# question: small-doubel'; did you mean small-double?"


def test_last_duplicate_counts() -> None:
    sheet = small_course.right()
    sheet["cells"].append(code("# question: small-double\nlast = 1", "again"))
    found = answers(sheet)
    assert found.texts["small-double"] == "# question: small-double\nlast = 1"
    assert found.notes["small-double"] == "answered twice; the last cell counts"


def test_split_answer_is_joined() -> None:
    sheet = small_course.right()
    second = {**code("more = 1"), "metadata": cell(sheet, "answer-small-double")["metadata"]}
    sheet["cells"].insert(place(sheet, "answer-small-double") + 1, second)
    found = answers(sheet)
    assert found.texts["small-double"] == f"{RIGHT_DOUBLE}\nmore = 1"
    assert found.notes["small-double"] == "the answer was split over two cells; they were joined"


def test_answer_in_a_markdown_cell_is_said() -> None:
    sheet = small_course.right()
    sheet["cells"][place(sheet, "answer-small-double")] = markdown("answer-small-double", RIGHT_DOUBLE)
    found = answers(sheet)
    assert "small-double" not in found.texts
    assert found.notes["small-double"] == "the answer stands in a markdown cell; make it a code cell"


def test_deleted_answer_is_missing() -> None:
    sheet = small_course.right()
    del sheet["cells"][place(sheet, "answer-small-double")]
    assert [*answers(sheet).texts] == ["small-later"]


def test_changed_check_is_said_and_ours_is_used() -> None:
    sheet = small_course.right()
    cell(sheet, "check-small-double")["source"] = "pass"
    found = answers(sheet)
    assert found.notes == {"small-double": "the check cell was changed; ours was used"}
    jobs = graft.jobs(small_course.solution(), found.texts)
    assert jobs[0].check == 'await check("small-double", double=double)'


def test_a_job_has_our_cells_and_our_target() -> None:
    double, later = graft.jobs(small_course.solution(), {"small-double": "mine"})
    assert (double.question, double.answer) == ("small-double", "mine")
    assert double.setup == [small_course.SETUP]
    assert double.target == "pass small-double, 1 point: doubled twice"
    assert (later.question, later.answer, later.setup) == ("small-later", "", [small_course.SETUP])


@pytest.mark.parametrize("marks", ["nbval-skip", "raises-exception", "nbval-ignore-output"])
def test_skip_markers_have_no_effect(marks: str) -> None:
    sheet = small_course.right()
    for one in sheet["cells"]:
        one["metadata"]["tags"] = [marks]
        one["source"] = f"{one['source']}\n# NBVAL_SKIP" if one["cell_type"] == "raw" else one["source"]
    assert answers(sheet).texts == RIGHT


def test_order_of_questions_is_ours() -> None:
    sheet = small_course.right()
    sheet["cells"].reverse()
    assert [job.question for job in graft.jobs(small_course.solution(), answers(sheet).texts)] == MEMBERS


def test_a_check_that_shows_nothing_has_no_target() -> None:
    solution = small_course.solution()
    cell(solution, "check-small-double")["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["x"]}]
    assert graft.jobs(solution, {})[0].target == ""


def test_a_job_is_plain_data() -> None:
    job = graft.jobs(small_course.solution(), RIGHT)[0]
    assert graft.Job(**json.loads(json.dumps(vars(job)))) == job
