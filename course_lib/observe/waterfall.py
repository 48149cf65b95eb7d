"""`waterfall`: one thin bar for every statement that was sent, in order.

Eleven bars against two is an argument that needs no stopwatch.
"""

from __future__ import annotations

import re

from course_lib.observe.panels import Panel, Panels, Row
from course_lib.observe.trace import Trace

_TABLE = re.compile(r'\b(?:FROM|INTO|UPDATE|TABLE)\s+"?(\w+)', re.IGNORECASE)


def waterfall(**traces: Trace) -> Panels:
    """Return one panel per keyword: how many statements its trace saw, and a bar for each."""
    return Panels(
        tuple(_panel(name.replace("_", " "), events) for name, events in traces.items()), "order of statements"
    )


def _panel(name: str, events: Trace) -> Panel:
    statements = events.statements()
    plural = "statement" if len(statements) == 1 else "statements"
    rows = (Row(short(statement), ((step, step),)) for step, statement in enumerate(statements))
    return Panel(f"{name} {len(statements)} {plural}", tuple(rows))


def short(statement: str) -> str:
    """Return a statement as its first word and its first table: `SELECT events`."""
    words = statement.split()
    table = _TABLE.search(statement)
    return " ".join([words[0].upper() if words else "", *([table[1]] if table else [])])
