"""Draw a timeline as a figure that says in words what it shows.

The SVG is byte-stable on one matplotlib version, carries its text as text, and stands in a `<figure>` with its finding.
"""

from __future__ import annotations

import html
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any  # Any: matplotlib's axes

if TYPE_CHECKING:
    from course_lib.observe.timeline import Timeline

INK = "#5c6773"  # readable on white and on JupyterLab's dark grey (contrast at least 4.5:1 on both)
HELD, WAITS = "#d55e00", "#0072b2"  # Okabe-Ito: told apart by every kind of colour vision; hatching says it again


@dataclass(frozen=True)
class Figure:
    """A drawn figure: its SVG and its finding in words, which is also its plain text."""

    svg: str
    alt: str

    def __repr__(self) -> str:
        return f"Figure: {self.alt}"

    def _repr_html_(self) -> str:
        alt = html.escape(self.alt, quote=True)
        return (
            f'<figure role="img" aria-label="{alt}" style="margin: 0">{self.svg}<figcaption>{alt}</figcaption></figure>'
        )


def bars(timeline: Timeline, alt: str) -> Figure:
    """Draw one bar per lane: solid where it was alone, hatched where it was inside together with others."""
    figure, axes = _axes(len(timeline.lanes))
    for row, lane in enumerate(timeline.lanes):
        style = {"color": HELD} if lane.alone else {"facecolor": "none", "edgecolor": WAITS, "hatch": "///"}
        axes.barh(row, lane.end - lane.begin + 1, left=lane.begin, height=0.8, **style)
    axes.set_yticks([])
    axes.set_xticks([])
    axes.set_ylabel("requests", color=INK)
    axes.set_xlabel("order of events", color=INK)
    return _finish(figure, alt)


def words(timeline: Timeline, alt: str) -> Figure:
    """Draw one row of labelled steps per lane."""
    figure, axes = _axes(len(timeline.lanes), height=0.6)
    for row, lane in enumerate(timeline.lanes):
        for position, word in enumerate(lane.words):
            axes.text(position, row, word, ha="center", va="center", fontsize=8, color=INK, rotation=20)
    axes.set_xlim(-0.5, timeline.steps - 0.5)
    axes.set_yticks(range(len(timeline.lanes)), [lane.name for lane in timeline.lanes], color=INK)
    axes.set_xticks([])
    return _finish(figure, alt)


def _axes(rows: int, height: float = 0.14) -> tuple[Any, Any]:
    import matplotlib as mpl
    from matplotlib.figure import Figure as Canvas

    mpl.rcParams["svg.hashsalt"] = "velvet-rope"  # without it every element id is new in every run
    mpl.rcParams["svg.fonttype"] = "none"
    figure = Canvas(figsize=(7, max(1.0, 0.5 + height * rows)), layout="constrained")
    axes = figure.add_subplot()
    axes.set_ylim(rows - 0.4, -0.6)
    axes.patch.set_alpha(0)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "left")
        spine.set_color(INK)
    return figure, axes


def _finish(figure: Any, alt: str) -> Figure:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    svg = buffer.getvalue()
    return Figure(svg[svg.index("<svg") :], alt)
