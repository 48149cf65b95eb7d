"""Exercises are made from solutions: what goes, what stays, and that two runs give the same bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import small_course
from small_course import BROKEN, DOUBLE, STEM, code, markdown, notebook, raw

from course_lib.authoring import derive
from course_lib.errors import NotebookError
from course_lib.notebook_file import read_notebook, source


def test_starter_keeps_every_line_outside_the_markers() -> None:
    assert derive.starter(DOUBLE) == "# question: small-double\nasync def double(number):\n    ...  # your code here"


def test_starter_keeps_the_indent_of_each_region() -> None:
    answer = (
        "def f():\n\t### BEGIN SOLUTION\n\treturn 1\n\t### END SOLUTION\n### BEGIN SOLUTION\nx = f()\n### END SOLUTION"
    )
    assert derive.starter(answer) == "def f():\n\t...  # your code here\n...  # your code here"


@pytest.mark.parametrize(
    "answer",
    [
        "# question: small\nx = 1",
        "# question: small\n### BEGIN SOLUTION\nx = 1",
        "# question: small\n### BEGIN SOLUTION\nx = 1\n### END SOLUTION\n### END SOLUTION",
    ],
)
def test_starter_refuses_a_marker_without_its_partner(answer: str) -> None:
    with pytest.raises(NotebookError) as refused:
        derive.starter(answer)
    assert str(refused.value) == (
        "an answer needs ### BEGIN SOLUTION and ### END SOLUTION, each on its own line; got '# question: small'"
    )


def test_starter_of_an_empty_answer_is_refused_too() -> None:
    with pytest.raises(NotebookError, match=r"got ''$"):
        derive.starter("")


def test_without_markers_is_what_a_learner_would_write() -> None:
    assert derive.without_markers(DOUBLE).splitlines()[2:] == ["    await asyncio.sleep(0)", "    return 2 * number"]


def test_caught_text_stands_in_the_first_two_lines() -> None:
    assert derive.caught_text("# caught: expected 1\nx") == "expected 1"
    assert derive.caught_text(BROKEN) == "NameError: name 'soon' is not defined"
    assert derive.caught_text("x\ny\n# caught: too late") is None


def test_body_is_a_raw_cell_without_its_promise() -> None:
    assert derive.body("# caught: expected 1\nx = 2") == "x = 2"


@pytest.mark.parametrize("course", [{}, {"section": 1}, "small-double", None])
def test_raw_cell_without_a_question_belongs_to_none(course: object) -> None:
    cell = {"cell_type": "raw", "metadata": {"course": course}, "source": ""}
    assert derive.raw_question(cell) is None
    assert derive.raw_question({"cell_type": "code", "metadata": {"course": {"question": "small"}}}) is None


def test_exercise_holds_nothing_of_the_solution() -> None:
    text = derive.dump(derive.derive(small_course.solution()))
    for secret in ("2 * number", "number + number", "raw", "caught", "secret reason", "SOLUTION"):
        assert secret not in text


def test_answers_lose_outputs_and_checks_keep_them() -> None:
    cells = {cell["id"]: cell for cell in derive.derive(small_course.solution())["cells"]}
    assert (cells["answer-small-double"]["outputs"], cells["answer-small-double"]["execution_count"]) == ([], None)
    check = cells["check-small-double"]
    assert check["execution_count"] == 3
    assert check["outputs"][0]["data"]["text/plain"] == ["pass small-double, 1 point: doubled twice"]


def test_broken_starter_replaces_the_stub() -> None:
    cells = {cell["id"]: source(cell) for cell in derive.derive(small_course.solution())["cells"]}
    assert cells["answer-small-later"] == "# question: small-later\nasync def later():\n    return soon"


def test_derive_leaves_the_solution_as_it_was() -> None:
    solution = small_course.solution()
    derive.derive(solution)
    assert solution == small_course.solution()


def test_dump_is_the_same_whoever_wrote_the_source() -> None:
    as_text = notebook(markdown("title", "# Größe\n\nline"))
    as_lines = json.loads(json.dumps(as_text))
    as_lines["cells"][0]["source"] = ["# Größe\n", "\n", "line"]
    assert derive.dump(as_text) == derive.dump(as_lines)
    assert "Größe" in derive.dump(as_text)
    assert derive.dump(as_text).endswith("}\n")


def test_derive_all_writes_what_is_stale_and_then_nothing(small: Path) -> None:
    target = small / "exercises" / f"{STEM}.ipynb"
    whole = target.read_bytes()
    target.write_text("stale")
    assert derive.derive_all() == [STEM]
    assert target.read_bytes() == whole
    assert derive.derive_all() == []


def test_derive_all_check_changes_nothing(small: Path) -> None:
    target = small / "exercises" / f"{STEM}.ipynb"
    target.unlink()
    assert derive.derive_all(check=True) == [STEM]
    assert not target.exists()


def test_derive_all_compares_bytes(small: Path) -> None:
    target = small / "exercises" / f"{STEM}.ipynb"
    target.write_bytes(target.read_bytes() + b"\n")
    assert derive.derive_all(check=True) == [STEM]


def test_exercise_without_a_solution_is_named(small: Path) -> None:
    small_course.write(small / "exercises" / "07_stray.ipynb", small_course.sheet())
    assert derive.derive_all(check=True) == ["07_stray (no solution)"]
    assert derive.derive_all(check=True, only=0) == []


def test_only_one_lesson_is_derived(small: Path) -> None:
    (small / "exercises" / f"{STEM}.ipynb").unlink()
    assert derive.derive_all(only=5) == []
    assert derive.derive_all(only=0) == [STEM]


def test_full_disk_leaves_the_old_exercise(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = small / "exercises" / f"{STEM}.ipynb"
    target.write_text("older")

    def refuse(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(OSError, match="No space left"):
        derive.derive_all()
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    assert target.read_text() == "older"


def test_checks_are_found_by_their_question() -> None:
    made = notebook(code("await check('a', a=1)", "check-a"), code("x", "x"), raw("wrong-a-b", "x", "wrong"))
    assert [*derive.checks(made)] == ["a"]


def test_small_course_is_stored_as_it_would_be_derived(small: Path) -> None:
    stored = (small / "exercises" / f"{STEM}.ipynb").read_text(encoding="utf-8")
    assert stored == derive.dump(derive.derive(read_notebook(small / "solutions" / f"{STEM}.ipynb")))
