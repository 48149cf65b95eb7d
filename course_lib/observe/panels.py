"""Rows of bars under a title, several such panels one above the other: the text and the figure of the same facts.

Positions are orders of events, never times, so both are the same in every run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from course_lib.observe.figure import Figure

STEP = 2  # characters per step of the text form, as in a timeline
SOLID, HATCHED = "#", "="


@dataclass(frozen=True)
class Row:
    """One row: its label, its bars (first step, last step), and whether they are drawn hatched."""

    label: str
    bars: tuple[tuple[int, int], ...]
    hatched: bool = False

    def text(self, steps: int) -> str:
        """Return the bars as characters, two for each of `steps` steps."""
        cells = [" "] * steps
        for first, last in self.bars:
            cells[first : last + 1] = [HATCHED if self.hatched else SOLID] * (last - first + 1)
        return "".join(cell * STEP for cell in cells).rstrip()


@dataclass(frozen=True)
class Panel:
    """A title and its rows."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Panels:
    """Panels from top to bottom; `repr` is the text, `draw()` the figure."""

    panels: tuple[Panel, ...]
    axis: str = "order of events"

    @property
    def steps(self) -> int:
        """How many steps the longest panel has."""
        ends = [last + 1 for panel in self.panels for row in panel.rows for _, last in row.bars]
        return max(ends, default=0)

    def __repr__(self) -> str:
        width = max((len(row.label) for panel in self.panels for row in panel.rows), default=0)
        lines = []
        for panel in self.panels:
            lines.append(panel.title)
            lines += [f"  {row.label:<{width}}  {row.text(self.steps)}".rstrip() for row in panel.rows]
        return "\n".join(lines) or "nothing happened"

    def draw(self, alt: str) -> Figure:
        """Return the figure; `alt` says the finding in words for those who do not see it."""
        from course_lib.observe.figure import panels

        return panels(self, alt)
