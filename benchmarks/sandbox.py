"""What it costs to confine a child: a bare fork of a warm process beside one that enters every layer.

The two take turns in one process that has imported the stack, so that a busy machine slows both. The third figure is
the whole door, with the scratch folder, the pipes and the wait.
"""

from __future__ import annotations

import gc
import importlib
import os
import statistics
import sys
import time
from collections.abc import Callable

from course_lib.grading.sandbox import Policy, capabilities, enter, run_confined
from course_lib.grading.sandbox.scratch import scratch

RUNS = 100
BUDGET_MS = 15.0  # added by the sandbox, on a quiet machine: a fifth of what an answer costs (57 to 73 ms of CPU)
STACK = ("fastapi", "httpx", "sqlalchemy.ext.asyncio", "sqlalchemy.dialects.sqlite.aiosqlite")


def forked(work: Callable[[], object]) -> float:
    """Return the wall milliseconds of a child that does `work` and ends."""
    begin = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    return (time.perf_counter() - begin) * 1000


def timed(work: Callable[[], object]) -> float:
    """Return the wall milliseconds of `work`."""
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1000


def measure(policy: Policy, runs: int) -> dict[str, float]:
    """Return the medians of `runs` turns."""
    taken: dict[str, list[float]] = {"bare fork": [], "fork and enter": [], "run_confined": []}
    for _ in range(runs):
        taken["bare fork"].append(forked(int))
        with scratch(policy.limits.scratch) as folder:
            taken["fork and enter"].append(forked(lambda place=folder: enter(policy, place)))  # type: ignore[misc]  # a Path
        taken["run_confined"].append(timed(lambda: run_confined(int, policy, 30.0)))
    return {way: statistics.median(times) for way, times in taken.items()}


def main() -> int:
    """Measure and print; 1 when entering costs more than its budget."""
    print(capabilities())
    for module in STACK:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    policy = Policy()
    measure(policy, 3)  # the first ones look up what the others find
    found = measure(policy, RUNS)
    for way, milliseconds in found.items():
        print(f"{way:16}{milliseconds:7.1f} ms")
    added = found["fork and enter"] - found["bare fork"]
    print(f"entering adds   {added:7.1f} ms   (budget {BUDGET_MS:g})")
    return 0 if added <= BUDGET_MS else 1


if __name__ == "__main__":
    sys.exit(main())
