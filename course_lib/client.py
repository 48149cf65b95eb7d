"""`client`: an httpx client for an app, in this process or over a real socket, with the lifespan entered.

httpx by itself never runs the lifespan; and a server of our own in the kernel's loop shows what ASGI transport hides.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import socket
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any  # Any: ASGI scopes and messages

from course_lib.errors import CourseError, ServerError
from course_lib.observe import app_hooks
from course_lib.observe.events import APP, REQUEST, emit, next_request
from course_lib.workspace import folder, modules

if TYPE_CHECKING:
    import httpx
    import uvicorn

Message = MutableMapping[str, Any]
App = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]

BASE_URL = "http://velvet.rope"
STOP_S = 3  # a request nobody waits for any more is cancelled then; uvicorn would wait for ever
_servers: weakref.WeakKeyDictionary[httpx.AsyncClient, uvicorn.Server] = weakref.WeakKeyDictionary()
START_S = 10.0  # a lifespan that takes longer is broken; the sentence is better than waiting


@asynccontextmanager
async def client(
    app: Any, wire: bool = False, errors: bool = False, *, patience: float | None = STOP_S
) -> AsyncIterator[httpx.AsyncClient]:
    """Open an httpx client for `app` (an app or `"app.main:app"`), its lifespan entered and left.

    `wire=True` serves it by uvicorn on a free loopback port; `patience` is how many seconds that server waits for its
    requests when it stops (None: as long as they take), and `stop(http)` tells it to. `errors=True` raises an app's
    exception here; by default it is the 500 a stranger sees. Raises `CourseError` when the name leads nowhere or the
    server does not start.
    """
    import httpx

    await modules.dispose_forgotten()
    target = load(app)
    if not callable(target):
        raise CourseError(f'client expects an app or "app.main:app", got {type(target).__name__}; what does it name?')
    app_hooks.install()
    with _watched(target):
        async with _lifespan(target) as state:
            observed = Observed(target, state)
            if wire:
                served, guest = _served(observed, patience), httpx.AsyncClient()
                async with served as (address, server), guest as http:
                    http.base_url, _servers[http] = address, server
                    yield http
                return
            transport = httpx.ASGITransport(observed, raise_app_exceptions=errors)
            async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as http:
                yield http


def stop(http: httpx.AsyncClient) -> None:
    """Have the server behind `http` (`wire=True`) stop: it takes no new guest, and waits for those it has."""
    if http not in _servers:
        raise CourseError("stop expects a client with a server of its own; open it with wire=True")
    _servers[http].should_exit = True


def load(app: Any) -> App:
    """Return the app that `"app.main:app"` names, imported fresh; anything else is returned as it is."""
    if not isinstance(app, str):
        target: App = app
        return target
    folder.root()
    home, _, name = app.partition(":")
    name = name or "app"
    if not all(part.isidentifier() for part in home.split(".")):
        raise CourseError(f'an app is named like "app.main:app" (module, colon, name), got {app!r}')
    try:
        module = importlib.import_module(home)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{home}.".startswith(f"{error.name}."):
            raise  # an import inside the learner's file failed: its own error tells more
        raise CourseError(f"{app} was not found; has its %%app cell run, or lesson(n) before it?") from None
    if not hasattr(module, name):
        raise CourseError(f"{home} has no {name!r}; write {name} = create_app() or FastAPI() there")
    found: App = getattr(module, name)
    return found


class Observed:
    """The app, with each request numbered and its answer seen as it is sent."""

    def __init__(self, app: App, state: dict[str, Any]) -> None:
        self._app = app
        self._state = state

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Serve one ASGI connection."""
        scope["state"] = dict(self._state)
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def seen(message: Message) -> None:
            if message["type"] == "http.response.start":
                emit("send-start", self._app, str(message["status"]))
            elif message["type"] == "http.response.body" and message.get("body"):
                emit("send-body", self._app)
            await send(message)

        number, owner = REQUEST.set(next_request()), APP.set(self._app)
        emit("arrive", self._app)
        try:
            return await self._app(scope, receive, seen)
        except Exception as error:
            emit("crash", self._app, type(error).__name__, error)
            raise
        finally:
            emit("leave", self._app)
            APP.reset(owner)
            REQUEST.reset(number)


@contextlib.contextmanager
def _watched(app: Any) -> Any:
    """Make the exits of the app's yield dependencies visible while the client is open."""
    overrides = getattr(app, "dependency_overrides", None)
    if overrides is None or isinstance(overrides, app_hooks.WatchedOverrides):
        yield
        return
    watched = app_hooks.WatchedOverrides(overrides)
    app.dependency_overrides = watched
    try:
        yield
    finally:
        overrides.clear()
        overrides.update(watched)  # what was overridden inside the block stays so, as FastAPI has it
        if app.dependency_overrides is watched:
            app.dependency_overrides = overrides


@asynccontextmanager
async def _lifespan(app: Any) -> AsyncIterator[dict[str, Any]]:
    router = getattr(app, "router", None)
    if router is None:  # a bare ASGI function has no lifespan to enter
        yield {}
        return
    async with contextlib.AsyncExitStack() as opened:
        try:
            async with asyncio.timeout(START_S) as clock:
                state = await opened.enter_async_context(router.lifespan_context(app))
        except TimeoutError:
            if not clock.expired():
                raise  # the lifespan's own
            raise ServerError(
                f"the app did not start within {START_S:g} s; what does its lifespan wait for before its yield?"
            ) from None
        yield dict(state or {})


@asynccontextmanager
async def _served(app: Observed, patience: float | None) -> AsyncIterator[tuple[str, uvicorn.Server]]:
    """Serve `app` by uvicorn in this loop on a free loopback port; yield its address and the server."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = _quiet_server(app, patience)
    serving = asyncio.create_task(server.serve(sockets=[listening]), name="uvicorn")
    try:
        while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.005)
        if not server.started:
            raise ServerError("no server on this machine's loopback address; run it without wire=True")
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", server
    finally:
        server.should_exit = True
        await asyncio.gather(serving, return_exceptions=True)
        listening.close()


def _quiet_server(app: Observed, patience: float | None) -> uvicorn.Server:
    import uvicorn

    config = uvicorn.Config(
        app,
        lifespan="off",  # it is entered already; uvicorn would end the whole process when it raises
        timeout_graceful_shutdown=patience,  # type: ignore[arg-type] # uvicorn passes it on to asyncio, where a float will do
        log_config=None,
        log_level="critical",
    )

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Any:
            yield  # the kernel keeps its own Ctrl-C

    return Server(config)
