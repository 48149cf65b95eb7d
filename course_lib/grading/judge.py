"""The judge: holds our notebooks, sends answers to zygotes, and forms every verdict itself.

`grade_one` is a pure function of a submission, so any executor may map it. The judge never runs a learner's code, and
what comes back from a child is a claim that is looked at before it counts.
"""

from __future__ import annotations

import functools
import os
import queue
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields, replace
from types import TracebackType
from typing import Any  # Any: records are JSON

from course_lib import notebook_file
from course_lib.authoring import graft, warm
from course_lib.checks.attempt import state
from course_lib.checks.outcome import Outcome
from course_lib.databases import needs
from course_lib.errors import CourseError, NotebookError
from course_lib.grading.exercise import Exercise, exercise_for
from course_lib.grading.graded import Graded, Submission, Verdict
from course_lib.grading.sandbox import capabilities
from course_lib.grading.zygote import Fresh, Nest, Zygote

LONGEST = 2000  # characters of a message: one that a check wrote has 200
FIELDS = {field.name for field in fields(Outcome)} | {"pointer"}
RED = ("fail", "error", "timeout")
JOBS = os.cpu_count() or 1


class Judge:
    """Zygotes that judge side by side, as a context manager.

    `timeout` (seconds) replaces each question's own clock; `quick` is for a handful of sheets: it starts sooner, and
    each answer takes a little longer. Where a process cannot fork, every answer gets a fresh process.
    """

    def __init__(
        self,
        jobs: int = JOBS,
        timeout: float | None = None,
        *,
        quick: bool = False,
        fork: bool = hasattr(os, "fork"),
    ) -> None:
        if jobs < 1:
            raise CourseError(f"expected at least 1 job, got {jobs}")
        self.jobs = jobs
        self.timeout = timeout
        self._nest = Nest(quick=quick) if fork else None
        self._all: list[Zygote] = []
        self._free: queue.SimpleQueue[Zygote | Fresh] = queue.SimpleQueue()
        self._questions = ThreadPoolExecutor(jobs, thread_name_prefix="question")

    @property
    def isolation(self) -> tuple[str, ...]:
        """Return a sentence for each layer of the sandbox that this machine lacks; it is found out by trying."""
        if self._nest is None:
            return ("this system cannot fork: each answer gets a fresh process, and no sandbox",)
        return tuple(f"no {layer.name} here: {layer.detail}" for layer in capabilities().missing)

    def __enter__(self) -> Judge:
        self._all = self._nest.zygotes(self.jobs) if self._nest is not None else []
        for each in self._all:
            self._free.put(each)
        if self._nest is None:
            for _ in range(self.jobs):
                self._free.put(Fresh())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End every process of the judge; a question under way is not waited for."""
        self._questions.shutdown(wait=False, cancel_futures=True)
        for each in self._all:
            each.close()
        if self._nest is not None:
            self._nest.close()

    def grade_one(self, submission: Submission, tell: Callable[[Verdict], None] = lambda verdict: None) -> Graded:
        """Return the verdicts on one submission, or the sentence that says why there are none; from any thread.

        Its questions are judged side by side; `tell` hears each verdict in the order of the questions.
        """
        base = Graded(submission.learner, submission.file, submission.digest)
        try:
            sheet = notebook_file.parse_notebook(submission.text, submission.file.rpartition("/")[2])
            exercise = exercise_for(submission.file, sheet)
        except NotebookError as error:
            return replace(base, problem=str(error))
        answers = graft.answers_of(sheet, exercise.solution)
        made = graft.jobs(exercise.solution, answers.texts)
        notes = [answers.notes.get(job.question, "") for job in made]
        verdicts = []
        for verdict in self._questions.map(self._verdict, made, [exercise] * len(made), notes):
            verdicts.append(verdict)
            tell(verdict)
        return replace(base, exercise=exercise.stem, verdicts=tuple(verdicts))

    def run(self, job: graft.Job) -> Outcome:
        """Return the outcome of one answer, as `course prove` asks for it.

        Raises `CourseError` for what is our own fault, a printed text that is not the solution's included.
        """
        return _claimed(job, self._record(job))

    def _verdict(self, job: graft.Job, exercise: Exercise, note: str) -> Verdict:
        possible = exercise.points[job.question]
        base = Outcome(job.question, "not attempted", "", 0, possible, exercise.stem)
        if not job.answer.strip() or state(job.answer, exercise.starters[job.question]) == "untouched":
            return Verdict(replace(base, message="still the starter; write your answer in its cell"), note)
        if missing := needs.absent(job.needs):
            return Verdict(replace(base, message=missing), note)
        began = time.perf_counter()
        record = self._record(job)
        seconds = time.perf_counter() - began
        outcome = replace(believed(job, record), lesson=exercise.stem, possible=possible)
        outcome = replace(outcome, points=possible if outcome.outcome == "pass" else 0)
        red = outcome.outcome in RED
        return Verdict(
            outcome,
            note,
            hint=exercise.hints[job.question] if red else "",
            turn=exercise.turn(job.question, job.answer, outcome.message) if red else "",
            isolation=tuple(record.get("isolation", ())),
            seconds=seconds,
            cpu=record.get("cpu", 0.0),
        )

    def _record(self, job: graft.Job) -> dict[str, Any]:
        secret = ("target",)  # what a right answer prints stays with us
        message = {name: value for name, value in asdict(job).items() if name not in secret}
        zygote = self._free.get()
        try:
            return zygote.run({**message, "seconds": self.timeout})
        finally:
            self._free.put(zygote)


def believed(job: graft.Job, record: dict[str, Any]) -> Outcome:
    """Return the outcome that a record claims; a bug of ours or of the machine costs this question only."""
    try:
        # the text of a right answer is the check's to say: that ours says it as printed is for `course prove` to see
        return _claimed(replace(job, target=""), record)
    except CourseError as ours:
        return Outcome(job.question, "error", str(ours))


def _claimed(job: graft.Job, record: dict[str, Any]) -> Outcome:
    """Return the outcome of a record, once it has the form of one; what has not is the answer's doing."""
    error = functools.partial(Outcome, job.question, "error")
    stage = record.get("stage")
    if stage == "changed":
        return error(f"the answer changed the course's own code ({_short(record.get('message'))})")
    if stage == "forged":
        return error(f"the answer wrote into the judge's own channel ({_short(record.get('message'))})")
    if stage == "verdict" and not _is_verdict(record, job.question):
        return error("the answer wrote into the judge's own channel (a verdict that is none)")
    try:
        outcome = warm.outcome_of(job, record)
    except (KeyError, TypeError, ValueError):
        return error("the answer wrote into the judge's own channel (a record that is none)")
    return replace(outcome, message=_short(outcome.message))


def _is_verdict(record: dict[str, Any], question: str) -> bool:
    said = record.get("verdict")
    if not isinstance(said, dict) or not isinstance(record.get("shown"), str):
        return False
    words = all(isinstance(said.get(name), str) for name in ("question", "outcome", "message", "lesson", "slug"))
    numbers = all(isinstance(said.get(name), int | None) for name in ("points", "possible", "section"))
    known = said.get("outcome") in ("pass", *RED)
    return words and numbers and known and said["question"] == question and set(said) <= FIELDS


def _short(text: object) -> str:
    said = str(text).encode(errors="replace").decode()  # half a character could be written to no report
    return said if len(said) <= LONGEST else f"{said[: LONGEST - 3]}..."
