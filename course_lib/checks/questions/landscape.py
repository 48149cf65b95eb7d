"""The checks of exercise 02: marks, long lists, one connection for each task, and a database that two can see.

Everything runs on SQLite, so a verdict is the same on a machine with servers and on one without.
"""

from __future__ import annotations

import asyncio
import inspect
import re
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any  # Any: what an answer returns, and a driver's connection

from sqlalchemy import Row, event, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from course_lib.checks import menu, seeded
from course_lib.checks.assertions import AnswerError, Wrong, ask, at_most, equal, said, show, wrong
from course_lib.checks.question import question
from course_lib.databases import fresh
from course_lib.databases.sqlite import database_file
from course_lib.expect import first_line
from course_lib.observe import gauge, peak, trace
from course_lib.observe.peak import Peak

LESSON = "02_landscape"
PRICES = {"Rum": 800, "Gin": 900, "Soda": 300}
WANTED = {"sqlite3": "?", "asyncpg": "$1", "text": ":name"}
# a mark inside quotes is a text, and `::int` is a cast: both are passed over
_MARK = re.compile(r"'[^']*'|::\w+|(\?|%s|%\(\w+\)s|\$\w+|:\w+)")
_CAST = re.compile(r"::\w+(\[\])?")
_LITERAL = re.compile(r"'([^']*)'")
_VALUES = re.compile(r"\bid\s*(?:IN\s*\(|=)\s*'?\d", re.IGNORECASE)
MOST_VALUES = 5000  # in one statement; asyncpg stops at 32767, some builds of SQLite earlier
SHELF = ((2, "Rum"), (1, "Gin"), (3, "Soda"), (39_999, "Tonic"))  # no key, so a scan gives them in this order
UNORDERED = "rows come in no promised order: order_by(items.c.id)"
AS_GIVEN = "sorted by id, smallest first, however the list is ordered"
NO_FILE = {
    "no such table": "each connection now has a memory database of its own; two sessions need a file",
    "unable to open database file": "three slashes, then the path of a file inside folder",
}
RENAME = text("UPDATE items SET name = :name WHERE id = :id")
MEETING_S = 0.5  # how long one task waits for the other inside the database; right answers meet at once


@question("translate", lesson=LESSON, section=4)
async def check_three_dialects(queries: Mapping[str, str]) -> str:
    """Each text has its driver's mark outside quotes, no value inside, and finds the one price it is asked for."""
    if not isinstance(queries, Mapping) or list(queries) != list(WANTED):
        wrong(f"expected the keys {list(WANTED)}, got {show(queries)}")
    for driver, sql in queries.items():
        _require_mark(driver, sql)
    added = list(zip(seeded.names("Tonic"), seeded.numbers(250, low=100, high=3000), strict=True))
    asked = [("Rum", PRICES["Rum"]), *added]
    with database_file() as path, closing(sqlite3.connect(path)) as connection:
        menu.serve(str(path), added)
        for name, price in asked:
            _require_price("sqlite3", _fetch(connection, queries["sqlite3"], (name,)), price)
            # SQLite reads `$1` as well, by name; a cast is PostgreSQL's own and says nothing about the rows
            _require_price("asyncpg", _fetch(connection, _CAST.sub("", queries["asyncpg"]), {"1": name}), price)
    async with fresh() as engine, engine.connect() as lent:
        menu.serve(engine.url.database, added)
        for name, price in asked:
            _require_price("text", await _fetch_text(lent, queries["text"], {"name": name}), price)
    return "three dialects, one mark each, and the right price every time"


def _marks(sql: str) -> list[str]:
    return [found[1] for found in _MARK.finditer(sql) if found[1]]


def _require_mark(driver: str, sql: Any) -> None:
    """Fail for a mark of another driver, and for a value written into the text."""
    if not isinstance(sql, str):
        wrong(f"expected the SQL for {driver} as a string, got {show(sql)}")
    foreign = [mark for mark in _marks(sql) if mark != WANTED[driver]]
    if foreign:
        came = f"expected {WANTED[driver]} for {driver}, got {foreign[0]}"
        wrong(came, section=4, slug="driver-dialect-syntax")
    if any(literal in PRICES for literal in _LITERAL.findall(sql)):
        wrong(f"the value is inside the SQL for {driver}; write {WANTED[driver]} in its place", slug="sql-injection")


def _fetch(connection: sqlite3.Connection, sql: str, values: Any) -> list[Any]:
    try:
        return connection.execute(sql, values if _marks(sql) else ()).fetchall()
    except sqlite3.Error as error:
        _refuse_unknown_names(error)
        raise AnswerError(said(error)) from error


async def _fetch_text(connection: AsyncConnection, sql: str, values: dict[str, str]) -> list[Any]:
    try:
        return list((await connection.execute(text(sql), values if _marks(sql) else {})).all())
    except SQLAlchemyError as error:
        _refuse_unknown_names(getattr(error, "orig", None) or error)
        raise AnswerError(said(error)) from error


def _refuse_unknown_names(error: BaseException) -> None:
    """Say what the table holds; the guide's `no-such-table` is about a table that nobody created."""
    if "no such" in str(error):
        wrong(f"{error}; the table is items, with id, name and price_cents")


def _require_price(driver: str, rows: list[Any], price: int) -> None:
    if len(rows) != 1:
        wrong(f"expected 1 row, got {len(rows)} for {driver}; a mark inside quotes is a text")
    why = "select only price_cents" if len(rows[0]) > 1 else ""
    equal([tuple(row) for row in rows], [(price,)], what="rows", why=why)


@question(
    "many-ids",
    lesson=LESSON,
    section=4,
    except_probes={"loop": "writing thousands of marks is work, and SQLAlchemy does it in the loop"},
)
async def check_names_of_any_number_of_ids(names: Callable[..., Any]) -> str:
    """Two ids, none, and 40000 in falling order, then two of which one is new; statements and values are counted."""
    [new], [new_name] = seeded.numbers(50_000, low=40_001, high=90_000), seeded.names("Vermouth")
    async with fresh() as engine:
        async with engine.begin() as connection:
            await connection.execute(text("DROP TABLE items"))
            await connection.execute(text("CREATE TABLE items (id INTEGER, name VARCHAR(40))"))
            for item_id, name in (*SHELF, (new, new_name)):
                await connection.execute(text("INSERT INTO items VALUES (:id, :name)"), {"id": item_id, "name": name})
        async with engine.connect() as connection:
            _require_names(await _names(names, connection, [1, 2], statements=1), ["Gin", "Rum"], UNORDERED)
            _require_names(await _names(names, connection, [3, 1], statements=1), ["Gin", "Soda"], AS_GIVEN)
            _require_names(await _names(names, connection, [], statements=1), [])
            falling = range(40_000, 0, -1)
            came = await _names(names, connection, list(falling), statements=len(falling) // 100)
            _require_names(came, ["Gin", "Rum", "Soda", "Tonic"], "each slice is in order; are the slices?")
            _require_names(await _names(names, connection, [new, 2], statements=1), ["Rum", new_name], AS_GIVEN)
    return "no id, two ids and 40000, in order, with at most 5000 values in a statement"


def _require_names(came: Any, wanted: list[str], of_order: str = "") -> None:
    """Fail unless the names are the wanted ones; say what to take when only their form or their order is another."""
    why = ""
    if hasattr(came, "scalars") or hasattr(came, "all"):
        why = "this is a result that nobody has read: list(...)"
    elif isinstance(came, list) and any(isinstance(part, tuple | Row) for part in came):
        why = "these are rows, and names are asked: take .scalars()"
    elif isinstance(came, list) and came != wanted and sorted(map(str, came)) == sorted(wanted):
        why = of_order
    equal(came, wanted, why=why, section=4)


async def _names(answer: Callable[..., Any], connection: AsyncConnection, ids: list[int], *, statements: int) -> Any:
    """Return what the answer returns; its statements are judged even when the database refused one."""
    async with trace() as events:
        try:
            came = await ask(answer, connection, ids)
        except AnswerError:
            _require_values_apart(events.statements(), statements)
            raise
    _require_values_apart(events.statements(), statements)
    return came


def _require_values_apart(sent: Sequence[str], most: int) -> None:
    """Fail for a value in the text, a statement without a condition, too many values, or too many statements."""
    for sql in sent:
        if _VALUES.search(sql):
            wrong("the value is inside the SQL; give the list to .in_()", section=4, slug="sql-injection")
        if " WHERE " not in f" {' '.join(sql.upper().split())} ":
            wrong("expected the database to choose, got every row of the table", section=4)
        at_most(sql.count("?"), MOST_VALUES, "parameter", section=4, slug="too-many-arguments")
    at_most(len(sent), most, "statement", section=4)


@question("one-each", lesson=LESSON, section=3)
async def check_each_task_has_its_connection(both: Callable[..., Any]) -> str:
    """Two names, two connections lent at once, and both questions inside the database together."""
    gin, soda = seeded.names("Gin", "Soda")
    async with fresh() as engine:
        inside = _meeting(engine)
        async with engine.begin() as connection:
            for item_id, name in ((1, gin), (3, soda)):
                await connection.execute(RENAME, {"id": item_id, "name": name})
        doorman = gauge(engine)
        came = await _both(both, engine)
        for part in came if isinstance(came, list) else [came]:
            if inspect.isawaitable(part):
                await asyncio.gather(part, return_exceptions=True)  # it ends here, and the message is about its await
                wrong("a coroutine was never awaited", section=3, slug="never-awaited")
        equal(came, [gin, soda], section=3)
        if doorman.peak != 2:
            wrong(f"expected peak 2, got {doorman.peak}; two tasks need two connections at once", section=3)
        if inside.most != 2:
            wrong(f"expected 2 inside the database at once, got {inside.most}", section=3)
    return "two tasks, two connections, side by side"


async def _both(answer: Callable[..., Any], engine: AsyncEngine) -> Any:
    """Return what the answer returns, a tuple as a list; an engine that was asked to execute gets its own sentence."""
    try:
        came = await ask(answer, engine)
    except AnswerError as error:
        said = f"{type(error.__cause__).__name__}: {error}"
        if "'AsyncEngine' object has no attribute 'execute'" in said:
            raise Wrong(f"{said}; an engine lends connections, and only they execute", outcome="error") from error
        raise
    return list(came) if isinstance(came, tuple) else came


def _meeting(engine: AsyncEngine) -> Peak:
    """Let `db_sleep` wait for a second caller instead of sleeping, and return who was inside together."""
    inside, barrier = peak(), threading.Barrier(2, timeout=MEETING_S)

    def db_sleep(seconds: float) -> float:
        with inside.block(), suppress(threading.BrokenBarrierError):  # broken: nobody came, the callers queue
            barrier.wait()
        return seconds

    def add(connection: Any, _record: Any) -> None:
        connection.run_async(lambda driver: driver.create_function("db_sleep", 1, db_sleep))

    event.listen(engine.sync_engine, "connect", add)
    return inside


@question("no-memory", lesson=LESSON, section=5)
async def check_two_sessions_are_apart(make_engine: Callable[[Path], Any]) -> str:
    """One inserts, the other looks and rolls back, the first commits: the row stays, on two connections."""
    with tempfile.TemporaryDirectory(prefix="velvet-rope-") as name:
        folder = Path(name)
        engine = await ask(make_engine, folder)
        if not isinstance(engine, AsyncEngine):
            wrong(f"expected an AsyncEngine from make_engine(folder), got {show(engine)}")
        doorman = gauge(engine)
        try:
            seen, rows = await _interleaved(engine)
        except SQLAlchemyError as error:
            _refuse_no_file(error)
            raise AnswerError(said(error)) from error
        finally:
            await engine.dispose()
        if rows != 1:
            wrong(f"expected 1 row, got {rows}; Bo's rollback was also Ada's", slug="memory-one-connection")
        if doorman.opened < 2:
            wrong(f"expected 2 connections opened, counted {doorman.opened}", slug="memory-one-connection")
        if seen:
            wrong(f"expected Bo to see 0 rows before the commit, got {seen}")
        if not _has_files(folder):
            wrong("expected a database file in the folder, found none; put its path behind three slashes")
    return "two sessions, two connections, and the committed row is there"


def _refuse_no_file(error: SQLAlchemyError) -> None:
    """Name the next step where the guide would lead elsewhere: its `no-such-table` is about a missing create_all."""
    said = f"{type(error).__name__}: {first_line(error)}"
    for cause, step in NO_FILE.items():
        if cause in said:
            raise Wrong(f"{said}; {step}", outcome="error") from error


def _has_files(folder: Path) -> bool:
    return any(folder.iterdir())


async def _interleaved(engine: AsyncEngine) -> tuple[int, int]:
    """Return how many rows Bo saw before Ada's commit, and how many there are after it."""
    count = text("SELECT count(*) FROM guests")
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE guests (name VARCHAR(40))"))
    async with AsyncSession(engine) as ada, AsyncSession(engine) as bo:
        await ada.execute(text("INSERT INTO guests VALUES ('Ada')"))
        seen = await bo.scalar(count)
        await bo.rollback()
        await ada.commit()
        rows = await bo.scalar(count)
    return seen or 0, rows or 0
