"""The stored entries are the TOML files' own, and nobody uses them when they are not."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from course_lib.field_guide import derived
from course_lib.field_guide.entry import FOLDER, Entry, written

ONE = (
    '[[entry]]\nslug = "no-ice"\nbackends = ["-"]\nlesson = "00_doors_open"\ncause = "c"\nfix = "f"\n'
    'reproduce = "r"\nverified = { "-" = "seen" }\n'
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of one entry."""
    (tmp_path / "00_doors_open.toml").write_text(ONE)
    return tmp_path


def test_stored_entries_are_the_written_ones(tmp_path: Path) -> None:
    file = tmp_path / "entries.json"
    file.write_text(derived.text(FOLDER, written()), encoding="utf-8")
    stored = derived.load(FOLDER, file)
    assert stored is not None
    assert [asdict(Entry(**fields)) for fields in stored] == [asdict(one) for one in written()]


def test_changed_folder_is_not_answered_from_the_store(folder: Path) -> None:
    file = folder / "entries.json"
    file.write_text(derived.text(folder, ()))
    assert derived.load(folder, file) == []
    (folder / "00_doors_open.toml").write_text(ONE.replace("no-ice", "no-gin"))
    assert derived.load(folder, file) is None


@pytest.mark.parametrize("content", ["", "[]", "{", '{"stamp": {}}', '{"entries": []}', "null"])
def test_broken_store_is_as_good_as_none(folder: Path, content: str) -> None:
    file = folder / "entries.json"
    file.write_text(content)
    assert derived.load(folder, file) is None


def test_missing_store_is_none(folder: Path) -> None:
    assert derived.load(folder, folder / "entries.json") is None
