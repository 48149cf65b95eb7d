"""`curve`: the latency curve of several runs, what was offered against what came back.

Throughput stops growing where the seats are all taken; from there on only the waiting grows. That corner is the knee.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from course_lib.errors import CourseError
from course_lib.load.report import Report

if TYPE_CHECKING:
    from course_lib.observe.figure import Figure

PERCENTS = (50, 95, 99)


@dataclass(frozen=True)
class Curve:
    """Runs of one kind, sorted by what was offered; `limit` is seats / hold time in requests a second, if known."""

    reports: tuple[Report, ...]
    left_out: tuple[Report, ...] = ()
    limit: float | None = None

    @property
    def knee(self) -> Report:
        """The run with the most throughput per latency (Kleinrock's power, 1979): past it, waiting buys nothing."""
        return max(self.reports, key=lambda report: report.throughput / report.latency(50))

    @property
    def below_the_line(self) -> bool:
        """Whether no run had more throughput than Little's law allows; a tenth is granted to the edges of a run."""
        return self.limit is None or all(report.throughput <= 1.1 * self.limit for report in self.reports)

    def table(self) -> str:
        """Return one line per run: offered, throughput, p50, p95, p99, and the knee's mark."""
        unit = "arrivals/s" if self.reports[0].loop == "open" else "users"
        lines = [f"{unit:>10}  {'good/s':>8}  " + "  ".join(f"{f'p{percent} ms':>8}" for percent in PERCENTS)]
        for report in self.reports:
            latencies = "  ".join(f"{1000 * report.latency(percent):>8.1f}" for percent in PERCENTS)
            mark = "  <- knee" if report is self.knee else ""
            lines.append(f"{report.offered:>10g}  {report.throughput:>8.1f}  {latencies}{mark}")
        lines += [f"{report.offered:>10g}  generator-bound, not drawn" for report in self.left_out]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.table()

    def draw(self, alt: str) -> Figure:
        """Return the figure; `alt` says the finding in words for those who do not see it."""
        from course_lib.load.plot import latency_curve

        return latency_curve(self, alt)


def curve(reports: Sequence[Report], *, seats: int | None = None, hold: float | None = None) -> Curve:
    """Return the curve of `reports`; with `seats` and `hold` (seconds) also Little's limit, seats / hold.

    Raises `CourseError` when the runs are of two kinds, or when the generator was the bottleneck of them all.
    """
    ordered = sorted(reports, key=lambda report: report.offered)
    if len({report.loop for report in ordered}) > 1:
        raise CourseError("a curve needs runs of one kind, got open and closed loops together; draw two curves")
    kept = tuple(report for report in ordered if not report.generator_bound and report.throughput > 0)
    if not kept:
        raise CourseError(
            "no run can be drawn: each was generator-bound or got no good answer; offer less, or mend the app"
        )
    bound = tuple(report for report in ordered if report.generator_bound)
    return Curve(kept, bound, seats / hold if seats and hold else None)
