"""What really happened: traces, gauges, peaks, arrivals, heartbeats and their timelines.

Every claim of the course is measured with one of these; none of them changes what it looks at.
"""

from __future__ import annotations

from course_lib.observe.admitted import admitted
from course_lib.observe.arrival import from_arrival
from course_lib.observe.crossing import crossing
from course_lib.observe.gauge import gauge
from course_lib.observe.loop_lag import loop_lag
from course_lib.observe.occupancy import occupancy
from course_lib.observe.peak import peak
from course_lib.observe.rope import rope
from course_lib.observe.rush import rush
from course_lib.observe.swimlanes import swimlanes
from course_lib.observe.timeline import timeline
from course_lib.observe.trace import trace
from course_lib.observe.waterfall import waterfall

__all__ = [
    "admitted",
    "crossing",
    "from_arrival",
    "gauge",
    "loop_lag",
    "occupancy",
    "peak",
    "rope",
    "rush",
    "swimlanes",
    "timeline",
    "trace",
    "waterfall",
]
