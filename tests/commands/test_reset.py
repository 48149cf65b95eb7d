"""`course reset`: asks, keeps a dated copy, and puts one question or one sheet back."""

from __future__ import annotations

from pathlib import Path

import pytest
import small_course
from small_course import RIGHT, STEM

from course_lib.cli import main
from course_lib.notebook_file import question_of, read_notebook, source
from course_lib.study.progress import passed, record
from course_lib.workspace.worksheets import unrun


@pytest.fixture
def mine(small: Path) -> Path:
    """Return the learner's sheet with every question answered."""
    return small_course.write(small / "work" / "exercises" / f"{STEM}.ipynb", small_course.right())


def answers(path: Path) -> dict[str, str]:
    """Return the answers that stand in a sheet."""
    return {name: source(cell) for cell in read_notebook(path)["cells"] if (name := question_of(cell))}


def kept(small: Path) -> list[Path]:
    """Return the copies that were put aside."""
    return sorted((small / "work" / "kept").glob("*"))


def original(small: Path) -> bytes:
    """Return the course's exercise as a learner gets it."""
    return unrun((small / "exercises" / f"{STEM}.ipynb").read_bytes())


def test_whole_sheet_begins_again_and_a_copy_is_kept(
    small: Path, mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = mine.read_bytes()
    assert main(["reset", "0", "--yes"]) == 0
    assert mine.read_bytes() == original(small)
    assert [path.read_bytes() for path in kept(small)] == [before]
    assert capsys.readouterr().out == (
        f"your copy of exercises/{STEM} begins again; the old one is kept as {kept(small)[0].name} in work/kept\n"
    )


def test_one_question_begins_again_and_the_other_stays(
    small: Path, mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reset", "00", "small-double", "--yes"]) == 0
    assert "your code here" in answers(mine)["small-double"]
    assert answers(mine)["small-later"] == RIGHT["small-later"]
    assert answers(kept(small)[0]) == RIGHT
    assert capsys.readouterr().out.startswith(
        "the answer to small-double begins again; the old one is kept as 00_small-"
    )


def test_what_was_passed_counts_no_more(small: Path, mine: Path) -> None:
    for name in RIGHT:
        record("passed", name, {"lesson": STEM})
    main(["reset", "0", "small-double", "--yes"])
    assert passed() == {"small-later"}
    main(["reset", "0", "--yes"])
    assert passed() == set()


def test_lesson_can_be_reset_too(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reset", "0", "--lesson", "--yes"]) == 0
    lesson = small / "work" / "notebooks" / f"{STEM}.ipynb"
    assert lesson.read_bytes() == unrun((small / "notebooks" / f"{STEM}.ipynb").read_bytes())
    assert capsys.readouterr().out == f"your copy of notebooks/{STEM} begins again\n"


@pytest.mark.parametrize("answer", ["y", "YES ", "yes"])
def test_yes_is_yes(answer: str, small: Path, mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    asked: list[str] = []

    def reply(text: str) -> str:
        asked.append(text)
        return answer

    monkeypatch.setattr("builtins.input", reply)
    assert main(["reset", "0"]) == 0
    assert asked == [f"Put your copy of exercises/{STEM} back to the beginning (a dated copy is kept)? [y/N] "]
    assert mine.read_bytes() == original(small)


@pytest.mark.parametrize("answer", ["", "n", "no", "perhaps"])
def test_anything_else_is_no(
    answer: str, small: Path, mine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: answer)
    before = mine.read_bytes()
    assert main(["reset", "0"]) == 1
    assert (mine.read_bytes(), kept(small)) == (before, [])
    assert capsys.readouterr().out == "nothing was changed\n"


def test_nobody_to_ask_is_said(small: Path, mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = mine.read_bytes()
    assert main(["reset", "0"]) == 2
    assert mine.read_bytes() == before
    assert capsys.readouterr().err == (
        f"course reset: resetting your copy of exercises/{STEM} asks first, and nobody can answer here; add --yes\n"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["7"], "lesson 07 is not in exercises/; there are: 00"),
        (["0", "small-dubble"], f"{STEM} has no question 'small-dubble'; it asks: small-double, small-later"),
    ],
)
def test_what_is_not_there_is_one_sentence(
    arguments: list[str], said: str, small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reset", *arguments, "--yes"]) == 2
    assert capsys.readouterr().err == f"course reset: {said}\n"


def test_broken_sheet_can_be_reset(small: Path, mine: Path) -> None:
    mine.write_text("{ broken")
    assert main(["reset", "0", "--yes"]) == 0
    assert mine.read_bytes() == original(small)
    assert [path.read_text() for path in kept(small)] == ["{ broken"]


def test_question_of_a_broken_sheet_names_the_way_out(
    small: Path, mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine.write_text("{ broken")
    assert main(["reset", "0", "small-double", "--yes"]) == 2
    assert mine.read_text() == "{ broken"
    assert capsys.readouterr().err == (
        f"course reset: {STEM}.ipynb is not a notebook (no JSON inside); restore it with: course reset 00\n"
    )


def test_work_folder_that_refuses_changes_nothing(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("root may write everywhere, but not below a file")
    monkeypatch.setenv("COURSE_WORK", str(file))
    assert main(["reset", "0", "--yes"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"course reset: {STEM}.ipynb was not written in ")
    assert "nothing was changed" in said
    assert len(said.splitlines()) == 1
