"""On the way through an app: when dependencies enter and exit, when the answer is sent, whose request it was."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import pytest
from fastapi import BackgroundTasks, Depends, FastAPI
from fastapi.responses import StreamingResponse
from sqlalchemy import text

from course_lib import client, fresh, trace
from course_lib.observe import app_hooks


async def lamp() -> AsyncIterator[str]:
    """Lend something for a request."""
    yield "light"


def candle() -> Iterator[str]:
    """Lend something for a request, from a thread."""
    yield "light"


async def sing() -> None:
    """Do something when the guest has left."""


Lit = Annotated[str, Depends(lamp)]
LitShortly = Annotated[str, Depends(lamp, scope="function")]
LitInThread = Annotated[str, Depends(candle)]


def house() -> FastAPI:
    """Return an app with one path per order of events."""
    app = FastAPI()

    @app.get("/request")
    async def request_scope(light: Lit) -> str:
        return light

    @app.get("/function")
    async def function_scope(light: LitShortly) -> str:
        return light

    @app.get("/thread")
    def in_thread(light: LitInThread) -> str:
        return light

    @app.get("/background")
    async def background(light: Lit, after: BackgroundTasks) -> str:
        after.add_task(sing)
        return light

    @app.get("/stream")
    async def stream(light: Lit) -> StreamingResponse:
        return StreamingResponse(letter for letter in "ab")

    @app.get("/broken")
    async def broken(light: Lit) -> None:
        raise ValueError(light)

    return app


@pytest.mark.parametrize(
    ("path", "order"),
    [
        ("/request", "enter endpoint send-start send-body exit"),
        ("/function", "enter endpoint exit send-start send-body"),
        ("/thread", "enter endpoint send-start send-body exit"),
        ("/background", "enter endpoint send-start send-body background exit"),
        ("/stream", "enter endpoint send-start send-body send-body exit"),
        ("/broken", "enter endpoint exit send-start send-body"),
    ],
)
@pytest.mark.parametrize("wire", [False, True], ids=["in process", "on the wire"])
def test_a_request_goes_through_the_app_in_this_order(path: str, order: str, wire: bool) -> None:
    async def main() -> str:
        app = house()
        # the trace ends last: on the wire a request is still cleaning up when its answer has come
        async with trace(app=app) as events, client(app, wire=wire) as http:
            await http.get(path)
        return repr(events)

    assert asyncio.run(main()) == order


def test_details_name_the_endpoint_the_dependency_and_the_status() -> None:
    async def main() -> list[str]:
        app = house()
        async with client(app) as http, trace(app=app) as events:
            await http.get("/background")
        return [event.detail for event in events]

    assert asyncio.run(main()) == ["lamp", "background", "200", "", "sing", "lamp"]


def test_each_request_has_a_lane_with_its_connection_in_it() -> None:
    async def main() -> set[tuple[str, str]]:
        async with fresh() as engine:
            app = FastAPI()

            @app.get("/")
            async def count() -> Any:
                async with engine.connect() as connection:
                    return await connection.scalar(text("SELECT count(*) FROM items"))

            async with client(app) as http, trace(engine, app) as events:
                await asyncio.gather(http.get("/"), http.get("/"))
        lanes = dict.fromkeys(("request 1", "request 2"), "")
        for event in events:
            lanes[event.lane] += f"{event.kind} "
        return set(lanes.items())

    way = "endpoint checkout BEGIN SELECT ROLLBACK reset checkin send-start send-body "
    assert asyncio.run(main()) == {("request 1", way), ("request 2", way)}


def test_the_requests_of_another_app_are_not_shown() -> None:
    async def main() -> str:
        mine, other = house(), house()
        async with client(mine) as http, client(other) as elsewhere, trace(app=mine) as events:
            await elsewhere.get("/background")
            await http.get("/function")
        return repr(events)

    assert asyncio.run(main()) == "enter endpoint exit send-start send-body"


def test_without_an_app_only_the_connections_are_shown() -> None:
    async def main() -> str:
        app = house()
        async with client(app) as http, trace() as events:
            await http.get("/request")
        return repr(events)

    assert asyncio.run(main()) == "nothing happened"


def test_an_overridden_dependency_is_watched_too() -> None:
    async def torch() -> AsyncIterator[str]:
        yield "torch"

    async def main() -> tuple[str, list[str]]:
        app = house()
        app.dependency_overrides[lamp] = torch
        async with client(app) as http, trace(app=app) as events:
            answer = (await http.get("/function")).json()
        return answer, [event.detail for event in events][:1]

    assert asyncio.run(main()) == ("torch", ["torch"])


def test_a_dependency_that_cannot_enter_never_exits() -> None:
    async def dark() -> AsyncIterator[str]:
        raise ValueError("no light")
        yield

    async def main() -> str:
        app = house()
        app.dependency_overrides[lamp] = dark
        async with client(app) as http, trace(app=app) as events:
            await http.get("/function")
        return repr(events)

    assert asyncio.run(main()) == "send-start send-body"


def test_a_wrapped_dependency_is_the_same_each_time_so_it_is_cached() -> None:
    overrides = app_hooks.WatchedOverrides({})
    assert overrides.get(lamp, lamp) is overrides.get(lamp, lamp)
    assert overrides.get(sing, sing) is sing
    assert overrides.get(lamp) is None
