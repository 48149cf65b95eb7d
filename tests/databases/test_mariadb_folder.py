"""The data folder of a private MariaDB: whole or not there, and never served twice."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from mariadb_clients import a_home, serving

from course_lib.databases import binaries
from course_lib.databases.binaries import Binaries
from course_lib.databases.mariadb_folder import STORAGE, DataFolder
from course_lib.databases.place import Login
from course_lib.databases.state import Home
from course_lib.errors import ServerError

pytestmark = pytest.mark.mariadb

OLD = (10, 5, 9)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """Return a home that no server has used."""
    with a_home(tmp_path / "home") as made:
        yield made


def folder_of(home: Home, **changes: object) -> DataFolder:
    """Return the data folder for this machine's MariaDB."""
    found: Binaries = dataclasses.replace(binaries.find("mariadb"), **changes)  # type: ignore[arg-type] # by the test
    return DataFolder(home, found)


def test_another_version_has_another_folder(home: Home) -> None:
    ours, old = folder_of(home), folder_of(home, version=OLD)
    assert ours.folder != old.folder
    assert old.folder.name.startswith("mariadb10.5-")
    assert old.folder == folder_of(home, version=(10, 5, 10)).folder  # a bug-fix release reads the same files


def test_it_is_small_and_has_no_test_database(home: Home) -> None:
    made = folder_of(home)
    asyncio.run(made.make())
    assert made.exists
    assert not (made.folder / "test").exists()
    assert sum(path.stat().st_size for path in made.folder.rglob("*")) < 40_000_000
    assert "--character-set-server=utf8mb4" in STORAGE


def test_what_an_interrupted_install_left_is_not_used(home: Home) -> None:
    made = folder_of(home)
    half = made.folder.with_name(f"{made.folder.name}.making")
    (half / "mysql").mkdir(parents=True)
    (half / "mysql" / "db.frm").write_text("half")
    assert not made.exists
    asyncio.run(made.make())
    assert (made.exists, half.exists()) == (True, False)


def test_an_install_that_fails_leaves_nothing(home: Home, tmp_path: Path) -> None:
    tool = tmp_path / "mariadb-install-db"
    tool.write_text("#!/bin/sh\necho 'FATAL ERROR: Could not find fill_help_tables.sql'\nexit 1\n")
    tool.chmod(0o755)
    programs = {**binaries.find("mariadb").programs, "mariadb-install-db": tool}
    made = folder_of(home, programs=programs)
    with pytest.raises(ServerError) as caught:
        asyncio.run(made.make())
    assert str(caught.value) == (
        "mariadb-install-db failed (FATAL ERROR: Could not find fill_help_tables.sql); "
        f"its log is {home.runtime / 'mariadb-install-db.log'}"
    )
    assert not list(home.data.iterdir())


def test_a_full_disk_is_told_before(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    total, used, _ = shutil.disk_usage(home.data)
    almost_full = type(shutil.disk_usage(home.data))(total, used, 12_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: almost_full)
    with pytest.raises(ServerError) as caught:
        asyncio.run(folder_of(home).make())
    assert str(caught.value) == (
        f"disk full: 100 MB needed in {home.data}, 12 MB free; make room, or set COURSE_STATE_DIR to another disk"
    )
    assert not list(home.data.iterdir())


def test_the_first_statements_are_private_and_short_lived(home: Home) -> None:
    made = folder_of(home)
    made.announce(Login("somebody", "secret"))
    (file,) = home.runtime.glob("*.sql")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "IDENTIFIED BY 'secret'" in file.read_text()
    made.forget_announcement()
    assert not file.exists()


def test_a_stale_pid_file_hurts_nobody(home: Home) -> None:
    made = folder_of(home)
    made.folder.mkdir()
    pid_file = made.folder / "course.pid"
    for text in (str(os.getpid()), "not a number", "999999999"):
        pid_file.write_text(text)
        assert made.orphan() is None
        made.reap()
        assert not pid_file.exists()


def test_a_server_is_found_by_its_folder(home: Home) -> None:
    async def scenario() -> None:
        async with serving(home) as server:
            assert server.process is not None
            made = DataFolder(home, binaries.find("mariadb"))
            assert made.orphan().pid == made.serving_pid() == server.process.pid
        assert made.orphan() is None

    asyncio.run(scenario())
