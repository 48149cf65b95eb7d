"""Draw a timeline, panels of bars or a heat strip as a figure that says in words what it shows.

The SVG is byte-stable on one matplotlib version, its letters are shapes, and its `<figure>` carries the finding.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any  # Any: matplotlib's axes

if TYPE_CHECKING:
    from course_lib.observe.occupancy import Occupancy
    from course_lib.observe.panels import Panels
    from course_lib.observe.rope import Frame
    from course_lib.observe.timeline import Timeline

# JupyterLab takes the drawing out of a notebook it does not trust and leaves each word that stood in it: none does
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
INK = "#5c6773"  # stands for the text colour of the page, which replaces it in the finished SVG
SQUARE = 30  # seats side by side on the width of a figure: then a row's height makes squares of them
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
    figure, axes = canvas(len(timeline.lanes))
    for row, lane in enumerate(timeline.lanes):
        style = {"color": HELD} if lane.alone else {"facecolor": "none", "edgecolor": WAITS, "hatch": "///"}
        axes.barh(row, lane.end - lane.begin + 1, left=lane.begin, height=0.8, **style)
    axes.set_yticks([])
    axes.set_xticks([])
    axes.set_ylabel("requests", color=INK)
    axes.set_xlabel("order of events", color=INK)
    return finish(figure, alt)


def words(timeline: Timeline, alt: str) -> Figure:
    """Draw one row of labelled events per lane, with a bar wherever the lane held a connection."""
    figure, axes = canvas(len(timeline.lanes), height=0.85)
    for row, lane in enumerate(timeline.lanes):
        for begin, end in loans(lane.words):
            axes.barh(row, end - begin, left=begin, height=0.2, facecolor="none", edgecolor=WAITS, hatch="////")
        for position, word in enumerate(lane.words):
            axes.plot(position, row, marker="^" if word.startswith("send") else "o", color=_ink(word), markersize=5)
            axes.text(position, row - 0.2, word, ha="left", va="bottom", fontsize=8, color=_ink(word), rotation=35)
    axes.set_xlim(-0.7, timeline.steps + 0.9)
    axes.set_ylim(len(timeline.lanes) - 0.55, -1.05)
    axes.set_yticks(range(len(timeline.lanes)), [lane.name for lane in timeline.lanes], color=INK)
    axes.tick_params(axis="y", color=INK)
    axes.set_xticks([])
    axes.set_xlabel("order of events; hatched: a connection is out", color=INK)
    return finish(figure, alt)


def panels(shown: Panels, alt: str) -> Figure:
    """Draw the panels one above the other: solid bars, and hatched ones where a connection is out."""
    figure, axes = canvas(sum(1 + len(panel.rows) for panel in shown.panels), height=0.2)
    labels: list[str] = []
    for panel in shown.panels:
        axes.text(-0.3, len(labels), panel.title, va="center", fontsize=9, fontweight="bold", color=INK)
        labels.append("")
        for row in panel.rows:
            style = {"facecolor": "none", "edgecolor": WAITS, "hatch": "////"} if row.hatched else {"color": HELD}
            for first, last in row.bars:
                axes.barh(len(labels), last - first + 0.8, left=first - 0.4, height=0.6, **style)
            labels.append(row.label)
    axes.set_xlim(-0.7, max(shown.steps, 8) - 0.3)
    axes.set_yticks(range(len(labels)), labels, color=INK, fontsize=9)
    axes.tick_params(axis="y", length=0)
    axes.set_xticks([])
    axes.set_xlabel(shown.axis, color=INK)
    return finish(figure, alt)


def strip(seen: Occupancy, alt: str) -> Figure:
    """Draw two strips, threads and connections: the fuller a room, the darker, and hatched while it is full."""
    figure, axes = canvas(2, height=0.5)
    begin = 0
    for threads, connections, looks in seen.stretches():
        for row, (count, limit) in enumerate(((threads, seen.tokens), (connections, seen.seats))):
            full = count >= limit
            colour = HELD if full else WAITS
            axes.barh(row, looks, left=begin, height=0.8, color=colour, alpha=0.15 + 0.85 * min(1, count / limit))
            if full:
                axes.barh(row, looks, left=begin, height=0.8, facecolor="none", edgecolor=INK, hatch="///", linewidth=0)
        begin += looks
    names = [f"threads (of {seen.tokens})", f"connections (of {seen.seats})"]
    axes.set_yticks(range(2), names, color=INK)
    axes.set_xticks([])
    axes.set_xlabel("time; hatched: the room is full", color=INK)
    return finish(figure, alt)


def seats(frames: Sequence[Frame], size: int, alt: str) -> Figure:
    """Draw one row per frame: squares for the seats of a pool, dots for who waits, crosses for who was refused."""
    figure, axes = canvas(len(frames), height=0.24)
    door = max(size, *(frame.taken for frame in frames)) + 0.5
    for row, frame in enumerate(frames):
        for seat in range(max(size, frame.taken)):
            style = {"facecolor": HELD if seat < frame.taken else "none", "edgecolor": INK}
            axes.barh(row, 0.8, left=seat, height=0.7, hatch="////" if seat >= size else None, **style)
        places = [door + 0.5 + place for place in range(frame.waiting + frame.refused)]
        axes.plot(places[: frame.waiting], [row] * frame.waiting, "o", color=WAITS, markersize=7)
        axes.plot(places[frame.waiting :], [row] * frame.refused, "x", color=INK, markersize=7, markeredgewidth=2)
    axes.axvline(door - 0.1, color=INK, linestyle=":")
    crowd = max(frame.waiting + frame.refused for frame in frames)
    axes.set_xlim(-0.3, max(SQUARE, door + 1 + crowd))
    axes.set_yticks([])
    axes.set_xticks([])
    axes.set_ylabel("order of events", color=INK)
    axes.set_xlabel("square: a seat, hatched: overflow; dot: waits at the rope, cross: refused", color=INK, loc="left")
    return finish(figure, alt)


def loans(words: tuple[str, ...]) -> list[tuple[int, int]]:
    """Return (first, last) position of each stretch from a checkout to its checkin."""
    found, begin = [], None
    for position, word in enumerate(words):
        if word == "checkout" and begin is None:
            begin = position
        elif word == "checkin" and begin is not None:
            found.append((begin, position))
            begin = None
    return found


def _ink(word: str) -> str:
    return HELD if word.startswith("send") else INK


def canvas(rows: int, height: float = 0.14) -> tuple[Any, Any]:
    """Return a transparent figure and its axes for `rows` lanes of `height` inches, the first one on top."""
    from matplotlib.figure import Figure as Canvas

    figure = Canvas(figsize=(8, max(1.0, 0.5 + height * rows)), layout="constrained")
    axes = figure.add_subplot()
    axes.set_ylim(rows - 0.4, -0.6)
    axes.patch.set_alpha(0)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "left")
        spine.set_color(INK)
    return figure, axes


def finish(figure: Any, alt: str) -> Figure:
    """Return the drawn `figure` as byte-stable SVG in the page's own text colour, with its finding."""
    import matplotlib as mpl

    buffer = io.StringIO()
    # without a salt every element id is new in every run; the learner's own figures keep their settings
    with mpl.rc_context({"svg.hashsalt": "velvet-rope", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    # on one line: a notebook stores each line of an output apart, and a figure has a thousand
    svg = " ".join(_METADATA.sub("", buffer.getvalue()).split())
    return Figure(svg[svg.index("<svg") :].replace(INK, "currentColor"), alt)
