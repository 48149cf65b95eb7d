"""The early plugin: strict verdicts, a progress store of its own, and no slow import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TEST = """
import os, sys

def test_environment():
    assert os.environ["COURSE_STRICT"] == "1"
    assert sys.modules["rfc3987_syntax"] is None
    print("STORE", os.environ["COURSE_PROGRESS_DB"])
"""


def run(folder: Path, **environment: str) -> tuple[str, Path]:
    """Run one test in a folder of its own with the plugin; return its output and the store it saw."""
    (folder / "test_seen.py").write_text(TEST)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("COURSE_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-s", "-p", "course_lib.authoring.pytest_plugin", "test_seen.py"],
        cwd=folder,
        env={**kept, "TMPDIR": str(folder), **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    store = next(line for line in done.stdout.splitlines() if line.startswith("STORE")).removeprefix("STORE ")
    return done.stdout, Path(store)


def test_a_run_has_a_store_of_its_own_and_removes_it(tmp_path: Path) -> None:
    _, store = run(tmp_path)
    assert store.parent.name.startswith("velvet-rope-progress-")
    assert not store.parent.exists()


def test_a_store_that_was_named_is_kept(tmp_path: Path) -> None:
    named = tmp_path / "mine" / "progress.db"
    named.parent.mkdir()
    assert run(tmp_path, COURSE_PROGRESS_DB=str(named))[1] == named
    assert named.parent.exists()


def test_strictness_can_be_switched_off(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="1 failed"):
        run(tmp_path, COURSE_STRICT="0")


def test_this_run_is_strict() -> None:
    assert os.environ["COURSE_STRICT"] == "1"
    assert sys.modules["rfc3987_syntax"] is None
