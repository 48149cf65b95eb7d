"""Three ways to cancel an answer in the middle of its work: when it waits for a service, and never after a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any  # Any: what an answer returns

import anyio

HOME_S = 2.0  # of a cancelled answer; it needs a few turns of the loop to come home


class Service:
    """What an audit waits for: answers at once, or cancels whoever asks and never answers."""

    def __init__(self) -> None:
        self.cancel: Callable[[], Any] | None = None

    async def __call__(self) -> None:
        if self.cancel is not None:
            self.cancel()
            await asyncio.Event().wait()


async def _by_task(service: Service, work: Callable[[], Awaitable[Any]]) -> bool:
    task = asyncio.ensure_future(work())
    service.cancel = task.cancel
    await asyncio.wait({task}, timeout=HOME_S)
    return task.cancelled()


async def _by_timeout(service: Service, work: Callable[[], Awaitable[Any]]) -> bool:
    ended = False
    with suppress(TimeoutError):
        async with asyncio.timeout(HOME_S) as limit:
            service.cancel = lambda: limit.reschedule(0)
            await work()
            ended = True
    return not ended


async def _by_scope(service: Service, work: Callable[[], Awaitable[Any]]) -> bool:
    ended = False
    with anyio.move_on_after(HOME_S) as scope:
        service.cancel = scope.cancel
        await work()
        ended = True
    return not ended


WAYS = {"task.cancel()": _by_task, "asyncio.timeout": _by_timeout, "anyio": _by_scope}
