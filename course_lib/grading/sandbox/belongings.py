"""What a forked child inherits and must not keep: open files, streams, signal handlers, and the environment."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import tempfile
from collections.abc import Collection, Iterable
from pathlib import Path
from signal import signal as set_handler  # by its own name: where answers are judged the module's is shut

ENVIRONMENT = {"LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"}
INHERITED = ("TZ", "PYTHONHASHSEED", "COURSE_ROOT")  # what changes an answer's output, and holds no secret


def redirect(output: int | None) -> None:
    """Read nothing, and write to `output` or to nowhere, at the level of the system and of Python."""
    nothing = os.open(os.devnull, os.O_RDWR)
    written = nothing if output is None else output
    for number, source in ((0, nothing), (1, written), (2, written)):
        os.dup2(source, number)
    # new objects, open for good: the old ones may hold text that the parent has not written yet
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        binary = io.FileIO(number, "r" if number == 0 else "w", closefd=False)
        buffer = io.BufferedReader(binary) if number == 0 else io.BufferedWriter(binary)
        stream = io.TextIOWrapper(buffer, "utf-8", errors="backslashreplace", line_buffering=True)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def let_go(keep: Collection[int]) -> None:
    """Give up every open file but the streams and `keep`: a folder or a socket among them would lead outside.

    The numbers stay taken: an object that still believes in its own would close a file of the answer.
    """
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in _open_files():
        if descriptor > 2 and descriptor not in keep:
            with contextlib.suppress(OSError):  # the listing's own, closed by now
                os.fstat(descriptor)
                os.dup2(nothing, descriptor)


def _open_files() -> Iterable[int]:
    try:
        return [int(name) for name in os.listdir("/dev/fd")]
    except OSError:
        return range(os.sysconf("SC_OPEN_MAX"))


def forget_handlers() -> None:
    """Behave as a new program does when a signal comes."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2):
        set_handler(number, signal.SIG_DFL)
    set_handler(signal.SIGINT, signal.default_int_handler)
    signal.set_wakeup_fd(-1)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def replace_environment(scratch: Path, named: Iterable[tuple[str, str]]) -> None:
    """Keep no variable that could be a secret; home and temporary files are in `scratch`."""
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    os.environ.clear()
    os.environ.update({**ENVIRONMENT, **kept, "HOME": str(scratch), "TMPDIR": str(scratch), **dict(named)})
    tempfile.tempdir = str(scratch)  # a warm process has looked its own up before
