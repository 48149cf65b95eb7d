"""`rope`: a pool as a row of seats and the guests who wait beside it, one frame for each step of the evening.

A pool fills, queues and refuses in milliseconds; frame by frame the order of it can be read, and is always the same.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any  # Any: an AsyncEngine or Engine

from course_lib.observe import engine_hooks
from course_lib.observe.events import Raw, listen, unlisten

if TYPE_CHECKING:
    from course_lib.observe.figure import Figure


@dataclass(frozen=True)
class Frame:
    """One moment: seats taken, guests at the rope, and guests refused until now."""

    taken: int = 0
    waiting: int = 0
    refused: int = 0

    def seats(self, size: int) -> str:
        """Return `[#-]`: a seat taken, a seat free; with overflow `[##+]`, a chair that is there while it is taken."""
        kept = min(self.taken, size)
        return f"[{'#' * kept}{'-' * (size - kept)}{'+' * (self.taken - kept)}]"

    @property
    def queue(self) -> str:
        """Return `..x`: who waits, then who was refused."""
        return "." * self.waiting + "x" * self.refused


class Rope:
    """The frames of a block, in order; a sequence, and a context manager for `with` and `async with`.

    Whoever may have a seat is drawn on it while its connection is still being opened: so the pool counts, too, and so
    the frames do not depend on how long that takes.
    """

    def __init__(self, engine: Any) -> None:
        engine_hooks.install()
        pool = engine_hooks.engine_pool(engine)
        self._engine = engine
        self.size = engine_hooks.seats(pool)
        # SQLAlchemy keeps it under a private name; -1 means no limit, and a pool that has none refuses nobody
        overflow = getattr(pool, "_max_overflow", -1)
        self._limit = self.size + overflow if overflow >= 0 else math.inf
        self._lock = threading.RLock()  # events of a synchronous engine come from many threads
        self._lent: set[int] = set()
        self._asking = self._refused = 0
        self._frames = [Frame()]

    def take(self, raw: Raw) -> None:
        """Draw the next frame when somebody came, went or was refused."""
        with self._lock:
            if raw.kind in ("checkin", "detach", "invalidate"):  # their pool may have been disposed meanwhile
                self._lent.discard(id(raw.subject[0]))
            elif raw.owner is not engine_hooks.engine_pool(self._engine):
                return
            elif raw.kind == "ask":
                self._asking += 1
            elif raw.kind == "checkout":
                self._lent.add(id(raw.subject[0]))
                self._asking -= 1
            elif raw.kind == "refused":
                self._asking -= 1
                self._refused += 1
            self._draw()

    def _draw(self) -> None:
        here = len(self._lent) + self._asking
        taken = int(min(here, self._limit))
        frame = Frame(taken, here - taken, self._refused)
        if frame != self._frames[-1]:
            self._frames.append(frame)

    def draw(self, alt: str) -> Figure:
        """Return the figure; `alt` says the finding in words for those who do not see it."""
        from course_lib.observe.figure import seats

        return seats(self._frames, self.size, alt)

    def __enter__(self) -> Rope:
        listen(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        unlisten(self)

    async def __aenter__(self) -> Rope:
        return self.__enter__()

    async def __aexit__(self, *error: Any) -> None:
        unlisten(self)

    def __iter__(self) -> Iterator[Frame]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> Frame:
        return self._frames[index]

    def __repr__(self) -> str:
        rooms = [frame.seats(self.size) for frame in self._frames]
        width = max(map(len, rooms))
        return "\n".join(
            f"{room:<{width}} {frame.queue}".rstrip() for room, frame in zip(rooms, self._frames, strict=True)
        )


def rope(engine: Any) -> Rope:
    """Record who sits in the pool of `engine`, who waits and who was refused, until the block ends."""
    return Rope(engine)
