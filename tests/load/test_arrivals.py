"""The plan of arrivals: known before the run, the same for the same seed."""

from __future__ import annotations

import itertools
import statistics
from typing import Any, cast

import pytest

from course_lib.errors import CourseError
from course_lib.load.arrivals import planned


def test_fixed_arrivals_are_evenly_spaced() -> None:
    assert planned(4, 1, "fixed") == [0, 0.25, 0.5, 0.75]


def test_poisson_arrivals_are_as_many_as_asked_and_as_irregular_as_strangers() -> None:
    plan = planned(100, 100)
    distances = [after - before for before, after in itertools.pairwise(plan)]
    assert 9_700 < len(plan) < 10_300  # three standard deviations
    # exponential distances: the standard deviation equals the mean
    assert statistics.pstdev(distances) == pytest.approx(statistics.fmean(distances), rel=0.05)
    assert plan == sorted(plan)
    assert plan[-1] < 100


def test_a_seed_repeats_its_guests_and_another_does_not() -> None:
    assert planned(50, 1, seed=7) == planned(50, 1, seed=7) != planned(50, 1, seed=8)


@pytest.mark.parametrize(
    ("rate", "seconds", "kind", "sentence"),
    [
        (0, 1, "fixed", "arrivals need a positive rate and duration, got rate 0 and 1 s"),
        (5, -1, "poisson", "arrivals need a positive rate and duration, got rate 5 and -1 s"),
        (1e6, 1, "fixed", "at most 200000 arrivals in one run, got 1000000; lower the rate or the duration"),
        (5, 1, "random", "arrivals are 'poisson' or 'fixed', got 'random'"),
    ],
)
def test_an_impossible_plan_is_one_sentence(rate: float, seconds: float, kind: str, sentence: str) -> None:
    with pytest.raises(CourseError) as refused:
        planned(rate, seconds, cast("Any", kind))
    assert str(refused.value) == sentence
