"""`admitted`: for each way to sell a seat, how many were told yes beside the seats there are."""

from __future__ import annotations

from course_lib.observe.panels import Panel, Panels, Row
from course_lib.observe.rush import Rush


def admitted(**strategies: Rush) -> Panels:
    """Return one panel per keyword: a solid bar for those who were told yes, a hatched one for the seats."""
    panels = [Panel(name.replace("_", " "), _rows(evening)) for name, evening in strategies.items()]
    return Panels(tuple(panels), axis="guests")


def _rows(evening: Rush) -> tuple[Row, ...]:
    return _bar("told yes", evening.yes), _bar("seats", evening.seats, hatched=True)


def _bar(label: str, length: int, *, hatched: bool = False) -> Row:
    return Row(label, ((0, length - 1),) if length else (), hatched)
