"""The checks of exercise 09 on giving up: a connection that always comes home, and nothing that runs for nobody.

Who is cancelled is at work, and says so itself; no check waits longer than a few seconds for an answer.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any  # Any: answers, connect arguments, and what an answer returns

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib.checks import seeded
from course_lib.checks.assertions import AnswerError, Wrong, ask, equal, show, wrong
from course_lib.checks.cancelling import WAYS, Cancel, Work, let_go_of_closes
from course_lib.checks.question import question
from course_lib.checks.thrown_away import thrown_away
from course_lib.checks.zombies import Kitchen, Limits, kitchen
from course_lib.databases import fresh
from course_lib.observe import gauge
from course_lib.observe.gauge import Gauge

LESSON = "09_cancellation"

ROW = text("INSERT INTO items (name, price_cents) VALUES (:name, 1)")
ROWS = text("SELECT count(*) FROM items WHERE name LIKE 'audit %'")
LEAVES_S = 1.0  # from a cancellation until the answer has left; a right one needs a hundredth of it
MOST_TURNS = 100  # of 10 ms, until a connection that is on its way is home

GIVE_UPS, GIVE_UP_S, GONE_S = 3, 2.0, 1.0  # seconds: for one give-up, and until the server has nothing left
OF_THE_POOL = {"pool_timeout", "pool_size", "max_overflow", "pool_pre_ping", "pool_recycle"}
OF_THE_SERVER = {"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "transaction_timeout"}
UNITS = {"": 1, "us": 0.001, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
ONCE = "task.cancel()"  # a scope may leave a task of the driver, which closes what was cut off

_numbers = itertools.count(1)  # no two items have one name


class _Audit:
    """What an audit has to do: it writes a row, says so, and then waits, ends, or fails."""

    def __init__(self, then: Callable[[], Awaitable[None]]) -> None:
        self._then = then
        self.sessions: list[Any] = []  # kept: a session that is collected would come home by luck

    async def __call__(self, session: Any) -> None:
        """Do the work on the learner's session."""
        self.sessions.append(session)
        await session.execute(ROW, {"name": f"audit {next(_numbers)}"})
        await self._then()


async def _forever() -> None:
    await asyncio.Event().wait()


async def _nothing() -> None:
    return


async def _fail() -> None:
    raise LookupError("the books do not balance")


@question("always-home", lesson=LESSON, section=5, seconds=20)
async def check_the_connection_comes_home(audit: Callable[..., Any]) -> str:
    """An audit that ends, three that are cancelled, one that fails, more that end: nothing held, nothing half done."""
    further = seeded.number(1, 2, 5)
    async with fresh(pool_size=2, max_overflow=0, pool_timeout=2) as engine:
        work, room = _Audit(_nothing), gauge(engine)
        with thrown_away() as forgotten:
            await ask(audit, engine, work, section=5)
            await _require_home(room, "after an audit that ended", forgotten)
        if not work.sessions:
            wrong("expected audit to await work(session), counted 0 calls", section=5)
        await _require_rows(engine, 1, "who commits?")
        for name, way in WAYS.items():
            await _cancel_one(audit, engine, name, way)
        await _fail_one(audit, engine)
        await _require_rows(engine, 1, "half an audit was committed")
        for _ in range(further):
            await ask(audit, engine, _Audit(_nothing), section=5)
            await _require_home(room, "after one more audit that ended")
        await _require_rows(engine, 1 + further, "who commits the next ones?")
    return f"ended, failed, and cancelled by {', '.join(WAYS)}: inside 0, nothing half done"


async def _cancel_one(
    audit: Callable[..., Any], engine: AsyncEngine, name: str, way: Callable[[Work], Awaitable[bool]]
) -> None:
    """Cancel one audit that is at work, and judge how it left."""
    cancels: list[Cancel] = []
    left: list[asyncio.Task[Any]] = []

    async def then() -> None:
        cancels[0]()
        await _forever()

    audited, room = _Audit(then), gauge(engine)

    async def work(cancel: Cancel) -> None:
        cancels.append(cancel)
        running = asyncio.all_tasks()
        try:
            await ask(audit, engine, audited, section=5)
        finally:
            left.extend(task for task in asyncio.all_tasks() - running if not task.done())

    with thrown_away() as forgotten:
        if not await _in_time(way(work), name):
            wrong(f"the cancellation was swallowed; {name} asked audit to leave, and it went on", section=5)
        if left and name == ONCE:
            plural = "task" if len(left) == 1 else "tasks"
            said = f"{len(left)} {plural} still running when audit had left; who waits for it?"
            wrong(said, section=5, slug="lost-task")
        await _require_home(room, f"after {name}", forgotten)
        await let_go_of_closes()


async def _in_time(cancelled: Awaitable[bool], name: str) -> bool:
    """Return what the way of cancelling says; an answer that does not leave is told so, and left to the probes."""
    task = asyncio.ensure_future(cancelled)
    await asyncio.wait({task}, timeout=LEAVES_S)
    if not task.done():
        said = f"timeout: audit still at work {LEAVES_S:g} s after {name}; shield the clean-up only"
        raise Wrong(said, section=5, outcome="timeout")
    return task.result()


async def _fail_one(audit: Callable[..., Any], engine: AsyncEngine) -> None:
    work, room = _Audit(_fail), gauge(engine)
    with thrown_away() as forgotten:
        try:
            came = await ask(audit, engine, work, section=5)
        except AnswerError as error:
            if not isinstance(error.__cause__, LookupError):
                raise
        else:
            wrong(f"expected the LookupError of the work, got {show(came)}", section=5)
        await _require_home(room, "after an error", forgotten)


async def _require_home(room: Gauge, when: str, forgotten: Sequence[str] = (), *, section: int = 5) -> None:
    """Wait for a connection that is on its way; fail when it does not come."""
    for _ in range(MOST_TURNS):
        if not room.inside:
            return
        await asyncio.sleep(0.01)
    if forgotten:
        said = "a coroutine was never awaited; a session that is told to close begins with the await"
        wrong(said, section=section, slug="never-awaited")
    wrong(f"1 connection still checked out {when}", section=section, slug="leaked-connection")


async def _require_rows(engine: AsyncEngine, wanted: int, why: str) -> None:
    async with engine.connect() as connection:
        equal(await connection.scalar(ROWS), wanted, what="audited rows", why=why, section=2)


@question("no-zombies", lesson=LESSON, section=3, seconds=20, servers=("postgres",))
async def check_nothing_runs_for_nobody(connect_arguments: Callable[..., Any], give_up: Callable[..., Any]) -> str:
    """Three reports are given up; then the server is asked what runs on, and what would end it if we had died.

    Without PostgreSQL both are worked out from the connect arguments.
    """
    arguments = await ask(connect_arguments, section=3)
    if not isinstance(arguments, dict):
        wrong(f"expected a dict from connect_arguments, got {show(arguments)}", section=3)
    for_the_pool = [name for name in arguments if name in OF_THE_POOL]
    arguments = {name: value for name, value in arguments.items() if name not in OF_THE_POOL}
    limits = _limits(arguments)
    async with kitchen(arguments, limits) as lab:
        async with lab.engine.connect():  # the first seat is there: a give-up is not spent on making it
            pass
        for number in range(GIVE_UPS):
            await _give_up_once(give_up, lab, number + 1)
        left = await lab.left(GONE_S)
    if left:
        plural = "statement still runs" if left == 1 else "statements still run"
        wrong(f"{left} {plural}; {_why_left(arguments, for_the_pool)}", section=3, slug="zombie-query")
    _require_a_limit_of_the_server(lab.kept, arguments)
    return f"{GIVE_UPS} reports given up, 0 run on, and the server has a limit of its own"


async def _give_up_once(give_up: Callable[..., Any], lab: Kitchen, number: int) -> None:
    """Have one report given up; an error that says "too late" is a way to give up as well."""
    task = asyncio.ensure_future(ask(give_up, lab.engine, section=3))
    await asyncio.wait({task}, timeout=GIVE_UP_S)
    if not task.done():
        said = f"timeout: give_up still waits after {GIVE_UP_S:g} s; nobody gives up, and nothing stops the report"
        raise Wrong(said, section=3, outcome="timeout")
    try:
        task.result()
    except AnswerError as error:
        cause = error.__cause__
        if not isinstance(cause, TimeoutError) and getattr(getattr(cause, "orig", None), "sqlstate", "") != "57014":
            raise
    if lab.asked < number:
        wrong(f"expected {_reports(number)} asked of the database, counted {lab.asked}", section=3)
    await _require_home(lab.room, "after a give-up", section=3)


def _require_a_limit_of_the_server(kept: Sequence[float | None], arguments: dict[str, Any]) -> None:
    """Fail unless each report would have ended without us: a process that dies asks nobody to stop."""
    if not kept:
        wrong("expected 1 report at work, counted 0; it was given up before it began", section=3)
    for seconds in kept:
        if seconds is None:
            whose = "command_timeout is the driver's" if "command_timeout" in arguments else "yours is kept by asyncio"
            said = f"expected a statement_timeout on the server, got none; {whose}, and dies with its process"
            wrong(said, section=3, slug="zombie-query")
        if seconds > GIVE_UP_S:
            said = f"expected a statement_timeout of at most {GIVE_UP_S:g} s, got {seconds:g} s"
            wrong(f"{said}; for so long the report outlives a process that died", section=3, slug="zombie-query")


def _limits(arguments: dict[str, Any]) -> Limits:
    """Return what ends a report by itself; fail for what the driver would not take."""
    import asyncpg  # imported here: the other questions are judged without it

    for name in arguments:
        if name in OF_THE_SERVER:
            wrong(
                f"expected {name} inside server_settings, got it beside them; it is a setting of the server", section=3
            )
        if name not in inspect.signature(asyncpg.connect).parameters:
            wrong(f"expected arguments of asyncpg.connect, got {name!r}; settings go into server_settings", section=3)
    settings = arguments.get("server_settings", {})
    if not isinstance(settings, dict):
        wrong(f"expected server_settings to be a dict, got {show(settings)}", section=3)
    for name, value in settings.items():
        if not isinstance(value, str):
            said = f"expected {name} as text, got {show(value)}; the server reads text, '500' is 500 milliseconds"
            wrong(said, section=3)
    return Limits(_seconds(settings.get("statement_timeout", "0")), arguments.get("command_timeout"))


def _seconds(said: str) -> float | None:
    """Return what PostgreSQL makes of a time, None for 0: no limit."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(us|ms|s|min|h|d|)\s*", said)
    if found is None:
        wrong(f"expected a statement_timeout like '500' or '500ms', got {said!r}", section=3)
    return round(float(found[1]) * UNITS[found[2]]) / 1000 or None


def _why_left(arguments: dict[str, Any], for_the_pool: list[str]) -> str:
    """Return what an answer has limited instead."""
    if for_the_pool:
        return f"{for_the_pool[0]} belongs to the pool, which knows nothing of a report that was given up"
    settings = arguments.get("server_settings", {})
    if "statement_timeout" in settings:
        said = settings["statement_timeout"]
        late = "no limit" if _seconds(said) is None else "later than the give-up"
        return f"statement_timeout {said!r} is {late}"
    if "lock_timeout" in settings:
        return "lock_timeout ends a wait for a lock, and nobody waits for one"
    if "idle_in_transaction_session_timeout" in settings:
        return "the report is not idle, it works"
    return "the pool is empty, so ask the server"


def _reports(number: int) -> str:
    return "1 report" if number == 1 else f"{number} reports"
