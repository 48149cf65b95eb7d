"""The peak: how many endpoints were inside at once, counted in their own threads."""

from __future__ import annotations

import asyncio
import threading

import anyio.to_thread
import pytest
from fastapi import FastAPI

from course_lib import client, peak
from course_lib.observe.peak import Peak

PATIENCE_S = 60  # a barrier that is never full breaks, and the test fails


async def crowd(threads: int | None, together: int, guests: int) -> Peak:
    """Let `guests` ask a `def` endpoint that lets nobody out before `together` are inside."""
    if threads is not None:
        anyio.to_thread.current_default_thread_limiter().total_tokens = threads
    app, full = FastAPI(), threading.Barrier(together)

    @app.get("/")
    def wait() -> None:
        full.wait(PATIENCE_S)

    async with client(app) as http:
        with peak() as inside:
            await asyncio.gather(*(http.get("/", timeout=PATIENCE_S) for _ in range(guests)))
    return inside


@pytest.mark.parametrize(("threads", "most"), [(None, 40), (7, 7)], ids=["forty threads", "a limiter of seven"])
def test_def_endpoints_share_the_threads(threads: int | None, most: int) -> None:
    inside = asyncio.run(crowd(threads, most, 2 * most))
    assert inside.most == most
    assert inside.entered == 2 * most
    assert len(inside.moves) == 4 * most
    assert repr(inside) == f"most {most}"


def test_coroutine_endpoints_are_all_inside_at_once() -> None:
    async def main() -> int:
        app, full = FastAPI(), asyncio.Event()
        guests = 50

        @app.get("/")
        async def wait() -> None:
            if inside.most == guests:
                full.set()
            await full.wait()

        async with client(app) as http:
            with peak() as inside:
                await asyncio.gather(*(http.get("/") for _ in range(guests)))
        return inside.most

    assert asyncio.run(main()) == 50


def test_an_endpoint_that_raises_has_left() -> None:
    async def main() -> Peak:
        app = FastAPI()

        @app.get("/")
        async def broken() -> None:
            raise ValueError

        async with client(app) as http:
            with peak() as inside:
                await http.get("/")
                await http.get("/")
        return inside

    inside = asyncio.run(main())
    assert inside.most == 1
    assert inside.moves == [(1, True), (1, False), (2, True), (2, False)]


def test_a_block_counts_as_a_call() -> None:
    with peak() as inside:
        with inside.block(), inside.block():
            pass
        with inside.block():
            pass
    assert (inside.most, inside.entered) == (2, 3)


def test_nothing_is_counted_after_the_block() -> None:
    async def main() -> int:
        app = FastAPI()
        app.add_api_route("/", lambda: None)
        async with client(app) as http:
            with peak() as inside:
                pass
            await http.get("/")
        return inside.entered

    assert asyncio.run(main()) == 0
