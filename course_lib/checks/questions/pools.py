"""The checks of exercise 07: how many seats, a full house that says so, and nobody who holds one and waits.

Who holds a connection, and when, is decided by gates of our own; a pool's patience is the only time that passes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any  # Any: answers, a declarative base, and what an answer returns

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse
from sqlalchemy import table
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlalchemy.sql import func, select

from course_lib.checks import seeded
from course_lib.checks.assertions import ask, equal, show, wrong
from course_lib.checks.doorman import doorman
from course_lib.checks.question import question
from course_lib.checks.visitor import Visitor, visiting
from course_lib.databases import database, fresh
from course_lib.observe import from_arrival, gauge, rope

LESSON = "07_pools"
SEATS = ((50, 0.2, 10), (10, 0.05, 1), (50, 0.05, 3))  # no product that a float rounds up
BUDGETS = (  # (seats, max_connections, reserved, workers, pools), whether it fits, what a wrong verdict has missed
    ((12, 100, 3, 4, 2), True, "12 seats for each of 8 pools are 96 of 97"),
    ((13, 100, 3, 4, 2), False, "13 seats for each of 8 pools are 104 of 97"),
    ((40, 100, 3, 4, 1), False, "every worker has a pool of its own"),
    ((40, 100, 3, 1, 4), False, "a worker may have several pools"),
)
POOL_KEYS = {"pool_size", "max_overflow", "pool_timeout"}
TRANSFERS, ROOM = 4, 4
ALL_CREATED = f"{TRANSFERS}\N{MULTIPLICATION SIGN}201"
GUESTS = 20
STILL = 40  # turns of 10 ms in which nothing moves: then nobody can move any more


@question("pool-size", lesson=LESSON, section=2)
async def check_seats_and_budget(seats: Callable[..., Any], budget_ok: Callable[..., Any]) -> str:
    """Four rooms by Little's law; six budgets, each wrong for one reason only."""
    quarters = seeded.number(40, 41, 400)
    most, reserved = seeded.number(100, 130, 400), seeded.number(3, 4, 20)
    budgets = (
        *BUDGETS,
        ((most - reserved + 1, most, reserved, 1, 1), False, f"the server keeps {reserved} for itself"),
        ((most - reserved, most, reserved, 1, 1), True, "exactly the budget is inside the budget"),
    )
    for rate, hold, wanted in (*SEATS, (quarters, 0.25, -(-quarters // 4))):
        came = await ask(seats, rate, hold, section=2)
        if came != wanted or type(came) is not int:
            why = "; a number of seats is an int" if came == wanted else ""
            wrong(f"expected {wanted} for ({rate}, {hold}), got {show(came)}{why}", section=2)
    for given, wanted_verdict, why in budgets:
        verdict = await ask(budget_ok, *given, section=5)
        if verdict is not wanted_verdict:
            said = f"expected {wanted_verdict}, got {show(verdict)} for budget_ok{given}: {why}"
            wrong(said, section=5, slug="too-many-clients" if verdict is True else "")
    return "four rooms and six budgets"


async def _taken(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": "taken"}, status_code=409)


@question("full-house", lesson=LESSON, section=1)
async def check_a_full_house_answers_503(install: Callable[..., Any]) -> str:
    """The only seat is taken: 503 and Retry-After; a builtin TimeoutError and a taken name keep their status."""
    earlier = seeded.number(0, 1, 5)  # guests who come before: no number of requests makes a house full
    async with fresh(pool_size=1, max_overflow=0, pool_timeout=0.1) as engine:
        house = _small_house(engine)
        await ask(install, house, section=1)
        async with visiting(house) as visitor:
            for _ in range(earlier):
                await visitor.ask("GET", "/drinks", status=200, section=1)
            async with engine.connect():
                full = await visitor.ask("GET", "/drinks")
            _require_503(full, visitor)
            if (after := full.headers.get("Retry-After")) != "1":
                wrong(f"expected Retry-After 1, got {after}; a client does not know when to come back", section=1)
            await visitor.ask("GET", "/drinks", status=200, section=1)
            clock = await visitor.ask("GET", "/clock")
        if clock.status_code != 500:
            own = "a builtin TimeoutError is no full pool; which class did the handler name?"
            wrong(f"expected status 500, got {clock.status_code} for GET /clock; {own}", section=1)
        other = _small_house(engine)
        other.add_exception_handler(SQLAlchemyError, _taken)  # a house that has an answer of its own for the rest
        await ask(install, other, section=1)
        async with visiting(other) as visitor:
            taken = await visitor.ask("GET", "/taken")
            if taken.status_code != 409:
                said = f"expected status 409, got {taken.status_code} for a name that is taken"
                wrong(f"{said}; map the pool's TimeoutError, and no class above it", section=1)
    return "a full house: 503 and Retry-After 1; everything else as before"


def _small_house(engine: AsyncEngine) -> FastAPI:
    """Return a house whose three endpoints count the drinks, run out of time, and break a constraint."""
    house = FastAPI()

    @house.get("/drinks")
    async def drinks() -> int:
        async with engine.connect() as connection:
            return await connection.scalar(select(func.count()).select_from(table("items"))) or 0

    @house.get("/clock")
    async def clock() -> None:
        raise TimeoutError("the kitchen is slow")

    @house.get("/taken")
    async def taken() -> None:
        raise IntegrityError("INSERT", {}, Exception("UNIQUE constraint failed"))

    return house


def _require_503(full: Any, visitor: Visitor) -> None:
    """Fail unless a request without a seat got 503, and say whose fault the other status is."""
    if full.status_code == 503:
        return
    said = f"expected status 503, got {full.status_code}"
    behind = type(visitor.error).__name__ if visitor.error is not None else ""
    module = type(visitor.error).__module__
    if behind == "TimeoutError" and module.startswith("sqlalchemy"):
        wrong(f"{said}; nobody handled {module}.TimeoutError", section=1, slug="pool-timeout-name")
    if behind:
        wrong(f"{said}; the handler itself failed with {behind}: it has to return a response", section=1)
    wrong(f"{said} while the only seat was taken", section=1)


def _pool_options(pool: Any, section: int) -> dict[str, Any]:
    """Return the options of the answer's pool; fail for what is none."""
    if not isinstance(pool, dict) or set(pool) != POOL_KEYS:
        wrong(f"expected POOL with {', '.join(sorted(POOL_KEYS))}, got {show(pool)}", section=section)
    return dict(pool)


def _require_route(router: Any, path: str, section: int) -> None:
    if not isinstance(router, APIRouter):
        wrong(f"expected an APIRouter, got {show(router)}", section=section)
    if path not in {getattr(route, "path", "") for route in router.routes}:
        wrong(f"expected {path} on the router, got no such path", section=section)


@asynccontextmanager
async def _house(
    router: Any, base: Any, pool: dict[str, Any], *rows: Any
) -> AsyncIterator[tuple[FastAPI, AsyncEngine]]:
    """Yield a house with the answer's routes, and its engine on a fresh database with the tables of the sheet.

    Its engine is opened as the app's own: a read begins no transaction of SQLite, and so it stands in no writer's way.
    """
    async with database() as place:
        engine = create_async_engine(place.url, **pool)
        try:
            async with engine.begin() as connection:
                await connection.run_sync(base.metadata.create_all)
            house = FastAPI()
            house.state.sessions = async_sessionmaker(engine, expire_on_commit=False)
            async with house.state.sessions.begin() as session:
                session.add_all(rows)
            house.include_router(router)
            yield house, engine
        finally:
            await engine.dispose()


@question("one-seat-each", lesson=LESSON, section=4, seconds=4)
async def check_four_transfers_at_once(router: Any, pool: Any, base: Any, guest: Any, move: Any, note: Any) -> str:
    """One transfer alone, four at once, one that is refused: nobody may hold a seat and wait for another."""
    options = _pool_options(pool, 4)
    _require_route(router, "/transfer", 4)
    transfer = _transfer()
    refuse = {**transfer, "cents": -5}
    async with (
        _house(router, base, options, guest(name=transfer["payer"])) as (house, engine),
        visiting(house) as visitor,
    ):
        with doorman(1) as watch:
            await visitor.ask("POST", "/transfer", json=transfer, status=201, section=4)
            await asyncio.sleep(0.02)  # a task made in the last line has not begun yet
            if watch.strangers:
                return "a task was left behind"
        await _require_rows(engine, move, note, 1)
        await _require_move(engine, move, transfer)
        room = gauge()
        with doorman(TRANSFERS), rope(engine) as frames:  # a seat that is being opened counts as taken
            came = await from_arrival(TRANSFERS, lambda: visitor.http.post("/transfer", json=transfer))
        if set(came.statuses()) != {201}:
            others = ", ".join(str(answer.status_code) for answer in came.results if answer.status_code != 201)
            said = f"expected {ALL_CREATED}, got {others}; who holds a seat and waits for another?"
            wrong(said, section=4, slug="two-sessions")
        if (peak := max(room.peak, *(frame.taken for frame in frames))) > ROOM:
            wrong(f"expected peak at most {ROOM}, got {peak}; more seats move the number", section=4)
        await _require_rows(engine, move, note, 1 + TRANSFERS)
        refused = await visitor.ask("POST", "/transfer", json=refuse)
        if refused.status_code < 400:
            wrong(f"expected an error for -5 cents, got {refused.status_code}; the table refuses it", section=4)
        await _require_rows(engine, move, note, 1 + TRANSFERS, "after a transfer that was refused")
    return f"{ALL_CREATED} on {ROOM} seats, each is noted, and one that was refused leaves nothing"


def _transfer() -> dict[str, Any]:
    payer, payee = seeded.names("Ada", "Bo")
    return {"payer": payer, "payee": payee, "cents": seeded.number(5, 6, 5000)}


async def _require_move(engine: AsyncEngine, move: Any, transfer: dict[str, Any]) -> None:
    async with engine.connect() as connection:
        stored = (await connection.execute(select(move.payer, move.payee, move.cents))).mappings().one()
    equal(dict(stored), transfer, what="moves", why="what was asked for is stored", section=4)


async def _require_rows(engine: AsyncEngine, move: Any, note: Any, wanted: int, when: str = "") -> None:
    async with engine.connect() as connection:
        for kind in (move, note):
            found = await connection.scalar(select(func.count()).select_from(kind)) or 0
            if found != wanted:
                said = f"expected {wanted} {'row' if wanted == 1 else 'rows'} in {kind.__tablename__}, got {found}"
                wrong(f"{said} {when}".rstrip(), section=4)


class _Service:
    """A weather service that answers when its gate opens, and knows who asked."""

    def __init__(self) -> None:
        [self.sky] = seeded.names("rain")
        self.gate = asyncio.Event()
        self.asked: list[Any] = []

    async def ask(self, place: Any) -> str:
        """Return the weather of a place."""
        self.asked.append(place)
        number = len(self.asked)
        await self.gate.wait()
        await _turns(number)
        return f"{self.sky} in {place}"


async def _turns(number: int) -> None:
    """Let the loop turn so often: twenty guests in one turn hold it themselves, and the answer would be blamed."""
    for _ in range(number):
        await asyncio.sleep(0)


@question("let-go", lesson=LESSON, section=2)
async def check_nothing_is_held_while_waiting(router: Any, pool: Any, base: Any, city: Any) -> str:
    """Twenty guests ask; when nobody can move any more we count who is inside, and then the service answers."""
    options = _pool_options(pool, 2)
    _require_route(router, "/weather", 2)
    service, [place] = _Service(), seeded.names("Oslo")
    async with _house(router, base, options, city(name=place)) as (house, engine):
        room = gauge(engine)
        house.state.service = service.ask
        async with visiting(house) as visitor:
            line = count()

            async def guest() -> Any:  # Any: an httpx response
                await _turns(next(line))
                return await visitor.ask("GET", "/weather")

            came = asyncio.create_task(from_arrival(GUESTS, guest))
            try:
                await _settled(lambda: (len(service.asked), room.inside, room.waiting), came)
                inside, waiting = room.inside, len(service.asked)
            finally:
                service.gate.set()
                answers = await came
            for answer in answers.results:
                if answer.status_code != 200:
                    await visitor.ask("GET", "/weather", status=200, section=2)
    if inside:
        wrong(f"expected 0 inside, got {inside} while {waiting} of {GUESTS} wait for the weather", section=2)
    equal(waiting, GUESTS, what="calls of the service", section=2)
    wanted = {"place": place, "weather": f"{service.sky} in {place}"}
    equal(answers.results[0].json(), wanted, what="weather", section=2)
    return f"inside 0 while {GUESTS} wait for the weather, and all {GUESTS} are told"


async def _settled(moved: Callable[[], tuple[int, ...]], came: asyncio.Task[Any]) -> None:
    """Wait until everybody waits for the service, or until nobody moves any more."""
    still, last = 0, moved()
    while moved()[:2] != (GUESTS, 0) and still < STILL and not came.done():
        await asyncio.sleep(0.01)
        still, last = (still + 1, last) if moved() == last else (0, moved())
