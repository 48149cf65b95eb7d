"""The checks of exercise 09 on who waits how long: limits in order, who cancels whom, two probes.

The other two questions are in `giving_up.py`; no check waits longer than a few seconds for an answer.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any  # Any: answers, ASGI messages, and what an answer returns

from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine

from course_lib.checks import seeded
from course_lib.checks.assertions import Wrong, ask, equal, exactly, show, wrong
from course_lib.checks.question import question
from course_lib.checks.visitor import Visitor, visiting
from course_lib.databases import database, fresh
from course_lib.observe import gauge, trace

LESSON = "09_cancellation"

TIERS = {
    "pool": "pool_timeout",
    "statement": "statement_timeout",
    "request": "request timeout",
    "client": "client timeout",
}
LONGEST_WAIT = 5  # seconds for a seat: who waits longer has left


CASES = {"disconnect": 1, "cancel": 0, "timeout": 0}
IN_PROCESS = 123  # the port httpx.ASGITransport says its client has

PROBES, ANSWER_S = 20, 3.0  # seconds: what a probe may take at most; the task says one
LIVENESS = "restart-loop"


@question("tiers", lesson=LESSON, section=6)
async def check_the_inner_wait_ends_first(tiers: Any) -> str:
    """Four numbers of seconds, strictly rising, the pool's at most five."""
    if not isinstance(tiers, dict) or set(tiers) != set(TIERS):
        wrong(f"expected a dict with the keys {', '.join(map(repr, TIERS))}, got {show(tiers)}")
    for key, name in TIERS.items():
        _require_seconds(name, tiers[key])
    if tiers["pool"] > LONGEST_WAIT:
        unit = "these are seconds" if tiers["pool"] >= 100 else "nobody waits that long at a door"
        wrong(f"expected pool_timeout at most {LONGEST_WAIT}, got {show(tiers['pool'])}; {unit}")
    keys = list(TIERS)
    for inner, outer in itertools.pairwise(keys):
        if tiers[inner] >= tiers[outer]:
            came = f"got {show(tiers[inner])} and {show(tiers[outer])}"
            who = "the outer one gives up while the inner one still works"
            wrong(f"expected {TIERS[inner]} below {TIERS[outer]}, {came}; {who}")
    return "four limits, each inside the next"


def _require_seconds(name: str, value: Any) -> None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value <= 0:
        why = "; 0 is no limit for PostgreSQL, and no patience for a pool" if value == 0 else ""
        wrong(f"expected a number of seconds above 0 for the {name}, got {show(value)}{why}")


class _Doorbook:
    """An ASGI layer that notes of each order whether it came over the wire, and how it ended."""

    def __init__(self, app: Any, notes: dict[str, list[tuple[bool, str]]]) -> None:
        self._app, self._notes = app, notes

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        on_wire = scope["client"][1] != IN_PROCESS
        ended, has_left = "cancelled", asyncio.ensure_future(_leaving(receive))

        async def seen(message: Any) -> None:
            nonlocal ended
            if message["type"] == "http.response.start":
                ended = "finished" if has_left.done() else "answered"
            await send(message)

        try:
            await self._app(scope, receive, seen)
        finally:
            has_left.cancel()
            self._notes.setdefault(scope["path"].rpartition("/")[2], []).append((on_wire, ended))


async def _leaving(receive: Any) -> None:
    """Return when the guest has left; the orders of this lab have no body that we could take away."""
    while (await receive())["type"] != "http.disconnect":
        pass


@question(
    "who-cancelled",
    lesson=LESSON,
    section=1,
    seconds=20,
    wire=True,
    except_probes={"loop": "a server is started in this loop, which takes a moment on a busy machine"},
)
async def check_the_three_guests_were_really_sent(rows_left: Callable[..., Any], make_lab: Callable[..., Any]) -> str:
    """The numbers are those of the database, and each of the three guests came the way that is asked for."""
    notes: dict[str, list[tuple[bool, str]]] = {}
    async with fresh() as engine:
        lab = make_lab(engine)
        lab.add_middleware(_Doorbook, notes=notes)
        came = await ask(rows_left, lab, section=1)
        stored = await _orders(lab, engine)
    if not isinstance(came, dict) or set(came) != set(CASES):
        wrong(f"expected a dict with the keys {', '.join(map(repr, CASES))}, got {show(came)}", section=1)
    for case, wanted in CASES.items():
        _require_case(case, wanted, came[case], notes.get(case, []))
    equal({case: came[case] for case in CASES}, stored, what="rows, as the database has them", section=1)
    return "disconnect 1 over the wire, cancel 0 and timeout 0 in process, as the database says"


async def _orders(lab: Any, engine: AsyncEngine) -> dict[str, int]:
    """Return how many orders of each case are stored, once the kitchen is empty."""
    while lab.state.busy:  # noqa: ASYNC110 - the lab counts, it has no event
        await asyncio.sleep(0.01)
    counted = "SELECT name, count(*) FROM items WHERE name IN ('disconnect', 'cancel', 'timeout') GROUP BY name"
    async with engine.connect() as connection:
        found = {row[0]: row[1] for row in await connection.execute(text(counted))}
    return {case: found.get(case, 0) for case in CASES}


def _require_case(case: str, wanted: int, came: Any, seen: list[tuple[bool, str]]) -> None:
    """Fail when the number of one case is another one, or was not measured as it is asked for."""
    if came != wanted or isinstance(came, bool):
        said, slug = _why_other(case, seen)
        wrong(f"expected {case} {wanted}, got {show(came)}; {said}", section=1, slug=slug)
    where = "over the wire" if case == "disconnect" else "in process"
    if not seen:
        said = "prove it by sending one; a task that is cancelled at once never begins"
        wrong(f"expected 1 order of {case} {where}, counted 0; {said}", section=1)
    on_wire, ended = seen[-1]
    if on_wire != (case == "disconnect"):
        other = "in process" if case == "disconnect" else "over the wire"
        said = f"expected 1 order of {case} {where}, got it {other}; only the wire shows what a disconnect does"
        wrong(said, section=1, slug="disconnect-does-not-cancel")
    if case == "disconnect" and ended == "answered":
        said = "expected the guest of disconnect to leave before its answer, and it got one"
        wrong(f"{said}; give it less patience than the kitchen", section=1)
    if case != "disconnect" and ended != "cancelled":
        wrong(f"expected the order of {case} to be cancelled at work, got one that ended", section=1)


def _why_other(case: str, seen: list[tuple[bool, str]]) -> tuple[str, str]:
    """Return why the number of a case is not the expected one, and the slug."""
    if not seen:
        return "no such guest was sent: send one and count", ""
    on_wire, ended = seen[-1]
    slug = "disconnect-does-not-cancel"
    if case == "disconnect":
        if not on_wire:
            return "that guest was in process, where leaving cancels the endpoint", slug
        return "it was counted while the order was still at work", ""
    if on_wire:
        return "over the wire a guest who leaves cancels nothing", slug
    if ended != "cancelled":
        return "in process the limit of httpx is ignored, and nobody cancelled the order", slug
    return "that order was cancelled, and nothing is stored", ""


@asynccontextmanager
async def _house(live: Any, ready: Any, engine: AsyncEngine) -> AsyncIterator[tuple[FastAPI, Visitor]]:
    """Open a house with both probes on `engine`."""
    house = FastAPI()
    house.state.engine, house.state.gauge = engine, gauge(engine)
    house.state.sessions = house.state.read_sessions = async_sessionmaker(engine, expire_on_commit=False)
    house.get("/live", response_model=None)(live)
    house.get("/ready", response_model=None)(ready)
    async with visiting(house) as visitor:
        yield house, visitor


@question("ready-or-alive", lesson=LESSON, section=6, seconds=20)
async def check_only_one_probe_asks_the_database(live: Callable[..., Any], ready: Callable[..., Any]) -> str:
    """A free house, a full one, one whose database is gone, and a free one again."""
    for answer in (live, ready):
        if not callable(answer):
            wrong(f"expected two functions, got {show(answer)}")
    everywhere, looks = gauge(), seeded.number(1, 2, 9)
    async with fresh(pool_size=1, max_overflow=0) as engine, _house(live, ready, engine) as (_, visitor):
        asked_by_live = await _look_at_a_free_house(visitor, engine, looks)
        async with engine.connect():
            await _look_at_a_full_house(visitor)
            if asked_by_live:
                wrong(f"expected 0 statements for /live, counted {asked_by_live}", slug=LIVENESS)
            if everywhere.peak > 1:
                wrong(f"expected peak 1, got {everywhere.peak}; a probe must not open connections of its own")
        await _probe(visitor, "/ready", 200)
    async with database() as place:
        gone = create_async_engine(place.url.replace("velvet.db", "gone/velvet.db"))
        async with _house(live, ready, gone) as (_, visitor):
            await _probe(visitor, "/live", 200, slug=LIVENESS)
            await _probe(visitor, "/ready", 503)
        await gone.dispose()
    return f"free 200 200, full 200 503, gone 200 503; {PROBES} probes at a full house opened nothing"


async def _look_at_a_free_house(visitor: Visitor, engine: AsyncEngine, looks: int) -> int:
    """Ask both probes of a free house, so many times; return how many statements /live cost at once."""
    asked_by_live = 0
    for _ in range(looks):
        async with trace(engine) as events:
            await _probe(visitor, "/live", 200)
        asked_by_live = max(asked_by_live, len(events.statements()))
        async with trace(engine) as events:
            await _probe(visitor, "/ready", 200)
        if not events.statements():
            wrong("expected 1 statement for /ready, counted 0; only a round trip shows that the database answers")
    return asked_by_live


async def _look_at_a_full_house(visitor: Visitor) -> None:
    await _probe(visitor, "/live", 200, slug=LIVENESS)
    refused = await _probe(visitor, "/ready", 503)
    if not re.fullmatch(r"\d+", refused.headers.get("Retry-After", "")):
        came = refused.headers.get("Retry-After")
        wrong(f"expected a Retry-After of whole seconds, got {show(came)}; say when to ask again")
    answers = await asyncio.gather(*(_probe(visitor, "/ready", 503) for _ in range(PROBES)))
    exactly(len(answers), PROBES, "answers")


async def _probe(visitor: Visitor, path: str, status: int, *, slug: str = "") -> Any:
    """Ask one probe; a wait without a limit is told as such."""
    try:
        async with asyncio.timeout(ANSWER_S):
            response = await visitor.ask("GET", path)
    except TimeoutError:
        why = "liveness asks the database" if path == "/live" else "who limits the wait for a seat?"
        said = f"timeout: no answer of {path} in {ANSWER_S:g} s while the house is full; {why}"
        raise Wrong(said, section=6, slug=slug, outcome="timeout") from None
    if response.status_code != status:
        _tell_header(visitor)
        behind = f"; behind it: {type(visitor.error).__name__}" if visitor.error else ""
        wrong(f"expected status {status}, got {response.status_code} for GET {path}{behind}", section=6, slug=slug)
    return response


def _tell_header(visitor: Visitor) -> None:
    if isinstance(visitor.error, AttributeError) and "encode" in str(visitor.error):
        wrong("expected a Retry-After of text, got a number; a header is text", section=6)
