"""Users wait for their answers, arrivals do not; whatever ends a run, nothing of it goes on."""

import asyncio
import itertools
import sys
from typing import Any

import pytest

from course_lib.errors import CourseError
from course_lib.load import closed_loop, open_loop
from course_lib.load.open_loop import CROWD, TURNED_AWAY


class Bar:
    """Serves after a moment; counts who is inside."""

    def __init__(self, seconds: float = 0.01) -> None:
        self.seconds = seconds
        self.inside = self.most = self.served = 0

    async def __call__(self) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await asyncio.sleep(self.seconds)
            self.served += 1
        finally:
            self.inside -= 1

    def door(self) -> Any:
        """Return the coroutine function a run visits."""

        async def visit() -> None:
            await self()

        return visit


def test_a_closed_loop_never_has_more_requests_than_users() -> None:
    bar = Bar()
    report = asyncio.run(closed_loop(bar.door(), users=3, seconds=0.2, warm_up=0.05))
    assert (bar.most, bar.inside) == (3, 0)
    assert len(report.samples) < bar.served  # the warm-up was served and not measured
    assert all(sample.arrived >= 0.05 and sample.arrived == sample.sent for sample in report.samples)
    assert report.outcomes() == {"200": len(report.samples)}


def test_an_open_loop_sends_its_plan_whatever_the_app_does() -> None:
    bar = Bar(0.3)
    report = asyncio.run(open_loop(bar.door(), rate=100, seconds=0.3, warm_up=0, arrivals="fixed"))
    assert (len(report.samples), bar.served, bar.inside) == (30, 30, 0)
    assert bar.most > 5  # five users who wait would never be six inside
    assert [round(sample.arrived, 4) for sample in sorted(report.samples, key=lambda s: s.arrived)] == [
        round(number / 100, 4) for number in range(30)
    ]


def test_a_stalled_app_cannot_hide_its_stall() -> None:
    """In a closed loop a stall is one slow answer per user; in an open loop everybody who comes meanwhile waits."""

    async def main() -> Any:
        came, everybody = 0, asyncio.Event()

        async def visit() -> None:
            nonlocal came
            came += 1
            if came == 20:
                everybody.set()
            await everybody.wait()

        return await open_loop(visit, rate=50, seconds=0.4, warm_up=0, arrivals="fixed")

    by_arrival = sorted(asyncio.run(main()).samples, key=lambda sample: sample.arrived)
    assert len(by_arrival) == 20
    assert all(early.latency > late.latency for early, late in itertools.pairwise(by_arrival))


def test_failures_are_counted_and_do_not_end_a_run() -> None:
    async def broken() -> None:
        raise ConnectionResetError

    report = asyncio.run(closed_loop(broken, users=2, seconds=0.05, warm_up=0))
    assert list(report.outcomes()) == ["ConnectionResetError"]
    assert report.throughput == 0


@pytest.mark.parametrize("loop", ["open", "closed"])
def test_a_cancelled_run_leaves_nobody_inside(loop: str) -> None:
    async def main() -> tuple[int, int]:
        bar = Bar(30)
        run = (
            open_loop(bar.door(), rate=200, seconds=30)
            if loop == "open"
            else closed_loop(bar.door(), users=5, seconds=30)
        )
        task = asyncio.create_task(run)
        while bar.inside < 5:  # noqa: ASYNC110 - the run is not ours to signal from
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return bar.inside, len(asyncio.all_tasks())

    assert asyncio.run(main()) == (0, 1)


def test_a_crowd_is_turned_away_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[open_loop.__module__], "CROWD", 3)
    report = asyncio.run(open_loop(Bar(0.2).door(), rate=100, seconds=0.1, warm_up=0, arrivals="fixed"))
    assert report.outcomes() == {"200": 3, TURNED_AWAY: 7}
    assert CROWD == 5_000


@pytest.mark.parametrize("users", [0, -1])
def test_nobody_is_no_load(users: int) -> None:
    with pytest.raises(CourseError, match=f"closed_loop needs at least 1 user, got {users}"):
        asyncio.run(closed_loop(Bar().door(), users=users))


def test_a_run_has_a_length() -> None:
    with pytest.raises(CourseError, match=r"a run needs a positive duration, got 0 s and 0\.2 s warm-up"):
        asyncio.run(closed_loop(Bar().door(), users=1, seconds=0))
