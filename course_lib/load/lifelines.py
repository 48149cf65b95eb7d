"""`lifelines`: each request of a run as three stretches, waiting for a connection, holding one, and done with it.

A queue is seen at a glance: every line begins at once, and the held parts form a staircase as wide as the pool.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any  # Any: an AsyncEngine or Engine

from course_lib.observe import app_hooks, engine_hooks
from course_lib.observe.events import Raw, listen, unlisten

if TYPE_CHECKING:
    from course_lib.observe.figure import Figure


@dataclass
class Lifeline:
    """One request in seconds from the beginning: its arrival, its loans (from, to), and its end (None: not yet)."""

    arrived: float
    loans: list[tuple[float, float | None]] = field(default_factory=list)
    left: float | None = None

    @property
    def waited(self) -> float:
        """Seconds from the arrival to the first connection, or to the end when there was none."""
        first = self.loans[0][0] if self.loans else self.left
        return (first if first is not None else self.arrived) - self.arrived

    @property
    def held(self) -> float:
        """Seconds in which a connection was out."""
        return sum((end if end is not None else begin) - begin for begin, end in self.loans)


class Lifelines:
    """The requests seen while the block was open, in order of arrival."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._begin = time.perf_counter()
        self._lock = threading.RLock()  # `def` endpoints check connections out in threads
        self._lines: dict[int, Lifeline] = {}
        self._borrowers: dict[int, int] = {}  # connection record -> the request that holds it

    def take(self, raw: Raw) -> None:
        """Move one request along."""
        now = time.perf_counter() - self._begin
        with self._lock:
            if raw.kind == "arrive" and raw.request is not None:
                self._lines[raw.request] = Lifeline(now)
            elif raw.kind == "leave" and raw.request in self._lines:
                self._lines[raw.request].left = now
            elif raw.kind == "checkout" and raw.request in self._lines and self._mine(raw):
                self._borrowers[id(raw.subject[0])] = raw.request
                self._lines[raw.request].loans.append((now, None))
            elif raw.kind in ("checkin", "detach"):  # SQLAlchemy gives back in a task of its own: ask who borrowed it
                self._give_back(id(raw.subject[0]), now)

    def _mine(self, raw: Raw) -> bool:
        return self._engine is None or raw.owner is engine_hooks.engine_pool(self._engine)

    def _give_back(self, record: int, now: float) -> None:
        request = self._borrowers.pop(record, None)
        if request is None:
            return
        loans = self._lines[request].loans
        last = max(number for number, (_, end) in enumerate(loans) if end is None)
        loans[last] = (loans[last][0], now)

    def __iter__(self) -> Iterator[Lifeline]:
        return iter(list(self._lines.values()))

    def __len__(self) -> int:
        return len(self._lines)

    def __repr__(self) -> str:
        served = sum(bool(line.loans) for line in self)
        return f"{len(self)} requests, {served} got a connection, {len(self) - served} did not"

    def draw(self, alt: str) -> Figure:
        """Return the figure; `alt` says the finding in words for those who do not see it."""
        from course_lib.load.plot import lifelines as drawn

        return drawn(list(self), alt)


@contextmanager
def lifelines(engine: Any = None) -> Iterator[Lifelines]:
    """Follow every request of an open `client`, and its connections of `engine` (None: of every engine)."""
    engine_hooks.install()
    app_hooks.install()
    lines = Lifelines(engine)
    listen(lines)
    try:
        yield lines
    finally:
        unlisten(lines)
