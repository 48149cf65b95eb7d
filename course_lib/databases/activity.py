"""`server_activity`: what the server itself says about the connections of a database.

A pool shows what it lent out; only the server knows who sits idle in a transaction, or still runs a statement that
nobody waits for any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload  # Any: drivers ship no types

from course_lib.databases.table import aligned
from course_lib.errors import CourseError, ServerError

NAME = "course-activity"  # what our own connection is called on the server
TIMEOUT_S = 5.0  # a pooler with no connection left makes a client wait
WIDTH = 60  # of a statement in the text: the rest is in `query`
OWN_WAY = "this engine makes its connections in its own way; give server_activity one made from a URL"
IN_TRANSACTION = "idle in transaction"

# pg_backend_pid: behind a pooler our query runs on a pooled connection, which is nobody's work
_POSTGRES = f"""
SELECT coalesce(state, ''), coalesce(query, ''), coalesce(nullif(wait_event, 'ClientRead'), ''),
coalesce(application_name, '')
FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend'
AND pid <> pg_backend_pid() AND application_name <> '{NAME}'
"""
_MARIADB = """
SELECT lower(command), coalesce(info, ''), coalesce(state, ''), ''
FROM information_schema.processlist WHERE db = database() AND id <> connection_id()
"""
_MARIADB_STATES = {"sleep": "idle", "query": "active", "execute": "active"}


@dataclass(frozen=True, order=True)
class Session:
    """One connection as the server sees it; `waits_for` is empty when it waits for nothing, or for its client."""

    state: str
    query: str  # the statement that runs, or the last that ran
    waits_for: str
    application: str

    @property
    def line(self) -> str:
        """The first line of the statement, shortened."""
        first = next(iter(self.query.strip().splitlines()), "")
        return first if len(first) <= WIDTH else first[: WIDTH - 3] + "..."


class Activity(Sequence[Session]):
    """The sessions of a database, the active ones first; its text has no process id and no time."""

    def __init__(self, sessions: Sequence[Session], *, knows_transactions: bool = True) -> None:
        self._sessions = sorted(sessions)
        self._knows_transactions = knows_transactions

    @property
    def active(self) -> list[Session]:
        """The sessions that run a statement now."""
        return [session for session in self if session.state == "active"]

    @property
    def idle_in_transaction(self) -> list[Session]:
        """The sessions that do nothing and hold a transaction open, a failed one included."""
        if not self._knows_transactions:
            raise CourseError("MariaDB shows a login of the course no transaction of others; look on PostgreSQL")
        return [session for session in self if session.state.startswith(IN_TRANSACTION)]

    def __len__(self) -> int:
        return len(self._sessions)

    @overload
    def __getitem__(self, index: int) -> Session: ...
    @overload
    def __getitem__(self, index: slice) -> list[Session]: ...
    def __getitem__(self, index: int | slice) -> Session | list[Session]:
        return self._sessions[index]

    def __iter__(self) -> Iterator[Session]:
        return iter(self._sessions)

    def __repr__(self) -> str:
        if not self._sessions:
            return "nobody is connected"
        head = ("state", "waits for", "application", "query")
        return aligned([head, *((s.state, s.waits_for or "-", s.application or "-", s.line) for s in self)])


async def server_activity(engine: Any) -> Activity:
    """Return the sessions of the database of `engine` that its login may see, without those of this function.

    It asks on a connection of its own, so an exhausted pool can be looked at. Raises `CourseError` on SQLite.
    """
    dialect = engine.dialect.name
    if dialect not in ("postgresql", "mysql", "mariadb"):
        raise CourseError(f'expected an engine on PostgreSQL or MariaDB, got {dialect}; use fresh("postgres")')
    options = _connect_options(engine.sync_engine)
    try:
        if dialect == "postgresql":
            return Activity(await _ask_postgres(options))
        return Activity(await _ask_mariadb(engine.dialect.driver, options), knows_transactions=False)
    except (CourseError, TypeError):  # TypeError: a connect argument the driver does not know, as the engine would say
        raise
    except Exception as error:  # drivers share no base class
        said = f"{type(error).__name__}: {error}".strip().removesuffix(":")
        raise ServerError(
            f"server_activity needs a connection of its own and got none ({said}); close one of yours and ask again"
        ) from error


class _Seen(Exception):
    """Carries out what a new connection of an engine would be made with; no connection is made."""

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__()
        self.options = options


def _connect_options(engine: Any) -> dict[str, Any]:
    """Return the driver's arguments: URL, `connect_args` and what `do_connect` listeners add, as the engine joins them.

    SQLAlchemy keeps them nowhere, so an empty twin of the pool is asked for a connection and stopped in time.
    """
    from sqlalchemy import event

    def stop(_dialect: Any, _record: Any, _arguments: Any, options: dict[str, Any]) -> None:
        raise _Seen(options)

    if engine.pool._creator.__module__ != "sqlalchemy.engine.create":  # a `creator` keeps the arguments to itself
        raise ServerError(OWN_WAY)
    event.listen(engine, "do_connect", stop)
    try:
        engine.pool.recreate().connect()
    except _Seen as seen:
        return dict(seen.options)
    finally:
        event.remove(engine, "do_connect", stop)
    raise ServerError(OWN_WAY)


async def _ask_postgres(options: dict[str, Any]) -> list[Session]:
    import asyncpg

    for name in ("prepared_statement_cache_size", "prepared_statement_name_func"):
        options.pop(name, None)  # SQLAlchemy's own
    settings = {**options.pop("server_settings", {}), "application_name": NAME}
    # a pooler may give every statement another server, where a cached one is unknown: no cache, one transaction
    options |= {"server_settings": settings, "statement_cache_size": 0, "timeout": TIMEOUT_S}
    connection = await asyncpg.connect(**options)
    try:
        async with connection.transaction():
            return [Session(*row) for row in await connection.fetch(_POSTGRES, timeout=TIMEOUT_S)]
    finally:
        await connection.close(timeout=TIMEOUT_S)


async def _ask_mariadb(driver: str, options: dict[str, Any]) -> list[Session]:
    import importlib

    connection = await importlib.import_module(driver).connect(**options)
    try:
        async with connection.cursor() as cursor:
            await cursor.execute(_MARIADB)
            rows = await cursor.fetchall()
    finally:
        await connection.ensure_closed()
    return [Session(_MARIADB_STATES.get(command, command), *rest) for command, *rest in rows]
