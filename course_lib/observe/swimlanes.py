"""`swimlanes`: the parts of one request as lanes, above a bar for as long as it held a connection.

Whether the bar ends before or after the answer leaves is the whole question of a session's lifetime.
"""

from __future__ import annotations

from course_lib.observe.panels import Panel, Panels, Row
from course_lib.observe.trace import Trace

HELD = "connection held"
# lane -> the events it shows, from top to bottom; a lane without an event is left out
LANES = {
    "endpoint": ("endpoint",),
    "COMMIT": ("COMMIT",),
    "ROLLBACK": ("ROLLBACK",),
    "send": ("send-start", "send-body"),
    "background": ("background",),
    "exit": ("exit",),
}
_SHOWN = {kind for kinds in LANES.values() for kind in kinds} | {"checkout", "checkin"}


def swimlanes(**requests: Trace) -> Panels:
    """Return one panel per keyword, made of the first request of each trace (record it with `trace(app=app)`)."""
    return Panels(tuple(_panel(name.replace("_", " "), events) for name, events in requests.items()))


def _panel(title: str, events: Trace) -> Panel:
    kinds = _of_first_request(events)
    rows = [Row(lane, bars) for lane, shown in LANES.items() if (bars := _marks(kinds, shown))]
    return Panel(title, (*rows, Row(HELD, _held(kinds), hatched=True)))


def _of_first_request(events: Trace) -> list[str]:
    lanes = [event.lane for event in events]
    first = next((lane for lane in lanes if lane.startswith("request")), lanes[0] if lanes else "")
    return [event.kind for event in events if event.lane == first and event.kind in _SHOWN]


def _marks(kinds: list[str], shown: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    return tuple((step, step) for step, kind in enumerate(kinds) if kind in shown)


def _held(kinds: list[str]) -> tuple[tuple[int, int], ...]:
    """Return where at least one connection was out; one that never came back is out to the end."""
    out, begin, found = 0, 0, []
    for step, kind in enumerate(kinds):
        if kind == "checkout":
            begin = begin if out else step
            out += 1
        elif kind == "checkin" and out:
            out -= 1
            if not out:
                found.append((begin, step))
    if out:
        found.append((begin, len(kinds) - 1))
    return tuple(found)
