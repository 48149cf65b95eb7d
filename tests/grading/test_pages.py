"""What two children wrote the next one gets copied at once: the same bytes, fewer faults."""

from __future__ import annotations

import errno
import functools
import json
import mmap
import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from course_lib.grading import pages
from course_lib.grading.pages import PAGE, Pages

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/pagemap").exists(), reason="this system does not tell which pages a process has written"
)

COUNT = 3000  # pages of the memory that children write: enough to stand out from what Python itself writes
NOISE = 300  # faults of Python itself while a thousand pages are written
Told = TypeVar("Told")  # what a child may tell: JSON
FIRST, BOTH, SECOND = range(1000), range(1000, 2000), range(2000, 3000)


@pytest.fixture
def memory() -> Iterator[mmap.mmap]:
    """Return memory that this process has written."""
    with mmap.mmap(-1, COUNT * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        _write(memory, range(COUNT), b"p")
        yield memory


def _write(memory: mmap.mmap, numbers: range, sign: bytes = b"c") -> int:
    """Write one byte in each page; return how many faults that cost."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for number in numbers:
        memory[number * PAGE : number * PAGE + 1] = sign
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def child(known: Pages, work: Callable[[], Told], *, waits: bool = True) -> Told:
    """Return what `work` returns in a child that copies what is known; learn from it at its end."""
    told, tells = os.pipe()
    hears, hangs_up = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(hangs_up)
            known.copy()
            os.write(tells, json.dumps(work()).encode())
            os.close(tells)
            if waits:
                os.read(hears, 1)
        finally:
            os._exit(0)
    os.close(tells)
    os.close(hears)
    with known.learning(pid) as learn:
        with open(told, encoding="utf-8") as line:
            found: Told = json.load(line)
        if not waits:
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        learn()
    os.close(hangs_up)
    os.waitpid(pid, 0)
    return found


def learned(memory: mmap.mmap) -> Pages:
    """Return pages that were learned from two children: each has written a part that the other has not."""
    known = Pages()
    for part in (range(2000), range(1000, 3000)):
        assert child(known, functools.partial(_write, memory, part)) > 1500
    return known


def test_the_third_writes_what_both_wrote_without_a_fault(memory: mmap.mmap) -> None:
    faults = child(learned(memory), lambda: [_write(memory, part) for part in (FIRST, BOTH, SECOND)])
    assert faults[1] < NOISE
    assert min(faults[0], faults[2]) >= 1000  # one of them alone has written these


def test_a_copy_holds_the_bytes_of_the_parent(memory: mmap.mmap) -> None:
    known = learned(memory)
    _write(memory, BOTH, b"n")
    assert child(known, lambda: [memory[number * PAGE] for number in (0, 1000, 1999, 2999)]) == [*b"pnnp"]


def test_a_kernel_that_takes_no_list_copies_them_one_by_one(memory: mmap.mmap, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> int:
        raise OSError(errno.EINVAL, "the call of an older kernel")

    monkeypatch.setattr(pages, "call", refuse)
    faults = child(learned(memory), lambda: [_write(memory, part) for part in (FIRST, BOTH)])
    assert faults[1] < NOISE <= faults[0]


def test_a_child_that_has_ended_teaches_nothing_and_spoils_nothing(memory: mmap.mmap) -> None:
    known = Pages()
    for waits in (False, True, False, True):
        child(known, lambda: _write(memory, BOTH), waits=waits)
    assert child(known, lambda: _write(memory, BOTH)) < NOISE


def test_a_child_that_cannot_be_seen_is_left_in_peace() -> None:
    known = Pages()
    with known.learning(0) as learn:
        learn()
    known.copy()


def test_one_that_does_not_learn_copies_nothing(memory: mmap.mmap) -> None:
    known = Pages(learns=False)
    for _ in range(3):
        faults = child(known, lambda: _write(memory, BOTH))
    assert faults >= 1000


def test_no_file_stays_open(memory: mmap.mmap) -> None:
    before = len(os.listdir("/dev/fd"))
    learned(memory)
    assert len(os.listdir("/dev/fd")) == before
