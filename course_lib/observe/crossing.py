"""`crossing`: who reads and who writes, a lane for each, and whether the reads stand side by side before the writes.

Two guests who have both read before one of them has written are a lost update; with a lock their lanes do not cross.
"""

from __future__ import annotations

from course_lib.observe.panels import Panel, Panels, Row
from course_lib.observe.trace import Trace

READS = frozenset({"SELECT"})
WRITES = frozenset({"UPDATE", "INSERT", "DELETE"})


def crossing(**evenings: Trace) -> Panels:
    """Return one panel per keyword: who wrote, in the order in which they read; hatched reads, solid writes.

    A statement stands beside the one before it when both read or both write, for different guests: which of the two
    came first decides nothing. Who never wrote is left out.
    """
    return Panels(tuple(_panel(name.replace("_", " "), events) for name, events in evenings.items()))


def _panel(title: str, events: Trace) -> Panel:
    steps = _steps(events)
    rows: list[Row] = []
    for number, lane in enumerate(dict.fromkeys(lane for lane, _, _ in steps), 1):
        for word, is_write in (("reads", False), ("writes", True)):
            bars = tuple((step, step) for whose, written, step in steps if (whose, written) == (lane, is_write))
            rows.append(Row(f"guest {number} {word}", bars, hatched=not is_write))
    return Panel(title, tuple(rows))


def _steps(events: Trace) -> list[tuple[str, bool, int]]:
    """Return the lane, whether it writes, and the column of each statement of those who write."""
    told = [(event.lane, event.kind in WRITES) for event in events if event.kind in READS | WRITES]
    writers = {lane for lane, is_write in told if is_write}
    found: list[tuple[str, bool, int]] = []
    column, here, kind = -1, set[str](), None
    for lane, is_write in told:
        if lane not in writers:
            continue
        if is_write is not kind or lane in here:
            column, here, kind = column + 1, set(), is_write
        here.add(lane)
        found.append((lane, is_write, column))
    return found
