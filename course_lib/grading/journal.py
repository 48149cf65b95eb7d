"""The journal of a run: one line for each submission that has been judged, written as soon as it has.

A run that was killed is continued from it. A line counts once it has its end: half a line is judged again.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any  # Any: a line is JSON

from course_lib.errors import CourseError
from course_lib.grading.graded import Graded
from course_lib.whole_file import write_whole

NAME = "journal.jsonl"
VERSION = 1


class Journal:
    """The journal in a folder, as a context manager; `done` holds what it knows, by the submission's digest.

    `said` is one sentence about an earlier run, empty when there was none.
    """

    def __init__(self, folder: Path, key: dict[str, str], *, resume: bool = True) -> None:
        self.path = folder / NAME
        self.done: dict[str, Graded] = {}
        self.said = ""
        self._key = key
        self._resume = resume
        self._file = -1

    def __enter__(self) -> Journal:
        from filelock import FileLock, Timeout  # imported here: only who writes needs it

        self._lock = FileLock(f"{self.path}.lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise CourseError(
                f"another course grade writes to {self.path.parent}; wait for its end, or name another --out"
            ) from None
        try:
            self._begin()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._file)
        self._lock.release()

    def append(self, graded: Graded) -> None:
        """Write a line for `graded`, once for each submission."""
        if graded.digest in self.done:
            return
        line = json.dumps(graded.as_dict()).encode() + b"\n"  # ASCII: half a surrogate in a message is no UTF-8
        while line:  # a full disk may take a part only, and then says so
            line = line[os.write(self._file, line) :]
        self.done[graded.digest] = graded

    def _begin(self) -> None:
        length = self._read() if self._resume else 0
        if not length:
            self.done = {}
            write_whole(self.path, json.dumps({"journal": VERSION, "key": self._key}) + "\n")
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))
        if length:
            os.ftruncate(self._file, length)

    def _read(self) -> int:
        """Take over what an earlier run has judged; return how many bytes of the journal are good, 0 for none."""
        try:
            lines = self.path.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return 0
        difference = self._difference(lines[0] if lines else b"")
        if difference:
            self.said = f"begun anew: {difference}"
            return 0
        length = len(lines[0])
        for line in lines[1:]:
            graded = _graded(line)
            if graded is None:  # the end of a run that was killed; what may stand behind it is judged again
                break
            self.done.setdefault(graded.digest, graded)
            length += len(line)
        if self.done:
            self.said = f"continued: {len(self.done)} judged by an earlier run"
        return length

    def _difference(self, head: bytes) -> str:
        try:
            if not head.endswith(b"\n"):
                raise ValueError
            known = json.loads(head)
            version, key = known["journal"], known["key"]
            changed = [name for name in {**key, **self._key} if key.get(name) != self._key.get(name)]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return f"{NAME} has no beginning that can be read"
        if version != VERSION:
            return f"{NAME} is in a form of another course version"
        return f"the earlier run had other {' and '.join(changed)}" if changed else ""


def _graded(line: bytes) -> Graded | None:
    if not line.endswith(b"\n"):
        return None
    try:
        data: Any = json.loads(line)
        return Graded.from_dict(data)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
