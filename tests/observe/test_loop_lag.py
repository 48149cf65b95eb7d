"""The heartbeat of the loop: a blocking call is seen, waiting is not, and the machine's own pauses are excused."""

from __future__ import annotations

import _thread
import asyncio
import ctypes
import os
import subprocess
import sys
import threading
import time

import pytest

from course_lib import loop_lag
from course_lib.observe.loop_lag import BEAT_S, LoopLag, _Reference


def test_a_blocking_call_stood_still() -> None:
    async def main() -> LoopLag:
        async with loop_lag() as lag:
            time.sleep(0.4)  # noqa: ASYNC251 - the point
        return lag

    lag = asyncio.run(main())
    assert lag.stood_still
    assert repr(lag) == "stood still True"


def test_a_stall_in_the_middle_is_seen_too() -> None:
    async def main() -> bool:
        async with loop_lag() as lag:
            await asyncio.sleep(0.02)
            time.sleep(0.4)  # noqa: ASYNC251 - the point
            await asyncio.sleep(0.02)
        return lag.stood_still

    assert asyncio.run(main())


def test_waiting_does_not_stand_still_and_the_heart_beats() -> None:
    async def main() -> LoopLag:
        async with loop_lag() as lag:
            await asyncio.sleep(0.3)
        return lag

    lag = asyncio.run(main())
    assert not lag.stood_still
    assert lag.beats > 3
    assert repr(lag) == "stood still False"


def test_a_pause_of_the_whole_process_is_not_the_codes_doing() -> None:
    def pause() -> None:
        ctypes.PyDLL(None).usleep(400_000)  # a PyDLL call keeps the interpreter's lock: no clock of ours can move

    async def main() -> LoopLag:
        async with loop_lag() as lag:
            thread = threading.Thread(target=pause)
            thread.start()
            await asyncio.sleep(0.1)
            thread.join()
        return lag

    lag = asyncio.run(main())
    assert lag._gaps, "the pause was not long enough to be seen at all"
    assert not lag.stood_still


@pytest.mark.parametrize(
    ("late", "lost"),
    [
        ((0.0, 9.0), 0.0),
        ((10.0, 10.5), 0.5),
        ((9.0, 10.25), 0.25),
        ((10.5, 14.0), 0.5),  # it woke when the stall was long over
        ((9.0, 14.0), 1.0),
        ((11.0, 14.0), 0.0),
    ],
)
def test_what_the_machine_took_is_what_overlaps_the_stall(late: tuple[float, float], lost: float) -> None:
    reference = LoopLag()._reference
    reference.late.append(late)
    assert reference.lateness(10.0, 11.0) == lost


def test_a_pause_at_the_very_end_is_the_machines_too() -> None:
    reference = LoopLag()._reference
    reference.start()
    time.sleep(0.03)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1)  # whoever has the interpreter keeps it
    try:
        began = time.perf_counter()
        reference._over.set()
        ctypes.PyDLL(None).usleep(200_000)  # it was told to end, and cannot even wake
        ended = time.perf_counter()
    finally:
        sys.setswitchinterval(interval)
    reference.stop()
    since, until = reference.late[-1]
    assert since <= began + BEAT_S
    assert ended <= until


def test_a_pause_at_the_very_beginning_is_the_machines_too() -> None:
    class Late(_Reference):
        began = 0.0

        def _run(self) -> None:
            time.sleep(0.2)  # it was started, and the machine does not let it run
            self.began = time.perf_counter()
            super()._run()

    reference, started = Late(), time.perf_counter()
    reference.start()
    time.sleep(0.25)
    reference.stop()
    since, until = reference.late[0]
    assert since <= started + 2 * BEAT_S
    assert reference.began <= until


def test_an_empty_block_does_not_stand_still() -> None:
    async def main() -> LoopLag:
        async with loop_lag() as lag:
            pass
        return lag

    lag = asyncio.run(main())
    assert (lag.stood_still, lag.beats) == (False, 0)


def test_no_list_of_threads_shows_the_one_that_excuses_the_machine() -> None:
    async def main() -> list[threading.Thread]:
        before = threading.enumerate()
        async with loop_lag():
            await asyncio.sleep(0.05)
            return [thread for thread in threading.enumerate() if thread not in before]

    assert asyncio.run(main()) == []


def test_a_busy_machine_does_not_stand_still() -> None:
    async def main() -> bool:
        async with loop_lag() as lag:
            await asyncio.sleep(0.3)
        return lag.stood_still

    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    try:
        assert not asyncio.run(main())
    finally:
        for other in busy:
            other.kill()
            other.wait()


@pytest.mark.parametrize("when", ["enter", "exit"])
def test_a_cancelled_heartbeat_leaves_no_task_and_no_thread(when: str) -> None:
    async def measured(entered: asyncio.Event) -> None:
        async with loop_lag():
            entered.set()

    async def main() -> set[asyncio.Task[object]]:
        entered = asyncio.Event()
        task = asyncio.create_task(measured(entered))
        await (asyncio.sleep(0) if when == "enter" else entered.wait())
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0)
        return {other for other in asyncio.all_tasks() if other is not asyncio.current_task()}

    threads, until = _thread._count(), time.monotonic() + 5
    assert not asyncio.run(main())
    while _thread._count() > threads and time.monotonic() < until:  # it was told to end, and may need a moment
        time.sleep(0.01)
    assert _thread._count() == threads
