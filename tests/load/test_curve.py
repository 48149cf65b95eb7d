"""The knee, the limit and the runs that may not be drawn, from reports written by hand."""

from __future__ import annotations

import pytest

from course_lib.errors import CourseError
from course_lib.load import curve
from course_lib.load.report import Report, Sample


def run(offered: float, answered: int, latency: float, *, share: float = 0.0, loop: str = "open") -> Report:
    """Return a report of one second with `answered` equal answers."""
    samples = [Sample(0, 0, latency, "200")] * answered
    return Report("open" if loop == "open" else "closed", offered, 1, samples, share=share)


CALM, FULL, LATE = run(100, 100, 0.02), run(200, 200, 0.025), run(300, 240, 0.4)


def test_the_knee_is_where_throughput_per_latency_is_best() -> None:
    found = curve([LATE, CALM, FULL], seats=5, hold=0.02)
    assert found.knee is FULL
    assert [report.offered for report in found.reports] == [100, 200, 300]
    assert found.limit == 250
    assert found.below_the_line is True


def test_more_than_littles_law_allows_is_said() -> None:
    assert curve([run(400, 300, 0.02)], seats=5, hold=0.02).below_the_line is False


def test_a_generator_bound_run_is_named_and_not_drawn() -> None:
    found = curve([CALM, run(900, 800, 0.1, share=0.8)])
    assert found.reports == (CALM,)
    assert repr(found).splitlines() == [
        "arrivals/s    good/s    p50 ms    p95 ms    p99 ms",
        "       100     100.0      20.0      20.0      20.0  <- knee",
        "       900  generator-bound, not drawn",
    ]
    assert found.limit is None


@pytest.mark.parametrize("reports", [[], [run(1, 1, 1, share=0.9)], [run(5, 0, 1)]])
def test_nothing_to_draw_is_one_sentence(reports: list[Report]) -> None:
    with pytest.raises(CourseError, match="no run can be drawn"):
        curve(reports)


def test_two_kinds_of_runs_are_two_curves() -> None:
    with pytest.raises(CourseError, match="a curve needs runs of one kind"):
        curve([CALM, run(5, 5, 1, loop="closed")])


@pytest.mark.parametrize(("loop", "axis"), [("open", "arrivals a second"), ("closed", "users")])
def test_the_figure_names_percentiles_limit_and_knee(loop: str, axis: str) -> None:
    found = curve([run(1, 100, 0.02, loop=loop), run(9, 200, 0.2, loop=loop)], seats=5, hold=0.02)
    drawn = found.draw("the queue decides")
    assert drawn.alt == "the queue decides"
    assert all(word in drawn.svg for word in ("p50", "p95", "p99", "knee", "Little", axis))
    assert drawn.svg == found.draw("the queue decides").svg
