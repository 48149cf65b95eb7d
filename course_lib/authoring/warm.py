"""Talk to the warm process: send a job, get its verdict.

Where a process cannot fork, every job gets a fresh process; the verdicts are the same, the time is not.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from types import TracebackType
from typing import IO, Any  # Any: records are JSON

from course_lib.authoring.graft import Job
from course_lib.checks.outcome import Outcome
from course_lib.errors import CourseError

FRESH_S = 120.0  # one job in a process of its own: the imports of the stack on a cold disk, and its cells


class Warm:
    """A warm process, as a context manager; `run` judges one job at a time."""

    def __init__(self, *, fork: bool = hasattr(os, "fork")) -> None:
        self._fork = fork
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Warm:
        if self._fork:
            self._process = _start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process is not None:
            _stop(self._process)

    def run(self, job: Job, *, seconds: float, times: int = 1) -> Outcome:
        """Return the outcome of `job`; `seconds` is the question's clock, `times` how often it runs in one process."""
        message = {**asdict(job), "seconds": seconds, "times": times}
        record = self._in_warm(message) if self._process is not None else _in_fresh(message)
        return _outcome(job, record, seconds)

    def _in_warm(self, message: dict[str, Any]) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise CourseError("the warm process is not running; use it inside its with block")
        try:
            process.stdin.write(json.dumps(message) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            raise _gone() from None
        return _answer(process.stdout)


def _answer(stream: IO[str]) -> dict[str, Any]:
    line = stream.readline()
    if not line:
        raise _gone()
    record: dict[str, Any] = json.loads(line)
    return record


def _gone() -> CourseError:
    return CourseError("the process that runs answers ended by itself; run it again, and if it repeats: course doctor")


def _start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "course_lib.authoring.warm_process", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C reaches us, and we end it in order
    )


def _stop(process: subprocess.Popen[str]) -> None:
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


def _in_fresh(message: dict[str, Any]) -> dict[str, Any]:
    process = _start("--once")
    try:
        output, _ = process.communicate(json.dumps(message) + "\n", timeout=FRESH_S)
    except subprocess.TimeoutExpired:
        return {"stage": "late", "message": ""}
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError, AttributeError):
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            process.communicate()
    lines = output.splitlines()
    return json.loads(lines[-1]) if lines else {"stage": "died", "message": f"exit status {process.returncode}"}


def _outcome(job: Job, record: dict[str, Any], seconds: float) -> Outcome:
    """Turn a record into a verdict; what our own cells did wrong is a `CourseError`, never the learner's fault."""
    base = Outcome(job.question, "error", "")
    stage, message = record["stage"], record.get("message", "")
    if stage == "verdict":
        verdict = {key: value for key, value in record["verdict"].items() if key != "pointer"}
        return _compared(job, Outcome(**verdict), record["shown"])
    if stage == "late":
        where = f" {message}" if message else ""
        return replace(base, outcome="timeout", message=f"timeout: still waiting{where} after {seconds:g} s")
    if stage == "died":
        return replace(base, outcome="timeout", message=f"the answer ended the process ({message})")
    if stage == "answer" or record.get("error") == "NameError":
        place = f", {record['place']}" if record.get("place") else ""
        return replace(base, message=f"{message}{place}", slug=record.get("slug", ""))
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
