"""Talk to the warm process: send a job, get its verdict.

Where a process cannot fork, every job gets a fresh process; the verdicts are the same, the time is not.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import asdict, replace
from types import TracebackType
from typing import IO, Any  # Any: records are JSON

from course_lib.authoring.clock import Clock
from course_lib.authoring.graft import Job
from course_lib.checks.outcome import Outcome
from course_lib.databases import needs
from course_lib.errors import CourseError

MODULE = "course_lib.authoring.warm_process"
FRESH_S = 120.0  # a process of its own: the imports of the stack on a cold disk, and our setup


class Warm:
    """A warm process, as a context manager; `run` judges one job at a time."""

    def __init__(self, *, fork: bool = hasattr(os, "fork")) -> None:
        self._fork = fork
        self._process: subprocess.Popen[str] | None = None
        self._home: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Warm:
        if self._fork:
            self._home = folder()
            self._process = start(MODULE, TMPDIR=self._home.name)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process is not None:
            stop(self._process)
        if self._home is not None:
            self._home.cleanup()

    def run(self, job: Job, *, seconds: float | None = None, times: int = 1, seed: int | None = None) -> Outcome:
        """Return the outcome of `job`; `times` is how often it runs in one process.

        `seconds` replaces the question's own clock, which the warm process knows: this process imports no check.
        With a `seed` the check draws its values, without one they are the documented ones.
        An answer that needs a server which is not here counts as not attempted.
        """
        line = needs.absent(job.needs)
        if line:
            return Outcome(job.question, "not attempted", line)
        message = {**asdict(job), "seconds": seconds, "times": times, "seed": seed}
        record = self._in_warm(message) if self._process is not None else in_fresh(message)
        return outcome_of(job, record)

    def _in_warm(self, message: dict[str, Any]) -> dict[str, Any]:
        if self._process is not None and self._process.poll() is not None:  # an answer ended it: one job lost, not all
            stop(self._process)
            self._process = start(MODULE, TMPDIR=self._home.name if self._home is not None else tempfile.gettempdir())
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise CourseError("the warm process is not running; use it inside its with block")
        try:
            process.stdin.write(json.dumps(message) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            raise _gone() from None
        return _answer(process.stdout)


class WarmPool:
    """Several warm processes, as a context manager; `run` may be called by as many threads."""

    def __init__(self, jobs: int) -> None:
        if jobs < 1:
            raise CourseError(f"expected at least 1 job, got {jobs}")
        self._all = [Warm() for _ in range(jobs)]
        self._free: queue.SimpleQueue[Warm] = queue.SimpleQueue()
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> WarmPool:
        for each in self._all:
            self._free.put(self._stack.enter_context(each))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def run(self, job: Job, *, seconds: float | None = None, times: int = 1, seed: int | None = None) -> Outcome:
        """Return what `Warm.run` does, from a process that is free."""
        warm = self._free.get()
        try:
            return warm.run(job, seconds=seconds, times=times, seed=seed)
        finally:
            self._free.put(warm)


def _answer(stream: IO[str]) -> dict[str, Any]:
    line = stream.readline()
    if not line:
        raise _gone()
    record: dict[str, Any] = json.loads(line)
    return record


def _gone() -> CourseError:
    return CourseError("the process that runs answers ended by itself; run it again, and if it repeats: course doctor")


def folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for jobs; it is made and removed here, because a process that is killed removes nothing.

    It lies on a disk in memory where there is one: SQLite's fsync is half of a small job.
    """
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    return tempfile.TemporaryDirectory(prefix="velvet-rope-jobs-", dir=memory, ignore_cleanup_errors=True)


def start(module: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start `python -m module`, which reads jobs and writes records; `environment` is added to ours."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
        start_new_session=True,  # Ctrl-C reaches us, and we end it in order
    )


def stop(process: subprocess.Popen[str]) -> None:
    """End a process that reads jobs: its streams are closed, then it is asked, then it is made to."""
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(BrokenPipeError):
                stream.close()
    process.terminate()
    try:
        process.wait(2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def in_fresh(message: dict[str, Any]) -> dict[str, Any]:
    """Return the last record of a job that has a process of its own."""
    with folder() as home:
        process, clock = start(MODULE, "--once", TMPDIR=home), Clock(first=FRESH_S)
        try:
            if process.stdin is None or process.stdout is None:
                raise _gone()
            with contextlib.suppress(BrokenPipeError):  # it died while it started: its exit status says more
                process.stdin.write(json.dumps(message) + "\n")
                process.stdin.flush()
            return _last_word(process.stdout, clock) or clock.died(process.wait())
        finally:
            _end_group(process)


def _last_word(stream: IO[str], clock: Clock) -> dict[str, Any] | None:
    """Return the last record of a job, None when its process ended without one.

    A thread reads: nothing else can wait for a pipe with a limit on every system.
    """
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def read() -> None:
        with contextlib.suppress(ValueError):  # the stream was closed: nobody listens any more
            for line in stream:
                lines.put(line)
        lines.put(None)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    while True:
        try:
            line = lines.get(timeout=clock.left or 0.001)
        except queue.Empty:
            return clock.late()
        if line is None:
            return None
        if clock.hear(json.loads(line)):
            return clock.last


def _end_group(process: subprocess.Popen[str]) -> None:
    """Kill the process and what it started; its streams are closed once it is gone, so that no reader is left."""
    with contextlib.suppress(ProcessLookupError, AttributeError):  # AttributeError: Windows has no groups
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(BrokenPipeError):
                stream.close()


def outcome_of(job: Job, record: dict[str, Any]) -> Outcome:
    """Turn a record into a verdict; what our own cells did wrong is a `CourseError`, never the learner's fault."""
    base = Outcome(job.question, "error", "", lesson=record.get("lesson", ""), section=record.get("section"))
    stage, message = record["stage"], record.get("message", "")
    if stage == "verdict":
        verdict = {key: value for key, value in record["verdict"].items() if key != "pointer"}
        return _compared(job, Outcome(**verdict), record["shown"])
    if stage == "late":
        where = f" {message}" if message else ""
        return replace(base, outcome="timeout", message=f"timeout: still waiting{where} after {record['seconds']:g} s")
    if stage == "died":
        return replace(base, outcome="timeout", message=f"the answer ended the process ({message})")
    if stage == "answer" or (record.get("error") == "NameError" and record.get("in_cell")):
        place = f", {record['place']}" if record.get("place") else ""
        return replace(base, message=f"{message}{place}", slug=record.get("slug", ""))
    if stage == "machine":
        raise CourseError(f"this machine would not run an answer ({message}); make room on the disk, close programs")
    if stage == "judge":
        raise CourseError(
            f"the judge failed itself on {job.question} ({message}); this is a bug in the course: please report it "
            'with the output of "course doctor"'
        )
    if stage == "unknown" or record.get("known"):
        raise CourseError(message.removeprefix(f"{record.get('error', '')}: "))
    raise CourseError(
        f"the {stage} cell of {job.question} failed itself ({message}); this is a bug in the course: please report it "
        'with the output of "course doctor"'
    )


def _compared(job: Job, outcome: Outcome, shown: str) -> Outcome:
    if outcome.outcome == "pass" and job.target and shown != job.target:
        raise CourseError(
            f"the check of {job.question} printed {shown!r}, its solution has {job.target!r}; normalise it"
        )
    return outcome
