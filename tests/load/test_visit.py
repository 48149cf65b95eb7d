"""A visit to each kind of target; what goes wrong is counted, and no address but this machine's is visited."""

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException

from course_lib import client
from course_lib.errors import CourseError
from course_lib.load.visit import place_of, visits


def house() -> FastAPI:
    """Return an app that serves, refuses and breaks."""
    app = FastAPI()

    @app.get("/{wish}")
    async def serve(wish: str) -> str:
        if wish == "full":
            raise HTTPException(503)
        if wish == "broken":
            raise RuntimeError("the tap")
        return wish

    return app


async def outcomes(target: Any, *wishes: str) -> list[str]:
    """Return the outcome of a visit for each wish."""
    found = []
    for wish in wishes:
        async with visits(target, f"/{wish}") as visit:
            found.append(await visit())
    return found


def test_an_app_in_this_process() -> None:
    assert asyncio.run(outcomes(house(), "gin", "full", "broken")) == ["200", "503", "500"]
    assert place_of(house()) == "process"


def test_a_server_on_this_machine_by_address_and_by_client() -> None:
    async def main() -> tuple[list[str], list[str], str]:
        async with client(house(), wire=True) as http:
            by_address = await outcomes(str(http.base_url), "gin", "full", "broken")
            return by_address, await outcomes(http, "gin"), place_of(http)

    assert asyncio.run(main()) == (["200", "503", "500"], ["200"], "wire")


def test_an_open_client_in_this_process() -> None:
    async def main() -> tuple[list[str], str]:
        async with client(house()) as http:
            return await outcomes(http, "gin"), place_of(http)

    assert asyncio.run(main()) == (["200"], "process")


def test_a_coroutine_function_is_its_own_visit() -> None:
    async def call() -> None:
        await asyncio.sleep(0)

    async def broken() -> None:
        raise LookupError

    assert asyncio.run(outcomes(call, "")) == ["200"]
    assert asyncio.run(outcomes(broken, "")) == ["LookupError"]
    assert place_of(call) == "caller"


def test_a_server_that_is_not_there_is_an_outcome() -> None:
    assert asyncio.run(outcomes("http://127.0.0.1:1", "gin")) == ["ConnectError"]
    assert place_of("http://127.0.0.1:1") == "wire"


@pytest.mark.parametrize("address", ["http://192.0.2.1/", "https://velvet.example", "http://"])
def test_an_address_elsewhere_is_refused(address: str) -> None:
    with pytest.raises(CourseError, match="load goes to this machine only"):
        asyncio.run(outcomes(address, "gin"))


def test_a_cancelled_visit_is_cancelled() -> None:
    async def main() -> bool:
        async def forever() -> None:
            await asyncio.Event().wait()

        async with visits(forever) as visit:
            task = asyncio.create_task(visit())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return task.cancelled()

    assert asyncio.run(main()) is True
