"""The checks of exercise 08: never above capacity, nothing thrown away, one click once, again but all, one order.

Whoever reads before writing is held between the two until the others have read as well; two workers share one file.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any  # Any: declarative bases, answers, and what an answer returns

import httpx
from fastapi import APIRouter, FastAPI
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from course_lib.checks.assertions import AnswerError, ask, at_most, equal, show, wrong
from course_lib.checks.contention import all_of, engines_on_one_file, pausing
from course_lib.checks.question import question
from course_lib.checks.refused_work import ATTEMPTS, ENDLESS, RefusedWork
from course_lib.checks.visitor import visiting
from course_lib.checks.workers import second_router, second_worker
from course_lib.checks.writes import Writes
from course_lib.client import client
from course_lib.databases import fresh, needs
from course_lib.observe import trace

LESSON = "08_transactions"
CAPACITY, GUESTS, BOTH = 10, 40, 24  # BOTH: guests of two workers, for each pair may cost a pause
NIGHT = "INSERT INTO events (name, starts_at, capacity, admitted) VALUES ('Silk', '2027-01-02 21:00', {}, 0)"
NAMES = ("Ada", "Bo", "Cy", "Ada", "Di")
CLICKS = 5
AMOUNT, PAIRS = 700, 20  # cents; no balance ever equals an id


async def _count(engine: AsyncEngine, thing: Any) -> Any:
    async with engine.connect() as connection:
        return await connection.scalar(select(thing))


@question("ten-seats", lesson=LESSON, section=2, seconds=20)
async def check_admit_never_oversells(admit: Callable[..., Any], event_class: Any) -> str:
    """One guest and no seat; forty for ten; then over two workers on one file."""
    async with engines_on_one_file(event_class, 1) as [engine]:
        await _open_night(engine, 1)
        async with trace(engine) as events:
            equal(await _buy(admit, engine), True, what="the only guest", why="there is a seat; return a bool")
        at_most(len(events.statements()), 2, "statement")
        equal(await _count(engine, event_class.admitted), 1, what="stored", why="who commits?")
        equal(await _buy(admit, engine), False, what="a second guest", why="the night has one seat")
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


async def _open_night(engine: AsyncEngine, capacity: int) -> None:
    async with engine.begin() as connection:
        await connection.exec_driver_sql(NIGHT.format(capacity))


async def _buy(admit: Callable[..., Any], engine: AsyncEngine) -> Any:
    async with AsyncSession(engine, expire_on_commit=False) as session:
        return await ask(admit, session, 1, section=2)


@question("one-bad-apple", lesson=LESSON, section=6, seconds=10)
async def check_the_four_good_guests_are_kept(invite: Callable[..., Any], guest_class: Any) -> str:
    """Five names, one twice: four are kept and counted. Then the same list twice at once."""
    async with fresh() as engine:
        await _open_house(engine, guest_class)
        said = await _invite(invite, engine)
        kept = await _names(engine, guest_class)
        if len(kept) != 4:
            lost = "what came before the bad one is gone" if len(kept) < 4 else "nobody is on the list twice"
            wrong(f"expected 4 guests, got {show(kept)}; {lost}")
        equal(kept, sorted({*NAMES}), what="guests")
        equal(said, {"added": 4, "skipped": 1}, what="result")
    async with engines_on_one_file(guest_class, 1) as [engine]:
        await _open_night(engine, CAPACITY)
        with pausing([engine], "guests", 2):
            try:
                await all_of([_invite(invite, engine) for _ in range(2)])
            except AnswerError as error:
                if isinstance(error.__cause__, IntegrityError):
                    early = "who looks first has looked too early"
                    wrong(f"expected two imports at once to end, got IntegrityError; {early}", section=1)
                raise
        equal(await _names(engine, guest_class), sorted({*NAMES}), what="guests after two imports at once")
    return "four guests kept, one skipped, and two imports at once do not disturb each other"


async def _invite(invite: Callable[..., Any], engine: AsyncEngine) -> Any:
    async with AsyncSession(engine, expire_on_commit=False) as session:
        return await ask(invite, session, 1, list(NAMES), section=6)


async def _names(engine: AsyncEngine, guest_class: Any) -> list[str]:
    async with engine.connect() as connection:
        return sorted(await connection.scalars(select(guest_class.name)))


@question("same-click", lesson=LESSON, section=6, seconds=15)
async def check_one_key_is_one_order(router: Any, order_class: Any) -> str:
    """One click, five times at once, over one worker and over two; another key; and none."""
    if not isinstance(router, APIRouter):
        wrong(f"expected an APIRouter, got {show(router)}")
    for number, where in ((1, ""), (2, " over two workers")):
        async with engines_on_one_file(order_class, number) as engines, AsyncExitStack() as open_houses:
            houses = [_bar(router, engines[0])] + [_bar(second_router(router), each) for each in engines[1:]]
            visitor = await open_houses.enter_async_context(visiting(houses[0]))
            https = [visitor.http]
            for house in houses[1:]:
                https.append(await open_houses.enter_async_context(client(house)))
            with pausing(engines, "orders", CLICKS):
                five = [_order(visitor, https[n % number], f"one click, {number}") for n in range(CLICKS)]
                answers = await all_of(five)
            rows = await _count(engines[0], func.count(order_class.id))
            _judge_clicks(answers, rows, where, visitor)
            other = await _order(visitor, https[-1], "another click")
            equal(other.status_code, 201, what="status", why="another key is another order")
            equal(await _count(engines[0], func.count(order_class.id)), 2, what="rows", why="of two clicks")
            bare = await https[0].post("/order", json={"drink": "Negroni"})
            equal(bare.status_code, 422, what="status without a key")
    return "five requests, one key: one id and one row, also over two workers"


def _bar(router: APIRouter, engine: AsyncEngine) -> FastAPI:
    house = FastAPI()
    house.state.sessions = async_sessionmaker(engine, expire_on_commit=False)
    house.include_router(router)
    return house


async def _order(visitor: Any, http: httpx.AsyncClient, key: str) -> httpx.Response:
    send = visitor.ask if http is visitor.http else http.request
    response: httpx.Response = await send("POST", "/order", json={"drink": "Gin"}, headers={"Idempotency-Key": key})
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


ALWAYS = 2 * ENDLESS
# what the database says -> calls of the whole, rows kept, whether the error must come through, in the commit
PLANS = (
    (["40001", "40P01"], 3, 1, False, False),
    (["40001"], 2, 1, False, True),
    (["23505"] * ALWAYS, 1, 0, True, False),
    (["42P01"], 1, 0, True, False),
    (["40001"] * ALWAYS, ATTEMPTS, 0, True, False),
)


@question("again-but-all", lesson=LESSON, section=5, seconds=20)
async def check_the_whole_is_tried_again(retry: Callable[..., Any], guest_class: Any) -> str:
    """Two conflicts, one at the commit, two errors that mean no, and a conflict without end."""
    async with fresh() as engine:
        await _open_house(engine, guest_class)
        for states, calls, rows, raises, at_commit in PLANS:
            before = await _count(engine, func.count(guest_class.id))
            work = RefusedWork(guest_class, states, at_commit=at_commit)
            async with AsyncSession(engine) as session:
                said = await _retried(retry, session, work)
                if work.calls != calls:
                    _tell_calls(work, calls, at_commit)
                if session.in_transaction():
                    wrong("a transaction is still open when retry has ended", section=5, slug="idle-in-transaction")
            if raises and not isinstance(said, DBAPIError):
                wrong(f"expected the error {states[0]} to come through, got {show(said)}", section=5)
            if not raises:
                equal(said, "done", what="result", why="return what the work returns", section=5)
            kept = await _count(engine, func.count(guest_class.id)) - before
            equal(kept, rows, what="rows kept", why="who commits, and who rolls back?", section=5)
    return "3 calls of the whole for two conflicts, 1 for a no, 5 and then the error"


def _tell_calls(work: RefusedWork, wanted: int, at_commit: bool) -> None:
    plural = "call" if wanted == 1 else "calls"
    where = " at the commit" if at_commit else ""
    again = work.said in ("40001", "40P01")
    how = ", as a DBAPIError" if again and work.calls < wanted else ""
    said = f"expected {wanted} {plural}, got {work.calls}; the database last said {work.said}{where}{how}"
    wrong(said, section=5, slug="serialization-failure" if again else "")


async def _retried(retry: Callable[..., Any], session: AsyncSession, work: RefusedWork) -> Any:
    """Return what `retry` returns, or the database error it lets through."""
    try:
        return await ask(retry, session, work, section=5)
    except AnswerError as error:
        if isinstance(error.__cause__, DBAPIError):
            return error.__cause__
        if type(error.__cause__).__name__ == "Wrong":
            raise error.__cause__ from None  # type: ignore[misc] # ours, that went through the answer
        raise


@question("lock-order", lesson=LESSON, section=5, seconds=20, servers=("postgres",))
async def check_everybody_takes_the_smaller_number_first(transfer: Callable[..., Any], tab_class: Any) -> str:
    """Both directions update in the same order; on PostgreSQL twenty crossed pairs end without a deadlock."""
    async with fresh() as engine:
        await _open_tabs(engine, tab_class)
        first: list[int] = []
        for source, target in ((1, 2), (2, 1)):
            writes = Writes(engine)
            await _transfer(transfer, engine, source, target)
            if len(writes.ids) != 2:
                wrong(f"expected 2 updates, got {writes.statements}; one for each tab", section=5)
            first = first or [*writes.ids]
            if writes.ids != first:  # any order will do, as long as it is everybody's
                wrong(
                    f"expected updates {first}, got {writes.ids} for {source} to {target}", section=5, slug="deadlock"
                )
        equal(await _balances(engine, tab_class), [5000, 5000], what="balances after both", section=5)
        await _transfer(transfer, engine, 1, 2)
        equal(await _balances(engine, tab_class), [5000 - AMOUNT, 5000 + AMOUNT], what="balances", section=5)
    if _has_postgres():
        await _cross(transfer, tab_class)
    return "one order in both directions, so crossed transfers make no circle"


def _has_postgres() -> bool:
    return not needs.absent(("postgres",))


async def _cross(transfer: Callable[..., Any], tab_class: Any) -> None:
    async with fresh("postgres", pool_size=8, max_overflow=0) as engine:
        await _open_tabs(engine, tab_class)
        pairs = [(1, 2), (2, 1)] * PAIRS
        try:
            await all_of([_transfer(transfer, engine, *pair) for pair in pairs])
        except AnswerError as error:
            if getattr(getattr(error.__cause__, "orig", None), "sqlstate", "") == "40P01":
                wrong("expected no deadlock between crossed pairs, got 40P01", section=5, slug="deadlock")
            raise
        equal(await _balances(engine, tab_class), [5000, 5000], what="balances after crossed pairs", section=5)


async def _open_tabs(engine: AsyncEngine, tab_class: Any) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(tab_class.metadata.create_all)
    async with AsyncSession(engine) as session, session.begin():
        session.add_all(tab_class(id=number, cents=5000) for number in (1, 2))


async def _transfer(transfer: Callable[..., Any], engine: AsyncEngine, source: int, target: int) -> None:
    async with AsyncSession(engine, expire_on_commit=False) as session:
        await ask(transfer, session, source, target, AMOUNT, section=5)


async def _balances(engine: AsyncEngine, tab_class: Any) -> list[int]:
    async with engine.connect() as connection:
        return list(await connection.scalars(select(tab_class.cents).order_by(tab_class.id)))
