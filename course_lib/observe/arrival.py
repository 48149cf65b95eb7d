"""`from_arrival`: many calls that arrive at the same moment, every latency counted from that moment.

A clock started inside each task hides the time it had to wait for the loop: a blocked server then looks fast.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any  # Any: whatever a call returns

from course_lib.errors import CourseError


@dataclass(frozen=True)
class Arrivals:
    """What came back: results in call order, seconds from the common arrival, and the order of completion."""

    results: list[Any]
    latencies: list[float]
    order: list[int]

    @property
    def last(self) -> float:
        """Seconds until the last answer."""
        return max(self.latencies)

    @property
    def first(self) -> float:
        """Seconds until the first answer."""
        return min(self.latencies)

    def statuses(self) -> dict[int, int]:
        """Return {status code: how often} of the responses, sorted by code."""
        return dict(sorted(Counter(result.status_code for result in self.results).items()))

    def __repr__(self) -> str:
        return f"{len(self.results)} arrived together, {len(self.order)} answered"


async def from_arrival(n: int, call: Callable[[], Awaitable[Any]]) -> Arrivals:
    """Start `n` calls at one moment and await them all; the first error of a call is raised."""
    if n < 1:
        raise CourseError(f"from_arrival needs at least 1 call, got {n}")
    begin = time.perf_counter()
    latencies = [0.0] * n
    order: list[int] = []

    async def one(number: int) -> Any:
        result = await call()
        latencies[number] = time.perf_counter() - begin
        order.append(number)
        return result

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(number)) for number in range(n)]
    except BaseExceptionGroup as several:
        first = several.exceptions[0]  # the others were cancelled, or failed for the same reason
        raise first from first.__cause__  # `from None` would take the cause it came with
    return Arrivals([task.result() for task in tasks], latencies, order)
