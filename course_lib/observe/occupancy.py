"""`occupancy`: how many threads are busy and how many connections are out, and whether both stand in each other's way.

A deadlock of two queues sends no event: only a look at both counts, again and again, makes it visible.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any  # Any: an AsyncEngine or Engine

from course_lib.observe import app_hooks, engine_hooks
from course_lib.observe.events import Raw, listen, unlisten

if TYPE_CHECKING:
    from anyio import CapacityLimiter

    from course_lib.observe.figure import Figure

LOOK_S = 0.005  # between two looks: sixty of them in the shortest pool_timeout a lesson uses


@dataclass
class Occupancy:
    """What was seen: `looks` are (busy threads, lent connections) in order; `stuck` is a fact, not a duration."""

    tokens: int
    seats: int
    looks: list[tuple[int, int]] = field(default_factory=list)
    stuck: bool = False

    @property
    def most_threads(self) -> int:
        """Threads that were busy at once, at most."""
        return max((threads for threads, _ in self.looks), default=0)

    @property
    def most_connections(self) -> int:
        """Connections that were out at once, at most."""
        return max((connections for _, connections in self.looks), default=0)

    def stretches(self) -> list[tuple[int, int, int]]:
        """Return the looks with equal neighbours joined: (threads, connections, how many looks)."""
        return [(*pair, len(list(same))) for pair, same in groupby(self.looks)]

    def __repr__(self) -> str:
        busy = f"threads {self.most_threads} of {self.tokens}"
        return f"{busy}, connections {self.most_connections} of {self.seats}, stuck: {self.stuck}"

    def draw(self, alt: str) -> Figure:
        """Return the heat strip; `alt` says the finding in words for those who do not see it."""
        from course_lib.observe.figure import strip

        return strip(self, alt)


class _Watch:
    """Follows each request through its endpoint and its loan, and looks at the counts."""

    def __init__(self, engine: Any, limiter: CapacityLimiter) -> None:
        self._pool = engine_hooks.engine_pool(engine)
        self._limiter = limiter
        self._lock = threading.RLock()  # events come from many threads
        self._inside: set[int | None] = set()  # requests whose endpoint runs
        self._loans: dict[int, int | None] = {}  # connection record -> the request that borrowed it
        self.seen = Occupancy(round(limiter.total_tokens), engine_hooks.seats(self._pool))

    def take(self, raw: Raw) -> None:
        """Apply one event; what stood still until now is judged first."""
        with self._lock:
            self._judge()
            if raw.kind == "endpoint":
                self._inside.add(raw.request)
            elif raw.kind == "endpoint-end":
                self._inside.discard(raw.request)
            elif raw.kind == "checkout" and raw.owner is self._pool:
                self._loans[id(raw.subject[0])] = raw.request
            elif raw.kind in ("checkin", "invalidate", "detach"):
                self._loans.pop(id(raw.subject[0]), None)

    def look(self) -> None:
        """Note both counts of this moment."""
        with self._lock:
            self._judge()
            self.seen.looks.append((round(self._limiter.borrowed_tokens), len(self._loans)))

    def _judge(self) -> None:
        """Every seat is held by a request that has left its endpoint, every thread by one that waits for a seat."""
        holders = set(self._loans.values())
        held_by_leavers = len(self._loans) >= self.seen.seats and not holders & self._inside
        no_thread_left = self._limiter.borrowed_tokens >= self.seen.tokens  # else it is async endpoints that wait
        if held_by_leavers and no_thread_left and len(self._inside) >= self.seen.tokens:
            self.seen.stuck = True


@asynccontextmanager
async def occupancy(engine: Any) -> AsyncIterator[Occupancy]:
    """Watch the default thread limiter and the pool of `engine` until the block ends.

    `stuck` says that every connection was held by a request that needed a thread while every thread waited for a
    connection. Only `def` endpoints count, and the overflow of the pool is not counted as seats.
    """
    from anyio.to_thread import current_default_thread_limiter

    engine_hooks.install()
    app_hooks.install()
    watch = _Watch(engine, current_default_thread_limiter())
    listen(watch)
    looking = asyncio.create_task(_look(watch), name="occupancy")
    try:
        yield watch.seen
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        unlisten(watch)
        watch.look()


async def _look(watch: _Watch) -> None:
    while True:
        watch.look()
        await asyncio.sleep(LOOK_S)
