"""Judge many submissions on an executor, each result into the journal as soon as it is there.

Whatever interrupts a run, what was judged until then is kept; the order of the results is that of the submissions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from itertools import islice

from course_lib.grading.graded import Graded, Submission
from course_lib.grading.journal import Journal

OF_THE_MACHINE = "this machine would not run an answer"  # a verdict on a full disk, not on an answer
AHEAD = 4  # submissions under way for each that can be judged at once: enough to keep all busy, few to throw away


def grade_all(
    submissions: list[Submission],
    grade_one: Callable[[Submission], Graded],
    executor: Executor,
    journal: Journal,
    *,
    jobs: int = 1,
    tell: Callable[[int], None] = lambda done: None,
) -> list[Graded]:
    """Return the verdicts on `submissions`, in their order; `tell` hears how many are known.

    What the journal knows is not judged again. Ctrl-C leaves what is done in the journal, and is raised again.
    """
    done = sum(each.digest in journal.done for each in submissions)
    tell(done)
    waiting = iter([each for each in submissions if each.digest not in journal.done])
    running: dict[Future[Graded], Submission] = {}
    failed: dict[str, Graded] = {}

    def submit(more: Iterable[Submission]) -> None:
        running.update({executor.submit(grade_one, each): each for each in more})

    try:
        submit(islice(waiting, AHEAD * jobs))
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                _keep(future, running.pop(future), journal, failed)
                done += 1
                tell(done)
                submit(islice(waiting, 1))
    except KeyboardInterrupt:
        for future, submission in running.items():
            if not future.cancel() and future.done():
                _keep(future, submission, journal, failed)
        raise
    return [journal.done.get(each.digest) or failed[each.digest] for each in submissions]


def _keep(future: Future[Graded], submission: Submission, journal: Journal, failed: dict[str, Graded]) -> None:
    """Write a result down; what is our fault, or the machine's, is only in this report: the next run tries it again."""
    try:
        graded = future.result()
    except Exception as error:
        said = f"the judge failed ({type(error).__name__}: {error}); this is a bug in the course: please report it"
        failed[submission.digest] = Graded(submission.learner, submission.file, submission.digest, problem=said)
    else:
        if any(verdict.outcome.message.startswith(OF_THE_MACHINE) for verdict in graded.verdicts):
            failed[graded.digest] = graded
        else:
            journal.append(graded)
