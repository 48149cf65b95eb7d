"""`gauge`: who is inside a pool now, who was inside at most, who waits, and how many connections were ever opened.

Counted from events, because `pool.status()` starts its overflow below zero and `:memory:` has no count at all.
"""

from __future__ import annotations

import threading
import weakref
from typing import Any  # Any: an AsyncEngine or Engine

from course_lib.observe import engine_hooks
from course_lib.observe.events import Raw, listen, unlisten


class Gauge:
    """Counters of one engine (or of every engine), from the moment it is made."""

    def __init__(self, engine: Any = None) -> None:
        engine_hooks.install()
        self._engine = weakref.ref(engine) if engine is not None else None
        self._lock = threading.RLock()  # a leaked connection may be collected, and counted, while we count
        self._lent: set[int] = set()  # connection records; one that was out before is not counted
        self.peak = 0
        self.opened = 0
        self.closed = 0
        self.waiting = 0  # asked and not yet served; those who asked before this gauge are not seen
        self.refused = 0  # asked in vain: the wait was too long, or whoever waited was cancelled
        self._relay = _Relay(self)
        listen(self._relay)
        weakref.finalize(self, unlisten, self._relay)

    @property
    def inside(self) -> int:
        """Connections that are lent out now."""
        return len(self._lent)

    def take(self, raw: Raw) -> None:
        """Count one pool event."""
        with self._lock:
            if raw.kind in ("checkin", "detach"):  # first: it may come home to a pool that was disposed meanwhile
                self._lent.discard(id(raw.subject[0]))
            elif not self._mine(raw):
                return
            elif raw.kind == "checkout":
                self._lent.add(id(raw.subject[0]))
                self.peak = max(self.peak, self.inside)
            elif raw.kind in ("ask", "served", "refused"):
                self.waiting = max(0, self.waiting + (1 if raw.kind == "ask" else -1))
                self.refused += raw.kind == "refused"
            elif raw.kind == "connect":
                self.opened += 1
            elif raw.kind == "close":
                self.closed += 1

    def _mine(self, raw: Raw) -> bool:
        if self._engine is None:
            return True
        engine = self._engine()
        return engine is not None and raw.owner is engine_hooks.engine_pool(engine)

    def __repr__(self) -> str:
        return f"inside {self.inside}, peak {self.peak}, opened {self.opened}"


class _Relay:
    """Listens for a gauge without keeping it alive: a gauge nobody holds stops by itself."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = weakref.ref(gauge)

    def take(self, raw: Raw) -> None:
        gauge = self._gauge()
        if gauge is not None:
            gauge.take(raw)


def gauge(engine: Any = None) -> Gauge:
    """Return counters of `engine` (None: of every engine), starting at zero.

    They are `inside`, `peak`, `waiting`, `refused`, `opened` and `closed`.
    """
    return Gauge(engine)
