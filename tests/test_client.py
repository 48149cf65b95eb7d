"""The client of an app: lifespan, names, overrides, and nothing left on the wire."""

from __future__ import annotations

import asyncio
import importlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import Depends, FastAPI, Request
from httpx import ReadTimeout
from sqlalchemy.ext.asyncio import create_async_engine

from course_lib.client import BASE_URL, Observed, client, load
from course_lib.errors import CourseError, ServerError
from course_lib.workspace import folder, modules

client_module = importlib.import_module("course_lib.client")  # the attribute of that name is the function
EACH_WAY = pytest.mark.parametrize("wire", [False, True], ids=["in process", "on the wire"])


def house(log: list[str] | None = None, boiler: Callable[[], Any] | None = None) -> FastAPI:
    """Return an app whose lifespan writes `opened` and `closed` into `log`; `boiler` runs before it opens."""
    said = log if log is not None else []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, str]]:
        if boiler is not None:
            await boiler()
        said.append("opened")
        app.state.bar = "gin"
        yield {"dj": "Nova"}
        said.append("closed")

    app = FastAPI(lifespan=lifespan)

    @app.get("/states")
    async def states(request: Request) -> list[str]:
        return [request.app.state.bar, request.state.dj]

    @app.get("/crash")
    async def crash() -> None:
        raise ValueError("the glass is broken")

    @app.get("/forever")
    async def forever() -> None:
        await asyncio.Event().wait()

    return app


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """Answer 200 to everything: an ASGI function that knows no lifespan."""
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def other_tasks() -> set[asyncio.Task[Any]]:
    """Return the tasks of the loop without the one that asks."""
    return asyncio.all_tasks() - {asyncio.current_task()}


@EACH_WAY
def test_the_lifespan_is_entered_and_left_and_its_states_are_seen(wire: bool) -> None:
    async def main() -> list[str]:
        log: list[str] = []
        async with client(house(log), wire=wire) as http:
            log += (await http.get("/states")).json()
        return log

    assert asyncio.run(main()) == ["opened", "gin", "Nova", "closed"]


@EACH_WAY
def test_an_asgi_function_without_a_lifespan_is_served(wire: bool) -> None:
    async def main() -> str:
        async with client(bare, wire=wire) as http:
            return (await http.get("/")).text

    assert asyncio.run(main()) == "hello"


def test_an_address_never_shows_a_port_in_process() -> None:
    async def main() -> str:
        async with client(bare) as http:
            return str(http.base_url)

    assert asyncio.run(main()) == BASE_URL


def test_the_wire_leaves_no_port_and_no_task() -> None:
    async def main() -> tuple[int, set[asyncio.Task[Any]]]:
        async with client(house(), wire=True) as http:
            await http.get("/states")
            port = http.base_url.port
        assert port is not None
        return port, other_tasks()

    port, tasks = asyncio.run(main())
    assert not tasks
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        pass


@EACH_WAY
def test_an_error_of_the_app_is_a_500_by_default(wire: bool) -> None:
    async def main() -> int:
        async with client(house(), wire=wire) as http:
            return (await http.get("/crash")).status_code

    assert asyncio.run(main()) == 500


def test_an_error_of_the_app_is_raised_when_asked_for() -> None:
    async def main() -> None:
        async with client(house(), errors=True) as http:
            await http.get("/crash")

    with pytest.raises(ValueError, match="the glass is broken"):
        asyncio.run(main())


@EACH_WAY
@pytest.mark.parametrize("error", [RuntimeError, TimeoutError])
def test_a_lifespan_that_raises_shows_its_own_error(wire: bool, error: type[Exception]) -> None:
    async def cold() -> None:
        raise error("no hot water")

    async def main() -> None:
        async with client(house(boiler=cold), wire=wire):
            pass

    with pytest.raises(error, match="no hot water"):
        asyncio.run(main())


@EACH_WAY
def test_a_lifespan_that_never_yields_is_one_sentence(monkeypatch: pytest.MonkeyPatch, wire: bool) -> None:
    monkeypatch.setattr(client_module, "START_S", 0.05)

    async def main() -> set[asyncio.Task[Any]]:
        with pytest.raises(ServerError) as caught:
            async with client(house(boiler=asyncio.Event().wait), wire=wire):
                pass
        assert str(caught.value) == (
            "the app did not start within 0.05 s; what does its lifespan wait for before its yield?"
        )
        return other_tasks()

    assert not asyncio.run(main())


def test_a_request_nobody_waits_for_does_not_keep_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "STOP_S", 0.05)

    async def main() -> set[asyncio.Task[Any]]:
        async with client(house(), wire=True) as http:
            with pytest.raises(ReadTimeout):
                await http.get("/forever", timeout=0.05)
        return other_tasks()

    assert not asyncio.run(main())


def test_an_app_is_found_by_name_in_the_workspace(workspace: Path) -> None:
    folder.write("main.py", "from fastapi import FastAPI\n\napp = FastAPI()\nhouse = app\n")

    async def main() -> list[int]:
        codes = []
        for name in ("app.main:app", "app.main", "app.main:house"):
            async with client(name) as http:
                codes.append((await http.get("/openapi.json")).status_code)
        return codes

    assert asyncio.run(main()) == [200, 200, 200]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("app.bar:app", "app.bar:app was not found; has its %%app cell run, or lesson(n) before it?"),
        ("app.main:create", "app.main has no 'create'; write create = create_app() or FastAPI() there"),
        (":app", "an app is named like \"app.main:app\" (module, colon, name), got ':app'"),
        ("app/main.py", "an app is named like \"app.main:app\" (module, colon, name), got 'app/main.py'"),
    ],
)
def test_a_name_that_leads_nowhere_is_one_sentence(workspace: Path, name: str, sentence: str) -> None:
    folder.write("main.py", "app = None\n")
    with pytest.raises(CourseError) as caught:
        load(name)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("import ap", ModuleNotFoundError),
        ("import app.cellar", ModuleNotFoundError),
        ("import asyncio\nasyncio.gin", AttributeError),
    ],
)
def test_an_error_inside_the_file_is_shown_as_it_is(workspace: Path, text: str, error: type[Exception]) -> None:
    folder.write("main.py", text)
    with pytest.raises(error):
        load("app.main:app")


def test_a_machine_that_lets_nobody_serve_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf:
        started = False

        async def serve(self, sockets: list[socket.socket]) -> None:
            """Give up at once."""

    monkeypatch.setattr(client_module, "_quiet_server", lambda app, patience: Deaf())

    async def main() -> None:
        async with client(bare, wire=True):
            pass

    with pytest.raises(ServerError) as caught:
        asyncio.run(main())
    assert str(caught.value) == "no server on this machine's loopback address; run it without wire=True"


def test_a_websocket_gets_the_states_and_is_no_request() -> None:
    seen: list[Any] = []

    async def phone(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["type"], scope["state"]))

    asyncio.run(Observed(phone, {"dj": "Nova"})({"type": "websocket"}, None, None))  # type: ignore[arg-type]  # unused
    assert seen == [("websocket", {"dj": "Nova"})]


def test_what_is_no_app_is_refused() -> None:
    async def main() -> None:
        async with client(None):
            pass

    with pytest.raises(CourseError) as caught:
        asyncio.run(main())
    assert str(caught.value) == 'client expects an app or "app.main:app", got NoneType; what does it name?'


def tap() -> str:
    """Return what the house pours."""
    return "beer"


def water() -> str:
    """Return what a test pours."""
    return "water"


def pouring() -> FastAPI:
    """Return an app with one dependency to override."""
    app = FastAPI()

    @app.get("/")
    async def pour(drink: str = Depends(tap)) -> str:
        return drink

    return app


def test_overrides_made_before_are_used_and_stay() -> None:
    app = pouring()
    before = app.dependency_overrides
    before[tap] = water

    async def main() -> str:
        async with client(app) as http, client(app):
            poured: str = (await http.get("/")).json()
        return poured

    assert asyncio.run(main()) == "water"
    assert app.dependency_overrides is before
    assert before == {tap: water}


def test_overrides_made_or_cleared_inside_last_as_they_would_without_us() -> None:
    app = pouring()

    async def main() -> list[str]:
        poured = []
        async with client(app) as http:
            poured.append((await http.get("/")).json())
            app.dependency_overrides[tap] = water
        async with client(app) as http:
            poured.append((await http.get("/")).json())
            app.dependency_overrides.clear()
        assert app.dependency_overrides == {}
        async with client(app):
            app.dependency_overrides = {tap: water}
        return poured

    assert asyncio.run(main()) == ["beer", "water"]
    assert app.dependency_overrides == {tap: water}


def test_engines_of_forgotten_modules_are_disposed_before_a_client_opens(workspace: Path) -> None:
    modules._waiting.append(create_async_engine("sqlite+aiosqlite://"))

    async def main() -> int:
        async with client(bare):
            return len(modules._waiting)

    assert asyncio.run(main()) == 0


@pytest.mark.parametrize(("patience", "status"), [(None, 200), (0, 500)])
def test_a_server_that_stops_waits_as_long_as_it_was_told(patience: float | None, status: int) -> None:
    app = FastAPI()
    inside, gate = asyncio.Event(), asyncio.Event()

    @app.get("/")
    async def wait() -> None:
        inside.set()
        await gate.wait()

    async def main() -> int:
        async with client(app, wire=True, patience=patience) as http:
            asking = asyncio.create_task(http.get("/"))
            await inside.wait()
            client_module.stop(http)
            if patience is None:
                gate.set()
            return (await asking).status_code

    assert asyncio.run(main()) == status


def test_a_client_without_a_server_cannot_stop_one() -> None:
    async def main() -> None:
        async with client(bare) as http:
            client_module.stop(http)

    with pytest.raises(CourseError, match=r"^stop expects a client with a server of its own; open it with wire=True$"):
        asyncio.run(main())
