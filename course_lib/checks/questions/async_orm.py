"""The checks of exercise 05: no hidden question, no question twice, no session in two hands.

The answers bring their routes and factories; the house around them, its nights and its guests are ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any  # Any: a declarative base, rows, and what an answer returns

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import ResponseValidationError
from pydantic import ValidationError
from sqlalchemy import select, text
from sqlalchemy.event import listen
from sqlalchemy.exc import IllegalStateChangeError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from course_lib.checks import learner_code, seeded
from course_lib.checks.assertions import AnswerError, ask, at_most, equal, refuse_awaitable, said, show, wrong
from course_lib.checks.question import question
from course_lib.checks.visitor import Visitor, visiting
from course_lib.databases import fresh
from course_lib.expect import first_line
from course_lib.field_guide import explain
from course_lib.observe import gauge, peak, trace

LESSON = "05_async_orm"
DOTS = [3, 5, 8]
AWAITED = {4, 7}  # the lines that ask the database as they should
COLUMNS = ["admitted", "capacity", "id", "name", "starts_at"]  # what EventOut lets out
RELATIONS = {"guests"}
NAMES = ("Ada", "Bo", "Cy")
OPENING = datetime(2027, 1, 1, 22, tzinfo=UTC)
TASKS = 5
LONELY_S = 1.0  # five queries that start together meet in a hundredth of it, also on a busy machine


@asynccontextmanager
async def _house(
    router: Any, base: Any, rows: Iterable[Any] = (), sessions_of: Callable[..., Any] | None = None
) -> AsyncIterator[tuple[Visitor, AsyncEngine]]:
    """Open a house with the answer's routes on a fresh database that has the tables of `base` and `rows`."""
    if not isinstance(router, APIRouter):
        wrong(f"expected an APIRouter, got {show(router)}", section=3)
    async with fresh(pool_size=5) as engine:
        async with engine.begin() as connection:
            await connection.run_sync(base.metadata.create_all)
        ours = async_sessionmaker(engine, expire_on_commit=False)
        async with ours.begin() as session:
            session.add_all(rows)
        house = FastAPI()
        house.state.sessions = ours if sessions_of is None else await ask(sessions_of, engine, section=4)
        house.include_router(router)
        async with visiting(house) as visitor:
            yield visitor, engine


async def _answer(visitor: Visitor, method: str, path: str, status: int, **options: Any) -> Any:
    """Return the body; an error behind a 500 is worth more than the number, so it is the verdict."""
    response = await visitor.ask(method, path, **options)
    if isinstance(visitor.error, ResponseValidationError | ValidationError):
        _refuse_unread(visitor.error)
    if response.status_code == 500 and visitor.error is not None:
        raise AnswerError(str(visitor.error)) from visitor.error
    if response.status_code != status:
        wrong(f"expected status {status}, got {response.status_code}; the answer says {show(response.text)}")
    return response.json()


def _refuse_unread(error: ResponseValidationError | ValidationError) -> None:
    """Say which dots of a schema asked the database; return when nothing of the kind happened."""
    in_response = isinstance(error, ResponseValidationError)
    section, slug = (3, "lazy-in-response") if in_response else (1, "missing-greenlet")
    line = None if in_response else learner_code.of_traceback(error.__traceback__)
    told = ", ".join(filter(None, [f"{type(error).__name__}: {first_line(error).rstrip(':')}", line]))
    unread = [one for one in error.errors() if one["type"] == "get_attribute_error"]
    hidden = {str(one["loc"][-1]) for one in unread if "MissingGreenlet" in one["msg"]}
    if hidden - RELATIONS:
        many = "all five" if hidden >= set(COLUMNS) else f"{len(hidden - RELATIONS)}"
        cause = f"the commit expired {many} columns; validating them asks the database (MissingGreenlet)"
        wrong(f"{told}; {cause}", section=section if in_response else 4, slug=slug)
    if hidden:
        names = ", ".join(sorted(hidden))
        cause = f"no query loaded {names}; the dot asks the database (MissingGreenlet)"
        wrong(f"{told}; {cause}", section=section, slug=slug)
    if in_response:
        first = error.errors()[0]
        cause = str(first["msg"]).partition("\n")[0].partition(" [SQL")[0]  # parameters have other names in every run
        wrong(f"{told}; the first at {show(first['loc'])}: {cause}", section=3, slug=explain(error).slug or "")


@question("spot-the-dot", lesson=LESSON, section=2)
async def check_lines_are_the_three_hidden_questions(dots: Any) -> str:
    """Compare the numbers; their order and the kind of collection are the learner's."""
    if not isinstance(dots, list | tuple | set | frozenset):
        wrong(f"expected a list of line numbers, got {show(dots)}")
    if any(type(number) is not int for number in dots):
        wrong(f"expected line numbers, got {show(dots)}")
    if not dots:
        wrong("expected the numbers of some lines, got none")
    came = sorted(dots)
    if AWAITED & set(came):
        wrong(f"expected {DOTS}, got {came}; an await is allowed to ask", section=1)
    if came == [3, 8]:
        wrong(f"expected {DOTS}, got {came}", section=4, slug="missing-greenlet")
    equal(came, DOTS, section=2)
    return "three dots ask the database, and nobody can await them"


@question("two-statements", lesson=LESSON, section=2)
async def check_statements_do_not_grow_with_the_nights(router: Any, base: Any, event: Any, guest: Any) -> str:
    """Ask for thirty nights and for three; two statements must do, and no guest may be missing."""
    night, *names = seeded.names("Night", *NAMES)
    for nights in (30, 3):
        rows = []
        for n in range(nights):
            guests = [guest(name=f"{name} {n}") for name in names]
            rows.append(event(name=f"{night} {n}", starts_at=OPENING, capacity=40, guests=guests))
        async with _house(router, base, rows) as (visitor, _), trace() as events:
            body = await _answer(visitor, "GET", "/events/", 200)
        _require_guest_lists(body, nights, night, names)
        at_most(len(events.statements()), 2, "statement", section=2, slug="n-plus-one")
    return "30 nights and 3 nights, at most 2 statements each, no guest forgotten"


def _require_guest_lists(body: Any, nights: int, name: str, names: list[str]) -> None:
    """Fail when a night or a guest is missing, or sits in another night's list."""
    if not isinstance(body, list) or not all(isinstance(night, dict) for night in body):
        wrong(f"expected a list of nights, got {show(body)}")
    lists = {night.get("name"): [guest["name"] for guest in night.get("guests") or []] for night in body}
    exactly = nights * len(NAMES)
    came = sum(map(len, lists.values()))
    if came != exactly:
        wrong(f"expected {exactly} guests, got {came}", section=2)
    for n in range(nights):
        wanted = sorted(f"{guest} {n}" for guest in names)
        equal(sorted(lists.get(f"{name} {n}", [])), wanted, what=f"guests of night {n}", section=2)


@question("empty-plate", lesson=LESSON, section=4)
async def check_post_answers_with_the_row(sessions_of: Callable[..., Any], router: Any, base: Any, event: Any) -> str:
    """Two POSTs: 201, every key of the schema, one statement each; and the rows are really there afterwards."""
    nights, before = _two_nights(), seeded.number(0, 1, 900)
    earlier = [event(id=before, name="Earlier", starts_at=OPENING, capacity=1)] if before else []
    async with _house(router, base, earlier, sessions_of) as (visitor, engine):
        for number, night in enumerate(nights, 1):
            async with trace() as events:
                body = await _answer(visitor, "POST", "/events/", 201, json=night)
            _require_plate(body, before + number, night)
            at_most(len(events.statements()), 1, "statement")
            async with engine.connect() as connection:
                rows = await connection.execute(
                    select(event.name, event.capacity).where(event.id > before).order_by(event.id)
                )
                stored = [tuple(row) for row in rows]
            if len(stored) != number:
                noun = "row" if number == 1 else "rows"
                wrong(f"expected {number} {noun} in the table, got {len(stored)}", slug="forgotten-commit")
            equal(stored[-1], (night["name"], night["capacity"]), what="row in the table")
    return "201, five keys, one statement, and the row is in the table"


def _two_nights() -> list[dict[str, Any]]:
    """Return two nights to announce."""
    opens = OPENING + timedelta(minutes=seeded.number(0, 1, 9999))
    drawn = zip(seeded.names("Jazz", "Soul"), seeded.numbers(40, 9, low=1, high=400), strict=True)
    return [{"name": name, "starts_at": opens.isoformat(), "capacity": capacity} for name, capacity in drawn]


def _require_plate(body: Any, number: int, night: dict[str, Any]) -> None:
    """Fail unless the body is the schema's five fields, with the values that came in."""
    if not isinstance(body, dict):
        wrong(f"expected the row as an object, got {show(body)}")
    why = "which of them does EventOut know?" if set(body) > set(COLUMNS) else ""
    equal(sorted(body), COLUMNS, what="keys", why=why)
    came = {name: body[name] for name in ("id", "name", "capacity", "admitted")}
    equal(came, {"id": number, "name": night["name"], "capacity": night["capacity"], "admitted": 0}, what="row")
    try:
        same = datetime.fromisoformat(str(body["starts_at"])) == datetime.fromisoformat(night["starts_at"])
    except (TypeError, ValueError):
        same = False
    if not same:
        wrong(f"expected starts_at {night['starts_at']}, got {show(body['starts_at'])}")


class _Meeting:
    """A query that comes back when five are inside the database at once, or when it is clear that nobody else comes."""

    def __init__(self) -> None:
        self.inside = peak()
        self._barrier = threading.Barrier(TASKS)

    def arrive(self, number: int) -> int:
        """Wait for the others and return `number`; called by SQLite in the connection's own thread."""
        with self.inside.block(), contextlib.suppress(threading.BrokenBarrierError):  # the peak tells it
            self._barrier.wait(LONELY_S)
        return number

    def invite(self, engine: AsyncEngine) -> None:
        """Give every new connection of `engine` the SQL function `meet(number)`."""

        def add(connection: Any, _record: Any) -> None:
            connection.run_async(lambda driver: driver.create_function("meet", 1, self.arrive))

        listen(engine.sync_engine, "connect", add)


@question("five-at-once", lesson=LESSON, section=5)
async def check_five_counts_run_side_by_side(dashboard: Callable[..., Any]) -> str:
    """Five queries that wait for each other; then five of which one fails, and none may be left behind."""
    meeting, kept = _Meeting(), []
    numbers = seeded.numbers(*range(11, 11 + TASKS), low=100, high=999)

    class Session(AsyncSession):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            kept.append(self)  # a forgotten one must not vanish before it is counted

    async with fresh(pool_size=TASKS, max_overflow=0) as engine:
        meeting.invite(engine)
        doorman, sessions = gauge(engine), async_sessionmaker(engine, class_=Session)
        queries = [text(f"SELECT meet({number})") for number in numbers]
        came = await _first_cause(ask(dashboard, sessions, queries))
        for number in came if isinstance(came, list) else []:
            refuse_awaitable(number, section=5)
        if meeting.inside.most == 0:
            wrong(f"expected peak {TASKS}, got 0; no query was sent", section=5)
        if meeting.inside.most != TASKS:
            wrong(f"expected peak {TASKS}, got {meeting.inside.most}", section=5, slug="gather-serial")
        equal(came, numbers, section=5)
        if doorman.inside:
            wrong(f"{doorman.inside} connections still checked out; who closes the sessions?", slug="gc-connection")
        await _require_a_group(dashboard, sessions, _Waiting(engine))
    return f"five numbers, peak {TASKS}; one failed, all stopped"


async def _first_cause(answer: Any) -> Any:
    """Await the answer; of errors that hide another one, name the one that came first."""
    try:
        return await answer
    except AnswerError as raised:
        error = raised.__cause__
        if isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        if isinstance(error, IllegalStateChangeError) and isinstance(error.__context__, InvalidRequestError):
            error = error.__context__  # the block ended while a task still used its session: an effect, not the cause
        if isinstance(error, asyncio.InvalidStateError):
            wrong(f"InvalidStateError: {error} Read results after the block, which waits for them", section=5)
        raise AnswerError("" if error is None else said(error)) from error


class _Waiting:
    """Queries that wait inside the database until their session gives up; `ended` counts those that waited in vain."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.ended: list[threading.Event] = []
        listen(engine.sync_engine, "checkout", self._invite)
        listen(engine.sync_engine, "invalidate", self._release)  # what SQLAlchemy does first when a task is cancelled
        listen(engine.sync_engine, "rollback", self._roll_back)

    def _invite(self, connection: Any, record: Any, _lent: Any) -> None:
        gate = record.info["gate"] = threading.Event()

        def stay() -> None:
            if not gate.wait(LONELY_S):
                self.ended.append(gate)  # four threads may be here at once

        connection.run_async(lambda driver: driver.create_function("stay", 0, stay))

    def _release(self, _connection: Any, record: Any, _error: Any) -> None:
        record.info["gate"].set()

    def _roll_back(self, connection: Any) -> None:
        if not connection.invalidated:
            connection.info["gate"].set()


async def _require_a_group(dashboard: Callable[..., Any], sessions: Any, waiting: _Waiting) -> None:
    """Let the third of five queries fail: that must come out as an `ExceptionGroup`, with the other four cancelled."""
    stay, broken = text("SELECT stay()"), text("SELECT nothing")
    try:
        came = await ask(dashboard, sessions, [stay, stay, broken, stay, stay])
    except AnswerError as raised:
        if not isinstance(raised.__cause__, ExceptionGroup):
            name = type(raised.__cause__).__name__
            wrong(f"expected an ExceptionGroup, got {name}; what stops the others?", section=5)
        if waiting.ended:
            wrong(
                f"expected 4 queries cancelled, {len(waiting.ended)} ran to their end; what stops the others?",
                section=5,
            )
        return
    wrong(f"expected an ExceptionGroup, got a {type(came).__name__}", section=5)
