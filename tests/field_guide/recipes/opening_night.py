"""Recipes for the errors of lesson 15: each provokes one for real.

Each ignored type error here is the learner's mistake itself.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from fastapi import FastAPI, HTTPException

from course_lib.databases import fresh

from ..beside import ask
from ..club import guest
from ..recipe import shows, shows_on

GUESTS = 50


@shows("flat-latency-curve")
async def the_queue_is_in_one_clock_only(_: Path) -> tuple[object, object]:
    now = 0  # a clock that only the kitchen moves: no machine is too slow for it
    from_start: list[int] = []
    from_arrival: list[int] = []

    async def order(arrival: int) -> None:
        nonlocal now
        start = now
        now += 1  # a blocking call: nobody else moves
        from_start.append(now - start)
        from_arrival.append(now - arrival)

    await asyncio.gather(*(order(now) for _ in range(GUESTS)))
    return (from_start, from_arrival), ([1] * GUESTS, list(range(1, GUESTS + 1)))


@shows_on("restart-loop", "postgres")
async def liveness_waits_for_the_database(kind: str) -> tuple[object, object]:
    app = FastAPI()
    async with fresh(kind, pool_size=1, max_overflow=0) as engine, guest(app) as http:

        @app.get("/live")
        async def live() -> None:
            """Ask nobody."""

        @app.get("/live-by-database")
        async def live_by_database() -> None:
            await ask(engine, "select 1")

        @app.get("/ready")
        async def ready() -> None:
            try:
                async with asyncio.timeout(0.2):
                    await ask(engine, "select 1")
            except TimeoutError:
                raise HTTPException(503) from None

        async def status(path: str) -> int:
            return (await http.get(path)).status_code

        async with engine.connect():
            waiting = asyncio.create_task(status("/live-by-database"))
            held = await status("/live"), await status("/ready"), waiting.done()
        free = await waiting, await status("/ready")
    return (held, free), ((200, 503, False), (200, 200))
