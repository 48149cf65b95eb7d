"""A doorman for checks: nobody gets a second connection while others of the crowd have none yet.

Two connections in one request do no harm until everybody holds the first; a check must not wait for such a night.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.util.concurrency import await_only, in_greenlet

from course_lib.observe import engine_hooks
from course_lib.observe.events import Raw, listen, unlisten

TOGETHER_S = 0.6  # how long a request with one seat waits for the others to have theirs; they need a tenth of it
ORPHAN_S = 0.3  # how long a task that asks for a connection waits for its request to leave without it


class Doorman:
    """Lets nobody of a crowd ask for a second seat before all have a first, and stops a task nobody waits for.

    It sits where a pool is asked, inside SQLAlchemy's greenlet, so it can wait without holding the loop.
    """

    def __init__(self, crowd: int) -> None:
        self.strangers = 0  # tasks that asked for a connection and whose request may leave, or has left, without them
        self._crowd = crowd
        self._homes: dict[int, str] = {}  # request -> the task that serves it
        self._held: dict[int, int] = {}  # connection record -> the request that holds it
        self._left: dict[int, asyncio.Event] = {}
        self._full = asyncio.Event()

    def take(self, raw: Raw) -> None:
        """Follow each request and its connections."""
        if raw.kind == "arrive" and raw.request is not None:
            self._homes[raw.request] = raw.task
            self._left[raw.request] = asyncio.Event()
        elif raw.kind == "leave" and raw.request in self._left:
            self._left[raw.request].set()
        elif raw.kind == "checkout" and raw.request in self._homes:
            self._held[id(raw.subject[0])] = raw.request
            if len(set(self._held.values())) >= self._crowd:
                self._full.set()
        elif raw.kind in ("checkin", "invalidate", "detach"):
            self._held.pop(id(raw.subject[0]), None)
        elif raw.kind == "ask" and raw.request in self._homes and in_greenlet():  # a thread has a pool of its own
            await_only(self._asked(raw.request, raw.task))

    async def _asked(self, request: int, task: str) -> None:
        if task != self._homes[request]:
            self.strangers += 1
            if await _within(self._left[request], ORPHAN_S):
                await asyncio.Event().wait()  # until the probe finds it
            self.strangers -= 1
        if request in self._held.values():
            await _within(self._full, TOGETHER_S)


@contextmanager
def doorman(crowd: int) -> Iterator[Doorman]:
    """Watch the requests of a block, of which `crowd` come at once."""
    engine_hooks.install()
    watch = Doorman(crowd)
    listen(watch)
    try:
        yield watch
    finally:
        unlisten(watch)


async def _within(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event; False when it did not come."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
