"""The folders of the servers: where they are, who may read them, and what happens when they cannot be had."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from course_lib.databases import state
from course_lib.databases.state import check_room, move_aside, open_home, run_folder
from course_lib.databases.unroot import Unroot
from course_lib.errors import ServerError


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the folders of the suite's own servers out of these tests."""
    monkeypatch.setenv("COURSE_STATE_DIR", str(tmp_path / "state"))
    for name in state.CHOICES:
        monkeypatch.delenv(name, raising=False)


def test_another_choice_of_servers_has_another_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = run_folder()
    assert run_folder()[0] == first
    monkeypatch.setenv("COURSE_PG_URL", "postgresql://127.0.0.1/x")
    assert run_folder()[0] != first


def test_a_folder_is_ours_alone(tmp_path: Path) -> None:
    folder, line = run_folder()
    assert (folder.parent, folder.stat().st_mode & 0o777, line) == (tmp_path / "state", 0o700, "")


def test_a_state_folder_that_cannot_be_made_is_replaced_by_a_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "state").write_text("a file")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder, line = run_folder()
    instead = tmp_path / f"velvet-rope-servers-{os.getuid()}"
    assert folder.parent == instead
    assert line == (
        f"cannot write in {tmp_path / 'state'} (Not a directory); servers are kept in {instead}, and not between days"
    )


def test_a_temporary_folder_that_somebody_else_made_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "state").write_text("a file")
    (tmp_path / "theirs").mkdir()
    instead = tmp_path / f"velvet-rope-servers-{os.getuid()}"
    instead.symlink_to(tmp_path / "theirs")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(ServerError) as caught:
        run_folder()
    assert str(caught.value) == (
        f"cannot write in {tmp_path / 'state'} (Not a directory); servers are kept in {instead}, and not between days, "
        "but that failed too (belongs to somebody else); set COURSE_STATE_DIR"
    )


def test_a_home_keeps_its_name_on_servers_and_its_certificates(tmp_path: Path) -> None:
    folder, _ = run_folder()
    first, second = open_home(folder, Unroot()), open_home(folder, Unroot())
    assert (first.identity, first.sockets) == (second.identity, second.sockets)
    assert len(first.identity) == 6
    assert first.certificates.certificate.read_bytes() == second.certificates.certificate.read_bytes()
    first.sockets.rmdir()


def test_the_sockets_folder_is_new_and_ours_alone(tmp_path: Path) -> None:
    folder, _ = run_folder()
    home = open_home(folder, Unroot())
    (home.sockets / ".s.PGSQL.1").touch()  # a supervisor that was killed leaves its sockets
    again = open_home(folder, Unroot())
    assert (again.sockets, list(again.sockets.iterdir()), again.sockets.stat().st_mode & 0o777) == (
        home.sockets,
        [],
        0o700,
    )
    again.sockets.rmdir()


def test_sockets_move_out_of_a_folder_with_a_long_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("x" * 110)
    long.mkdir()
    monkeypatch.setenv("COURSE_STATE_DIR", str(long))
    folder, _ = run_folder()
    home = open_home(folder, Unroot())
    assert home.sockets.parent == Path(tempfile.gettempdir())
    home.sockets.rmdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    home = open_home(folder, Unroot())
    assert home.sockets.parent == Path("/tmp")
    home.sockets.rmdir()


def test_no_short_folder_at_all_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = run_folder()
    monkeypatch.setattr(state, "LONGEST_SOCKET", 20)
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")
    with pytest.raises(ServerError) as caught:
        open_home(folder, Unroot())
    assert str(caught.value) == (
        "expected a socket name of at most 20 bytes, got 28 at best; set TMPDIR to a shorter path"
    )


def test_a_full_disk_is_said_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_room(tmp_path)
    monkeypatch.setattr(state, "ROOM_MB", 10**9)  # more than any disk has
    with pytest.raises(ServerError) as caught:
        check_room(tmp_path)
    text = str(caught.value)
    assert text.startswith(f"disk full: 1000000000 MB needed in {tmp_path}, ")
    assert text.endswith(" MB free; make room, or set COURSE_STATE_DIR to another disk")


def test_only_the_newest_broken_folder_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "pg17"
    kept = []
    for _ in range(3):
        folder.mkdir()
        kept.append(move_aside(folder))
    assert list(tmp_path.iterdir()) == kept[-1:]
