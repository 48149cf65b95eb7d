"""Load for an app: arrivals that do not wait, users who do, and the curve both draw.

A latency that is not counted from the intended arrival hides every wait; here nothing is counted otherwise.
"""

from __future__ import annotations

from course_lib.load.best_of import best_of
from course_lib.load.closed_loop import closed_loop
from course_lib.load.curve import curve
from course_lib.load.lifelines import lifelines
from course_lib.load.open_loop import open_loop

__all__ = ["best_of", "closed_loop", "curve", "lifelines", "open_loop"]
