"""The app as it stands after each lesson is real code: it is linted, typed and imported like any other.

Linters do not look into `%%app` cells, so without this nobody would.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sheets import LESSONS, ROOT, name_of

from course_lib.workspace.replay import files_after, write_tree

TREES = pytest.mark.parametrize("tree", LESSONS, ids=name_of, indirect=True)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return mypy's cache for all trees: SQLAlchemy is read once."""
    return tmp_path_factory.mktemp("mypy")


@pytest.fixture(scope="module")
def tree(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the app as it stands after one lesson."""
    lesson: Path = request.param
    folder = tmp_path_factory.mktemp(lesson.stem)
    names = write_tree(int(lesson.stem[:2]), folder)
    assert sorted(path.name for path in (folder / "app").iterdir()) == sorted({"__init__.py", *names})
    return folder


def run(tree: Path, *command: str) -> str:
    """Run a Python module in the tree; return what it printed, fail with it when it found something."""
    quiet = {**os.environ, "VELVET_DATABASE_URL": f"sqlite+aiosqlite:///{tree}/velvet.db"}
    done = subprocess.run(
        [sys.executable, *command], cwd=tree, env=quiet, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@TREES
def test_ruff_finds_nothing(tree: Path) -> None:
    run(tree, "-m", "ruff", "check", "--no-cache", "--config", str(ROOT / "pyproject.toml"), "app")


@TREES
def test_is_formatted(tree: Path) -> None:
    run(tree, "-m", "ruff", "format", "--check", "--no-cache", "--config", str(ROOT / "pyproject.toml"), "app")


@TREES
def test_is_fully_typed(tree: Path, cache: Path) -> None:
    run(tree, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir", str(cache), "app")


@TREES
def test_app_can_be_imported_without_a_warning(tree: Path) -> None:
    assert run(tree, "-W", "error", "-c", "from app.main import app; print(app.title)") == "Velvet Rope\n"


def test_every_lesson_keeps_the_files_of_those_before() -> None:
    numbers = [int(path.stem[:2]) for path in LESSONS]
    trees = [set(files_after(number)) for number in numbers]
    assert all(before <= after for before, after in itertools.pairwise(trees))
    assert files_after(-1) == {}
