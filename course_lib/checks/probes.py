"""The five probes: what an answer leaves behind, seen on the resources and not on its values.

A connection never returned, a transaction left open, a task nobody waits for, a coroutine never awaited, a loop that
stood still: comparing values sees none of them, and each has one named cause.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import logging
import sys
import warnings
import weakref
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any  # Any: SQLAlchemy's lent connections and asyncio's error contexts

from course_lib.checks import learner_code
from course_lib.checks.clock import PATIENCE_S
from course_lib.checks.thrown_away import hearing
from course_lib.observe import engine_hooks
from course_lib.observe.events import Listener, Raw, listen, listens, unlisten
from course_lib.observe.loop_lag import LoopLag

PROBES = ("returned", "finished", "awaited", "tasks", "loop")
SLUGS = {
    "returned": "gc-connection",
    "finished": "idle-in-transaction",
    "awaited": "never-awaited",
    "tasks": "lost-task",
    "loop": "blocked-loop",
}
WARNINGS_KEPT = 100  # an endless loop without its await gives millions, and the first one tells it all
GRACE_S = 0.05  # a closing task or a connection on its way back may need a few turns of the loop


@dataclass(frozen=True)
class Finding:
    """What one probe found: its name, the message, and where the learner's code did it."""

    probe: str
    message: str
    place: str = ""

    @property
    def sentence(self) -> str:
        """Return the message with its place."""
        return f"{self.message}, {self.place}" if self.place else self.message


@dataclass
class Report:
    """The findings of a block, complete when the block has ended."""

    findings: list[Finding] = field(default_factory=list)


class _Loans:
    """The connections that are out now: who took them, and whether a transaction is open on them."""

    def __init__(self) -> None:
        self._out: dict[int, tuple[Any, str]] = {}
        self._begun: set[int] = set()

    def take(self, raw: Raw) -> None:
        """Follow one pool or transaction event."""
        if raw.kind == "checkout":
            record, lent = raw.subject
            self._out[id(record)] = (lent, learner_code.of_checkout() or "")
        elif raw.kind in ("checkin", "invalidate", "close", "detach"):
            self._out.pop(id(raw.subject[0]), None)
            self._begun.discard(id(raw.subject[0]))
        elif raw.kind == "BEGIN":
            self._begun.add(id(raw.subject))
        elif raw.kind in ("COMMIT", "ROLLBACK"):
            self._begun.discard(id(raw.subject))

    def findings(self) -> list[Finding]:
        """Return what is still out and what is still open on it."""
        if not self._out:
            return []
        places = next((place for _, place in self._out.values() if place), "")
        taken = f"taken at {places}" if places else ""
        found = [Finding("returned", f"{_count(len(self._out), 'connection')} still checked out", taken)]
        if self._begun & self._out.keys():
            found.append(Finding("finished", "a transaction is still open", taken))
        return found

    async def take_back(self) -> None:
        """Close what was left out, so that the next check begins clean and no thread of a driver stays."""
        from sqlalchemy.util import greenlet_spawn

        for lent, _ in list(self._out.values()):
            with contextlib.suppress(Exception):  # it is broken or gone already, which is what we want
                await greenlet_spawn(lent.invalidate)
        self._out.clear()


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


class _Unawaited:
    """Collects the coroutines that are thrown away, and the warnings that say so of others; none is printed."""

    def __init__(self) -> None:
        self._caught: list[str] = []
        self._thrown_away: list[tuple[str, str]] = []  # name, place
        self._is_deaf = False

    @contextlib.contextmanager
    def collecting(self) -> Iterator[None]:
        """Record every warning of the block, with the line that made the coroutine; restore the filters."""
        depth = sys.get_coroutine_origin_tracking_depth()
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            note: Any = self._note  # takes whatever a warning brings; only its text is kept
            warnings.showwarning = note  # restored with the filters
            sys.set_coroutine_origin_tracking_depth(5)
            with hearing(self._take) as is_heard:
                try:
                    yield
                finally:
                    sys.set_coroutine_origin_tracking_depth(depth)
                    self._is_deaf = not is_heard()

    def _take(self, coroutine: Any) -> None:
        if len(self._thrown_away) < WARNINGS_KEPT:
            places = [learner_code.in_file(file, line) for file, line, _ in coroutine.cr_origin or ()]
            self._thrown_away.append((coroutine.__name__, next((place for place in places if place), "")))

    def _note(self, message: Warning | str, *_rest: Any) -> None:
        if len(self._caught) < WARNINGS_KEPT:
            self._caught.append(str(message))

    def findings(self) -> list[Finding]:
        """Return one finding when a coroutine was never awaited."""
        if self._is_deaf:
            return [Finding("awaited", "expected Python's own _warn_unawaited_coroutine, got another one")]
        for name, place in self._thrown_away:
            at = f" at {place}" if place else ""
            return [Finding("awaited", "a coroutine was never awaited", f"the call of {name}(){at}")]
        for caught in self._caught:
            said, found, origin = caught.partition(" was never awaited")
            if found:
                name = said.partition("'")[2].partition("'")[0].rpartition(".")[2]
                call = f"the call of {name}()"
                where = learner_code.of_origin(origin)
                return [Finding("awaited", "a coroutine was never awaited", f"{call} at {where}" if where else call)]
        return []


# set while a check runs and copied into every task it starts: tasks a kernel makes meanwhile are not the answer's
_CHECK: contextvars.ContextVar[object | None] = contextvars.ContextVar("velvet_rope_check", default=None)


class _Tasks:
    """Follows the tasks a check and its answer start, and keeps the errors nobody fetched."""

    def __init__(self) -> None:
        self._started: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        self._running: list[str] = []
        self._lost: list[str] = []

    @contextlib.contextmanager
    def following(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        """Follow the tasks started in this block and the loop's error handler; restore both."""
        handler, factory = loop.get_exception_handler(), loop.get_task_factory()
        mark = _CHECK.set(self)

        def start(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Task[Any]:
            task: Any = factory(loop, coro, **options) if factory else asyncio.Task(coro, loop=loop, **options)
            if _CHECK.get() is self:
                self._started.add(task)
            return task  # type: ignore[no-any-return]  # a factory of somebody else's returns what it likes

        loop.set_task_factory(start)
        # the method itself: a handler of the answer's would be asked instead of ours
        hears: Any = loop
        hears.call_exception_handler = note = self._note_context
        try:
            yield
        finally:
            if vars(hears).pop("call_exception_handler", None) is not note:
                self._lost.append("expected the loop's own call_exception_handler, got another one")
            loop.set_exception_handler(handler)
            loop.set_task_factory(factory)
            _CHECK.reset(mark)

    def _note_context(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self._lost.append(f"{type(error).__name__}: {error}" if error else str(context.get("message", "")))

    async def stop(self) -> None:
        """Cancel and remember what still runs; one that will not be cancelled is left behind."""
        running = {task for task in self._started if not task.done() and task is not asyncio.current_task()}
        self._running = sorted(getattr(task.get_coro(), "__name__", "task") for task in running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=PATIENCE_S)

    def findings(self) -> list[Finding]:
        """Return what was still running, or else the first error nobody fetched."""
        if self._running:
            return [Finding("tasks", f"{_count(len(self._running), 'task')} still running", f"in {self._running[0]}")]
        return [Finding("tasks", f"a task failed and nobody looked: {lost}") for lost in self._lost[:1]]


@contextlib.contextmanager
def _quiet(*names: str) -> Iterator[None]:
    """Silence these loggers: the report says the same in the learner's words, once."""
    loggers = [logger for logger in map(logging.getLogger, names) if not logger.disabled]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger in loggers:
            logger.disabled = False


@contextlib.contextmanager
def _listening(listener: Listener) -> Iterator[None]:
    listen(listener)
    try:
        yield
    finally:
        unlisten(listener)


@asynccontextmanager
async def probes(off: Collection[str] = ()) -> AsyncIterator[Report]:
    """Watch a block; the report is complete after it. `off` names probes that are switched off.

    Every hook is restored, whatever the block raises.
    """
    engine_hooks.install()
    _sweep()
    report, loans, lag, tasks, unawaited = Report(), _Loans(), LoopLag(), _Tasks(), _Unawaited()
    following = tasks.following(asyncio.get_running_loop())
    with _quiet("sqlalchemy.pool", "asyncio"), unawaited.collecting(), following, _listening(loans):
        try:
            async with lag:
                yield report
        finally:
            found = await _settled(loans)
            await tasks.stop()
            await loans.take_back()
            gc.collect()  # a failed task and a forgotten coroutine speak when they are collected
            await asyncio.sleep(0)
            found += [*tasks.findings(), *unawaited.findings()]
            if not listens(loans):
                found.append(Finding("returned", "expected the probe among those who hear of connections, it is gone"))
            if lag.stood_still:
                found.append(Finding("loop", "the event loop stood still"))
            report.findings = sorted((f for f in found if f.probe not in off), key=lambda f: PROBES.index(f.probe))


def _sweep() -> None:
    """Collect what earlier cells left behind, in silence: this check must neither pay for it nor print it."""
    with warnings.catch_warnings(), _quiet("sqlalchemy.pool", "asyncio"):
        warnings.simplefilter("ignore")
        gc.collect()


async def _settled(loans: _Loans) -> list[Finding]:
    """Return the loans that are still out after a few turns of the loop."""
    for _ in range(10):
        await asyncio.sleep(GRACE_S / 10)
        if not loans.findings():
            break
    return loans.findings()
