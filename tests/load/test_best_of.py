"""The best of a few measurements: no more than it takes, and never fewer than one."""

from __future__ import annotations

import asyncio

import pytest

from course_lib.errors import CourseError
from course_lib.load import best_of


def measured(*values: float, tries: int = 3) -> tuple[float, int]:
    """Return the best of these values, and how many were measured."""
    left = list(values)

    async def measure() -> float:
        return left.pop(0)

    best = asyncio.run(best_of(tries, measure, enough=0.9))
    return best, len(values) - len(left)


@pytest.mark.parametrize(
    ("values", "came"),
    [
        ((0.95, 0.5, 0.5), (0.95, 1)),
        ((0.5, 0.9, 0.99), (0.9, 2)),
        ((0.7, 0.8, 0.6, 0.99), (0.8, 3)),
    ],
    ids=["the first is enough", "the second is", "none of three is"],
)
def test_it_measures_until_it_is_enough(values: tuple[float, ...], came: tuple[float, int]) -> None:
    assert measured(*values) == came


def test_one_try_is_one_measurement() -> None:
    assert measured(0.1, 0.99, tries=1) == (0.1, 1)


def test_no_try_is_one_sentence() -> None:
    with pytest.raises(CourseError, match=r"^best_of needs at least 1 try, got 0$"):
        measured(0.99, tries=0)


def test_an_error_of_the_measurement_comes_out() -> None:
    async def measure() -> float:
        raise LookupError("no such engine")

    with pytest.raises(LookupError, match=r"^no such engine$"):
        asyncio.run(best_of(3, measure, enough=0.9))
