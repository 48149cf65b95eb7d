"""The checks of exercise 08: never above capacity, nothing thrown away, one click once.

The other two questions are in `conflicts.py`. Whoever reads before writing is held between the two until the
others have read as well; two workers share one file.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any  # Any: declarative bases, answers, and what an answer returns

import httpx
from fastapi import APIRouter, FastAPI
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from course_lib.checks import seeded
from course_lib.checks.assertions import AnswerError, ask, at_most, equal, show, wrong
from course_lib.checks.contention import all_of, engines_on_one_file, pausing
from course_lib.checks.question import question
from course_lib.checks.visitor import visiting
from course_lib.checks.workers import second_router, second_worker
from course_lib.client import client
from course_lib.databases import fresh
from course_lib.observe import trace

LESSON = "08_transactions"
CAPACITY, GUESTS, BOTH = 10, 40, 24  # BOTH: guests of two workers, for each pair may cost a pause
NIGHT = "INSERT INTO events (id, name, starts_at, capacity, admitted) VALUES ({}, 'Silk {}', '2027-01-02 21:00', {}, 0)"
NAMES, OTHERS = ("Ada", "Bo", "Cy", "Di"), ("Eli", "Flo", "Gus", "Hal", "Ivy", "Jo")
CLICKS = 5


async def _count(engine: AsyncEngine, thing: Any) -> Any:
    async with engine.connect() as connection:
        return await connection.scalar(select(thing))


@question("ten-seats", lesson=LESSON, section=2, seconds=20)
async def check_admit_never_oversells(admit: Callable[..., Any], event_class: Any) -> str:
    """One guest and no seat, a small night; forty for ten; then over two workers on one file."""
    small, seats = seeded.number(2, 3, 900), seeded.number(2, 3, 9)
    async with engines_on_one_file(event_class, 1) as [engine]:
        await _open_night(engine, 1)
        async with trace(engine) as events:
            equal(await _buy(admit, engine), True, what="the only guest", why="there is a seat; return a bool")
        at_most(len(events.statements()), 2, "statement")
        equal(await _count(engine, event_class.admitted), 1, what="stored", why="who commits?")
        equal(await _buy(admit, engine), False, what="a second guest", why="the night has one seat")
        await _open_night(engine, seats, small)
        for number in range(1, seats + 2):
            who = f"guest {number} of {seats + 1}"
            equal(await _buy(admit, engine, small), number <= seats, what=who, why=f"the night has {seats} seats")
    workers = [(admit, GUESTS, 1, ""), (admit, BOTH, 2, " over two workers")]
    for answer, guests, number, where in workers:
        async with engines_on_one_file(event_class, number) as engines:
            await _open_night(engines[0], CAPACITY)
            admits = [answer, second_worker(answer)]
            with pausing(engines, "events", guests) as pause:
                turns = [_buy(admits[n % number], engines[n % number]) for n in range(guests)]
                said = await all_of(turns)
            stored = await _count(engines[0], event_class.admitted)
        if said.count(True) != CAPACITY:
            _tell_oversold(said.count(True), where, pause.asked_for_lock)
        equal(stored, CAPACITY, what="stored")
    return f"{CAPACITY} True, {GUESTS - CAPACITY} False, stored {CAPACITY}; the same over two workers"


async def _open_house(engine: AsyncEngine, thing: Any) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(thing.metadata.create_all)
    await _open_night(engine, CAPACITY)


def _tell_oversold(sold: int, where: str, asked_for_lock: bool) -> None:
    if asked_for_lock:
        ignored = "SQLite has no row locks, and FOR UPDATE is left out in silence"
        wrong(f"expected {CAPACITY} admitted{where}, got {sold}; {ignored}", section=3, slug="for-update-ignored")
    why = "a lock lives in one process" if where else "who reads first and writes later has read an old number"
    wrong(f"expected {CAPACITY} admitted{where}, got {sold}; {why}", section=1, slug="oversell")


async def _open_night(engine: AsyncEngine, capacity: int, night: int = 1) -> None:
    async with engine.begin() as connection:
        await connection.exec_driver_sql(NIGHT.format(night, night, capacity))


async def _buy(admit: Callable[..., Any], engine: AsyncEngine, night: int = 1) -> Any:
    async with AsyncSession(engine, expire_on_commit=False) as session:
        return await ask(admit, session, night, section=2)


@question("one-bad-apple", lesson=LESSON, section=6, seconds=10)
async def check_the_four_good_guests_are_kept(invite: Callable[..., Any], guest_class: Any) -> str:
    """Five names, one twice: four are kept and counted. Then others and old ones, and the same list twice at once."""
    ada, bo, cy, di, *others = seeded.names(*NAMES, *OTHERS)
    names = [ada, bo, cy, ada, di]
    new, old = seeded.number(1, 2, len(others)), seeded.number(1, 2, 4)
    more = [*others[:new], *[di, cy, bo, ada][:old]]
    async with fresh() as engine:
        await _open_house(engine, guest_class)
        said = await _invite(invite, engine, names)
        kept = await _names(engine, guest_class)
        if len(kept) != 4:
            lost = "what came before the bad one is gone" if len(kept) < 4 else "nobody is on the list twice"
            wrong(f"expected 4 guests, got {show(kept)}; {lost}")
        equal(kept, sorted({*names}), what="guests")
        equal(said, {"added": 4, "skipped": 1}, what="result")
        said = await _invite(invite, engine, more)
        equal(said, {"added": new, "skipped": old}, what="second result", why="count what was added and skipped")
        equal(await _names(engine, guest_class), sorted({*names, *more}), what="guests after both")
    async with engines_on_one_file(guest_class, 1) as [engine]:
        await _open_night(engine, CAPACITY)
        with pausing([engine], "guests", 2):
            try:
                await all_of([_invite(invite, engine, names) for _ in range(2)])
            except AnswerError as error:
                if isinstance(error.__cause__, IntegrityError):
                    early = "who looks first has looked too early"
                    wrong(f"expected two imports at once to end, got IntegrityError; {early}", section=1)
                raise
        equal(await _names(engine, guest_class), sorted({*names}), what="guests after two imports at once")
    return "four guests kept, one skipped, and two imports at once do not disturb each other"


async def _invite(invite: Callable[..., Any], engine: AsyncEngine, names: list[str]) -> Any:
    async with AsyncSession(engine, expire_on_commit=False) as session:
        return await ask(invite, session, 1, [*names], section=6)


async def _names(engine: AsyncEngine, guest_class: Any) -> list[str]:
    async with engine.connect() as connection:
        return sorted(await connection.scalars(select(guest_class.name)))


@question("same-click", lesson=LESSON, section=6, seconds=15)
async def check_one_key_is_one_order(router: Any, order_class: Any) -> str:
    """One click, five times at once, over one worker and over two; another key; and none."""
    if not isinstance(router, APIRouter):
        wrong(f"expected an APIRouter, got {show(router)}")
    drink, click, earlier = _click()
    for number, where in ((1, ""), (2, " over two workers")):
        async with engines_on_one_file(order_class, number) as engines, AsyncExitStack() as open_houses:
            houses = [_bar(router, engines[0])] + [_bar(second_router(router), each) for each in engines[1:]]
            visitor = await open_houses.enter_async_context(visiting(houses[0]))
            https = [visitor.http]
            await _order_earlier(engines[0], order_class, earlier)
            for house in houses[1:]:
                https.append(await open_houses.enter_async_context(client(house)))
            with pausing(engines, "orders", CLICKS):
                five = [_order(visitor, https[n % number], f"one {click}, {number}", drink) for n in range(CLICKS)]
                answers = await all_of(five)
            rows = await _count(engines[0], func.count(order_class.id)) - bool(earlier)
            _judge_clicks(answers, rows, where, visitor)
            other = await _order(visitor, https[-1], f"another {click}", drink)
            equal(other.status_code, 201, what="status", why="another key is another order")
            rows = await _count(engines[0], func.count(order_class.id)) - bool(earlier)
            equal(rows, 2, what="rows", why="of two clicks")
            for n, answer in enumerate((answers[0], other), earlier + 1):
                equal(answer.json(), {"drink": drink, "id": n}, what="answer", why="it is the row")
            bare = await https[0].post("/order", json={"drink": "Negroni"})
            equal(bare.status_code, 422, what="status without a key")
    return "five requests, one key: one id and one row, also over two workers"


def _bar(router: APIRouter, engine: AsyncEngine) -> FastAPI:
    house = FastAPI()
    house.state.sessions = async_sessionmaker(engine, expire_on_commit=False)
    house.include_router(router)
    return house


def _click() -> tuple[str, str, int]:
    """Return a drink, a word for the keys, and the number of an order that was there before."""
    drink, click = seeded.names("Gin", "click")
    return drink, click, seeded.number(0, 1, 900)


async def _order_earlier(engine: AsyncEngine, order_class: Any, number: int) -> None:
    if number:
        async with AsyncSession(engine) as session, session.begin():
            session.add(order_class(id=number, drink="water"))


async def _order(visitor: Any, http: httpx.AsyncClient, key: str, drink: str) -> httpx.Response:
    send = visitor.ask if http is visitor.http else http.request
    response: httpx.Response = await send("POST", "/order", json={"drink": drink}, headers={"Idempotency-Key": key})
    return response


def _judge_clicks(answers: list[httpx.Response], rows: int, where: str, visitor: Any) -> None:
    if type(visitor.error).__name__ == "PendingRollbackError":
        raise AnswerError(str(visitor.error)) from visitor.error
    if rows != 1:
        why = "; a dict is remembered by one process" if where and rows > 1 else ""
        wrong(f"expected 1 row{where}, got {rows}{why}")
    told = [answer.json().get("id") if answer.status_code == 201 else f"{answer.status_code}!" for answer in answers]
    if len({*told}) != 1 or answers[0].status_code != 201:
        wrong(f"expected the same id five times, got {', '.join(map(str, told))}; the winner's order is everybody's")
