"""Fresh databases: `database` gives a URL to a clean one, `fresh` an engine on it; both are gone after the block.

A lesson never sees a path, a port or a password.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from course_lib.databases import sqlite
from course_lib.databases.sqlite import slow
from course_lib.errors import CourseError, ServerError
from course_lib.workspace import modules

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from course_lib.databases.place import Place

__all__ = ["Database", "database", "fresh", "slow"]

DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "pgbouncer": "postgresql+asyncpg",
    "mariadb": "mysql+aiomysql",
}
ROLES = ("app", "readonly")
TLS = (None, "disable", "require", "verify-full")


@dataclass(frozen=True)
class Database:
    """How to reach a fresh database: `url` and `connect_args` for `create_async_engine`, and what it can do."""

    kind: str
    url: str = field(repr=False)  # a path or a password: nothing a notebook should show
    connect_args: dict[str, Any] = field(repr=False, default_factory=dict)  # Any: what the driver accepts
    capabilities: frozenset[str] = frozenset()
    ca: Path | None = field(repr=False, default=None)  # signed the server's certificate
    other_ca: Path | None = field(repr=False, default=None)  # signed somebody else's

    @property
    def dsn(self) -> str:
        """The URL without SQLAlchemy's `+driver`, for a driver used by itself (`asyncpg.connect(db.dsn)`)."""
        scheme, _, rest = self.url.partition("://")
        return f"{scheme.partition('+')[0]}://{rest}"


@asynccontextmanager
async def database(
    kind: str = "sqlite", *, role: str = "app", tls: str | None = None, prepared_statements: bool = False
) -> AsyncIterator[Database]:
    """Yield a fresh, seeded database of `kind`; it is nobody else's, and clean for the next who asks.

    - `kind`: `sqlite`, `postgres`, `mariadb`, or `pgbouncer` (PostgreSQL behind a pooler in transaction mode);
    - `role`: `app` owns the database; `readonly` may only SELECT;
    - `tls`: `require` encrypts, `verify-full` also looks who the server is, `disable` does neither; None takes the
      shortest way, a path socket where there is one;
    - `prepared_statements`: behind `pgbouncer`, have the pooler track them (PgBouncer 1.21 or newer).

    Raises `CourseError` for a word that is none of these, `ServerError` when the server cannot be had.
    """
    for what, got, allowed in (("kind", kind, tuple(DRIVERS)), ("role", role, ROLES), ("tls", tls, TLS)):
        if got not in allowed:
            words = ", ".join(map(repr, allowed))
            raise CourseError(f"expected {what} to be one of {words}; got {got!r}")
    await modules.dispose_forgotten()
    if kind == "sqlite":
        if role != "app" or tls is not None:
            raise CourseError("a SQLite file has no roles and no TLS; leave role and tls out, or ask for 'postgres'")
        with sqlite.database_file() as path:
            yield Database(kind, f"{DRIVERS[kind]}:///{path}", {}, frozenset({"foreign-keys", "wal"}))
        return
    from course_lib.databases.allotment import borrowed  # imported here: a lesson on SQLite needs no lease

    async with borrowed("pgbouncer-prepared" if kind == "pgbouncer" and prepared_statements else kind) as place:
        yield _described(kind, place, role, tls)


def _described(kind: str, place: Place, role: str, tls: str | None) -> Database:
    login = place.logins[role]
    who = f"{quote(login.user, safe='')}:{quote(login.password, safe='')}"
    if tls is None and place.socket:
        where = f"/{place.name}?host={quote(place.socket, safe='')}&port={place.port}"
    else:
        where = f"{place.host}:{place.port}/{place.name}"
    return Database(
        kind=kind,
        url=f"{DRIVERS[kind]}://{who}@{where}",
        connect_args=_tls_arguments(kind, place, tls),
        capabilities=frozenset(place.capabilities),
        ca=Path(place.ca) if place.ca else None,
        other_ca=Path(place.other_ca) if place.other_ca else None,
    )


def _tls_arguments(kind: str, place: Place, tls: str | None) -> dict[str, Any]:
    """Return what the driver wants to hear: asyncpg knows words, aiomysql only an SSLContext."""
    if tls is None or (tls == "disable" and kind == "mariadb"):
        return {}
    if tls == "disable":
        return {"ssl": "disable"}
    if "tls" not in place.capabilities:
        raise ServerError(f"expected a {kind} server with TLS, got {place.version} without it; see: course doctor")
    if tls == "verify-full":
        if not place.ca:
            raise ServerError("expected the CA of your own server; name its file in COURSE_PG_CA or COURSE_MYSQL_CA")
        return {"ssl": ssl.create_default_context(cafile=place.ca)}
    if kind != "mariadb":
        return {"ssl": "require"}
    unverified = ssl.create_default_context()
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    return {"ssl": unverified}


@asynccontextmanager
async def fresh(
    kind: str = "sqlite",
    *,
    role: str = "app",
    tls: str | None = None,
    prepared_statements: bool = False,
    **engine_options: Any,
) -> AsyncIterator[AsyncEngine]:
    """Yield an engine on a fresh, seeded database, disposed at the end of the block.

    `engine_options` go to `create_async_engine` (`pool_size=2`, `echo=True`, ...); the others are those of `database`.
    On SQLite the engine has real transactions, foreign keys and the SQL function `db_sleep(seconds)`.
    """
    from sqlalchemy.ext.asyncio import create_async_engine

    async with database(kind, role=role, tls=tls, prepared_statements=prepared_statements) as place:
        arguments = {**place.connect_args, **engine_options.pop("connect_args", {})}
        engine = create_async_engine(place.url, connect_args=arguments, **engine_options)
        if kind == "sqlite":
            sqlite.prepare(engine)
        try:
            yield engine
        finally:
            await engine.dispose()
