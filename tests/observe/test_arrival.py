"""Calls that arrive together: results in call order, latencies from the one arrival, the first error raised."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest
from fastapi import FastAPI, Response

from course_lib import client, from_arrival
from course_lib.errors import CourseError
from course_lib.observe.arrival import Arrivals


def test_results_stand_in_call_order_and_the_order_of_answers_beside_them() -> None:
    async def main() -> Arrivals:
        doors = [asyncio.Event() for _ in range(3)]
        doors[2].set()
        calls = iter(range(3))

        async def call() -> str:
            number = next(calls)
            await doors[number].wait()
            if number:
                doors[number - 1].set()
            return "abc"[number]

        return await from_arrival(3, call)

    arrivals = asyncio.run(main())
    assert arrivals.results == ["a", "b", "c"]
    assert arrivals.order == [2, 1, 0]
    assert arrivals.latencies == sorted(arrivals.latencies, reverse=True)
    assert (arrivals.first, arrivals.last) == (arrivals.latencies[2], arrivals.latencies[0])
    assert repr(arrivals) == "3 arrived together, 3 answered"


def test_a_latency_counts_from_the_arrival_and_not_from_the_start_of_the_call() -> None:
    async def blocking() -> None:
        time.sleep(0.02)  # noqa: ASYNC251 - the point: ten of them stand in a row

    arrivals = asyncio.run(from_arrival(10, blocking))
    assert arrivals.last > 3 * arrivals.first


def test_statuses_are_counted_and_sorted() -> None:
    async def main() -> dict[int, int]:
        app, calls = FastAPI(), iter(range(10))

        @app.get("/")
        async def full_house() -> Response:
            return Response(status_code=503 if next(calls) < 3 else 200)

        async with client(app) as http:
            return (await from_arrival(10, lambda: http.get("/"))).statuses()

    counted = asyncio.run(main())
    assert list(counted.items()) == [(200, 7), (503, 3)]


def test_the_first_error_is_raised_itself_and_the_others_are_cancelled() -> None:
    cancelled = 0

    async def main() -> None:
        calls = iter(range(3))

        async def call() -> httpx.Response:
            nonlocal cancelled
            if next(calls) == 1:
                raise ValueError("no")
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled += 1
                raise
            raise AssertionError

        await from_arrival(3, call)

    with pytest.raises(ValueError, match="no"):
        asyncio.run(main())
    assert cancelled in (1, 2)  # one that had not begun is cancelled before its first line


def test_the_first_error_keeps_its_cause() -> None:
    async def call() -> None:
        raise ValueError("no") from KeyError("why")

    with pytest.raises(ValueError, match="no") as caught:
        asyncio.run(from_arrival(2, call))
    assert isinstance(caught.value.__cause__, KeyError)
    assert caught.value.__suppress_context__


def test_nobody_is_no_crowd() -> None:
    async def call() -> None: ...

    with pytest.raises(CourseError) as caught:
        asyncio.run(from_arrival(0, call))
    assert str(caught.value) == "from_arrival needs at least 1 call, got 0"
