"""The pages of memory that children write: learned from two of them, then copied at once for each that follows.

A fork shares the memory of its parent, and what a child writes is copied a page at a time, each in an interrupt of its
own. The children of one process write nearly the same six thousand, and half of their CPU went there. Asked for
together the kernel copies a page in half the time (`madvise(2)`: MADV_POPULATE_WRITE, since Linux 5.14; for many
pieces in one call since 6.13).
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
from array import array
from collections.abc import Callable, Iterable, Iterator
from typing import Any  # Any: an array of C structures has no type of its own

from course_lib.grading.sandbox.layer import MissingLayer
from course_lib.grading.sandbox.syscalls import call

PAGE = mmap.PAGESIZE
ENTRY = 8  # bytes a page has in /proc/PID/pagemap; the bits are those of the kernel's Documentation/admin-guide/mm
IS_THERE, IS_A_FILE_S, IS_ITS_OWN = 1 << 63, 1 << 61, 1 << 56
MADV_POPULATE_WRITE = 23
MOST = 1024  # pieces in one call, UIO_MAXIOV
MOST_PAGES = 1 << 15  # 128 MiB: no answer of the course writes a quarter of it


class Piece(ctypes.Structure):
    """`iovec`: where some pages begin, and how many bytes they have."""

    _fields_ = (("begin", ctypes.c_void_p), ("size", ctypes.c_size_t))


class Pages:
    """What the children of this process write, once two have shown it; where the system does not tell, nothing."""

    def __init__(self, *, learns: bool = True) -> None:
        self._first: set[int] = set()
        self._lists: list[Any] = []
        self._is_known = not learns

    @contextlib.contextmanager
    def learning(self, child: int) -> Iterator[Callable[[], None]]:
        """Yield a function that learns from `child`, to be called at its end, while it still waits.

        Its map is opened here and now: who has entered the sandbox shows it to nobody.
        """
        try:
            found = None if self._is_known else os.open(f"/proc/{child}/pagemap", os.O_RDONLY)
        except OSError:
            found = None
        if found is None:
            yield _nothing
            return
        try:
            yield lambda: self._learn(found)
        finally:
            os.close(found)

    def _learn(self, pagemap: int) -> None:
        written = set(_written(pagemap))
        if not self._first or not written:  # none: it has ended already
            self._first |= written
            return
        # a page that one of them alone wrote is left out: what an answer does to its own is not for the others to pay
        both, self._first, self._is_known = sorted(self._first & written), set(), True
        if len(both) <= MOST_PAGES:
            pieces = [Piece(first * PAGE, count * PAGE) for first, count in _runs(both)]
            self._lists = [_listed(pieces[start : start + MOST]) for start in range(0, len(pieces), MOST)]

    def copy(self) -> None:
        """Have this process, a child that was just forked, get its own copy of them."""
        if not self._lists:
            return
        try:
            _copy_together(self._lists)
        except (OSError, MissingLayer):  # before Linux 6.13, or where somebody forbids this call
            _copy_one_by_one(self._lists)


def _nothing() -> None:
    """Learn nothing."""


def _listed(pieces: list[Piece]) -> Any:
    return (Piece * len(pieces))(*pieces)


def _written(pagemap: int) -> Iterator[int]:
    """Yield the numbers of the pages that a child no longer shares, of those that this process has as well."""
    for begin, end in _writable():
        table = array("Q")
        with contextlib.suppress(OSError, ValueError):  # the child has ended
            table.frombytes(os.pread(pagemap, (end - begin) // PAGE * ENTRY, begin // PAGE * ENTRY))
        for number, entry in enumerate(table, begin // PAGE):
            if entry & IS_ITS_OWN and entry & IS_THERE and not entry & IS_A_FILE_S:
                yield number


def _writable() -> Iterator[tuple[int, int]]:
    """Yield the begin and end of all memory of this process that may be written and belongs to it alone."""
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            addresses, mode, *_ = line.split(maxsplit=2)
            if mode.startswith("rw") and mode.endswith("p"):
                begin, _, end = addresses.partition("-")
                yield int(begin, 16), int(end, 16)


def _runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield (first, count) for the numbers, which are sorted, that follow one another."""
    first = count = 0
    for number in numbers:
        if count and number == first + count:
            count += 1
            continue
        if count:
            yield first, count
        first, count = number, 1
    if count:
        yield first, count


def _copy_together(lists: list[Any]) -> None:
    """Copy all pieces in a few calls, which Linux allows a process for its own memory."""
    me = os.pidfd_open(os.getpid())
    try:
        for pieces in lists:
            call("process_madvise", me, ctypes.addressof(pieces), len(pieces), MADV_POPULATE_WRITE, 0)
    finally:
        os.close(me)


def _copy_one_by_one(lists: list[Any]) -> None:
    advise = ctypes.CDLL(None).madvise
    for pieces in lists:
        for piece in pieces:  # a kernel that does not know the advice refuses it, and nothing is lost but time
            advise(ctypes.c_void_p(piece.begin), ctypes.c_size_t(piece.size), MADV_POPULATE_WRITE)
