"""What every test gets: a store and a workspace of its own, and the promise that nothing stays behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any  # Any: cells are JSON, and IPython ships no types

import pytest
import server_clients as clients

from course_lib.databases import binaries, unroot
from course_lib.errors import ServerError
from course_lib.workspace import modules

OURS = ("_connection_worker_thread",)  # aiosqlite's thread
LEAVING_S = 5.0  # a thread that was told to end needs a moment on a busy machine
pytest_plugins = ["private_postgres"]  # its fixtures
STATE = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Give this run servers of its own, shared by all its workers and gone soon after them."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a run in the background: what it starts must hear Ctrl-C
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):  # a worker of xdist inherits the environment
        config.stash[STATE] = Path(tempfile.mkdtemp(prefix="velvet-rope-servers-"))
        os.environ["COURSE_STATE_DIR"] = str(config.stash[STATE])
        os.environ["COURSE_SERVER_LINGER"] = "2"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose server is not on this machine, in a learner's words; fail it under COURSE_REQUIRE_ALL=1."""
    for kind in binaries.KINDS:
        if item.get_closest_marker(kind):
            try:
                binaries.find(kind)
                unroot.choose()
            except ServerError as error:
                if os.environ.get("COURSE_REQUIRE_ALL") == "1":
                    pytest.fail(f"COURSE_REQUIRE_ALL=1, but {error}", pytrace=False)
                pytest.skip(str(error))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that leaves a server, a socket or a file of one behind."""
    if "course_lib.databases.lease" in sys.modules:
        sys.modules["course_lib.databases.lease"].release()
    folder = session.config.stash.get(STATE, None)
    if folder is None:
        return
    try:
        clients.wait_all_gone(folder)
        left = ", ".join(map(str, clients.leftovers(folder)))
    except AssertionError as error:
        left = str(error)
    if left:
        session.exitstatus = 1
        session.config.get_terminal_writer().line(f"left behind by this run: {left}", red=True)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the progress and the workspace of whoever runs the tests out of them."""
    monkeypatch.setenv("COURSE_PROGRESS_DB", str(tmp_path / "progress.db"))
    monkeypatch.delenv("COURSE_WORKSPACE", raising=False)


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    """Fail a test that leaves a connection open."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        if any(name in thread.name for name in OURS):
            thread.join(LEAVING_S)
            assert not thread.is_alive(), f"{thread.name} still runs; is an engine not disposed?"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return an empty workspace; modules of `app` loaded from it are forgotten afterwards."""
    folder = tmp_path / "workspace"
    monkeypatch.setenv("COURSE_WORKSPACE", str(folder))
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield folder
    modules.forget()
    modules._waiting.clear()


class Course:
    """A small course in a folder: lessons written by a test."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(self, stem: str, *cells: str, kind: str = "notebooks", **named: str) -> Path:
        """Write a notebook of code cells; those given by name (`check_x`) carry it as their id (`check-x`)."""
        listed: list[dict[str, Any]] = [{"id": f"cell-{number}", "source": text} for number, text in enumerate(cells)]
        listed += [{"id": name.replace("_", "-"), "source": text} for name, text in named.items()]
        for cell in listed:
            cell |= {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
        path = self.root / kind / f"{stem}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"cells": listed, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
        return path


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    """Return an empty course; `COURSE_ROOT` names it."""
    monkeypatch.setenv("COURSE_ROOT", str(tmp_path / "course"))
    return Course(tmp_path / "course")


@pytest.fixture
def shell() -> Iterator[Any]:
    """Return a real IPython shell without a history file, and give `sys` back afterwards."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    made: Any = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    yield made
    made.restore_sys_module_state()
    InteractiveShell.clear_instance()
