"""The threads of aiosqlite: one whose connection was cut off answers to its loop a moment later, and finds it gone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar  # Any: what a coroutine sends and receives

T = TypeVar("T")
NAME = "_connection_worker_thread"
WAIT_S = 30.0  # only a test that fails waits that long


async def driver_gone(work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` gives once no thread of the driver is left that this loop's end would take by surprise."""
    result = await work
    async with asyncio.timeout(WAIT_S):
        while any(NAME in thread.name for thread in threading.enumerate()):  # noqa: ASYNC110 - threads have no event
            await asyncio.sleep(0.01)
    return result
