"""`loop_lag`: a heartbeat beside the code that tells whether the event loop stood still.

A second heartbeat in a thread takes away the machine's own pauses: only what stops the loop and not the thread counts.
"""

from __future__ import annotations

import _thread
import asyncio
import threading
import time
from typing import Any

BEAT_S = 0.01  # short enough to see a 50 ms stall, long enough to cost nothing (lag of clean code: 1-4 ms)
STALL_S = 0.1  # ten beats: nothing that awaits is ever this late, measured on a loaded machine


class _Reference:
    """Wakes every beat and keeps how late it was: what the machine, and not the code, did to every clock.

    Its thread stands in no list of threads: whoever found it there could write into what it keeps.
    """

    def __init__(self) -> None:
        self._over, self._ended = threading.Event(), threading.Event()
        self._began = 0.0
        self.late: list[tuple[float, float]] = []  # from when to when it should have run, only what is worth keeping

    def start(self) -> None:
        self._began = time.perf_counter()  # not in the thread: one that begins late was kept from it by the machine
        _thread.start_new_thread(self._run, ())

    def _run(self) -> None:
        before, is_over = self._began, False
        while not is_over:
            is_over = self._over.wait(BEAT_S)  # the last time counts too: the end may be what it slept through
            now = time.perf_counter()
            if now - before > 3 * BEAT_S:
                self.late.append((before + BEAT_S, now))
            before = now
        self._ended.set()

    def stop(self) -> None:
        self._over.set()
        self._ended.wait()

    def lateness(self, begin: float, end: float) -> float:
        """Return the seconds this clock lost between two moments; it may have woken long after the second."""
        return sum(max(0.0, min(end, until) - max(begin, since)) for since, until in self.late)


class LoopLag:
    """A heartbeat on the running loop: `beats` counted, `worst` stall in seconds, `stood_still` the verdict."""

    def __init__(self) -> None:
        self.beats = 0
        self._last = 0.0
        self._gaps: list[tuple[float, float]] = []
        self._reference = _Reference()
        self._task: asyncio.Task[None] | None = None

    async def _beat(self) -> None:
        self._last = time.perf_counter()
        while True:
            await asyncio.sleep(BEAT_S)
            self._note()
            self.beats += 1

    def _note(self) -> None:
        now = time.perf_counter()
        if now - self._last > STALL_S / 2:
            self._gaps.append((self._last, now))
        self._last = now

    @property
    def worst(self) -> float:
        """Seconds of the longest stall that was the code's own doing."""
        own = (end - begin - BEAT_S - self._reference.lateness(begin, end) for begin, end in self._gaps)
        return max((0.0, *own))

    @property
    def stood_still(self) -> bool:
        """True when the loop answered nobody for at least a tenth of a second."""
        return self.worst >= STALL_S

    async def __aenter__(self) -> LoopLag:
        self._reference.start()
        self._task = asyncio.get_running_loop().create_task(self._beat(), name="loop_lag")
        try:
            await asyncio.sleep(0)  # the heart has looked at the clock before the code under test begins
        except BaseException:  # interrupted here, `__aexit__` would never be called
            self._stop()
            raise
        return self

    async def __aexit__(self, *error: Any) -> None:
        self._note()  # a block that ends by a stall leaves no time for the beat that was due
        self._stop()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._reference.stop()

    def __repr__(self) -> str:
        return f"stood still {self.stood_still}"


def loop_lag() -> LoopLag:
    """Return a heartbeat for `async with loop_lag() as lag:`; read `lag.stood_still` and `lag.beats` afterwards."""
    return LoopLag()
