"""A real pool as scenes, followed by the events of its engine.

It only listens: nothing is asked of the pool, and an event costs it a few microseconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any  # Any: an AsyncEngine or Engine

from course_lib.observe import engine_hooks
from course_lib.observe.events import Raw, listen, unlisten
from course_lib.pool_view.scene import Scene


class PoolWatch:
    """Seats in the order they were taken; calls `changed` after every event of the pool, on whatever thread it had."""

    def __init__(self, engine: Any, changed: Callable[[], None]) -> None:
        engine_hooks.install()
        self._engine = engine
        self._changed = changed
        self._lock = threading.RLock()
        self._seated: dict[int, tuple[int, str]] = {}  # connection record -> seat, guest
        self._came = 0
        self._waiting = self._served = self._refused = 0
        listen(self)

    def close(self) -> None:
        """Stop listening."""
        unlisten(self)

    def take(self, raw: Raw) -> None:
        """Seat, free or queue somebody."""
        home = raw.kind in ("checkin", "detach", "invalidate")
        if not home and raw.owner is not engine_hooks.engine_pool(self._engine):
            return
        with self._lock:
            if not self._moved(raw):
                return
        self._changed()

    def _moved(self, raw: Raw) -> bool:
        if raw.kind == "ask":
            self._waiting += 1
        elif raw.kind == "refused":
            self._waiting = max(0, self._waiting - 1)
            self._refused += 1
        elif raw.kind == "checkout":
            self._waiting = max(0, self._waiting - 1)
            self._came += 1
            taken = {seat for seat, _ in self._seated.values()}
            seat = next(number for number in range(len(taken) + 1) if number not in taken)
            self._seated[id(raw.subject[0])] = (seat, str(raw.request if raw.request is not None else self._came))
        elif raw.kind in ("checkin", "detach", "invalidate"):
            self._served += self._seated.pop(id(raw.subject[0]), None) is not None
        else:
            return False
        return True

    def scene(self) -> Scene:
        """Return the present moment; overflow seats exist while they are taken."""
        with self._lock:
            size = engine_hooks.seats(engine_hooks.engine_pool(self._engine))
            guests = dict(self._seated.values())
            seats = max(size, max(guests, default=-1) + 1)
            names = tuple(guests.get(seat, "") for seat in range(seats))
            return Scene(names, size, self._waiting, self._served, self._refused)
