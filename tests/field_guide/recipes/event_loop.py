"""Recipes for the errors of lesson 01: each provokes one for real.

Each ignored type error here is the learner's mistake itself.
"""

from __future__ import annotations

import asyncio
import gc
import time
from pathlib import Path
from typing import Any

from ..recipe import Seen, provokes, shows


@provokes("lost-task")
async def lose_a_task(_: Path) -> None:
    async def fails() -> None:
        raise LookupError("nobody looks")

    said: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context["message"]))
    task = asyncio.create_task(fails())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task
    gc.collect()
    raise Seen(said[0])


@provokes("not-a-coroutine")
async def make_a_task_of_a_result(_: Path) -> None:
    report: Any = {"sold": 3}
    asyncio.create_task(report)  # noqa: RUF006 - it never becomes a task


@shows("blocked-loop")
async def a_heartbeat_stops(_: Path) -> tuple[object, object]:
    beats = 0

    async def heart() -> None:
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0)

    async def blocks() -> int:
        before = beats
        time.sleep(0.02)  # noqa: ASYNC251 - the mistake itself
        return beats - before

    async def waits() -> int:
        before = beats
        await asyncio.sleep(0.02)
        return beats - before

    task = asyncio.create_task(heart())
    await asyncio.sleep(0)
    blocked, waited = await blocks(), await waits()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return (blocked, waited > 0), (0, True)
