"""Many submissions are judged side by side, in order, each once; whatever stops the run keeps what is done."""

from __future__ import annotations

import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from course_lib.checks.outcome import Outcome
from course_lib.grading.graded import Graded, Submission, Verdict
from course_lib.grading.journal import Journal
from course_lib.grading.runner import OF_THE_MACHINE, grade_all

CLASS = [Submission(f"learner {number}", "a.ipynb", b"{}") for number in range(40)]


def judged(submission: Submission) -> Graded:
    """Return a verdict without a judge."""
    outcome = Outcome("small-double", "pass", submission.learner, 1, 1)
    return Graded(submission.learner, submission.file, submission.digest, "00_small", (Verdict(outcome),))


def test_results_have_the_order_of_the_submissions(tmp_path: Path) -> None:
    told: list[int] = []
    with Journal(tmp_path, {}) as journal, ThreadPoolExecutor(4) as threads:
        graded = grade_all(CLASS, judged, threads, journal, jobs=4, tell=told.append)
    assert graded == [judged(each) for each in CLASS]
    assert told == [*range(len(CLASS) + 1)]


def test_second_run_judges_only_what_is_new(tmp_path: Path) -> None:
    asked: list[str] = []

    def counting(submission: Submission) -> Graded:
        asked.append(submission.learner)
        return judged(submission)

    for there in (CLASS[:10], CLASS[5:15], CLASS[:15]):
        with Journal(tmp_path, {}) as journal, ThreadPoolExecutor(1) as threads:
            assert grade_all(there, counting, threads, journal) == [judged(each) for each in there]
    assert asked == [each.learner for each in CLASS[:15]]


def test_few_are_under_way_at_once(tmp_path: Path) -> None:
    waiting: list[Future[Graded]] = []
    most = 0

    class Slow(Executor):
        """Answers the oldest call when somebody submits the next."""

        def submit(self, function, /, *arguments, **named):  # type: ignore[no-untyped-def]
            nonlocal most
            future: Future[Graded] = Future()
            future.set_result(function(*arguments))
            waiting.append(future)
            most = max(most, len(waiting))
            return future

    def tell(done: int) -> None:
        waiting[:] = waiting[-8:]

    with Journal(tmp_path, {}) as journal:
        grade_all(CLASS, judged, Slow(), journal, jobs=2, tell=tell)
    assert most <= 9


def test_interrupt_keeps_what_is_done_and_is_raised_again(tmp_path: Path) -> None:
    gate = threading.Event()

    def stuck(submission: Submission) -> Graded:
        if submission in CLASS[5:]:
            gate.wait(60)
        return judged(submission)

    def tell(done: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with Journal(tmp_path, {}) as journal, ThreadPoolExecutor(2) as threads:
        with pytest.raises(KeyboardInterrupt):
            grade_all(CLASS, stuck, threads, journal, jobs=2, tell=tell)
        gate.set()
    with Journal(tmp_path, {}) as journal:
        assert {*journal.done} == {each.digest for each in CLASS[:5]}


def test_bug_of_the_judge_costs_one_submission_and_is_tried_again(tmp_path: Path) -> None:
    def broken(submission: Submission) -> Graded:
        if submission is CLASS[1]:
            raise LookupError("no such thing")
        return judged(submission)

    with Journal(tmp_path, {}) as journal, ThreadPoolExecutor(2) as threads:
        graded = grade_all(CLASS[:3], broken, threads, journal)
        assert [bool(each.problem) for each in graded] == [False, True, False]
        assert graded[1].problem == (
            "the judge failed (LookupError: no such thing); this is a bug in the course: please report it"
        )
        assert grade_all(CLASS[:3], judged, threads, journal) == [judged(each) for each in CLASS[:3]]


def test_full_disk_of_the_machine_is_reported_and_tried_again(tmp_path: Path) -> None:
    def full(submission: Submission) -> Graded:
        right = judged(submission)
        outcome = replace(right.verdicts[0].outcome, outcome="error", message=f"{OF_THE_MACHINE} (No space left)")
        return replace(right, verdicts=(Verdict(outcome),))

    with Journal(tmp_path, {}) as journal, ThreadPoolExecutor(1) as threads:
        assert grade_all(CLASS[:2], full, threads, journal) == [full(each) for each in CLASS[:2]]
        assert journal.done == {}


def test_nobody_handed_in_anything(tmp_path: Path) -> None:
    with Journal(tmp_path, {}) as journal, ThreadPoolExecutor(1) as threads:
        assert grade_all([], judged, threads, journal) == []
