"""The warm process: imports the stack once, then forks one child per job and kills it when its clock runs out.

`python -m course_lib.authoring.warm_process` reads one JSON job per line and answers each with one JSON record.
It runs trusted code only: there is no sandbox here.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any  # Any: jobs and records are JSON

STACK = (
    "fastapi",
    "httpx",
    "aiosqlite",
    "sqlalchemy.ext.asyncio",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "course_lib.checks",
    "course_lib.client",
    "course_lib.databases",
    "course_lib.field_guide",
    "course_lib.observe",
    "course_lib.workspace.extension",
    "course_lib.authoring.cells",
)
PR_SET_PDEATHSIG = 1
SETUP_S = 30.0  # our own cells before the answer: a broken disk or machine, never the learner
CHECK_S = 4.0  # beyond the check's own clock, twice: it may be run again after a stall that was the machine's


def main() -> None:
    """Serve jobs from standard input until it closes; `--once` serves one job in this process."""
    answers = os.fdopen(os.dup(1), "w")  # the jobs own the streams; the answers need one of their own
    for module in STACK:
        importlib.import_module(module)
    from course_lib.authoring.cells import make_shell

    shell = make_shell()
    once = "--once" in sys.argv
    if not once:
        gc.collect()
        gc.freeze()  # the garbage collector would touch, and so copy, every shared page in every child
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    for line in sys.stdin:
        job = json.loads(line)
        record = _here(job, shell) if once else _forked(job, shell)
        answers.write(json.dumps(record) + "\n")
        answers.flush()
        if once:
            os._exit(0)  # a driver thread of the answer must not keep the process


def _here(job: dict[str, Any], shell: Any) -> dict[str, Any]:
    from course_lib.authoring.cells import run_job

    with tempfile.TemporaryDirectory(prefix="velvet-rope-job-") as folder:
        return run_job(job, shell, folder, lambda progress: None)


def _forked(job: dict[str, Any], shell: Any) -> dict[str, Any]:
    memory = Path("/dev/shm")  # a disk in memory where there is one: SQLite's fsync is half of a small job
    home = tempfile.mkdtemp(prefix="velvet-rope-job-", dir=memory if os.access(memory, os.W_OK) else None)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _child(job, shell, home, writing)
    os.close(writing)
    try:
        records, late = _gather(reading, job["seconds"])
    finally:
        os.close(reading)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        shutil.rmtree(home, ignore_errors=True)
    return _record(records, late, status)


def _child(job: dict[str, Any], shell: Any, home: str, writing: int) -> None:
    os.setsid()  # one group, so that a kill reaches whatever the answer started
    with contextlib.suppress(OSError, AttributeError):  # Linux only: die with the warm process
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    tempfile.tempdir = os.environ["TMPDIR"] = home

    def send(record: dict[str, Any]) -> None:
        data = json.dumps(record).encode() + b"\n"
        while data:
            data = data[os.write(writing, data) :]

    from course_lib.authoring.cells import run_job

    try:
        send(run_job(job, shell, home, send))
    finally:
        os._exit(0)


def _gather(reading: int, seconds: float) -> tuple[list[dict[str, Any]], bool]:
    """Read records until the final one, the end of the pipe, or the end of a clock; return them and whether late.

    Setup, answer and check have a clock each: our own slow setup must not be charged to an answer.
    """
    clocks = {"prepared": seconds, "answered": 2 * seconds + CHECK_S, "waiting": seconds}
    deadline, data, seen = time.monotonic() + SETUP_S, b"", 0
    while True:
        left = deadline - time.monotonic()
        ready = left > 0 and bool(select.select([reading], [], [], left)[0])
        chunk = os.read(reading, 65536) if ready else b""
        data += chunk
        records = [json.loads(line) for line in data.split(b"\n")[:-1]]
        if records and records[-1]["stage"] not in clocks:
            return records, False
        if not chunk:
            return records, not ready
        for record in records[seen:]:
            if record["stage"] != "waiting":  # a word about where it hangs buys no time
                deadline = time.monotonic() + clocks[record["stage"]]
        seen = len(records)


def _record(records: list[dict[str, Any]], late: bool, status: int) -> dict[str, Any]:
    last = records[-1] if records else {"stage": "prepared", "message": ""}
    if last["stage"] not in ("prepared", "answered", "waiting"):
        return last
    if late:
        return {"stage": "late", "message": last.get("message", "")}
    return {"stage": "died", "message": f"exit status {os.waitstatus_to_exitcode(status)}"}


if __name__ == "__main__":
    main()
