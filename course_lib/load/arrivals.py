"""When guests arrive: at fixed distances, or at random like strangers do.

The plan is made before the run and from a seed, so that two builds of an app meet the same guests.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import takewhile
from typing import Literal

from course_lib.errors import CourseError

Kind = Literal["poisson", "fixed"]
MOST = 200_000  # arrivals of one run: more than a process sends in a minute, and a typing error is caught


def planned(rate: float, seconds: float, kind: Kind = "poisson", seed: int = 1) -> list[float]:
    """Return the moments of arrival in seconds from the beginning, `rate` a second on average.

    `poisson` draws exponential distances from `seed`, `fixed` spaces evenly. Raises `CourseError` for a rate or a
    duration that is not positive, or for more than 200,000 arrivals.
    """
    if rate <= 0 or seconds <= 0:
        raise CourseError(f"arrivals need a positive rate and duration, got rate {rate:g} and {seconds:g} s")
    if rate * seconds > MOST:
        raise CourseError(
            f"at most {MOST} arrivals in one run, got {rate * seconds:.0f}; lower the rate or the duration"
        )
    if kind == "fixed":
        return [number / rate for number in range(round(rate * seconds))]
    if kind != "poisson":
        raise CourseError(f"arrivals are 'poisson' or 'fixed', got {kind!r}")
    return list(takewhile(lambda moment: moment < seconds, _random(rate, random.Random(seed))))


def _random(rate: float, dice: random.Random) -> Iterator[float]:
    moment = 0.0
    while True:
        moment += dice.expovariate(rate)
        yield moment
