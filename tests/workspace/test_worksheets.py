"""Copies of sheets: made when missing, renewed when untouched, never overwritten, kept before a reset."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from course_lib.errors import WorkspaceError
from course_lib.workspace import worksheets
from course_lib.workspace.worksheets import Renewal, refresh, reset_question, reset_sheet, unrun, worksheet

STEM = "03_engine_and_session"
LESSON, EXERCISE = f"notebooks/{STEM}.ipynb", f"exercises/{STEM}.ipynb"


def cell(kind: str, name: str, text: str) -> dict[str, object]:
    """Return one cell as nbformat stores it."""
    extra: dict[str, object] = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return {"cell_type": kind, "id": name, "metadata": {}, "source": text} | extra


def notebook(*cells: dict[str, object]) -> str:
    """Return the text of a notebook file."""
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1) + "\n"


TITLE = cell("markdown", "title", "# 03 Engine")
FIRST = cell("code", "answer-pool-size", "# question: pool-size\n...  # your code here")
CHECK = cell("code", "check-pool-size", "await check('pool-size')")
SECOND = cell("code", "answer-one-engine", "# question: one-engine\n...  # your code here")


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a course of one lesson; its work folder is inside it, as a learner has it."""
    monkeypatch.setenv("COURSE_ROOT", str(tmp_path))
    monkeypatch.delenv("COURSE_WORK", raising=False)
    for kind in ("notebooks", "exercises"):
        (tmp_path / kind).mkdir()
    (tmp_path / LESSON).write_text(notebook(TITLE))
    (tmp_path / EXERCISE).write_text(notebook(TITLE, FIRST, CHECK, SECOND))
    return tmp_path


def sources(path: Path) -> list[str]:
    """Return the text of each cell."""
    return [one["source"] for one in json.loads(path.read_text())["cells"]]


def answered(course: Path) -> Path:
    """Let the learner answer both questions in their copy."""
    copy = course / "work" / EXERCISE
    first = {**FIRST, "source": "# question: pool-size\nsize = 5"}
    second = {**SECOND, "source": "# question: one-engine\nengine = make()"}
    copy.write_text(notebook(TITLE, first, CHECK, second))
    return copy


def test_missing_sheets_are_copied_with_their_neighbours(course: Path) -> None:
    assert refresh() == Renewal(copied=(LESSON, EXERCISE))
    for name in (LESSON, EXERCISE):  # side by side, so that a relative link from one to the other works
        assert (course / "work" / name).read_bytes() == unrun((course / name).read_bytes())


def test_second_refresh_writes_nothing(course: Path) -> None:
    refresh()
    before = {path: path.stat().st_mtime_ns for path in (course / "work").rglob("*")}
    assert refresh() == Renewal()
    assert {path: path.stat().st_mtime_ns for path in (course / "work").rglob("*")} == before


def test_work_folder_can_be_elsewhere(course: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "else"))
    refresh()
    assert worksheet("notebooks", STEM) == tmp_path / "else" / LESSON
    assert worksheet("notebooks", STEM).exists()
    assert not (course / "work").exists()


def test_untouched_copy_is_renewed(course: Path) -> None:
    refresh()
    (course / LESSON).write_text(notebook(TITLE, cell("markdown", "new", "A better sentence.")))
    assert refresh() == Renewal(renewed=(LESSON,))
    assert (course / "work" / LESSON).read_bytes() == unrun((course / LESSON).read_bytes())
    assert refresh() == Renewal()


def test_copy_that_was_only_run_is_renewed(course: Path) -> None:
    refresh()
    copy = course / "work" / EXERCISE
    ran = {**CHECK, "execution_count": 1, "outputs": [{"output_type": "stream", "name": "stdout", "text": "pass"}]}
    copy.write_text(notebook(TITLE, FIRST, ran, SECOND).replace('"metadata": {}', '"metadata": {"seen": true}'))
    (course / EXERCISE).write_text(notebook(TITLE, FIRST, CHECK))
    assert refresh() == Renewal(renewed=(EXERCISE,))
    assert copy.read_bytes() == unrun((course / EXERCISE).read_bytes())


def test_copy_that_is_no_notebook_any_more_is_kept(course: Path) -> None:
    refresh()
    (course / "work" / EXERCISE).write_text("my notes, saved under the wrong name")
    (course / EXERCISE).write_text(notebook(TITLE, FIRST, CHECK))
    assert refresh() == Renewal(older=(EXERCISE,))


def test_changed_copy_is_kept_and_named_every_time(course: Path) -> None:
    refresh()
    mine = answered(course).read_bytes()
    (course / EXERCISE).write_text(notebook(TITLE, FIRST, CHECK))
    assert refresh() == Renewal(older=(EXERCISE,))
    assert refresh() == Renewal(older=(EXERCISE,))
    assert (course / "work" / EXERCISE).read_bytes() == mine


@pytest.mark.parametrize("content", ["", "{", "[]", '{"notebooks/03_engine_and_session.ipynb": "an older form"}', None])
def test_lost_list_of_originals_costs_no_copy(course: Path, content: str | None) -> None:
    refresh()
    mine = answered(course).read_bytes()
    listing = course / "work" / worksheets.ORIGINALS
    listing.unlink() if content is None else listing.write_text(content)
    (course / EXERCISE).write_text(notebook(TITLE, FIRST))
    assert refresh() == Renewal()
    assert (course / "work" / EXERCISE).read_bytes() == mine


def test_reset_sheet_keeps_the_former_copy(course: Path) -> None:
    refresh()
    mine = answered(course).read_bytes()
    kept = reset_sheet("exercises", STEM)
    assert kept is not None
    assert re.fullmatch(rf"{STEM}-\d{{8}}-\d{{6}}\.ipynb", kept.name)
    assert kept.parent == course / "work" / "kept"
    assert kept.read_bytes() == mine
    assert (course / "work" / EXERCISE).read_bytes() == unrun((course / EXERCISE).read_bytes())


def test_two_resets_in_one_second_keep_both(course: Path) -> None:
    refresh()
    kept = {reset_sheet("exercises", STEM), reset_sheet("notebooks", STEM), reset_sheet("exercises", STEM)}
    assert len(kept) == len(list((course / "work" / "kept").iterdir())) == 3


def test_reset_sheet_takes_the_newest(course: Path) -> None:
    refresh()
    answered(course)
    (course / EXERCISE).write_text(notebook(TITLE, FIRST))
    reset_sheet("exercises", STEM)
    assert refresh() == Renewal()


def test_reset_of_a_sheet_never_opened_keeps_nothing(course: Path) -> None:
    assert reset_sheet("exercises", STEM) is None
    assert reset_question(STEM, "pool-size") is not None  # now there is a copy


def test_reset_question_leaves_the_other_answers(course: Path) -> None:
    refresh()
    copy = answered(course)
    mine = copy.read_bytes()
    kept = reset_question(STEM, "pool-size")
    assert sources(copy) == [
        TITLE["source"],
        FIRST["source"],
        CHECK["source"],
        "# question: one-engine\nengine = make()",
    ]
    assert kept is not None
    assert kept.read_bytes() == mine


def test_reset_question_brings_a_deleted_answer_back_to_its_place(course: Path) -> None:
    refresh()
    copy = course / "work" / EXERCISE
    copy.write_text(notebook(TITLE, CHECK, SECOND))
    reset_question(STEM, "pool-size")
    assert sources(copy) == [TITLE["source"], FIRST["source"], CHECK["source"], SECOND["source"]]


def test_reset_question_leaves_one_of_two_answers(course: Path) -> None:
    refresh()
    copy = course / "work" / EXERCISE
    again = {**FIRST, "id": "copied", "source": "# question: pool-size\nsize = 7"}
    copy.write_text(notebook(TITLE, again, CHECK, again, SECOND))
    reset_question(STEM, "pool-size")
    assert sources(copy) == [TITLE["source"], FIRST["source"], CHECK["source"], SECOND["source"]]


def test_reset_question_before_the_first_opening_copies_the_sheet(course: Path) -> None:
    assert reset_question(STEM, "pool-size") is None
    assert (course / "work" / EXERCISE).exists()


def test_unknown_question_names_the_known_ones(course: Path) -> None:
    with pytest.raises(WorkspaceError) as refused:
        reset_question(STEM, "pool-sise")
    assert str(refused.value) == (
        f"exercise {STEM} has no question 'pool-sise'; its questions are: pool-size, one-engine"
    )


def test_full_disk_leaves_the_copy_whole(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refresh()
    copy = answered(course)
    mine = copy.read_bytes()
    real = Path.write_bytes

    def half(self: Path, content: bytes) -> int:
        real(self, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(WorkspaceError) as refused:
        reset_sheet("exercises", STEM)
    assert re.fullmatch(
        rf"{STEM}-\d+-\d+\.ipynb was not written in {re.escape(str(course))}/work/kept \(no space left on device\), "
        r"nothing was changed; make room on the disk",
        str(refused.value),
    )
    assert copy.read_bytes() == mine
    assert list((course / "work" / "kept").iterdir()) == []


def test_read_only_work_folder_is_one_sentence(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(WorkspaceError) as refused:
        refresh()
    assert str(refused.value) == (
        f"{STEM}.ipynb was not written in {course}/work/notebooks (permission denied), nothing was changed; "
        "set COURSE_WORK to a folder you may write to"
    )


def test_file_in_the_way_is_one_sentence(course: Path) -> None:
    (course / "work").write_text("a file where the folder should be")
    with pytest.raises(WorkspaceError, match=r"nothing was changed; set COURSE_WORK to another folder$"):
        refresh()


def test_copies_made_by_two_processes_at_once_are_whole(course: Path) -> None:
    code = "from course_lib.workspace.worksheets import refresh; refresh()"
    both = [subprocess.Popen([sys.executable, "-c", code], env=dict(os.environ)) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert refresh() == Renewal()
    assert sorted(path.name for path in (course / "work").iterdir()) == [".originals.json", "exercises", "notebooks"]


def test_a_copy_has_no_outputs_that_answer_a_prompt() -> None:
    ran = {**CHECK, "execution_count": 7, "outputs": [{"output_type": "stream", "name": "stdout", "text": "pass"}]}
    cells = json.loads(unrun(notebook(TITLE, ran).encode()))["cells"]
    assert [(c.get("outputs"), c.get("execution_count")) for c in cells] == [(None, None), ([], None)]


def test_a_broken_original_is_copied_as_it_is() -> None:
    assert unrun(b"not a notebook") == b"not a notebook"
