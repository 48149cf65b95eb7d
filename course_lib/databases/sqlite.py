"""A fresh SQLite file for every use, and the three things SQLite needs before it may stand for a real database.

Those are: transactions that really begin, foreign keys that really hold, and a query that takes time.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any  # Any: DBAPI connections have no common type

from course_lib.databases import seed
from course_lib.errors import ServerError
from course_lib.expect import let_go
from course_lib.observe.peak import Peak

SEED = ";\n".join(seed.statements("sqlite"))


@functools.cache
def template(script: str) -> bytes:
    """Return a database file with `script` applied and WAL on; copying bytes is a hundred times faster than DDL."""
    with tempfile.TemporaryDirectory(prefix="velvet-rope-") as name:
        path = Path(name) / "template.db"
        connection = sqlite3.connect(path)
        try:
            connection.execute("PRAGMA journal_mode = WAL")  # stays in the file
            connection.executescript(script)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()
        return path.read_bytes()


@contextmanager
def database_file(script: str = SEED) -> Iterator[Path]:
    """Yield a new database file with `script` applied; it is deleted with its folder at the end of the block."""
    with contextlib.ExitStack() as cleaning:
        try:
            home = Path(tempfile.mkdtemp(prefix="velvet-rope-db-"))
            cleaning.callback(shutil.rmtree, home, ignore_errors=True)
            path = home / "velvet.db"
            path.write_bytes(template(script))
        except (OSError, sqlite3.OperationalError) as error:
            if not _is_of_the_disk(error):
                raise
            cause = getattr(error, "strerror", None) or error
            raise ServerError(
                f"no room for a fresh SQLite file ({cause}); free some disk, or set TMPDIR to another folder"
            ) from error
        yield path


def _is_of_the_disk(error: Exception) -> bool:
    """True for an error of the machine; a seed with a slip in its SQL is an `OperationalError` as well."""
    name = getattr(error, "sqlite_errorname", "")
    return isinstance(error, OSError) or name.startswith(
        ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY")
    )


def prepare(engine: Any) -> None:
    """Give `engine` (async or sync, on SQLite) real transactions, foreign keys and `db_sleep(seconds)`."""
    from sqlalchemy import event

    target = getattr(engine, "sync_engine", engine)
    event.listen(target, "connect", _on_connect)
    event.listen(target, "begin", begin)
    event.listen(target, "reset", _on_reset)
    kind = type(target.pool)
    logging.getLogger(f"{kind.__module__}.{kind.__qualname__}").addFilter(_is_news)
    slow(engine)


def _is_news(record: logging.LogRecord) -> bool:
    """Drop one line of the pool's log: a dot that asks the database raises, and its hundred lines say no more."""
    error = record.exc_info[1] if record.exc_info else None
    if type(error).__name__ != "MissingGreenlet" or not record.msg.startswith("Exception during reset"):
        return True
    let_go(error)
    return False


def _on_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver would begin only before DML, so a read would stand outside
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA synchronous = OFF")  # a file that lives for one block need not survive a power cut
    cursor.close()


def _on_reset(connection: Any, _record: Any, state: Any) -> None:
    """End what a refused COMMIT left open: SQLite keeps such a transaction, SQLAlchemy takes it for ended."""
    if state.asyncio_safe and getattr(connection, "driver_connection", connection).in_transaction:
        connection.rollback()


def begin(connection: Any) -> None:
    """Begin a transaction; one that will write (`execution_options(writes=True)`) takes the lock at once."""
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def slow(engine: Any) -> Peak:
    """Give every new connection of `engine` the SQL function `db_sleep(seconds)`, which returns its argument.

    Returns who slept at once, seen from inside the database: `.most` is 1 when statements ran one after another.
    """
    from sqlalchemy import event

    sleepers = Peak()

    def db_sleep(seconds: float) -> float:
        with sleepers.block():
            time.sleep(seconds)  # aiosqlite runs it in the connection's own thread
        return seconds

    def add(connection: Any, _record: Any) -> None:
        if hasattr(connection, "run_async"):
            connection.run_async(lambda driver: driver.create_function("db_sleep", 1, db_sleep))
        else:
            connection.create_function("db_sleep", 1, db_sleep)

    event.listen(getattr(engine, "sync_engine", engine), "connect", add)
    return sleepers
