"""`closed_loop`: so many users, each of whom waits for an answer before asking again.

It finds the highest throughput, and flatters latency: when the app is slow, its users ask less often.
"""

from __future__ import annotations

import asyncio
from typing import Any  # Any: an app, a URL, a client or a coroutine function

from course_lib.errors import CourseError
from course_lib.load.report import Report
from course_lib.load.run import Run
from course_lib.load.visit import Visit, place_of, visits

FAILED_PAUSE_S = 0.001  # a refused connection comes back at once; users without any pause would starve the loop


async def closed_loop(
    target: Any, path: str = "/", *, users: int, seconds: float = 1.0, warm_up: float = 0.2
) -> Report:
    """Let `users` ask `target` for `path` again and again for `seconds`; see `visits` for what a target may be."""
    if users < 1:
        raise CourseError(f"closed_loop needs at least 1 user, got {users}")
    async with visits(target, path) as visit:
        async with Run(seconds, warm_up) as run:
            for _ in range(users):
                run.start(_user(run, visit))
        return await run.report("closed", users, place_of(target))


async def _user(run: Run, visit: Visit) -> None:
    while run.now < run.end:
        if not (await run.one(visit)).good:
            await asyncio.sleep(FAILED_PAUSE_S)
