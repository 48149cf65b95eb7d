"""A doorman makes the standstill of two seats in one request certain, and lets everybody else pass."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib import client, database, fresh, from_arrival, gauge
from course_lib.checks.doorman import Doorman, doorman

GUESTS = 3
Visit = Callable[[AsyncEngine], Coroutine[Any, Any, None]]


async def one_seat(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))


async def two_seats(engine: AsyncEngine) -> None:
    async with engine.connect():
        await one_seat(engine)


async def one_after_the_other(engine: AsyncEngine) -> None:
    await one_seat(engine)
    await one_seat(engine)


async def with_a_task(engine: AsyncEngine) -> None:
    await asyncio.create_task(one_seat(engine))


def served(visit: Visit, guests: int = GUESTS, crowd: int = GUESTS) -> tuple[dict[int, int], int, Doorman]:
    """Return the statuses of guests who come at once, the peak, and the doorman."""

    async def main() -> tuple[dict[int, int], int, Doorman]:
        async with fresh(pool_size=GUESTS, max_overflow=0, pool_timeout=0.2) as engine:
            house = FastAPI()

            @house.get("/")
            async def endpoint(request: Request) -> None:
                await visit(engine)

            room = gauge(engine)
            async with client(house) as http:
                with doorman(crowd) as watch:
                    came = await from_arrival(guests, lambda: http.get("/"))
            return came.statuses(), room.peak, watch

    return asyncio.run(main())


def test_two_seats_in_one_request_stand_still_every_time() -> None:
    statuses, peak, _ = served(two_seats)
    assert 500 in statuses
    assert peak == GUESTS


@pytest.mark.parametrize("visit", [one_seat, one_after_the_other, with_a_task])
def test_who_needs_one_seat_at_a_time_passes(visit: Visit) -> None:
    statuses, _, watch = served(visit)
    assert statuses == {200: GUESTS}
    assert watch.strangers == 0


def test_a_crowd_that_does_not_come_is_not_waited_for_for_ever() -> None:
    statuses, _, _ = served(two_seats, guests=1)
    assert statuses == {200: 1}


def test_one_guest_alone_need_not_wait() -> None:
    statuses, _, _ = served(two_seats, guests=1, crowd=1)
    assert statuses == {200: 1}


def test_a_task_whose_request_has_left_is_stopped_at_the_pool() -> None:
    async def main() -> None:
        async with fresh() as engine:
            left: list[asyncio.Task[None]] = []
            house, room = FastAPI(), gauge(engine)

            @house.get("/")
            async def endpoint() -> None:
                left.append(asyncio.create_task(one_seat(engine)))

            async with client(house) as http:
                with doorman(1) as watch:
                    assert (await http.get("/")).status_code == 200
                    while not watch.strangers:  # noqa: ASYNC110 - the task has no other way to be seen
                        await asyncio.sleep(0)
                    assert not left[0].done()
                    assert room.inside == 0
                    left[0].cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await left[0]
                    assert room.peak == 0
                await one_seat(engine)  # nobody watches any more
            assert room.peak == 1

    asyncio.run(main())


def test_a_thread_with_a_synchronous_engine_is_left_alone() -> None:
    async def main() -> int:
        async with database() as place:
            engine, house = create_engine(place.dsn), FastAPI()

            def ask() -> None:
                with engine.connect() as connection:
                    connection.execute(text("SELECT 1"))

            @house.get("/")
            async def endpoint() -> None:
                await run_in_threadpool(ask)

            async with client(house) as http:
                with doorman(2):
                    status = (await http.get("/")).status_code
            engine.dispose()
        return status

    assert asyncio.run(main()) == 200
