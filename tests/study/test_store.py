"""The store keeps events whatever happens to the processes that write them, and to its file."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from course_lib.errors import ProgressError
from course_lib.study import store
from course_lib.study.event import COLUMNS, Event

WRITER = """
import sys
from course_lib.study import store
sys.stdin.readline()
for i in range(int(sys.argv[2])):
    store.append("checked", f"{sys.argv[1]}-{i}", {})
    print(i, flush=True)
"""


def start_writer(name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, name, str(count)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def objects() -> list[str]:
    return [event.object for event in store.read()]


def test_reading_before_the_first_event_makes_no_file(progress_db: Path) -> None:
    assert store.read() == []
    assert store.erase() == 0
    assert not progress_db.exists()


def test_an_event_comes_back_as_it_was_written(progress_db: Path) -> None:
    store.append("passed", "pool-size", {"lesson": "07_pools", "points": 2, "message": "Zażółć \ud800"})
    (event,) = store.read()
    assert (event.verb, event.object, event.result["message"]) == ("passed", "pool-size", "Zażółć \ud800")
    assert len(event.id) == len(event.actor) == 32
    assert event.at_utc.endswith("+00:00")
    assert event.course_version == store.course_version()
    assert sorted(path.name for path in progress_db.parent.iterdir()) == ["progress.db"]


def test_a_result_json_does_not_know_is_kept_as_text() -> None:
    store.append("checked", "first-call", {"where": Path("app")})
    assert store.read()[0].result == {"where": "app"}


def test_the_file_is_in_wal_mode_with_the_promised_columns(progress_db: Path) -> None:
    store.append("opened", "lesson:00_doors_open", {})
    with closing(sqlite3.connect(progress_db)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert tuple(row[1] for row in connection.execute("PRAGMA table_info(event)")) == COLUMNS


def test_two_processes_write_at_once_and_lose_nothing() -> None:
    writers = [start_writer(name, 60) for name in ("left", "right")]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
    assert [writer.returncode for writer in writers] == [0, 0]
    assert sorted(objects()) == sorted(f"{name}-{i}" for name in ("left", "right") for i in range(60))
    assert len({event.actor for event in store.read()}) == 1


def test_what_was_written_before_kill_9_is_there(progress_db: Path) -> None:
    with start_writer("victim", 100_000) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
        confirmed = [int(writer.stdout.readline()) for _ in range(25)]
        os.kill(writer.pid, signal.SIGKILL)
        confirmed += [int(line) for line in writer.stdout if line.endswith("\n")]
    assert writer.returncode == -signal.SIGKILL
    store.append("checked", "afterwards", {})
    assert objects()[: len(confirmed)] == [f"victim-{i}" for i in confirmed]
    assert objects()[-1] == "afterwards"
    with closing(sqlite3.connect(progress_db)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_transaction_that_was_not_committed_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    store.append("checked", "before", {})

    def killed() -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store, "course_version", killed)
        with pytest.raises(KeyboardInterrupt):
            store.append("checked", "half", {})
    store.append("checked", "after", {})
    assert objects() == ["before", "after"]


@pytest.mark.parametrize(
    "content", [b"this is no database at all, it is a letter" * 40, b"SQLite format 3\0" + b"\xff" * 4096]
)
def test_a_corrupt_file_is_set_aside_and_said_in_one_line(
    content: bytes, progress_db: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    progress_db.parent.mkdir()
    progress_db.write_bytes(content)
    store.append("passed", "first-call", {})
    assert objects() == ["first-call"]
    (kept,) = progress_db.parent.glob("progress.damaged-*.db")
    assert kept.read_bytes() == content
    assert capsys.readouterr().err == f"the progress file was damaged: it is kept as {kept}, and a new one begins\n"


def test_a_page_damaged_in_the_middle_is_found_while_reading(progress_db: Path) -> None:
    for number in range(200):
        store.append("checked", f"question-{number}", {"message": "x" * 200})
    with progress_db.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096 * 6)
    assert store.read() == []
    assert len(list(progress_db.parent.glob("progress.damaged-*.db"))) == 1


def test_the_log_of_a_damaged_file_is_set_aside_with_it(progress_db: Path) -> None:
    progress_db.parent.mkdir()
    progress_db.write_bytes(b"a letter" * 600)
    progress_db.with_name("progress.db-wal").write_bytes(b"old log")
    store._set_aside(progress_db, store._identity(progress_db))
    store.append("passed", "first-call", {})
    (kept,) = progress_db.parent.glob("progress.damaged-*.db-wal")
    assert kept.read_bytes() == b"old log"
    assert objects() == ["first-call"]


def test_a_file_replaced_by_another_process_is_not_set_aside(progress_db: Path) -> None:
    store.append("passed", "first-call", {})
    store._set_aside(progress_db, seen=(0, 0))
    assert objects() == ["first-call"]


def test_a_store_of_an_older_course_is_brought_up_to_date(progress_db: Path) -> None:
    progress_db.parent.mkdir()
    with closing(sqlite3.connect(progress_db)) as connection:
        connection.execute("CREATE TABLE event (object TEXT, verb TEXT, at_utc TEXT)")
        connection.execute("INSERT INTO event VALUES ('first-call', 'passed', '2024-01-01T00:00:00+00:00')")
        connection.commit()
    old = store.read()
    store.append("passed", "two-at-once", {})
    assert objects() == ["first-call", "two-at-once"]
    assert (len(old[0].id), old[0].result) == (32, {})
    assert store.merge(store.read()) == 0


def test_a_result_nobody_can_read_is_empty(progress_db: Path) -> None:
    store.append("passed", "first-call", {})
    with closing(sqlite3.connect(progress_db)) as connection:
        connection.execute("UPDATE event SET result_json = '{broken'")
        connection.commit()
    assert store.read()[0].result == {}


def test_a_folder_that_cannot_be_made_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("COURSE_PROGRESS_DB", str(tmp_path / "file" / "progress.db"))
    with pytest.raises(
        ProgressError, match=r"^progress is not kept in .*progress\.db \(.*\); all else works, see: course"
    ):
        store.append("passed", "first-call", {})


def test_a_locked_store_is_refused_and_works_again_later(progress_db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BUSY_MS", 1)
    store.append("passed", "first-call", {})
    with closing(sqlite3.connect(progress_db, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(ProgressError, match="database is locked"):
            store.append("passed", "two-at-once", {})
    store.append("passed", "doors-fixed", {})
    assert objects() == ["first-call", "doors-fixed"]


def test_after_a_refusal_the_next_writes_wait_less(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    def full(path: Path, timeout: float, **_options: object) -> sqlite3.Connection:
        waits.append(timeout)
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", full)
        for _ in range(2):
            with pytest.raises(ProgressError, match="database or disk is full"):
                store.append("passed", "first-call", {})
    assert waits == [5.0, 0.1]


def test_the_mark_differs_whenever_the_events_do(progress_db: Path) -> None:
    marks = [store.mark()]
    assert not progress_db.exists()
    for _ in range(2):
        store.append("passed", "first-call", {})
        marks.append(store.mark())
        assert store.mark() == marks[-1]
    store.erase()
    marks.append(store.mark())
    for _ in range(2):
        store.append("passed", "two-at-once", {})
        marks.append(store.mark())
    store.merge([Event("passed", "first-call", id="a" * 32, at_utc="2024-01-01", actor="b" * 32)])
    assert len({*marks, store.mark()}) == len(marks) + 1


def test_merge_adds_only_what_is_new() -> None:
    event = Event("passed", "first-call", {"points": 1}, id="a" * 32, at_utc="2024-01-01", actor="b" * 32)
    assert (store.merge([event, event]), store.merge([event])) == (1, 0)
    assert store.read() == [event]


def test_erase_forgets_the_events_and_the_actor(progress_db: Path) -> None:
    store.append("passed", "first-call", {"message": "a secret thing"})
    (before,) = store.read()
    assert store.erase() == 1
    store.append("passed", "first-call", {})
    assert store.read()[0].actor != before.actor
    assert b"a secret thing" not in progress_db.read_bytes()


def test_an_uninstalled_course_has_an_unknown_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "APP_NAME", "a-course-nobody-installed")
    assert store.course_version.__wrapped__() == "unknown"


def test_say_survives_a_closed_stderr(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "stderr").open("w") as closed:
        pass
    monkeypatch.setattr(sys, "stderr", closed)
    store.say("nobody hears this")
