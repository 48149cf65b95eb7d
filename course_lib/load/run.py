"""The clock, the samples and the end of a run, the same for arrivals and for users.

Whatever ends a run (its time, an error, a cancelled cell), every request it started is over when it returns.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal  # Any: whatever target a run has, and what a task returns

from course_lib.errors import CourseError
from course_lib.load.cost import cpu_per_request
from course_lib.load.report import Report, Sample
from course_lib.load.visit import Place, Visit


@dataclass
class Run:
    """One run of `seconds` after a warm-up; `async with` starts its clock and ends its requests."""

    seconds: float
    warm_up: float
    samples: list[Sample] = field(default_factory=list)
    _begin: float = 0.0
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    _cpu: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        if self.seconds <= 0 or self.warm_up < 0:
            raise CourseError(f"a run needs a positive duration, got {self.seconds:g} s and {self.warm_up:g} s warm-up")

    async def __aenter__(self) -> Run:
        self._begin = time.perf_counter()
        self._cpu = (time.process_time(), time.thread_time())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                await self._all_over()
        finally:  # also when this very wait is cancelled
            for task in self._tasks:
                task.cancel()
            await self._all_over()

    async def _all_over(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)

    @property
    def now(self) -> float:
        """Seconds since the beginning."""
        return time.perf_counter() - self._begin

    @property
    def end(self) -> float:
        """The moment after which nobody arrives."""
        return self.warm_up + self.seconds

    def start(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run `work` as a task that does not outlive this run."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def in_flight(self) -> int:
        """How many requests (or users) are under way."""
        return len(self._tasks)

    async def one(self, visit: Visit, arrived: float | None = None) -> Sample:
        """Make one visit and keep it as a sample; `arrived` is when it should have been sent."""
        sent = self.now
        outcome = await visit()
        sample = Sample(sent if arrived is None else arrived, sent, self.now, outcome)
        self.samples.append(sample)
        return sample

    async def report(self, loop: Literal["open", "closed"], offered: float, place: Place) -> Report:
        """Return what was measured after the warm-up; `place` says where the app ran."""
        wall = self.now
        process, thread = time.process_time() - self._cpu[0], time.thread_time() - self._cpu[1]
        kept = [sample for sample in self.samples if sample.arrived >= self.warm_up]
        own = thread if place == "wire" else 0.0
        if place == "process":  # nobody can tell the client's CPU from the app's: it is measured alone
            own = await cpu_per_request() * len(self.samples)
        measured = max(self.seconds, max((sample.done for sample in kept), default=0.0) - self.warm_up)
        cpu = process * len(kept) / max(1, len(self.samples))
        return Report(loop, offered, measured, kept, share=own / wall, cpu=cpu)
