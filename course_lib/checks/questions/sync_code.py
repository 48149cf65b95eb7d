"""The checks of exercise 06: sync code off the loop, no connection held while waiting for a thread, two desks.

Who is inside at once is decided by gates and barriers of our own; the thread pool is given back as it was found.
"""

from __future__ import annotations

import asyncio
import inspect
import re
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager, contextmanager
from datetime import date, timedelta
from typing import Any  # Any: answers, engines, a declarative base, and what an answer returns

from anyio.to_thread import current_default_thread_limiter
from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from pydantic import create_model
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from course_lib.checks import learner_code, menu, seeded
from course_lib.checks.assertions import AnswerError, ask, equal, refuse_awaitable, show, wrong
from course_lib.checks.probes import SLUGS
from course_lib.checks.question import question
from course_lib.checks.visitor import Visitor, visiting
from course_lib.databases import database
from course_lib.expect import describe
from course_lib.observe import engine_hooks, from_arrival, loop_lag, peak
from course_lib.observe.events import Raw, listen, unlisten

LESSON = "06_sync_code"
Takings = create_model("Takings", items=int, total_cents=int)  # as the app has it, whose file is the learner's
FRIDAY, MONDAY = date(2026, 11, 20), date(2026, 11, 23)
CURES = {"session-inside", "async"}
FOLK = {*CURES, "bigger-pool", "scope-function", "tokens-equal-pool"}
GUESTS, THREADS, SEATS = 12, 4, 2
ALL_SERVED = f"{GUESTS}\N{MULTIPLICATION SIGN}200"
PATIENCE_S = 0.5  # the pool's: twelve short queries need a tenth of it; a deadlock costs it twice
REPORTS, DESKS, QUICK = 40, 2, 30  # reports that wait in a thread each would leave no thread for the others
SETTLE_S = 0.05  # from the last report's arrival until it stands in a thread, or in line for one
WAIT_S = 1.0  # how long those who should come in may take; a right answer needs a twentieth of it


@contextmanager
def _tokens(total: int | None = None) -> Generator[None]:
    """Give the thread pool `total` tokens in a block, and afterwards as many as before, whatever the answer did."""
    limiter = current_default_thread_limiter()
    before = limiter.total_tokens
    limiter.total_tokens = before if total is None else total
    try:
        yield
    finally:
        limiter.total_tokens = before


@asynccontextmanager
async def _sync_engine() -> AsyncIterator[Any]:
    """Yield a synchronous engine with two seats on a fresh SQLite file."""
    async with database() as place:
        engine = create_engine(place.dsn, pool_size=SEATS, max_overflow=0, pool_timeout=PATIENCE_S)
        try:
            yield engine
        finally:
            engine.dispose()


@question("to-the-office", lesson=LESSON, section=2)
async def check_close_runs_in_a_thread(close: Callable[..., Any]) -> str:
    """A Friday gives its takings and keeps the loop free; a Monday gives the error of `close_night`."""
    added, later = seeded.drinks(9), timedelta(weeks=seeded.number(0, 1, 500))
    async with _sync_engine() as engine:
        wanted = dict(zip(("items", "total_cents"), menu.serve(engine.url.database, added), strict=True))
        async with loop_lag() as lag:
            came = await _closed(close, engine, FRIDAY + later)
        if lag.stood_still:
            wrong("the event loop stood still while close worked", section=2, slug=SLUGS["loop"])
        equal(came.model_dump() if hasattr(came, "model_dump") else came, wanted, what="takings", section=2)
        try:
            came = await _closed(close, engine, MONDAY + later)
        except AnswerError as error:
            if not isinstance(error.__cause__, LookupError):
                raise
        else:
            wrong(f"expected the LookupError of close_night, got {show(came)}", section=2)
    return "the takings of a Friday, the error of a Monday, and the loop was free"


async def _closed(close: Callable[..., Any], engine: Any, night: date) -> Any:
    """Return what `close` gives; two slips whose own text leads nowhere are told with their cause."""
    try:
        return await ask(close, engine, night, section=2)
    except AnswerError as error:
        slip = error.__cause__ or error
        if isinstance(slip, TypeError) and re.search("must be callable|'Takings' object is not callable", str(slip)):
            said = f"{describe(slip)}; the parentheses call close_night in the loop, and hand over its takings"
            wrong(said, section=2, slug=SLUGS["loop"])
        if not isinstance(slip, LookupError) and _innermost(slip) == "close_night":
            wrong(f"{describe(slip)}, in close_night; it takes the engine first, then the night", section=2)
        raise


def _innermost(error: BaseException) -> str:
    """Return the name of the learner's function that raised."""
    walked = traceback.extract_tb(error.__traceback__)
    names = [at.name for at in walked if learner_code.in_file(at.filename, at.lineno or 0)]
    return names[-1] if names else ""


@question("which-cure", lesson=LESSON, section=3)
async def check_ranking_puts_the_cures_first(ranking: Any) -> str:
    """The two that end the holding come first, the one that takes the threads away comes last; the rest may tie."""
    named = list(ranking) if isinstance(ranking, list | tuple) else []
    unknown = next((name for name in named if not isinstance(name, str) or name not in FOLK), None)
    if unknown is not None:
        wrong(f"unknown name: {show(unknown)}; the five names stand above the answer", section=3)
    if len(named) != len(FOLK) or set(named) != FOLK:
        wrong(f"expected five names, each once, got {show(ranking)}", section=3)
    if first := next((name for name in named[:2] if name not in CURES), None):
        said = f"expected the first two to leave no 500, got {first}; it holds a connection while it waits for a thread"
        wrong(said, section=3, slug="threadpool-deadlock")
    if named[-1] != "tokens-equal-pool":
        wrong(f"expected tokens-equal-pool last, got {named[-1]}; who is left to check the answers?", section=3)
    return "two cures first, the fewest threads last"


class _Lenders:
    """Keeps the pools that lent a connection."""

    def __init__(self) -> None:
        self.pools: list[Any] = []

    def take(self, raw: Raw) -> None:
        """Note the pool of a checkout."""
        if raw.kind == "checkout" and raw.owner not in self.pools:
            self.pools.append(raw.owner)

    def require_only(self, pool: Any) -> None:
        """Fail when a connection came from another pool than that of the house."""
        for other in self.pools:
            if other is not pool:
                size = other.size() if hasattr(other, "size") else f"a {type(other).__name__}"
                wrong(f"expected pool size {SEATS}, got {size}; keep to the engine of the house", section=3)


@question("no-deadlock", lesson=LESSON, section=3)
async def check_twelve_guests_are_served(router: Any, base: Any, item: Any) -> str:
    """Alone a guest gets the menu with its recipes; twelve at once, four threads and two seats leave no 500."""
    endpoint = _require_def_endpoint(router)
    together = asyncio.Barrier(GUESTS)
    house = FastAPI()
    house.include_router(router)
    house.include_router(router, prefix="/rush", dependencies=[Depends(together.wait)])
    drawn = zip(seeded.names("Negroni", "Spritz"), seeded.names("stir", "pour"), strict=True)
    drinks = [{"name": name, "recipe": recipe} for name, recipe in drawn]
    async with _sync_engine() as engine:
        house.state.engine = engine
        base.metadata.create_all(engine)
        with Session(engine) as session, session.begin():
            session.add_all(item(**drink) for drink in drinks)
        lenders = _Lenders()
        engine_hooks.install()
        listen(lenders)
        try:
            with _tokens(THREADS):
                await _serve(house, engine, lenders, drinks)
        finally:
            unlisten(lenders)
    return f"{endpoint}: {ALL_SERVED} with {THREADS} threads and {SEATS} connections"


async def _serve(house: FastAPI, engine: Any, lenders: _Lenders, drinks: list[dict[str, str]]) -> None:
    async with visiting(house) as visitor:
        await visitor.ask("GET", "/legacy/items", section=3)
        _tell_known_crash(visitor)
        alone = await visitor.ask("GET", "/legacy/items", status=200, section=3)
        equal(alone.json(), drinks, what="menu", section=3)
        lenders.require_only(engine.pool)
        guests = await from_arrival(GUESTS, lambda: visitor.http.get("/rush/legacy/items"))
    lenders.require_only(engine.pool)
    if (tokens := current_default_thread_limiter().total_tokens) != THREADS:
        wrong(f"expected {THREADS} threads, got {tokens:g}; leave the tokens of the house as they are", section=3)
    if set(guests.statuses()) != {200}:
        others = ", ".join(str(status) for status in guests.statuses() if status != 200)
        said = f"expected {ALL_SERVED}, got {others} as well; who holds a connection and waits for a thread?"
        wrong(said, section=3, slug="threadpool-deadlock")


def _tell_known_crash(visitor: Visitor) -> None:
    """Fail with the cause of a crash whose own text names none."""
    crashed = "expected status 200, got 500 for GET /legacy/items"
    if "DetachedInstanceError" in str(visitor.error):
        late = "the recipe was asked for after its session had closed (DetachedInstanceError): return schemas"
        wrong(f"{crashed}; {late}", section=3, slug="detached-instance")
    if type(visitor.error).__name__ == "NoEventLoopError":
        wrong(f"{crashed}; a thread cannot reach the limiter: leave the tokens of the house as they are", section=3)


def _require_def_endpoint(router: Any) -> str:
    """Return the name of the endpoint at /legacy/items; fail when it is missing or a coroutine function."""
    if not isinstance(router, APIRouter):
        wrong(f"expected an APIRouter, got {show(router)}", section=3)
    endpoints = [at.endpoint for at in router.routes if isinstance(at, APIRoute) and at.path == "/legacy/items"]
    if not endpoints:
        wrong("expected GET /legacy/items on the router, got no such path", section=3)
    if inspect.iscoroutinefunction(endpoints[0]):
        wrong("expected a def endpoint, got async def; this question keeps it in a thread", section=3)
    return getattr(endpoints[0], "__name__", "endpoint")


class _Office:
    """A report that ends when its gate opens, and knows how many came and how many were at it at once."""

    def __init__(self) -> None:
        self.takings = Takings(items=seeded.number(3, 4, 900), total_cents=seeded.number(2000, 2001, 9999))
        self.inside = peak()
        self.gate = threading.Event()
        self.asked = 0
        self.in_the_loop = False
        self._loop_thread = threading.current_thread()

    async def note_request(self) -> None:
        """Count a guest who asks for the report."""
        self.asked += 1

    def close_night(self) -> Any:
        """Wait at the gate, unless the loop itself came in: it would wait for ever."""
        with self.inside.block():
            if threading.current_thread() is self._loop_thread:
                self.in_the_loop = True
            else:
                self.gate.wait(2 * WAIT_S)
        return self.takings


@question("two-desks", lesson=LESSON, section=4)
async def check_two_reports_and_thirty_others(report: Callable[..., Any]) -> str:
    """Forty reports are asked for, two are inside; thirty other requests are answered before these may end."""
    if not inspect.iscoroutinefunction(report):
        wrong(f"expected an async def report, got {'a def' if inspect.isfunction(report) else show(report)}", section=4)
    office, house = _Office(), FastAPI()
    house.state.close_night = office.close_night
    house.get("/report", dependencies=[Depends(office.note_request)])(report)
    house.get("/quick")(lambda: "quick")
    with _tokens():
        async with visiting(house) as visitor:
            reports = asyncio.create_task(from_arrival(REPORTS, lambda: visitor.ask("GET", "/report")))
            try:
                await _until(lambda: (office.asked == REPORTS and office.inside.most >= DESKS) or reports.done())
                await asyncio.sleep(SETTLE_S)
                quick = await _answered([await _sent(visitor.http.get("/quick")) for _ in range(QUICK)])
            finally:
                office.gate.set()
                answers = await _reported(reports, office)
    if office.in_the_loop:
        wrong("the event loop stood still: the report was called, not handed over", section=2, slug=SLUGS["loop"])
    if 500 in answers.statuses():
        refuse_awaitable(getattr(visitor.error, "body", None), section=4)  # what could not be made an answer
    equal(answers.statuses(), {200: REPORTS}, what="reports", section=4)
    most, one = office.inside.most, "is there one limit for all requests? one made per request limits nothing"
    equal(most, DESKS, what="peak", why=one if most > DESKS else "", section=4)
    equal(answers.results[0].json(), office.takings.model_dump(), what="takings", section=4)
    if quick != QUICK:
        taken = "while the reports ran; who waits for a desk must not keep a thread of everybody's"
        wrong(f"expected {QUICK} quick answers, got {quick} {taken}", section=4)
    return "two desks, thirty quick answers while both were taken"


async def _reported(reports: asyncio.Task[Any], office: _Office) -> Any:
    """Return the answers of the reports; slips whose own text leads nowhere are told with their cause."""
    try:
        return await reports
    except AnswerError as error:
        if office.in_the_loop:
            return None  # what came of it does not matter
        if "unexpected keyword argument 'limiter'" in str(error):
            wrong("run_in_threadpool takes no limiter; to_thread.run_sync does", section=4)
        if missing := re.search(r"'State' object has no attribute '(\w+)'", str(error)):
            wrong(f"app.state has no {missing[1]}, only close_night; make a limiter yourself, once", section=4)
        raise


async def _until(reached: Callable[[], bool]) -> None:
    """Wait for a condition; one that never comes true is judged by who asked."""
    for _ in range(round(WAIT_S / 0.01)):
        if reached():
            return
        await asyncio.sleep(0.01)


async def _sent(request: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Return the task of a request that is under way: thirty first steps in one turn would hold the loop themselves."""
    task = asyncio.create_task(request)
    await asyncio.sleep(0)
    return task


async def _answered(tasks: list[asyncio.Task[Any]]) -> int:
    """Return how many were answered in time; the others are let go."""
    done, late = await asyncio.wait(tasks, timeout=WAIT_S)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    return len(done)
