"""The numbers of a run, from samples written by hand."""

from __future__ import annotations

import math

import pytest

from course_lib.load.report import Report, Sample, percentile

HUNDRED = [Sample(0, 0, (number + 1) / 100, "200") for number in range(100)]


@pytest.mark.parametrize(
    ("values", "percent", "found"),
    [([3, 1, 2], 50, 2), ([1, 2, 3, 4], 50, 2), ([1, 2, 3, 4], 95, 4), ([7], 99, 7), ([1, 2], 0, 1), ([1, 2], 100, 2)],
)
def test_a_percentile_is_a_value_that_was_measured(values: list[float], percent: float, found: float) -> None:
    assert percentile(values, percent) == found


def test_a_percentile_of_nothing_is_no_number() -> None:
    assert math.isnan(percentile([], 50))


def test_latency_counts_from_the_intended_arrival() -> None:
    assert Sample(1.0, 4.0, 5.0, "200").latency == 4.0


def test_only_good_answers_are_throughput_and_latency() -> None:
    report = Report("open", 100, 2, [*HUNDRED, Sample(0, 0, 9, "500"), Sample(0, 0, 9, "ReadTimeout")])
    assert (report.throughput, report.latency(50), report.latency(99)) == (50, 0.5, 0.99)
    assert report.outcomes() == {"200": 100, "500": 1, "ReadTimeout": 1}


def test_a_redirect_is_good_and_a_refusal_is_not() -> None:
    assert [Sample(0, 0, 1, outcome).good for outcome in ("204", "307", "404", "503", "ConnectError")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_the_table_says_what_was_offered_and_what_came() -> None:
    report = Report("open", 50, 2, HUNDRED, share=0.1, cpu=0.5)
    assert repr(report).splitlines() == [
        "offered        50 arrivals a second",
        "answered well  50.0 a second",
        "p50            500.0 ms",
        "p95            950.0 ms",
        "p99            990.0 ms",
        "outcomes       100 x 200",
        "sent late      0.0 ms at p99",
        "generator      10% of a core",
    ]
    assert report.per_cpu_second == 200


def test_a_generator_that_takes_the_core_is_labelled() -> None:
    report = Report("closed", 8, 1, HUNDRED, share=0.71)
    assert report.generator_bound
    assert report.table().endswith("generator      71% of a core, generator-bound")
    assert "sent late" not in report.table()
    assert not Report("closed", 8, 1, HUNDRED, share=0.7).generator_bound


def test_a_run_without_an_answer_can_be_shown() -> None:
    report = Report("closed", 1, 1, [])
    assert "outcomes       none" in report.table()
    assert report.per_cpu_second == math.inf
