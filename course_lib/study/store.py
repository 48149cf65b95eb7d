"""The progress store: one SQLite file of events, opened for one short transaction at a time.

Several kernels and commands write at once and any of them may be killed, so nothing is held open or kept in memory.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import uuid
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

from course_lib.errors import ProgressError
from course_lib.locations import APP_NAME, progress_file
from course_lib.study.event import COLUMNS, Event, Verb

BUSY_MS = 5000  # long enough for a dozen kernels that write at once
IMPATIENT_MS = 100  # after one refusal: a store that stays locked must not stop every cell for five seconds
SCHEMA = 1
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
INSERT = f"INTO event ({', '.join(COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?, ?)"

T = TypeVar("T")
_was_refused = False


def append(
    verb: Verb,
    obj: str,
    result: dict[str, Any],  # Any: whatever JSON can say
    *,
    key: str | None = None,
    at: datetime | None = None,
) -> bool:
    """Write one event in one transaction; raise `ProgressError` when the store refuses.

    Of several events with the same `key` the first is kept, whoever writes it: False says that there was one.
    """
    result_json = json.dumps(result, default=str)  # ASCII: half a surrogate in somebody's output is no UTF-8
    at_utc = _text_of(at or datetime.now(UTC))

    def write(connection: sqlite3.Connection) -> bool:
        actor = actor_of(connection)
        # the learner's random id is part of it: two machines that took the same place keep both when they are merged
        identity = uuid.uuid4() if key is None else uuid.uuid5(uuid.NAMESPACE_OID, f"{actor} {key}")
        row = (identity.hex, at_utc, actor, verb, obj, result_json, course_version())
        return connection.execute(f"INSERT OR IGNORE {INSERT}", row).rowcount == 1

    return _in_transaction(write)


def read() -> list[Event]:
    """Return all events, oldest first; none when there is no file yet."""
    if not _is_there():
        return []
    statement = f"SELECT {', '.join(COLUMNS)} FROM event WHERE verb IS NOT NULL ORDER BY at_utc, rowid"
    return _in_transaction(lambda connection: [_event(row) for row in connection.execute(statement)], begin="BEGIN")


def mark() -> tuple[object, ...]:
    """Return what differs whenever `read` would: who the learner is, how many events there are, and the last one."""
    if not _is_there():
        return ()
    statement = "SELECT (SELECT max(id) FROM actor), count(*), max(rowid) FROM event"
    found = _in_transaction(lambda connection: tuple(connection.execute(statement).fetchone()), begin="BEGIN")
    return (str(progress_file()), *found)


def merge(events: Iterable[Event]) -> int:
    """Add the events whose id is not known yet; return how many were new."""
    rows = [(e.id, e.at_utc, e.actor, e.verb, e.object, json.dumps(e.result), e.course_version) for e in events]

    def write(connection: sqlite3.Connection) -> int:
        before = connection.total_changes
        connection.executemany(f"INSERT OR IGNORE {INSERT}", rows)
        return connection.total_changes - before

    return _in_transaction(write)


def erase() -> int:
    """Delete every event and the actor; return how many events there were."""
    if not _is_there():
        return 0

    def write(connection: sqlite3.Connection) -> int:
        connection.execute("DELETE FROM actor")
        return connection.execute("DELETE FROM event").rowcount

    return _in_transaction(write)


def actor_of(connection: sqlite3.Connection) -> str:
    """Return the random id of this store's learner, made the first time: it says nothing about who it is."""
    connection.execute("INSERT INTO actor SELECT ? WHERE NOT EXISTS (SELECT 1 FROM actor)", (uuid.uuid4().hex,))
    return str(connection.execute("SELECT id FROM actor").fetchone()[0])


@cache
def course_version() -> str:
    """Return the installed version of the course, `unknown` when it only lies on the path."""
    try:
        return version(APP_NAME)
    except PackageNotFoundError:
        return "unknown"


def say(sentence: str) -> None:
    """Print one quiet line on stderr; a stderr that is gone costs nothing."""
    with suppress(OSError, ValueError):
        print(sentence, file=sys.stderr)


def _is_there() -> bool:
    try:
        return progress_file().exists()
    except (OSError, RuntimeError):  # no home folder, or none that may be looked into: the transaction says it
        return True


def _in_transaction(work: Callable[[sqlite3.Connection], T], begin: str = "BEGIN IMMEDIATE") -> T:
    global _was_refused
    where = "the user's data folder"
    try:
        path = progress_file()
        where = str(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        seen = _identity(path)
        try:
            done = _attempt(path, work, begin)
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in DAMAGED:  # the low byte: finer codes, one cause
                raise
            _set_aside(path, seen)
            done = _attempt(path, work, begin)
    except (sqlite3.Error, OSError, RuntimeError) as error:  # RuntimeError: no home folder could be found
        _was_refused = True
        raise ProgressError(f"progress is not kept in {where} ({error}); all else works, see: course doctor") from error
    _was_refused = False
    return done


def _attempt(path: Path, work: Callable[[sqlite3.Connection], T], begin: str) -> T:
    with closing(_open(path)) as connection:
        connection.execute(begin)
        done = work(connection)
        connection.execute("COMMIT")
        return done


def _open(path: Path) -> sqlite3.Connection:
    patience = IMPATIENT_MS if _was_refused else BUSY_MS
    connection = sqlite3.connect(path, timeout=patience / 1000, isolation_level=None)
    try:
        with suppress(sqlite3.OperationalError):  # another process switches right now, or the disk cannot: both work
            connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")  # in WAL a killed process loses nothing, and cells stay fast
        connection.execute("PRAGMA secure_delete=ON")  # what a learner forgets is gone from the file as well
        if connection.execute("PRAGMA user_version").fetchone()[0] < SCHEMA:
            _create(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    columns = ", ".join(f"{name} TEXT" for name in COLUMNS)
    connection.execute(f"CREATE TABLE IF NOT EXISTS event ({columns})")
    there = {row[1] for row in connection.execute("PRAGMA table_info(event)")}
    for name in COLUMNS:
        if name not in there:  # a store of an older course
            connection.execute(f"ALTER TABLE event ADD COLUMN {name} TEXT")
    connection.execute("UPDATE event SET id = lower(hex(randomblob(16))) WHERE id IS NULL")
    connection.execute("CREATE UNIQUE INDEX IF NOT EXISTS event_id ON event (id)")
    connection.execute("CREATE TABLE IF NOT EXISTS actor (id TEXT)")
    connection.execute(f"PRAGMA user_version={SCHEMA}")
    connection.execute("COMMIT")


def _event(row: tuple[Any, ...]) -> Event:  # Any: a row of SQLite, which may hold anything in an old store
    identity, at_utc, actor, verb, obj, result_json, made_by = (str(value or "") for value in row)
    try:
        result = json.loads(result_json or "{}")
    except ValueError:
        result = {}
    kept = result if isinstance(result, dict) else {}
    return Event(verb, obj, kept, id=identity, at_utc=at_utc, actor=actor, course_version=made_by)


def _text_of(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _set_aside(path: Path, seen: tuple[int, int] | None) -> None:
    """Rename the damaged file, unless another process did so since it was `seen` and a healthy one stands there."""
    if _identity(path) != seen:
        return
    kept = path.with_name(f"{path.stem}.damaged-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}{path.suffix}")
    path.rename(kept)
    for ending in ("-wal", "-shm"):  # a log that stayed behind would be replayed into the new file
        with suppress(FileNotFoundError):
            path.with_name(path.name + ending).rename(kept.with_name(kept.name + ending))
    say(f"the progress file was damaged: it is kept as {kept}, and a new one begins")
