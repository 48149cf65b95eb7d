"""`best_of`: the best of a few measurements, as many as it takes.

A busy machine can lower a throughput and nothing can lift it, so the best try is the nearest to the truth.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from course_lib.errors import CourseError


async def best_of(tries: int, measure: Callable[[], Awaitable[float]], *, enough: float) -> float:
    """Return the best of at most `tries` measurements; the first that is `enough` is the last.

    Raises `CourseError` when there is no try.
    """
    if tries < 1:
        raise CourseError(f"best_of needs at least 1 try, got {tries}")
    best = await measure()
    while best < enough and (tries := tries - 1):
        best = max(best, await measure())
    return best
