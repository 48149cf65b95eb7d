"""Judge a class of a thousand, one in twenty hostile: is every verdict right, nothing left, and the memory flat?

`python benchmarks/grading_class.py [N] [--jobs J] [--seed S]`; it ends with 1 when something is not as it must be.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import small_course
from grading.mixed import Mixed, mixed

from course_lib.grading.judge import Judge

FIRST = 100  # submissions after which the memory is measured for the first time: everything lazy has been loaded
GROWTH = 1.1  # and what it may have grown to at the end
ROOM = 4 << 20  # bytes: a collection of garbage that comes a little later
MIB = 1 << 20


def zygotes() -> list[psutil.Process]:
    """Return the processes that this one has started, and theirs."""
    return [one for one in psutil.Process().children(recursive=True) if one.status() != psutil.STATUS_ZOMBIE]


def memory() -> dict[str, int]:
    """Return the resident bytes of this process, the judge, and of its zygotes together."""
    return {"judge": psutil.Process().memory_info().rss, "zygotes": sum(one.memory_info().rss for one in zygotes())}


def judged(judge: Judge, made: list[Mixed]) -> list[str]:
    """Judge a part of the class, side by side; return the faults."""
    with ThreadPoolExecutor(judge.jobs) as workers:
        graded = workers.map(judge.grade_one, [one.submission for one in made])
        return [fault for one, said in zip(made, graded, strict=True) for fault in one.faults(said)]


def grown(before: dict[str, int], after: dict[str, int]) -> list[str]:
    """Return whose memory has grown by more than it may."""
    return [
        f"memory of the {name} grew from {before[name] // MIB} to {after[name] // MIB} MiB"
        for name in before
        if after[name] > GROWTH * before[name] + ROOM
    ]


def left(home: Path, before: set[Path], scratch: set[Path], traces: small_course.Traces) -> list[str]:
    """Return the files and processes that are still there."""
    found = sorted({path for path in home.rglob("*") if "__pycache__" not in path.parts} - before)
    found += sorted(path for path in scratch if path.exists())
    running = [] if traces.gone() else [f"still running: {traces.running()}"]
    return running + [f"left behind: {path}" for path in found]


def run(number: int, jobs: int, seed: int, home: Path) -> list[str]:
    """Judge the class in a small course below `home`; print the numbers and return everything that is wrong."""
    traces, temporary = small_course.Traces(uuid.uuid4().hex), home / "temporary"
    temporary.mkdir()
    course = small_course.build(home / "course")
    os.environ |= {"COURSE_ROOT": str(course), "TMPDIR": str(temporary), "COURSE_TEST_MARK": traces.mark}
    tempfile.tempdir = None  # it was looked up before
    os.chdir(home)
    made, before, began = list(mixed(number, seed)), set(home.rglob("*")), time.perf_counter()
    with Judge(jobs) as judge:
        faults = judged(judge, made[:FIRST])
        first, scratch = memory(), {Path(one.environ()["TMPDIR"]) for one in zygotes()}
        faults += judged(judge, made[FIRST:])
        last = memory()
    seconds = time.perf_counter() - began
    print(f"{number} submissions, {jobs} jobs: {seconds:.0f} s, {number / seconds:.1f} a second")
    for name in first:
        print(f"memory of the {name}: {first[name] // MIB} MiB after {FIRST}, {last[name] // MIB} MiB after {number}")
    return faults + grown(first, last) + left(home, before, scratch, traces)


def main() -> int:
    """Return 0 when every verdict was right and nothing stayed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("number", nargs="?", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="velvet-rope-bench-", ignore_cleanup_errors=True) as name:
        faults = run(given.number, given.jobs, given.seed, Path(name))
    for fault in faults:
        print(fault)
    print("everything as it must be" if not faults else f"{len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
