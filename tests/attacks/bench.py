"""The bench: what is to be judged is under way before its test asks for it, so that all zygotes have work."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, ClassVar  # Any: pytest names no type for the parameters of an item

import pytest

from course_lib.grading.graded import Graded, Submission
from course_lib.grading.judge import Judge


class Bench:
    """Submissions and their verdicts by name, as a context manager: at its end nothing is under way any more."""

    def __init__(self) -> None:
        self._workers: dict[Judge, ThreadPoolExecutor] = {}
        self._under_way: dict[str, Future[Graded]] = {}

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for workers in self._workers.values():
            workers.shutdown(cancel_futures=True)  # waits: the next module may stand in another course

    def begin(self, name: str, judge: Judge, submission: Submission) -> None:
        """Have a submission judged."""
        if judge not in self._workers:
            self._workers[judge] = ThreadPoolExecutor(judge.jobs)
        self._under_way[name] = self._workers[judge].submit(judge.grade_one, submission)

    def graded(self, name: str) -> Graded:
        """Return what was said of it."""
        return self._under_way[name].result()

    def __contains__(self, name: str) -> bool:
        return name in self._under_way


class _Nothing:
    """Stands for the parameters of a test that has none."""

    params: ClassVar[dict[str, Any]] = {}


def selected(request: pytest.FixtureRequest, cases: Collection[str]) -> list[str]:
    """Return the cases whose tests will run; none in a worker of xdist, which cannot know its part."""
    if hasattr(request.config, "workerinput"):
        return []
    names: list[Any] = [getattr(item, "callspec", _Nothing).params.get("name") for item in request.session.items]
    return [name for name in dict.fromkeys(names) if name in cases]
