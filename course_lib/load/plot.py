"""The figures of a load run: the latency curve, and the lifelines of its requests.

Latency stands on a log axis above throughput, because the knee is only seen when both are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any  # Any: matplotlib's axes

from course_lib.observe.figure import HELD, INK, WAITS, Figure, canvas, finish

if TYPE_CHECKING:
    from course_lib.load.curve import Curve
    from course_lib.load.lifelines import Lifeline

MARKS = {50: ("o", "-"), 95: ("s", "--"), 99: ("^", ":")}  # a mark and a line each: colour alone says nothing


def latency_curve(curve: Curve, alt: str) -> Figure:
    """Draw p50, p95, p99 and throughput over what was offered, with the knee and the limit marked."""
    from matplotlib.figure import Figure as Canvas
    from matplotlib.ticker import LogLocator, NullFormatter

    figure = Canvas(figsize=(8, 5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    offered = [report.offered for report in curve.reports]
    for percent, (mark, line) in MARKS.items():
        latencies = [1000 * report.latency(percent) for report in curve.reports]
        above.plot(offered, latencies, marker=mark, linestyle=line, color=WAITS, label=f"p{percent}")
    above.set_yscale("log")
    above.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    above.yaxis.set_major_formatter(lambda value, _: f"{value:g}")  # 200 is read faster than 2 x 10^2
    above.yaxis.set_minor_formatter(NullFormatter())
    above.set_ylabel("latency, ms", color=INK)
    below.plot(offered, [report.throughput for report in curve.reports], marker="o", color=HELD, label="throughput")
    if curve.limit:
        below.axhline(curve.limit, linestyle="--", color=INK, label="Little's law: seats / hold time")
    below.set_ylim(bottom=0)
    below.set_xticks(offered)
    below.set_ylabel("good answers a second", color=INK)
    open_loop = curve.reports[0].loop == "open"
    below.set_xlabel("arrivals a second" if open_loop else "users", color=INK)
    for axes in (above, below):
        axes.axvline(curve.knee.offered, linestyle="-.", color=INK, linewidth=1, label="knee")
        _dress(axes)
    return finish(figure, alt)


def _dress(axes: Any) -> None:
    axes.patch.set_alpha(0)
    axes.tick_params(colors=INK, which="both")
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(INK)
    axes.legend(frameon=False, labelcolor=INK, fontsize=8)


def lifelines(lines: Sequence[Lifeline], alt: str) -> Figure:
    """Draw one row per request: thin while it waits or has nothing to do with the pool, a solid bar while it holds."""
    figure, axes = canvas(max(1, len(lines)), height=0.12)
    for row, line in enumerate(lines):
        end = line.left if line.left is not None else line.arrived
        axes.plot([line.arrived, line.arrived + line.waited], [row, row], color=WAITS, linestyle=":", linewidth=1.5)
        axes.plot([line.arrived + line.waited, end], [row, row], color=INK, linewidth=0.6)
        for begin, back in line.loans:
            axes.barh(row, (back if back is not None else end) - begin, left=begin, height=0.7, color=HELD)
    axes.set_yticks([])
    axes.set_ylabel("requests", color=INK)
    axes.set_xlabel("seconds; dotted: waits for a connection, bar: holds one", color=INK)
    axes.tick_params(colors=INK)
    return finish(figure, alt)
