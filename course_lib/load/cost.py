"""What the generator itself takes from the loop it shares with the app.

In process nobody can tell the client's CPU from the app's, so the client is measured alone first, against an app that
does nothing; over a socket the thread's own clock is enough.
"""

from __future__ import annotations

import time
from typing import Any  # Any: an ASGI scope and its callables

REQUESTS = 100  # 0.1 s of work: enough for two digits


class _Nothing:
    """An ASGI app that answers 204 to everything, at once."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def cpu_per_request() -> float:
    """Return the CPU seconds one in-process request costs the client."""
    from course_lib.load.visit import visits

    async with visits(_Nothing()) as visit:
        await visit()
        before = time.thread_time()
        for _ in range(REQUESTS):
            await visit()
        return (time.thread_time() - before) / REQUESTS
