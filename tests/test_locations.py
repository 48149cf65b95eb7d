"""Where the course and the learner's files are, and how a class room moves them."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from course_lib.locations import course_root, progress_file, work_folder

HERE = Path(__file__).resolve().parent.parent


def test_without_the_environment_they_are_beside_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COURSE_ROOT", "COURSE_WORK", "COURSE_PROGRESS_DB"):
        monkeypatch.delenv(name, raising=False)
    assert course_root() == HERE
    assert work_folder() == HERE / "work"
    assert progress_file() == platformdirs.user_data_path("velvet-rope-course", appauthor=False) / "progress.db"


def test_the_environment_moves_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COURSE_ROOT", "~/course")
    monkeypatch.setenv("COURSE_WORK", "~/mine")
    monkeypatch.setenv("COURSE_PROGRESS_DB", "~/p.db")
    assert (course_root(), work_folder(), progress_file()) == (
        tmp_path / "course",
        tmp_path / "mine",
        tmp_path / "p.db",
    )
    monkeypatch.delenv("COURSE_WORK")
    assert work_folder() == tmp_path / "course" / "work"
