"""The clock of a question: run a check for so many seconds, and say where it was stuck when they are over.

An answer may swallow its cancellation or never give the loop back; neither may take the learner's kernel with it.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar  # Any: what a coroutine sends and receives

from course_lib.checks import learner_code
from course_lib.checks.assertions import AnswerError

T = TypeVar("T")

MARGIN_S = 1.0  # the alarm is for a loop that stands still; one that runs is stopped by the clock itself
AGAIN_S = 0.1  # Python swallows the alarm inside the clean-up of an object; the next ring finds other code
PATIENCE_S = 1.0  # what a cancelled answer may take to close what it has opened


rings = True  # a runner that kills a process whose clock ran out turns the alarm off: a handler is given our own frames


class TimeUp(Exception):
    """The clock ran out; the text is where the learner's code was, empty when nobody knows."""


class _Blocked(BaseException):
    """Raised by the alarm inside code that never gives the loop back; not an Exception, so nobody swallows it."""


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Return the result of `work`, run in a task of its own; raise `TimeUp` when it takes longer.

    A task that swallows its cancellation is left behind after a second: waiting for it would never end.
    """
    task = asyncio.get_running_loop().create_task(_without_exit(work), name="check")
    with _alarm(seconds + MARGIN_S) as blocked:
        try:
            await asyncio.wait({task}, timeout=seconds)
            place = blocked[0] if blocked else _waiting_at(task)
            in_time = task.done() and not blocked
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=PATIENCE_S)
            error = task.exception() if task.done() and not task.cancelled() else None
    if not in_time:
        raise TimeUp(place)
    if task.cancelled():
        raise AnswerError("") from asyncio.CancelledError("the answer cancelled the task it ran in")
    if error is not None:
        raise error
    return task.result()


async def _without_exit(work: Coroutine[Any, Any, T]) -> T:
    try:
        return await work
    except SystemExit as error:  # a task lets it pass, and it would end the kernel
        raise AnswerError(str(error)) from error


def _waiting_at(task: asyncio.Task[Any]) -> str:
    """Return `in 'name' at line 4 of the cell` of the task, or of the first other task that waits in learner code."""
    others = sorted(asyncio.all_tasks() - {task}, key=lambda other: other.get_name())
    for waiting in [task, *others]:
        found = learner_code.of_waiting(waiting)
        if found:
            return f"in {found[0]!r} at {found[1]}"
    return ""


@contextmanager
def _alarm(seconds: float) -> Iterator[list[str]]:
    """Interrupt code that blocks the loop, and yield the places: asyncio's timeout cannot fire while nobody awaits."""
    blocked: list[str] = []
    if not rings or not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield blocked
        return
    owner = asyncio.current_task()

    def ring(_number: int, frame: FrameType | None) -> None:
        where = learner_code.of_stack(frame)
        if where is None and asyncio.current_task() in (None, owner):
            return  # the loop waits, as it should; an error raised here would end it
        blocked.append(f"at {where}, which never gives the loop back" if where else "")
        raise _Blocked

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_S)
    try:
        yield blocked
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
