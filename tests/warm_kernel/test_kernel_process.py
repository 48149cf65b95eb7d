"""A forked kernel stands in for a `Popen` object, with a pidfd and without one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Iterator

import psutil
import pytest
from kernel_clients import Kernel, kernel

from course_lib.warm_kernel.kernel_process import KernelProcess


@pytest.fixture(params=["pidfd", "no pidfd"])
def one(request: pytest.FixtureRequest, state: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    """Return a kernel whose end is seen in each way."""
    with contextlib.ExitStack() as stack:
        with monkeypatch.context() as patch:
            if request.param == "no pidfd":
                patch.delattr(os, "pidfd_open")
            started = stack.enter_context(kernel())
        yield started


def test_runs_until_it_is_told_to_end(one: Kernel) -> None:
    assert one.process.poll() is None
    one.process.terminate()
    assert one.process.wait() == -signal.SIGTERM
    assert one.process.poll() == -signal.SIGTERM


def test_killed_one_is_gone_for_the_system_as_well(one: Kernel) -> None:
    pid = one.process.pid
    one.process.kill()
    assert one.process.wait() == -signal.SIGKILL
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=30)
    assert not psutil.pid_exists(pid)  # not even as a zombie


def test_end_can_be_awaited_by_two(one: Kernel) -> None:
    async def both() -> None:
        first, second = asyncio.create_task(one.process.ended()), asyncio.create_task(one.process.ended())
        await asyncio.sleep(0)  # both wait now
        one.process.kill()
        await asyncio.wait_for(asyncio.gather(first, second), 30)

    asyncio.run(both())
    assert one.process.poll() == -signal.SIGKILL
    asyncio.run(one.process.ended())  # and again, at once


def test_signal_for_one_that_has_ended_reaches_nobody(one: Kernel) -> None:
    one.process.kill()
    one.process.wait()
    one.process.send_signal(signal.SIGINT)


def test_end_of_the_warm_process_is_the_end_of_a_kernel() -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    with open(os.devnull, "wb") as nothing:
        gone = KernelProcess(os.getpid(), ours, nothing)
        assert gone._status() == -signal.SIGKILL
