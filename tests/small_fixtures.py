"""Fixtures of the tests around the small course: the course, a warm process, a look at what is left behind.

A folder that needs them imports them in its conftest; the others do not pay for them.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import small_course

from course_lib.authoring.warm import Warm


@pytest.fixture(scope="session")
def small_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the small course; no test writes into it."""
    return small_course.build(tmp_path_factory.mktemp("small"))


@pytest.fixture
def small(small_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the test run in a small course of its own, and return the folder of it."""
    root = Path(shutil.copytree(small_root, tmp_path / "course"))
    monkeypatch.setenv("COURSE_ROOT", str(root))
    monkeypatch.setenv("COURSE_WORK", str(root / "work"))
    monkeypatch.setenv("COURSE_PROGRESS_DB", str(tmp_path / "progress.db"))
    return root


@pytest.fixture(scope="session")
def warm(small_root: Path) -> Iterator[Warm]:
    """Return one warm process for all tests; it knows the small course."""
    before = os.environ.get("COURSE_ROOT")
    os.environ["COURSE_ROOT"] = str(small_root)
    try:
        started = Warm().__enter__()
    finally:
        os.environ.pop("COURSE_ROOT")
        if before is not None:
            os.environ["COURSE_ROOT"] = before
    yield started
    started.__exit__(None, None, None)


@pytest.fixture
def traces() -> small_course.Traces:
    """Return a look at the processes of one test, by a mark in their environment."""
    if not Path("/proc/self/environ").exists():
        pytest.skip("processes are counted in /proc, which this system does not have")
    return small_course.Traces(uuid.uuid4().hex)
