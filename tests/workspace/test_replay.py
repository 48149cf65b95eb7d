"""The app as it stands before or after a lesson, rebuilt from the committed notebooks."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest
from conftest import Course
from sqlalchemy.ext.asyncio import create_async_engine

from course_lib.errors import CourseError, WorkspaceError
from course_lib.workspace import exercise, folder, lesson, modules, replay

pytestmark = pytest.mark.usefixtures("workspace", "three_lessons")


@pytest.fixture
def three_lessons(course: Course) -> None:
    """Write lessons 00, 01 and 02: one file, its second version, one file more."""
    course.add("00_doors", "1 + 1", "%%app main.py\nVERSION = 0\n")
    course.add("01_menu", "%%app main.py\nVERSION = 1\n")
    course.add("02_bar", "%%app bar.py\nGIN = 9\n", "%%app bar.py\nGIN = 10\n")


def tree() -> dict[str, str]:
    """Return the files of the app that are on disk now."""
    home = folder.root() / "app"
    return {path.name: path.read_text() for path in sorted(home.glob("*.py")) if path.name != "__init__.py"}


def test_each_lesson_adds_its_last_version_of_a_file() -> None:
    assert replay.files_after(-1) == {}
    assert replay.files_after(1) == {"main.py": "VERSION = 1\n"}
    assert replay.files_after(2) == {"main.py": "VERSION = 1\n", "bar.py": "GIN = 10\n"}


def test_lesson_puts_the_app_before_it_and_exercise_after_it(capsys: pytest.CaptureFixture[str]) -> None:
    lesson(0)
    assert tree() == {}
    lesson(2)
    assert tree() == {"main.py": "VERSION = 1\n"}
    exercise(2)
    assert tree() == {"main.py": "VERSION = 1\n", "bar.py": "GIN = 10\n"}
    lesson(1)
    assert tree() == {"main.py": "VERSION = 0\n"}
    assert capsys.readouterr().out.splitlines() == [
        "lesson 00: app is empty",
        "lesson 02: app has main.py",
        "exercise 02: app has bar.py, main.py",
        "lesson 01: app has main.py",
    ]


@pytest.mark.parametrize("move", [lesson, exercise])
def test_a_lesson_that_is_not_there_is_refused(move: object) -> None:
    assert callable(move)
    with pytest.raises(CourseError) as caught:
        move(9)
    assert str(caught.value) == "lesson 09 is not in notebooks/; there are: 00, 01, 02"


def test_a_learners_own_version_is_kept_aside_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    exercise(1)
    folder.write("main.py", "VERSION = 'mine'\n")
    lesson(1)
    (kept,) = (folder.root() / "kept").glob("*/main.py")
    assert kept.read_text() == "VERSION = 'mine'\n"
    assert tree() == {"main.py": "VERSION = 0\n"}
    said = capsys.readouterr().out.splitlines()
    assert said[1:] == [
        f"your own main.py is kept as kept/{kept.parent.name}/main.py in the workspace",
        "lesson 01: app has main.py",
    ]


def test_a_file_that_is_as_it_should_be_is_not_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    exercise(2)
    written: list[str] = []
    monkeypatch.setattr(folder, "write", lambda name, text: written.append(name))
    lesson(2)
    assert written == []


def test_a_learners_own_file_stays() -> None:
    folder.write("mine.py", "x = 1\n")
    lesson(0)
    assert tree() == {"mine.py": "x = 1\n"}


def test_in_a_loop_the_engines_of_the_old_app_are_closed_soon() -> None:
    async def main() -> int:
        modules._waiting.append(create_async_engine("sqlite+aiosqlite://"))
        lesson(1)
        await asyncio.gather(*replay._disposals)
        return len(modules._waiting)

    assert asyncio.run(main()) == 0


def test_without_a_loop_they_wait() -> None:
    modules._waiting.append(create_async_engine("sqlite+aiosqlite://"))
    lesson(1)
    assert len(modules._waiting) == 1


def test_a_tree_is_written_as_a_package(tmp_path: Path) -> None:
    assert replay.write_tree(2, tmp_path / "out") == ["bar.py", "main.py"]
    home = tmp_path / "out" / "app"
    assert {path.name: path.read_text() for path in home.iterdir()} == {
        "__init__.py": "",
        "bar.py": "GIN = 10\n",
        "main.py": "VERSION = 1\n",
    }


def test_a_tree_never_overwrites(tmp_path: Path) -> None:
    replay.write_tree(2, tmp_path)
    with pytest.raises(CourseError) as caught:
        replay.write_tree(1, tmp_path)
    assert str(caught.value) == f"{tmp_path / 'app'} is not empty; name another folder with --to, or move it away first"


def test_a_tree_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "app").write_text("a file in the way")
    with pytest.raises(CourseError) as caught:
        replay.write_tree(1, tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'app'} cannot be written (Not a directory); name another folder with --to"
    )


def test_a_full_disk_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object, **_named: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as broken:
        broken.setattr(Path, "write_text", full)
        with pytest.raises(WorkspaceError, match=r"app/main\.py was not written \(No space left on device\)"):
            lesson(1)
    assert tree() == {}
