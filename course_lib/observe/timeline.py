"""`timeline`: a trace, or who was inside when, as text with one lane per request, and as a figure of the same facts.

Positions are orders of events, never times, so the text and the figure are the same in every run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from course_lib.observe.peak import Peak
from course_lib.observe.trace import Trace

if TYPE_CHECKING:
    from course_lib.observe.figure import Figure

STEP = 2  # characters per step: wide enough that a staircase is seen, narrow enough for twenty lanes
ALONE, TOGETHER = "#", "."


@dataclass(frozen=True)
class Lane:
    """One row: its name and its words (a trace) or its bar (first step, last step, alone or together)."""

    name: str
    words: tuple[str, ...] = ()
    begin: int = 0
    end: int = 0
    alone: bool = True


@dataclass(frozen=True)
class Timeline:
    """Lanes in order of arrival; `repr` is the text, `draw()` the figure."""

    lanes: tuple[Lane, ...]
    steps: int

    def __repr__(self) -> str:
        width = max((len(lane.name) for lane in self.lanes), default=0)
        return "\n".join(f"{lane.name:<{width}}  {self._row(lane)}" for lane in self.lanes) or "nothing happened"

    def _row(self, lane: Lane) -> str:
        if lane.words:
            return " ".join(lane.words)
        mark = ALONE if lane.alone else TOGETHER
        return " " * (STEP * lane.begin) + mark * (STEP * (lane.end - lane.begin + 1))

    def draw(self, alt: str) -> Figure:
        """Return the figure; `alt` says the finding in words for those who do not see it."""
        from course_lib.observe.figure import bars, words

        return bars(self, alt) if not any(lane.words for lane in self.lanes) else words(self, alt)


def timeline(events: Trace | Peak) -> Timeline:
    """Return the lanes of a trace (what each request did, in order) or of a peak (who was inside with whom)."""
    return _of_peak(events) if isinstance(events, Peak) else _of_trace(events)


def _of_trace(events: Trace) -> Timeline:
    words: dict[str, list[str]] = {}
    for event in events:
        words.setdefault(event.lane, []).append(event.kind)
    lanes = tuple(Lane(name, tuple(kinds)) for name, kinds in words.items())
    return Timeline(lanes, max((len(lane.words) for lane in lanes), default=0))


def _of_peak(events: Peak) -> Timeline:
    begin: dict[int, int] = {}
    end: dict[int, int] = {}
    met: dict[int, set[int]] = {}
    inside: set[int] = set()
    step, last_was_out = 0, False
    for number, entering in events.moves:
        if entering:
            step += last_was_out  # somebody left and somebody came: a new step begins
            for other in inside:
                met[other].add(number)
            met[number] = set(inside)
            inside.add(number)
            begin[number] = step
        else:
            inside.discard(number)
            end[number] = step
        last_was_out = not entering
    lanes = tuple(Lane(f"{n:>2}", (), begin[n], end.get(n, step), alone=not met[n]) for n in sorted(begin))
    return Timeline(lanes, step + 1)
