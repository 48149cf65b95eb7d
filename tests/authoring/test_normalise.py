"""One form for every notebook: executed, the same bytes on every machine, and nothing lost that a test needs."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any  # Any: a cell is JSON

import hidden_servers
import pytest
import small_course
from small_course import code, markdown, notebook

from course_lib.authoring import derive
from course_lib.authoring.normalise import clean, dress, normalise
from course_lib.errors import NotebookError


def dressed(*cells: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Dress a notebook of these cells."""
    return dress({"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 2, **more})


def test_kernel_and_language_are_those_of_every_machine() -> None:
    made = dressed(metadata={"kernelspec": {"display_name": "my venv"}, "language_info": {"version": "3.11.7"}})
    assert made["metadata"] == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert (made["nbformat"], made["nbformat_minor"]) == (4, 5)


def test_dress_leaves_what_it_was_given() -> None:
    given = {"cells": [{**code("x"), "id": "a"}], "metadata": {"y": 1}, "nbformat": 4, "nbformat_minor": 2}
    before = copy.deepcopy(given)
    dress(given)
    assert given == before


def test_times_and_widget_state_of_a_cell_go() -> None:
    cell = {**code("x"), "metadata": {"execution": {"iopub.status.busy": "now"}, "tags": ["because"], "scrolled": True}}
    assert dressed(cell)["cells"][0]["metadata"] == {"tags": ["because"]}


@pytest.mark.parametrize("given", ["", "with space", "x" * 65, None])
def test_bad_or_missing_id_is_made_from_the_text(given: str | None) -> None:
    cell = code("x = 1")
    if given is not None:
        cell["id"] = given
    name = dressed(cell)["cells"][0]["id"]
    assert name == "c8ff436de"
    assert dressed(cell)["cells"][0]["id"] == name


def test_duplicate_ids_are_told_apart() -> None:
    assert [
        cell["id"] for cell in dressed(code("x", "a"), code("x", "a"), code("x", "a"), code("y", "a-2"))["cells"]
    ] == [
        "a",
        "a-2",
        "a-3",
        "a-2-2",
    ]


def test_answer_gets_id_grade_and_tag() -> None:
    cell = dressed(code("# question: pool-size\nx = 1", "free"))["cells"][0]
    assert cell["id"] == "answer-pool-size"
    assert cell["metadata"] == {
        "nbgrader": {
            "grade_id": "pool-size",
            "schema_version": 3,
            "solution": True,
            "grade": False,
            "locked": False,
            "task": False,
        },
        "tags": ["nbval-ignore-output"],
    }


def test_check_gets_id_and_grade_and_keeps_its_points() -> None:
    cell = {**code('await check("pool-size", x=x)'), "metadata": {"nbgrader": {"points": 3}}}
    done = dressed(cell)["cells"][0]
    assert done["id"] == "check-pool-size"
    assert done["metadata"]["nbgrader"] == {
        "grade_id": "check-pool-size",
        "schema_version": 3,
        "solution": False,
        "grade": True,
        "locked": True,
        "task": False,
        "points": 3,
    }
    assert dressed(code("await check('b', x=x)"))["cells"][0]["metadata"]["nbgrader"]["points"] == 1


def test_text_cells_have_no_outputs() -> None:
    cell = {**markdown("a", "text"), "outputs": [], "execution_count": 1}
    assert set(dressed(cell)["cells"][0]) == {"cell_type", "id", "metadata", "source"}


def test_output_loses_what_differs() -> None:
    output = {
        "output_type": "display_data",
        "data": {"application/vnd.jupyter.widget-view+json": {"model_id": "9f"}, "text/plain": "a\nb"},
        "metadata": {"application/vnd.jupyter.widget-view+json": {}, "text/plain": {"k": 1}},
        "transient": {"display_id": "x"},
    }
    assert clean(output) == {
        "output_type": "display_data",
        "data": {"text/plain": ["a\n", "b"]},
        "metadata": {"text/plain": {"k": 1}},
    }


def test_output_that_is_a_widget_only_goes() -> None:
    assert clean({"output_type": "display_data", "data": {"application/vnd.jupyter.widget-view+json": {}}}) is None


def test_stream_is_stored_in_lines() -> None:
    kept = clean({"output_type": "stream", "name": "stdout", "text": "a\nb\n"})
    assert kept == {"output_type": "stream", "name": "stdout", "text": ["a\n", "b\n"]}


def test_normalising_twice_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "odd.ipynb"
    path.write_text(json.dumps({"nbformat": 4, "cells": [code("x"), code("x"), markdown("a b", "# é")]}))
    once = normalise(path, run=False)
    path.write_text(once, encoding="utf-8")
    assert normalise(path, run=False) == once
    assert derive.dump(json.loads(once)) == once


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return what a notebook with old outputs and odd metadata becomes when it is run."""
    cells = [
        code("import os\nprint(os.environ['COURSE_STRICT'])", "one", 7, "old"),
        code("await __import__('asyncio').sleep(0, 'awaited')", "two"),
        markdown("three", "text"),
        code("from IPython.display import display\ndisplay('shown')", "four"),
    ]
    path = small_course.write(tmp_path_factory.mktemp("run") / "00_run.ipynb", notebook(*cells))
    return normalise(path)


def test_run_counts_from_one_and_stores_what_was_shown(executed: str) -> None:
    cells = [cell for cell in json.loads(executed)["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == [1, 2, 3]
    assert cells[0]["outputs"] == [{"name": "stdout", "output_type": "stream", "text": ["1\n"]}]
    assert cells[1]["outputs"][0]["data"] == {"text/plain": ["'awaited'"]}
    assert cells[2]["outputs"][0]["output_type"] == "display_data"


def test_run_is_in_normal_form_and_the_same_again(executed: str, tmp_path: Path) -> None:
    path = tmp_path / "00_run.ipynb"
    path.write_text(executed, encoding="utf-8")
    assert normalise(path, run=False) == executed
    assert normalise(path) == executed


def test_cell_that_fails_is_named_in_one_sentence(tmp_path: Path) -> None:
    path = small_course.write(tmp_path / "00_bad.ipynb", notebook(code("x = 1", "a"), code("1 / 0", "b")))
    with pytest.raises(NotebookError) as failed:
        normalise(path)
    assert str(failed.value) == "cell b failed (ZeroDivisionError: division by zero); mend it and normalise again"


def test_kernel_that_dies_is_said(tmp_path: Path) -> None:
    path = small_course.write(tmp_path / "00_dies.ipynb", notebook(code("import os\nos._exit(1)", "a")))
    with pytest.raises(NotebookError, match=r"^a cell did not end \(Kernel died\); mend it and normalise again$"):
        normalise(path)


def test_notebook_whose_server_is_missing_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COURSE_REQUIRE_ALL", raising=False)
    hidden_servers.hide(monkeypatch)
    made = notebook(code("# needs: postgres\n42", "server", 1, "42"))
    path = small_course.write(tmp_path / "07_pools.ipynb", made)
    with pytest.raises(NotebookError) as caught:
        normalise(path)
    assert str(caught.value) == (
        "07_pools.ipynb keeps its outputs: no PostgreSQL here; course doctor says how to install one, "
        "then normalise again"
    )
    assert normalise(path, run=False) == path.read_text()
