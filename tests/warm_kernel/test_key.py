"""The key changes with all that a fork could not change any more, and with nothing else."""

from __future__ import annotations

import os
import site
from pathlib import Path

import pytest

from course_lib.warm_kernel.key import key_of, start_environment, versions

BASE = {"HOME": "/home/somebody", "PYTHONHASHSEED": "0", "COURSE_STRICT": "1", "SECRET": "password"}


def test_starts_with_nothing_that_can_come_with_the_fork() -> None:
    assert start_environment(BASE, "/") == {"HOME": "/home/somebody", "PYTHONHASHSEED": "0"}


@pytest.mark.parametrize(
    "name", ["HOME", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONHASHSEED", "TZ", "COVERAGE_PROCESS_CONFIG"]
)
def test_changes_with_what_counts_at_the_start(name: str) -> None:
    assert key_of(start_environment({**BASE, name: "another"}, "/")) != key_of(start_environment(BASE, "/"))


@pytest.mark.parametrize("name", ["COURSE_STATE_DIR", "TMPDIR", "PATH", "SECRET", "JPY_PARENT_PID"])
def test_does_not_change_with_the_rest(name: str) -> None:
    assert key_of(start_environment({**BASE, name: "another"}, "/")) == key_of(start_environment(BASE, "/"))


def test_relative_path_is_one_seen_from_the_kernel() -> None:
    environment = start_environment({"PYTHONPATH": os.pathsep.join(["mine", "/theirs"])}, "/folder")
    assert environment == {"PYTHONPATH": os.pathsep.join(["/folder/mine", "/theirs"])}


def test_begins_with_the_versions() -> None:
    assert key_of(BASE).partition("-")[0] == versions()


def test_changes_when_a_package_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "getsitepackages", lambda: [str(tmp_path)])
    seen = [versions()]
    (tmp_path / "fastapi-0.1.dist-info").mkdir()
    seen.append(versions())
    os.utime(tmp_path / "fastapi-0.1.dist-info", (1, 1))  # the same version, installed again
    seen.append(versions())
    assert len(set(seen)) == 3


def test_changes_with_what_a_process_inherits() -> None:
    before = key_of(BASE)
    former = os.umask(0o123)
    try:
        assert key_of(BASE) != before
    finally:
        os.umask(former)
    assert key_of(BASE) == before
