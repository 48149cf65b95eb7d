"""The checks of exercise 01: tell waiting from blocking, count what is inside, hear the loop, free it.

Truth is measured here, never written down: a claim about a handler is compared with what that handler did.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Generator, Iterable
from contextlib import contextmanager
from types import CodeType
from typing import Any  # Any: answers, handlers and the rows of a till

from anyio.to_thread import current_default_thread_limiter
from fastapi import APIRouter, FastAPI

from course_lib.checks import seeded
from course_lib.checks.assertions import AnswerError, Wrong, ask, equal, show, wrong
from course_lib.checks.probes import SLUGS
from course_lib.checks.question import question
from course_lib.checks.visitor import Visitor, visiting
from course_lib.client import client
from course_lib.observe import from_arrival, loop_lag, peak

LESSON = "01_event_loop"
STOOD_STILL = "the event loop stood still"

GUESTS, TOKENS = 3, 2  # one guest more than threads: whoever uses threads is seen by their number
PLACES = ("loop", "thread", "free")
SECTIONS = {"blocking_sleep": 1, "counts_primes": 4, "plain_def": 2, "primes_in_def": 2, "awaited_sleep": 3}

STALL_S = 0.2
BEAT_S = 0.03  # five of these are 0.15 s: a busy machine delays a clean heartbeat by less, the stall by more
# which works block, when a judge asks; whoever has counted a stall and then a silence is wrong in each row
STALLS = ((False, True), (False, True, True), (True, True, False), (True, False, True))
QUIET_TRIES = 4  # and a machine that is late all the same is not late four times in a row

LONELY_S = 1.5  # how long the first guest waits for a full house; nobody after it waits at all

REPORTS = 20


@contextmanager
def _tokens(total: int) -> Generator[None]:
    """Give the thread pool `total` tokens for the time of a block."""
    limiter = current_default_thread_limiter()
    before, limiter.total_tokens = limiter.total_tokens, total
    try:
        yield
    finally:
        limiter.total_tokens = before


async def _place_of(handler: Callable[..., Any]) -> str:
    """Return where three guests of `handler` are held: loop, thread or free."""
    house = FastAPI()
    house.get("/")(handler)
    with _tokens(TOKENS), peak() as inside:
        async with client(house) as http, loop_lag() as lag:
            await from_arrival(GUESTS, lambda: http.get("/"))
    if lag.stood_still:
        return "loop"
    return "thread" if inside.most == TOKENS else "free"


def _refuse_gaps(claims: dict[Any, Any], names: Iterable[str]) -> None:
    """Fail when a handler has no claim, or one that is no place: nothing is measured for it, so nothing is told."""
    for name in names:
        claim = claims.get(name, ...)
        if claim is ...:
            wrong(f"expected loop, thread or free for {name}, got nothing; it is not answered yet")
        if claim not in PLACES:
            wrong(f"expected loop, thread or free for {name}, got {show(claim)}")


@question(
    "who-blocks",
    lesson=LESSON,
    section=1,
    seconds=8,
    except_probes={"loop": "two of the six handlers hold the loop on purpose"},
)
async def check_claims_about_handlers_are_measured(who_blocks: Any, handlers: list[Callable[..., Any]]) -> str:
    """Compare each claim with what its handler did; measure a second time before saying no."""
    if not isinstance(who_blocks, dict):
        wrong(f"expected a dict of {len(handlers)} names, got {type(who_blocks).__name__}")
    _refuse_gaps(who_blocks, (handler.__name__ for handler in handlers))
    seen = Counter[str]()
    for handler in handlers:
        name = handler.__name__
        claim = who_blocks[name]
        place = await _place_of(handler)
        if place != claim:
            place = await _place_of(handler)
        if place != claim:
            slug = SLUGS["loop"] if place == "loop" else ""
            wrong(f"expected {name} {place}, got {claim}", section=SECTIONS.get(name), slug=slug)
        seen[place] += 1
    equal(dict(seen), {"loop": 2, "thread": 2, "free": 2}, what="of the six handlers")  # else they were changed
    return f"{len(handlers)} handlers measured, {len(handlers)} claims hold"


def _borrowed_hearts() -> int:
    """Count the hearts of the course's own `loop_lag` that beat now."""
    return sum(task.get_name() == "loop_lag" for task in asyncio.all_tasks())


async def _work(hearts: list[int], blocks: bool) -> None:
    """Wait, or block the loop between two waits: a heart needs the first to begin, and the second to be late."""
    await asyncio.sleep(STALL_S / 4)
    hearts.append(_borrowed_hearts())
    if blocks:
        time.sleep(STALL_S)  # noqa: ASYNC251 - the stall that the answer must hear
    else:
        await asyncio.sleep(STALL_S)
    await asyncio.sleep(STALL_S / 4)


async def _heard(stood_still: Callable[..., Any], work: Coroutine[Any, Any, None]) -> Any:
    """Ask the answer, and look for its tasks before they had a turn to end."""
    before = asyncio.all_tasks()
    value = await ask(stood_still, work, beat=BEAT_S)
    left = len(asyncio.all_tasks() - before)
    if left:
        noun = "task" if left == 1 else "tasks"
        wrong(f"{left} {noun} still running; cancel it and await its end", slug=SLUGS["tasks"])
    return value


@question(
    "hear-the-loop",
    lesson=LESSON,
    section=5,
    seconds=3,
    except_probes={"loop": "the work blocks the loop, so that the answer has something to hear"},
)
async def check_stall_is_heard_and_waiting_is_not(stood_still: Callable[..., Any]) -> str:
    """Give it work that blocks and work that waits as long."""
    for blocks in seeded.choice((True, False), STALLS):
        await (_require_heard if blocks else _require_silence)(stood_still)
    return "heard the stall, and no stall where there was none"


async def _require_heard(stood_still: Callable[..., Any]) -> None:
    """Fail when the answer does not hear a stall, or hears it with a heart of ours."""
    hearts = [_borrowed_hearts()]  # the probe's own
    came = await _heard(stood_still, _work(hearts, blocks=True))
    if came is not True:
        wrong(f"expected True, got {show(came)} for work that blocks the loop for {STALL_S:g} s")
    if max(hearts) > hearts[0]:
        wrong("expected a heart of your own, got the loop_lag of the course; write the task that beats yourself")


async def _require_silence(stood_still: Callable[..., Any]) -> None:
    """Fail when the answer hears a stall where there is none, time after time."""
    for _ in range(QUIET_TRIES):
        came = await _heard(stood_still, _work([], blocks=False))
        if came is not True:
            break
    if came is not False:
        wrong(f"expected False, got {show(came)} for work that only awaits")


class _House:
    """Keeps its guests until it is full, or until it is clear that nobody else comes."""

    def __init__(self, seats: int) -> None:
        self._seats = seats
        self._inside = peak()
        self._leave = threading.Event()

    def visit(self) -> dict[str, int]:
        """Wait for a full house once, and report how many were inside at most."""
        with self._inside.block():
            if self._inside.most >= self._seats:
                self._leave.set()
            self._leave.wait(LONELY_S)
            self._leave.set()
            return {"inside": self._inside.most}


@question(
    "knee",
    lesson=LESSON,
    section=2,
    except_probes={"loop": "a hundred requests at once keep any loop busy for a tenth of a second"},
)
async def check_knee_follows_the_limiter(knee: Callable[..., Any]) -> str:
    """Ask two houses: with the usual 40 tokens and with 7."""
    for seats, what in ((40, ""), (seeded.number(7, 3, 30), "second knee")):
        app, house = FastAPI(), _House(seats)
        app.get("/inside")(house.visit)
        with _tokens(seats):
            async with visiting(app) as visitor:
                came = await ask(knee, visitor.http)
        equal(came, seats, what=what, section=3 if came == 1 else 2)
    return "two houses asked, two knees found"


class _Row(dict[str, Any]):
    """A row of the till that remembers whose code read it."""

    def __init__(self, sold: int) -> None:
        super().__init__(drink="water", sold=sold)
        self.sold = sold
        self.readers: list[CodeType] = []

    def __getitem__(self, key: str) -> Any:
        """Return the value, and note the code that asked."""
        self.readers.append(sys._getframe(1).f_code)
        return super().__getitem__(key)


async def _answered(visitor: Visitor) -> Any:
    """Return what one good `/report` says; a coroutine that came out of the endpoint is named."""
    try:
        response = await visitor.ask("GET", "/report", status=200)
    except Wrong:
        if "coroutine" in str(visitor.error):
            wrong(
                "expected a report, got a coroutine from the endpoint; is an `await` missing?",
                slug=SLUGS["awaited"],
            )
        raise
    return response.json()


async def _one_report(visitor: Visitor) -> None:
    """Ask for one report with a heartbeat beside it; a stall is the answer's own when it comes twice."""
    advice = ""
    for _ in range(2):
        refused: AnswerError | None = None
        came: Any = None
        async with loop_lag() as lag:
            try:
                came = await _answered(visitor)
            except AnswerError as raised:
                refused = raised
        # "not callable" is what follows when the report was built in the loop and its result handed over
        was_built_here = lag.stood_still and "callable" in str(refused)
        if refused is not None and not was_built_here:
            raise refused
        if not lag.stood_still:
            equal(came, {"sold": 3})
            return
        advice = "; hand over the function itself, not its result" if was_built_here else ""
    wrong(f"{STOOD_STILL}{advice}", slug=SLUGS["loop"])


def _refuse_another_office(build_report: Any) -> None:
    """Fail when the slow function was rewritten: it is the office's, and the repair is around it."""
    code = getattr(build_report, "__code__", None)
    if code is None or inspect.iscoroutinefunction(build_report) or "sleep" not in code.co_names:
        wrong("expected build_report as the office wrote it, got another one; run its cell again and leave it so")


async def _twenty_and_live(visitor: Visitor, sold: int) -> int:
    """Ask for twenty reports and `/live` together; return the number of the request that was answered last."""
    coming = iter([*["/report"] * REPORTS, "/live"])
    arrivals = await from_arrival(REPORTS + 1, lambda: visitor.http.get(next(coming)))
    equal(arrivals.statuses(), {200: REPORTS + 1}, what="statuses")
    for response in arrivals.results[:REPORTS]:
        equal(response.json(), {"sold": sold}, what="report of the changed till")
    return arrivals.order[-1]


@question("free-the-chef", lesson=LESSON, section=4, probe_sections={"loop": 4})
async def check_live_passes_the_reports(
    router: APIRouter, till: list[dict[str, Any]], build_report: Callable[[], dict[str, int]]
) -> str:
    """Ask for one report, sell one more drink, then ask for twenty and `/live` together."""
    if not isinstance(router, APIRouter):
        wrong(f"expected router to be an APIRouter, got {type(router).__name__}")
    _refuse_another_office(build_report)
    house, water = FastAPI(), _Row(seeded.number(1, 2, 40))
    house.include_router(router)
    house.get("/live")(lambda: {"door": "open"})
    async with visiting(house) as visitor:
        await _one_report(visitor)
        till.append(water)
        try:
            last = await _twenty_and_live(visitor, 3 + water.sold)
        finally:
            till.remove(water)
    built = water.readers.count(build_report.__code__)
    if built < REPORTS:
        wrong(f"expected {REPORTS} calls of build_report, counted {built}; leave it as it is and call it per report")
    if last == REPORTS:
        wrong("expected /live before the last report, got it after all of them")
    return f"{REPORTS} reports and /live together, and /live did not wait for the last"
