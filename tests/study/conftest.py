"""A store of its own for every test of this folder: the learner's progress is never touched."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from course_lib.study import store

# the attribute course_lib.study.progress is the function of that name, so the module is asked for by its full name
progress_module = importlib.import_module("course_lib.study.progress")


@pytest.fixture(autouse=True)
def progress_db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point the store at a file that does not exist yet, in a process that has said nothing yet."""
    path = tmp_path / "data" / "progress.db"
    monkeypatch.setenv("COURSE_PROGRESS_DB", str(path))
    monkeypatch.setattr(progress_module, "_has_said_refusal", False)
    monkeypatch.setattr(store, "_was_refused", False)
    return path
