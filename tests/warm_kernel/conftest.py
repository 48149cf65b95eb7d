"""A warm process for the tests of a file, and none when they are over."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kernel_clients import end_zygotes

from course_lib import warm_kernel
from course_lib.warm_kernel import provisioner

if sys.platform != "linux":
    pytest.skip("kernels are forked on Linux only", allow_module_level=True)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a state folder of its own, where the kernels of this file come from."""
    folder = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_STATE_DIR", str(folder))
        patch.setenv("COURSE_SERVER_LINGER", "60")
        patch.setenv("JUPYTER_PATH", str(warm_kernel.JUPYTER_FOLDER))
        yield folder
    end_zygotes(folder)


@pytest.fixture
def empty_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a state folder of this test alone; a warm process in it ends with its last kernel."""
    monkeypatch.setenv("COURSE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("COURSE_SERVER_LINGER", "0")
    monkeypatch.setenv("JUPYTER_PATH", str(warm_kernel.JUPYTER_FOLDER))
    yield tmp_path / "state"
    end_zygotes(tmp_path / "state")


@pytest.fixture(autouse=True)
def nothing_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each test hear a reason for the first time."""
    monkeypatch.setattr(provisioner, "_said", set())
