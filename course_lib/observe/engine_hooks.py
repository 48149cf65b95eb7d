"""Hooks on every SQLAlchemy engine and pool of this process, installed once.

They sit on the classes, so that an engine made inside a request is seen as well as one made in the lifespan.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any  # Any: DBAPI objects have no common type

from course_lib.observe.events import emit

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection
    from sqlalchemy.pool import Pool

# `begin_sqlite` of lesson 08 sends these inside the `begin` event: part of BEGIN, not statements of the learner
_PART_OF_BEGIN = ("PRAGMA QUERY_ONLY", "BEGIN")


@functools.cache
def install() -> None:
    """Hook the classes; further calls change nothing."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine
    from sqlalchemy.pool import Pool

    for name in ("connect", "checkin", "close", "detach"):
        event.listen(Pool, name, _pool_hook(name))
    for name in ("checkout", "reset", "invalidate"):
        event.listen(Pool, name, _pool_hook_with_third(name))
    asking: Any = _asking(Pool.connect)
    Pool.connect = asking  # type: ignore[method-assign] # no pool event tells that somebody waits
    event.listen(Engine, "begin", _transaction_hook("BEGIN"))
    event.listen(Engine, "commit", _transaction_hook("COMMIT"))
    event.listen(Engine, "rollback", _transaction_hook("ROLLBACK"))
    event.listen(Engine, "before_cursor_execute", _statement)


def pool_of(record: Any) -> Any:
    """Return the pool of a connection record; SQLAlchemy keeps it under a private name and passes no other way."""
    return getattr(record, "_ConnectionRecord__pool", None)


def engine_pool(engine: Any) -> Pool:
    """Return the pool of an AsyncEngine or Engine."""
    pool: Pool = getattr(engine, "sync_engine", engine).pool
    return pool


def _asking(connect: Callable[[Pool], Any]) -> Callable[[Pool], Any]:
    """Wrap `Pool.connect`: who asks waits until a connection is handed over, or is refused."""

    @functools.wraps(connect)
    def asked(self: Pool) -> Any:
        emit("ask", self)
        handed_over = False
        try:
            connection = connect(self)
            handed_over = True
            return connection
        finally:
            emit("served" if handed_over else "refused", self)

    return asked


def seats(pool: Any) -> int:
    """Return how many connections a pool keeps, its overflow not counted; 1 for a pool that has no size."""
    size = getattr(pool, "size", 1)
    return int(size() if callable(size) else size)


def _pool_hook(name: str) -> Any:
    def hook(dbapi_connection: Any, connection_record: Any) -> None:
        emit(name, pool_of(connection_record), subject=(connection_record, None))

    return hook


def _pool_hook_with_third(name: str) -> Any:  # SQLAlchemy counts the arguments of a listener
    def hook(dbapi_connection: Any, connection_record: Any, third: Any) -> None:
        emit(name, pool_of(connection_record), subject=(connection_record, third))

    return hook


def _transaction_hook(kind: str) -> Any:
    def hook(connection: Connection) -> None:
        # asking an invalidated connection for its driver's one would reconnect, or refuse to roll back
        lent = None if connection.closed or connection.invalidated else connection.connection
        emit(kind, connection.engine.pool, subject=getattr(lent, "_connection_record", None))

    return hook


def _statement(
    connection: Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
) -> None:
    text = statement.lstrip()
    if not text.upper().startswith(_PART_OF_BEGIN):
        emit(text.partition(" ")[0].partition("\n")[0].upper(), connection.engine.pool, text)
