"""One request of a load run: to an app in this process, to a server on this machine, or to any coroutine function.

A failed request is an outcome that is counted, never an error that ends the run.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal  # Any: an app, a URL, a client or a function
from urllib.parse import urlsplit

from course_lib.client import BASE_URL, client
from course_lib.errors import CourseError

if TYPE_CHECKING:
    import httpx

Visit = Callable[[], Coroutine[Any, Any, str]]
Place = Literal["process", "wire", "caller"]  # where the app runs: beside us, behind a socket, or only its caller knows
PATIENCE_S = 30.0  # a guest who waits longer has left


def place_of(target: Any) -> Place:
    """Return where the app behind `target` runs."""
    import httpx

    if isinstance(target, httpx.AsyncClient):
        return "process" if str(target.base_url).startswith(BASE_URL) else "wire"
    if isinstance(target, str) and "//" in target:
        return "wire"
    return "caller" if asyncio.iscoroutinefunction(target) else "process"


@asynccontextmanager
async def visits(target: Any, path: str = "/") -> AsyncIterator[Visit]:
    """Yield a function that sends one GET for `path` and returns its outcome.

    `target` is an app, `"app.main:app"`, an `http://127.0.0.1:PORT` address, an open httpx client, or a coroutine
    function that is the request itself. Raises `CourseError` for an address that is not on this machine.
    """
    import httpx

    if isinstance(target, httpx.AsyncClient):
        yield _getting(target, path)
    elif isinstance(target, str) and target.startswith(("http://", "https://")):
        _require_here(target)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        async with httpx.AsyncClient(base_url=target, limits=limits, timeout=PATIENCE_S, trust_env=False) as http:
            yield _getting(http, path)
    elif asyncio.iscoroutinefunction(target):
        yield _calling(target)
    else:
        async with client(target) as http:
            yield _getting(http, path)


def _require_here(address: str) -> None:
    host = urlsplit(address).hostname or ""
    try:
        here = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        here = False
    if not here:
        raise CourseError(f"load goes to this machine only (127.0.0.1, ::1, localhost), got {host or address!r}")


def _getting(http: httpx.AsyncClient, path: str) -> Visit:
    async def get() -> str:
        return str((await http.get(path)).status_code)

    return _counted(get)


def _calling(call: Callable[[], Awaitable[Any]]) -> Visit:
    async def called() -> str:
        answer = await call()
        return str(getattr(answer, "status_code", 200))

    return _counted(called)


def _counted(visit: Visit) -> Visit:
    async def counted() -> str:
        try:
            return await visit()
        except Exception as error:
            return type(error).__name__

    return counted
