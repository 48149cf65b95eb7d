"""The targets a person types: each documented, each passing its arguments on."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TARGETS = ["help", "setup", "start", "test", "lint", "check", "fix", "lock", "bench", "clean"]


def make(*arguments: str) -> str:
    """Return what make prints; the variables of a make that runs this test stay outside."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "ARGS", "PYTHON"))}
    return subprocess.run(["make", *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout


def test_help_names_every_target() -> None:
    lines = make("help").splitlines()
    assert [line.split()[1] for line in lines] == TARGETS
    assert all(len(line.split()) > 4 for line in lines)


def test_help_is_what_a_bare_make_prints() -> None:
    assert make() == make("help")


def test_every_documented_target_is_phony() -> None:
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    assert set(TARGETS) <= set(phony[1].split())


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (("start", "ARGS=3 --port 9999"), "python3 bootstrap.py start 3 --port 9999"),
        (("setup", "PYTHON=python3.12"), "python3.12 bootstrap.py setup --this-python"),
        (("test", "ARGS=tests/study -x"), ".venv/bin/pytest tests/study -x"),
        (("lock", "ARGS=--upgrade"), "--python-version 3.11 --upgrade --group nbgrader -o requirements-nbgrader.lock"),
    ],
)
def test_arguments_reach_the_command(arguments: tuple[str, ...], command: str) -> None:
    planned = [" ".join(line.split()) for line in make("-n", *arguments).splitlines()]
    assert any(line.endswith(command) for line in planned), planned


def test_whole_test_run_has_a_floor_and_a_part_has_none() -> None:
    assert "-n 2 --dist loadscope --cov --cov-branch" in make("-n", "test")
    assert "--cov-fail-under=90" in make("-n", "test")
    assert "--cov" not in make("-n", "test", "ARGS=tests/study")


def test_clean_leaves_the_work_of_the_learner() -> None:
    removed = re.findall(r"rm -rf (.+)", make("-n", "clean"))[0].split()
    assert ".venv" in removed
    assert "work" not in removed
