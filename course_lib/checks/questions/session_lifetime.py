"""The checks of exercise 04: what is true when the answer leaves, and what is still held then.

Orders come from a live trace, never from a list of ours: they are FastAPI's, and have changed before.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any  # Any: a declarative base, ASGI messages, and what an answer holds

from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI
from sqlalchemy import table
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql import func, select

from course_lib.checks import menu, seeded
from course_lib.checks.assertions import AnswerError, equal, exactly, show, wrong
from course_lib.checks.pauses import held_in_pauses
from course_lib.checks.question import question
from course_lib.checks.strict_session import strict_sessions
from course_lib.checks.thrown_away import thrown_away
from course_lib.checks.visitor import Visitor, visiting
from course_lib.databases import fresh
from course_lib.observe import gauge, trace
from course_lib.observe.events import Raw, listen, unlisten
from course_lib.observe.trace import Trace

LESSON = "04_session_lifetime"
SCOPES = ("request", "function")
EVENTS = ("endpoint", "send-start", "send-body", "background", "exit")
GUESTS, SEATS, LOOKS = 20, 2, 3
STILL = 40  # turns of 10 ms in which nothing moves: whoever holds a connection then, holds it while it waits


@asynccontextmanager
async def _house(
    router: Any, engine: AsyncEngine, base: Any = None, rows: Sequence[Any] = ()
) -> AsyncIterator[FastAPI]:
    """Build a house with the answer's routes on `engine`; its sessions are strict about what leaves them."""
    if not isinstance(router, APIRouter):
        wrong(f"expected an APIRouter, got {show(router)}")
    house = FastAPI()
    strict = strict_sessions(engine)
    house.state.sessions, house.state.reopened = strict.factory, strict.reopened
    if base is not None:
        async with engine.begin() as connection:
            await connection.run_sync(base.metadata.create_all)
        async with house.state.sessions.begin() as session:
            session.add_all(rows)
    house.include_router(router)
    yield house


def _no_connection_left(house: FastAPI, pool: Any) -> bool:
    """Fail when a closed session took the connection that is out; any other loan is left to a probe, which names it."""
    if pool.inside and house.state.reopened:
        place = house.state.reopened[0]
        where = f", taken at {place}" if place else ""
        said = f"1 connection still checked out{where}; the closed session was used, and opened again"
        wrong(said, section=4, slug="reopened-after-close")
    return not pool.inside


@question("order-please", lesson=LESSON, section=1)
async def check_the_order_of_five_events(order: Any) -> str:
    """Compare both lists with a trace that is made now."""
    if not isinstance(order, dict) or sorted(map(str, order)) != sorted(SCOPES):
        wrong(f"expected a dict with the keys 'request' and 'function', got {show(order)}")
    came = {scope: list(order[scope]) if isinstance(order[scope], (list, tuple)) else [] for scope in SCOPES}
    for scope in SCOPES:
        if sorted(map(str, came[scope])) != sorted(EVENTS):
            wrong(f"expected each of the five events once under {scope!r}, got {_told(came[scope])}")
    equal(came["request"], await _live("request"), why="so says a trace of the default scope")
    if came["function"] == came["request"]:
        wrong("expected exit second under function scope, got the same list twice")
    equal(came["function"], await _live("function"), why="so says a trace of function scope")
    return "both orders are those of a live trace"


def _told(events: list[Any]) -> str:
    """Return what was written, without the dots of the starter."""
    written = [event for event in events if event is not Ellipsis]
    return show(written) if written else "none yet"


async def _live(scope: Any) -> list[str]:
    """Return the five events of one request whose dependency has `scope`."""
    lab = FastAPI()

    async def opened() -> AsyncIterator[None]:
        yield

    async def serve(tasks: BackgroundTasks) -> str:
        tasks.add_task(asyncio.sleep, 0)
        return "sushi"

    lab.add_api_route("/", serve, dependencies=[Depends(opened, scope=scope)])
    async with visiting(lab) as visitor, trace(app=lab) as events:
        await visitor.ask("GET", "/", status=200)
    return events.without("enter")


@question("honest-receipt", lesson=LESSON, section=2)
async def check_the_status_tells_the_truth(by_endpoint: Any, by_scope: Any, base: Any, tab: Any, payment: Any) -> str:
    """A payment on a tab that is not there, then one on a tab that is: once for each cure."""
    known, unknown = seeded.number(1, 2, 98), seeded.number(99, 100, 999)
    for router, refusal in ((by_endpoint, 409), (by_scope, 500)):
        rows = [tab(id=known)]
        async with fresh() as engine, _house(router, engine, base, rows) as house, visiting(house) as visitor:
            with thrown_away() as forgotten:
                events, status = await _pay(visitor, house, unknown)
            if forgotten:  # a probe names the call and its line
                return "a coroutine was thrown away"
            _require_status(events, status, unknown, refusal, visitor)
            equal(await _count(engine, payment.__tablename__), 0, what="rows")
            _require_the_cure(events, refusal)
            if refusal == 409 and visitor.error is not None:
                wrong(f"expected no error behind the 409, got {type(visitor.error).__name__}; raise the HTTPException")
            events, status = await _pay(visitor, house, known)
            _require_status(events, status, known, 200, visitor)
            equal(await _count(engine, payment.__tablename__), 1, what="rows")
    return "refused: 409 rows 0 and 500 rows 0; paid: 200 rows 1, both"


async def _pay(visitor: Visitor, house: FastAPI, tab: int) -> tuple[Trace, int]:
    """Pay on `tab` and return what happened, and the status."""
    async with trace(app=house) as events:
        response = await visitor.ask("POST", "/pay", params={"tab": tab})
    return events, response.status_code


def _require_status(events: Trace, came: int, tab: int, status: int, visitor: Visitor) -> None:
    """Fail when the answer has another status, and say what was known when it left."""
    if came == status:
        return
    said = f"expected status {status}, got {came}"
    if came == 200:
        said = f"{said} for a tab that is not there"
        if events.only("background", "INSERT")[:1] == ["background"]:
            wrong(f"{said}; the payment is written when the guest has left", section=1)
        if events.only("COMMIT", "send-start")[:1] == ["COMMIT"]:
            wrong(f"{said}; COMMIT was refused before: was the {status} returned instead of raised, or swallowed?")
        wrong(f"{said}; the answer left before COMMIT was refused", slug="phantom-200")
    behind = f"; behind it: {type(visitor.error).__name__}" if visitor.error else ""
    wrong(f"{said} for POST /pay with tab {tab}{behind}")


def _require_the_cure(events: Trace, refusal: int) -> None:
    """Fail when a version got its status by the other version's cure, or without asking the database."""
    kinds = events.only("COMMIT", "exit", "send-start")
    asked = "COMMIT" in kinds
    never = "the tab that is not there never reached a COMMIT: let the database decide"
    if refusal == 409 and kinds[:1] != ["COMMIT"]:
        cure = "the endpoint itself commits there" if asked else never
        wrong(f"expected COMMIT before exit in by_endpoint, got {' '.join(kinds)}; {cure}")
    if refusal == 500 and kinds[:2] != ["exit", "COMMIT"]:
        cure = "only the scope changes there" if asked else never
        wrong(f"expected exit before COMMIT in by_scope, got {' '.join(kinds)}; {cure}")


async def _count(engine: AsyncEngine, name: str) -> int:
    async with engine.connect() as connection:
        return await connection.scalar(select(func.count()).select_from(table(name))) or 0


class _SlowGuests:
    """The app, seen by guests who read the first piece of their answer and then take their time."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self.reading = 0
        self.done = asyncio.Event()
        self.done.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one guest."""
        read = False

        async def slowly(message: Any) -> None:
            nonlocal read
            await send(message)
            if message.get("body") and not read:
                read = True
                self.reading += 1
                await self.done.wait()

        await self._app(scope, receive, slowly)


@question("hungry-stream", lesson=LESSON, section=4, seconds=10)
async def check_twenty_guests_watch(router: Any, seats: Any) -> str:
    """One guest watches to the end; then twenty, and while they read we count who holds a connection."""
    if type(seats) is not int or seats < 1:
        wrong(f"expected SEATS to be a number of connections, got {show(seats)}", section=3)
    added = seeded.drinks(9)
    async with fresh(pool_size=seats, max_overflow=0, pool_timeout=3) as engine, _house(router, engine) as house:
        drinks, _ = menu.serve(engine.url.database, added)
        slow, pool = _SlowGuests(house), gauge(engine)
        async with visiting(slow) as visitor:
            async with trace(engine) as events:
                with held_in_pauses(pool) as pauses:
                    response = await visitor.ask("GET", "/scores", status=200)
            if not _no_connection_left(house, pool):
                return "a connection was left out"
            equal(response.text, f"data: {drinks}\n\n" * LOOKS, what="stream")
            exactly(len(events.statements()), LOOKS, "statements, one per look", section=4)
            slow.reading = 0
            slow.done.clear()
            watching = [asyncio.create_task(visitor.http.get("/scores")) for _ in range(GUESTS)]
            held = await _settled(slow, pool)
            slow.done.set()
            statuses = [answer.status_code for answer in await asyncio.gather(*watching)]
    if pool.peak > SEATS:
        wrong(f"expected peak at most {SEATS}, got {pool.peak}; more seats for guests who only sit", section=3)
    if held:
        said = f"expected held 0, got {held}; {GUESTS} guests are reading and nobody asks the database"
        wrong(said, section=4, slug="connection-held-to-the-end")
    if any(pauses):
        said = f"expected held 0, got {max(pauses)}; the stream pauses between two looks with a connection in its hand"
        wrong(said, section=4, slug="connection-held-to-the-end")
    exactly(statuses.count(200), GUESTS, "answers 200")
    return f"{GUESTS} guests on {SEATS} connections: {GUESTS} x 200, held while they read 0, while they wait 0"


async def _settled(slow: _SlowGuests, pool: Any) -> int:
    """Wait until every guest reads, or until nobody moves any more; return how many connections are out then."""
    still, last = 0, (0, 0)
    while slow.reading < GUESTS and still < STILL:
        await asyncio.sleep(0.01)
        now = (slow.reading, pool.inside)
        still, last = (still + 1, last) if now == last else (0, now)
    inside: int = pool.inside
    return inside


class _Post:
    """Notes what is in the letter box when an answer leaves, and what is held when a task begins."""

    def __init__(self, box: list[Any], pool: Any) -> None:
        self._box, self._pool = box, pool
        self.letters_before_the_answer = 0
        self.held: list[int] = []

    def take(self, raw: Raw) -> None:
        """Look at one event of a request."""
        if raw.kind == "send-start":
            self.letters_before_the_answer += len(self._box)
        elif raw.kind == "background":
            self.held.append(self._pool.inside)


@question("letter-by-id", lesson=LESSON, section=4)
async def check_the_letter_reads_for_itself(router: Any, base: Any, box: Any) -> str:
    """Two guests are invited; their letters are written after the answer, and nothing is held until then."""
    if not isinstance(box, list):
        wrong(f"expected BOX to be the list of this sheet, got {show(box)}")
    box.clear()
    invited = seeded.names("Ada", "Bo")
    async with fresh() as engine, _house(router, engine, base) as house, visiting(house) as visitor:
        pool = gauge(engine)
        post = _Post(box, pool)
        for number, name in enumerate(invited, 1):
            listen(post)
            try:
                await visitor.ask("POST", "/guests", params={"name": name}, status=202)
            finally:
                unlisten(post)
            _judge_one(post, visitor)
            equal(list(box), [f"Dear {name}"], what="letters")
            if not _no_connection_left(house, pool):
                return "a connection was left out"
            box.clear()
            equal(
                await _names(engine, base), invited[:number], what="guests in the table", why="who is invited is kept"
            )
    return "two letters after two answers, held 0 when a task begins"


async def _names(engine: AsyncEngine, base: Any) -> list[str]:
    guests = base.metadata.tables["guests"]
    async with engine.connect() as connection:
        return list(await connection.scalars(select(guests.c.name).order_by(guests.c.id)))


def _judge_one(post: _Post, visitor: Visitor) -> None:
    if visitor.error is not None:
        raise AnswerError(str(visitor.error)) from visitor.error
    if post.letters_before_the_answer:
        wrong("expected send-body before background, got the letter before the answer: the guest waits", section=3)
    if not post.held:
        wrong("expected 1 background task, counted 0; nobody else waits for the letter", section=3)
    if post.held[-1]:
        said = f"expected held 0, got {post.held[-1]} when the task begins; the request's session is open"
        wrong(said, section=3, slug="connection-held-to-the-end")
