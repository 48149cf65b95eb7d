"""The five probes: what an answer leaves behind, seen on the resources and not on its values.

A connection never returned, a transaction left open, a task nobody waits for, a coroutine never awaited, a loop that
stood still: comparing values sees none of them, and each has one named cause.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import sys
import warnings
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any  # Any: SQLAlchemy's lent connections and asyncio's error contexts

from course_lib.checks import learner_code
from course_lib.observe import engine_hooks
from course_lib.observe.events import Raw, listen, unlisten
from course_lib.observe.loop_lag import LoopLag

PROBES = ("returned", "finished", "awaited", "tasks", "loop")
SLUGS = {
    "returned": "gc-connection",
    "finished": "idle-in-transaction",
    "awaited": "never-awaited",
    "tasks": "lost-task",
    "loop": "blocked-loop",
}
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
    """Collects the warnings Python gives when a coroutine is thrown away."""

    def __init__(self) -> None:
        self._caught: list[warnings.WarningMessage] = []
        self._context = warnings.catch_warnings(record=True)

    def begin(self) -> None:
        """Start collecting; every warning of the block is recorded, none is printed."""
        self._depth = sys.get_coroutine_origin_tracking_depth()
        sys.set_coroutine_origin_tracking_depth(5)
        caught = self._context.__enter__()
        self._caught = caught if caught is not None else []  # an empty list is the one Python fills
        warnings.simplefilter("always")

    def end(self) -> None:
        """Stop collecting and restore the filters."""
        self._context.__exit__(None, None, None)
        sys.set_coroutine_origin_tracking_depth(self._depth)

    def findings(self) -> list[Finding]:
        """Return one finding when a coroutine was never awaited."""
        for caught in self._caught:
            text = str(caught.message)
            if "was never awaited" in text:
                name = text.partition("'")[2].partition("'")[0]
                return [Finding("awaited", "a coroutine was never awaited", f"the call of {name}()")]
        return []


class _Tasks:
    """Compares the loop's tasks before and after, and keeps the errors nobody fetched."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._before = asyncio.all_tasks()
        self._handler = loop.get_exception_handler()
        self._lost: list[str] = []
        loop.set_exception_handler(self._note)

    def _note(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self._lost.append(f"{type(error).__name__}: {error}" if error else str(context.get("message", "")))

    async def findings(self) -> list[Finding]:
        """Cancel what still runs, and return it and the lost errors."""
        running = asyncio.all_tasks() - self._before - {asyncio.current_task()}
        names = sorted(getattr(task.get_coro(), "__name__", "task") for task in running if task is not None)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if names:
            return [Finding("tasks", f"{_count(len(names), 'task')} still running", f"in {names[0]}")]
        return [Finding("tasks", f"a task failed and nobody looked: {lost}") for lost in self._lost[:1]]

    def end(self) -> None:
        """Give the loop its own error handler back."""
        self._loop.set_exception_handler(self._handler)


@asynccontextmanager
async def probes(off: Collection[str] = ()) -> AsyncIterator[Report]:
    """Watch a block; the report is complete after it. `off` names probes that are switched off.

    Every hook is restored, whatever the block raises.
    """
    engine_hooks.install()
    gc.collect()  # what an earlier cell left behind must not be charged to this one
    report, loans, lag = Report(), _Loans(), LoopLag()
    tasks, unawaited = _Tasks(asyncio.get_running_loop()), _Unawaited()
    quiet = [logger for logger in map(logging.getLogger, ("sqlalchemy.pool", "asyncio")) if not logger.disabled]
    for logger in quiet:
        logger.disabled = True  # the report says it in the learner's words, once
    unawaited.begin()
    listen(loans)
    try:
        async with lag:
            yield report
    finally:
        found = [*await _settled(loans), *await tasks.findings()]
        await loans.take_back()
        gc.collect()
        await asyncio.sleep(0)
        unlisten(loans)
        found += unawaited.findings()
        unawaited.end()
        tasks.end()
        for logger in quiet:
            logger.disabled = False
        if lag.stood_still:
            found.append(Finding("loop", "the event loop stood still"))
        report.findings = sorted((f for f in found if f.probe not in off), key=lambda f: PROBES.index(f.probe))


async def _settled(loans: _Loans) -> list[Finding]:
    """Return the loans that are still out after a few turns of the loop."""
    for _ in range(10):
        await asyncio.sleep(GRACE_S / 10)
        if not loans.findings():
            break
    return loans.findings()
