"""The checks of exercise 09: limits in order, connections at home, a probe that asks nobody, nothing left behind.

Cancellation comes when the answer has begun its work, never after a while; what is left is asked of the pool and of the
server.
"""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any  # Any: answers, and what an answer returns

from fastapi import FastAPI, Request
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from course_lib.checks.assertions import AnswerError, ask, equal, show, wrong
from course_lib.checks.cancelling import HOME_S, WAYS, Service
from course_lib.checks.question import question
from course_lib.checks.visitor import visiting
from course_lib.databases import fresh, needs
from course_lib.databases.clocks import clocks
from course_lib.observe import gauge

LESSON = "09_cancellation"
TIERS = ("pool", "statement", "request", "client")
LONGEST_POOL = 5
LATE_S = 3.0  # a probe has a budget of one second; two more are for a busy machine
ENDED_S = 2.0  # after a give-up the server needs milliseconds to stop
PATIENCE_S, LONGEST_MS = 6.0, 2000  # of a give-up, and of a limit that ends a statement before


@question("tiers", lesson=LESSON, section=6)
async def check_the_inner_wait_ends_first(tiers: Any) -> str:
    """Four numbers that rise, and a pool that does not let anybody wait for half a minute."""
    if not isinstance(tiers, dict) or sorted(map(str, tiers)) != sorted(TIERS):
        wrong(f"expected the keys {', '.join(TIERS)}, got {show(tiers)}")
    for name in TIERS:
        value = tiers[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            wrong(f"expected {name} to be a number of seconds, got {show(value)}")
    if tiers["pool"] > LONGEST_POOL:
        wrong(f"expected pool_timeout at most {LONGEST_POOL}, got {tiers['pool']:g}; who waits longer has left")
    names = ("pool_timeout", "statement_timeout", "request timeout", "client timeout")
    for number in range(3):
        if tiers[TIERS[number]] >= tiers[TIERS[number + 1]]:
            came = f"got {tiers[TIERS[number]]:g} and {tiers[TIERS[number + 1]]:g}"
            wrong(f"expected {names[number]} below {names[number + 1]}, {came}; the inner wait ends first")
    return "four limits, each inside the next"


@question(
    "always-home",
    lesson=LESSON,
    section=5,
    seconds=15,
    except_probes={"tasks": "aiosqlite's own closing task waits for ever when a connection was thrown away"},
)
async def check_a_cancelled_audit_gives_its_connection_back(audit: Callable[..., Any]) -> str:
    """Once to its end; then cancelled in three ways, in the middle of its work."""
    async with fresh(pool_size=2) as engine:
        service, room = Service(), gauge(engine)
        equal(await ask(audit, engine, service), 3, what="drinks", why="as the bar has them", section=5)
        await _home(room)
        _require_home(room.inside, "when it has ended")
        for name, way in WAYS.items():
            with warnings.catch_warnings(record=True) as heard:
                warnings.simplefilter("always")
                cancelled = await way(service, lambda: audit(engine, service))
                await _home(room)
                inside = room.inside
                gc.collect()
            _require_home(inside, f"when cancelled by {name}")
            if any("garbage collector" in str(one.message) for one in heard):
                wrong(f"the garbage collector had to close a connection, cancelled by {name}", slug="gc-connection")
            if not cancelled:
                wrong(f"the cancellation was swallowed: {name} got an answer from a cancelled audit")
    return "home after its end, and after each of three ways to cancel it"


async def _home(room: Any) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(0.5):
            while room.inside:  # noqa: ASYNC110 - a pool has no event for a loop
                await asyncio.sleep(0.01)


def _require_home(inside: int, when: str) -> None:
    if inside:
        plural = "connection" if inside == 1 else "connections"
        wrong(f"{inside} {plural} still checked out {when}; what reaches the last line?", slug="gc-connection")


@question("who-cancelled", lesson=LESSON, section=1, seconds=20)
async def check_the_experiment_was_made(rows_left: Callable[..., Any]) -> str:
    """The answer experiments with an app of ours, whose kitchen opens when the guest has given up."""
    async with fresh(pool_size=5) as engine:
        app = _order_app(engine)
        try:
            came = await ask(rows_left, app, section=1)
        finally:
            await _idle(app)
    if not isinstance(came, dict) or sorted(map(str, came)) != ["cancel", "disconnect", "timeout"]:
        wrong(f"expected the keys disconnect, cancel and timeout, got {show(came)}", section=1)
    if came["disconnect"] != 1:
        early, hidden = "was the order over when you counted?", "in process a disconnect cannot be seen: wire=True"
        why = early if app.state.on_the_wire else hidden
        wrong(f"expected disconnect 1, got {show(came['disconnect'])}; {why}", slug="disconnect-does-not-cancel")
    for way in ("cancel", "timeout"):
        equal(came[way], 0, what=way, why="who cancels the endpoint rolls it back", section=1)
    if not app.state.on_the_wire:
        wrong("expected 1 order over the wire, counted 0; measure it, do not assume it", section=1)
    if not app.state.hung_up:
        wrong("expected a guest who has hung up, got one who waited for the answer; let the client give up first")
    if app.state.orders < 3:
        wrong(f"expected 3 orders, counted {app.state.orders}; one experiment for each", section=1)
    return "disconnect 1, cancel 0, timeout 0, seen over the wire and in process"


def _order_app(engine: AsyncEngine) -> FastAPI:
    """Return an app whose orders wait for the kitchen between INSERT and COMMIT."""
    app = FastAPI()
    app.state.at_work, app.state.kitchen, app.state.idle = asyncio.Event(), asyncio.Event(), asyncio.Event()
    app.state.orders = app.state.inside = 0
    app.state.on_the_wire = app.state.hung_up = False
    sessions = async_sessionmaker(engine)

    @app.post("/order")
    async def order(name: str, request: Request) -> None:
        app.state.on_the_wire |= request.scope["server"][0] == "127.0.0.1"
        app.state.orders += 1
        app.state.inside += 1
        app.state.idle.clear()
        try:
            async with sessions() as session:
                await session.execute(text("INSERT INTO items (name, price_cents) VALUES (:name, 1)"), {"name": name})
                app.state.at_work.set()
                await app.state.kitchen.wait()
                app.state.hung_up |= await request.is_disconnected()
                await session.commit()
        finally:
            app.state.inside -= 1
            if not app.state.inside:
                app.state.idle.set()

    async def count(name: str) -> int:
        async with sessions() as session:
            return await session.scalar(text("SELECT count(*) FROM items WHERE name = :name"), {"name": name}) or 0

    app.state.count = count
    return app


async def _idle(app: FastAPI) -> None:
    app.state.kitchen.set()
    with suppress(TimeoutError):
        async with asyncio.timeout(HOME_S):
            while app.state.inside:  # noqa: ASYNC110 - the answer may have replaced our event
                await asyncio.sleep(0.01)


@question("ready-or-alive", lesson=LESSON, section=6, seconds=20)
async def check_the_two_probes(live: Callable[..., Any], ready: Callable[..., Any]) -> str:
    """A free house, then a full one: twenty ask whether it is ready, and one whether it lives."""
    async with fresh(pool_size=1, max_overflow=0, pool_timeout=30) as engine:
        house = FastAPI()
        house.state.sessions = async_sessionmaker(engine)
        house.get("/live")(live)
        house.get("/ready")(ready)
        room = gauge(engine)
        async with visiting(house) as visitor:
            for path in ("/live", "/ready"):
                await visitor.ask("GET", path, status=200, section=6)
            async with AsyncSession(engine) as session:
                await session.connection()
                await _judge_full(visitor, room)
            await visitor.ask("GET", "/ready", status=200, section=6)
    return "free 200 200; full 200 503, and nobody waited longer than the limit"


async def _judge_full(visitor: Any, room: Any) -> None:
    alive = await _in_time(visitor, "/live")
    if alive != 200:
        wrong(f"expected status 200, got {alive} for GET /live in a full house; it lives, and asks nobody", section=6)
    answers = await asyncio.gather(*(_answer(visitor, "/ready") for _ in range(20)))
    if None in answers:
        wrong(f"timeout: /ready still waits for a seat after {LATE_S:g} s; give it a limit of one second", section=6)
    for response in answers:
        equal(response.status_code, 503, what="status", why="a full house is not ready", section=6)
        equal(response.headers.get("Retry-After"), "1", what="Retry-After", section=6)
    await _home_but_one(room)
    if room.inside > 1:
        wrong(f"expected 1 inside, got {room.inside}; who gave up must give back", section=6)


async def _home_but_one(room: Any) -> None:
    for _ in range(50):
        if room.inside <= 1:
            return
        await asyncio.sleep(0.01)


async def _in_time(visitor: Any, path: str) -> Any:
    response = await _answer(visitor, path)
    return "no answer" if response is None else response.status_code


async def _answer(visitor: Any, path: str) -> Any:
    with suppress(TimeoutError):
        async with asyncio.timeout(LATE_S):
            return await visitor.http.get(path)
    return None


@question("no-zombies", lesson=LESSON, section=3, seconds=30, servers=("postgres",))
async def check_nothing_runs_on(connect_arguments: Callable[..., Any], give_up: Callable[..., Any]) -> str:
    """Three statements are given up; afterwards the server runs none. Without a server the arguments are judged."""
    said = await ask(connect_arguments, section=3)
    if not isinstance(said, dict):
        wrong(f"expected connect_arguments to return a dict, got {show(said)}", section=3)
    limit = _require_text(said)
    if needs.absent(("postgres",)):
        _judge_limit(limit)
    else:
        await _on_the_server(said, give_up)
    return "three given up, none left on the server"


async def _on_the_server(arguments: dict[str, Any], give_up: Callable[..., Any]) -> None:
    problem, sent = None, 0

    def note(*seen: Any) -> None:
        nonlocal sent
        sent += "pg_sleep" in seen[2]

    async with fresh("postgres", pool_size=1, max_overflow=0, connect_args=arguments) as engine:
        event.listen(engine.sync_engine, "before_cursor_execute", note)
        both = clocks(engine, "pg_sleep")
        for _ in range(3):
            try:
                await asyncio.wait_for(give_up(engine), PATIENCE_S)
            except DBAPIError:  # the server's limit is a give-up as well
                continue
            except Exception as error:
                problem = error
        left = await both.left(ENDED_S)
        if left:
            await _stop(engine)
    if sent < 3:
        if problem is not None:
            raise AnswerError(str(problem)) from problem
        wrong(f"expected 3 statements, counted {sent}; give_up has to ask for pg_sleep", section=3)
    if left:
        plural = "statement still runs" if left == 1 else "statements still run"
        wrong(f"{left} {plural} on the server; nobody awaits them, and the pool says 0", section=3, slug="zombie-query")


async def _stop(engine: AsyncEngine) -> None:
    zombies = "FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()"
    async with engine.begin() as connection:
        await connection.execute(text(f"SELECT pg_terminate_backend(pid) {zombies}"))


def _require_text(arguments: dict[str, Any]) -> Any:
    """Return the statement limit that was set, None when there is none; it must be milliseconds as text."""
    settings = arguments.get("server_settings")
    limit = settings.get("statement_timeout") if isinstance(settings, dict) else None
    if limit is not None and not (isinstance(limit, str) and limit.isdigit()):
        wrong(f"expected statement_timeout as a text of milliseconds, got {show(limit)}", section=3)
    return limit


def _judge_limit(limit: Any) -> None:
    if limit is None or not 0 < int(limit) <= LONGEST_MS:
        said = "no limit of its own was set" if limit is None else f"its limit of {limit} ms is too long"
        wrong(f"3 statements still run on the server; {said}", section=3, slug="zombie-query")
