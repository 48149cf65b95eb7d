"""Recipes for the errors of lesson 15: each provokes one for real.

Each ignored type error here is the learner's mistake itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
from fastapi import FastAPI, HTTPException
from fastapi.responses import StreamingResponse

from course_lib.databases import fresh

from ..beside import ask, served
from ..club import guest
from ..recipe import Seen, provokes, shows, shows_on

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


async def end_while_it_answers(path: str) -> tuple[str, list[str]]:
    """Shut a server down during a request; return what the client got, and what the server logged."""
    app, began = FastAPI(), asyncio.Event()
    logged: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: logged.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("uvicorn.error")
    logger.addHandler(handler)

    @app.get("/plain")
    async def plain() -> None:
        began.set()
        await asyncio.sleep(600)

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"first"
            began.set()
            await asyncio.sleep(600)

        return StreamingResponse(parts())

    try:
        async with served(app, timeout_graceful_shutdown=0) as (server, client):
            asking = asyncio.create_task(client.get(path))
            await began.wait()
            server.should_exit = True
            got = (await asyncio.gather(asking, return_exceptions=True))[0]
    finally:
        logger.removeHandler(handler)
    if isinstance(got, Exception):
        raise got
    assert isinstance(got, httpx.Response)
    return f"{got.status_code} {got.text}", logged


@provokes("killed-at-shutdown")
async def end_during_a_stream(_: Path) -> None:
    await end_while_it_answers("/stream")


@provokes("killed-at-shutdown")
async def end_during_a_plain_answer(_: Path) -> None:
    answer, logged = await end_while_it_answers("/plain")
    assert answer == "500 Internal Server Error"
    raise Seen(logged[0])
