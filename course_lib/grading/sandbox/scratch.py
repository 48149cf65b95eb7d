"""A child's folder: made by its parent, in memory where there is room, measured, and removed whatever is in it."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")  # SQLite waits for a disk, not for memory: 6.4 -> 10.2 submissions a second
BLOCK = 512  # bytes of st_blocks, on every system
ENTRY = 4096  # what a file without content takes, rather more than less


@contextmanager
def scratch(room: int) -> Iterator[Path]:
    """Yield an empty folder for `room` bytes, and remove it."""
    folder = Path(tempfile.mkdtemp(prefix=f"course-answer-{os.getpid()}-", dir=memory_folder(room)))
    try:
        yield folder
    finally:
        # without every layer something may have escaped and still write here: a verdict is worth more than a clean disk
        with contextlib.suppress(OSError):
            remove(folder)


def memory_folder(room: int) -> Path | None:
    """Return a folder in memory with `room` bytes left, None where there is none (containers get 64 MB)."""
    with contextlib.suppress(OSError):
        if os.access(MEMORY, os.W_OK | os.X_OK) and shutil.disk_usage(MEMORY).free >= room:
            return MEMORY
    return None


def used(folder: Path, pid: int) -> int:
    """Return the bytes that process `pid` takes in `folder`, with those of files that have no name any more."""
    return _named(folder) + _nameless(folder.stat().st_dev, pid)


def remove(folder: Path) -> None:
    """Remove `folder` and what is in it, however deep, once nobody writes there any more.

    Each folder is moved to the top before it is emptied: a path of ten thousand folders is too long for any call, and
    too deep for a recursion.
    """
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        for entry in [*os.scandir(place)]:
            if entry.is_dir(follow_symlinks=False):
                os.chmod(entry.path, 0o700)  # it may have been made so that nobody can enter it
                waiting.append(folder / secrets.token_hex(16))
                os.rename(entry.path, waiting[-1])
            else:
                os.unlink(entry.path)
        if place != folder:
            place.rmdir()
    folder.rmdir()


def _named(folder: Path) -> int:
    total, waiting = 0, [os.fspath(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    with contextlib.suppress(FileNotFoundError):  # it may go while we look
                        total += ENTRY + entry.stat(follow_symlinks=False).st_blocks * BLOCK
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
        except FileNotFoundError:
            continue
        except OSError:  # a path too long to look at, or a folder closed to us: made to hide something
            return sys.maxsize
    return total


def _nameless(device: int, pid: int) -> int:
    total = 0
    with contextlib.suppress(OSError):  # the process may end while we look
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                found = os.stat(f"/proc/{pid}/fd/{name}")
                if found.st_dev == device and not found.st_nlink:
                    total += found.st_blocks * BLOCK
    return total
