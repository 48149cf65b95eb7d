"""Three ways to be cancelled, each at a moment the work itself chooses: a task, a limit of asyncio, a scope of anyio.

They end differently, and an answer must bear all three; a moment that a clock chooses would be luck.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import anyio

Cancel = Callable[[], object]
Work = Callable[[Cancel], Awaitable[object]]  # is given what cancels it
CLOSE = "_terminate_graceful_close"


async def by_task(work: Work) -> bool:
    """Run `work`, which may have its own task cancelled; say whether it left by that cancellation."""
    task = asyncio.ensure_future(work(lambda: task.cancel()))
    try:
        await asyncio.wait({task})
    finally:
        task.cancel()  # whoever gives up on us gives up on the work
    if not task.cancelled():
        task.result()
    return task.cancelled()


async def by_timeout(work: Work) -> bool:
    """Run `work` under a limit that it may let run out; say whether it left by that."""
    try:
        async with asyncio.timeout(None) as limit:
            await work(lambda: limit.reschedule(0))
    except TimeoutError:
        return limit.expired()
    return False


async def by_scope(work: Work) -> bool:
    """Run `work` in a scope that it may cancel; say whether it left by that."""
    with anyio.CancelScope() as scope:
        await work(scope.cancel)
    return scope.cancelled_caught


WAYS = {"task.cancel()": by_task, "asyncio.timeout": by_timeout, "an anyio scope": by_scope}


async def let_go_of_closes() -> None:
    """End the closes that SQLAlchemy leaves on SQLite when a scope cuts off a clean-up: their thread ended before."""
    closes = [task for task in asyncio.all_tasks() if getattr(task.get_coro(), "__name__", "") == CLOSE]
    for _ in range(3):  # cancelled, a close of aiosqlite begins to wait once more
        for task in closes:
            task.cancel()
        await asyncio.sleep(0)
