"""What the generator takes is measured on an app that does nothing, and over a socket by the thread's clock."""

import asyncio

from fastapi import FastAPI

from course_lib import client
from course_lib.load import closed_loop
from course_lib.load.cost import cpu_per_request


def house() -> FastAPI:
    """Return an app that takes its time without taking the processor."""
    app = FastAPI()

    @app.get("/")
    async def serve() -> None:
        await asyncio.sleep(0.05)

    return app


def test_a_request_costs_something() -> None:
    assert 0 < asyncio.run(cpu_per_request()) < 0.1


def test_a_waiting_app_leaves_the_generator_unbound() -> None:
    report = asyncio.run(closed_loop(house(), users=2, seconds=0.3))
    assert 0 < report.share < 0.7
    assert report.cpu > 0


def test_over_a_socket_everything_in_this_thread_is_counted() -> None:
    async def main() -> float:
        async with client(house(), wire=True) as http:
            return (await closed_loop(http, users=2, seconds=0.3)).share

    assert asyncio.run(main()) > 0


def test_an_own_coroutine_function_is_not_charged() -> None:
    async def visit() -> None:
        await asyncio.sleep(0.01)

    assert asyncio.run(closed_loop(visit, users=1, seconds=0.05)).share == 0
