"""`course checkpoint`: the app of a lesson in a folder of one's own, never over something that is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_course import APP

from course_lib.cli import main


def test_app_is_written_and_can_be_imported(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["checkpoint", "0", "--to", str(tmp_path / "new" / "here")]) == 0
    home = tmp_path / "new" / "here" / "app"
    assert sorted(path.name for path in home.iterdir()) == ["__init__.py", "main.py"]
    assert (home / "main.py").read_text() == APP.partition("\n")[2]
    assert capsys.readouterr().out == "wrote app/ with main.py; serve it there with: uvicorn app.main:app\n"


def test_folder_that_holds_something_is_refused(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "app" / "main.py"
    mine.parent.mkdir()
    mine.write_text("mine")
    assert main(["checkpoint", "0", "--to", str(tmp_path)]) == 2
    assert mine.read_text() == "mine"
    assert capsys.readouterr().err == (
        f"course checkpoint: {mine.parent} is not empty; name another folder with --to, or move it away first\n"
    )


def test_folder_that_cannot_be_written_is_refused(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.touch()
    assert main(["checkpoint", "0", "--to", str(file)]) == 2
    assert capsys.readouterr().err == (
        f"course checkpoint: {file / 'app'} cannot be written (Not a directory); name another folder with --to\n"
    )


def test_unknown_lesson_is_refused(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["checkpoint", "9", "--to", str(tmp_path / "x")]) == 2
    assert not (tmp_path / "x").exists()
    assert capsys.readouterr().err == "course checkpoint: lesson 09 is not in notebooks/; there are: 00\n"


def test_folder_must_be_named(small: Path) -> None:
    with pytest.raises(SystemExit, match=r"^2$"):
        main(["checkpoint", "0"])
