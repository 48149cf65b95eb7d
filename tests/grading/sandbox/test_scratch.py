"""A folder for one answer: in memory where there is room, measured by what it takes, and gone afterwards."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from course_lib.grading.sandbox import scratch

MIB = 1 << 20


def test_folder_is_ours_alone_and_gone_afterwards() -> None:
    with scratch.scratch(MIB) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "file").touch()
    assert not folder.exists()


def test_folder_is_gone_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), scratch.scratch(MIB) as folder:
        _ = 1 / 0
    assert not folder.exists()


def test_folder_that_somebody_still_writes_to_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        path.rmdir()
        raise OSError("not empty")

    monkeypatch.setattr(scratch, "remove", refuse)
    with scratch.scratch(MIB):
        pass


def test_memory_is_taken_only_where_it_suffices(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(scratch, "MEMORY", tmp_path)
    assert scratch.memory_folder(MIB) == tmp_path
    assert scratch.memory_folder(1 << 60) is None
    monkeypatch.setattr(scratch, "MEMORY", tmp_path / "missing")
    assert scratch.memory_folder(MIB) is None


def test_files_folders_and_what_has_no_name_are_counted(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "file").write_bytes(bytes(MIB))
    named = scratch.used(tmp_path, os.getpid())
    assert MIB <= named < 2 * MIB
    with open(tmp_path / "gone", "wb", buffering=0) as gone:
        gone.write(bytes(2 * MIB))
        os.remove(tmp_path / "gone")
        assert scratch.used(tmp_path, os.getpid()) - named >= 2 * MIB


def test_process_that_has_ended_has_no_open_files(tmp_path: Path) -> None:
    assert scratch.used(tmp_path, 1 << 30) == 0


def test_everything_is_removed_however_deep_and_closed(tmp_path: Path) -> None:
    folder = tmp_path / "scratch"
    folder.mkdir()
    (folder / "closed").mkdir()
    (folder / "closed" / "file").touch()
    (folder / "closed").chmod(0)
    (folder / "link").symlink_to(tmp_path)
    here = os.getcwd()
    os.chdir(folder)
    try:
        for _ in range(2000):
            os.mkdir("deep")
            os.chdir("deep")
    finally:
        os.chdir(here)
    scratch.remove(folder)
    assert [*tmp_path.iterdir()] == []
