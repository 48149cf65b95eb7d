"""`open_loop`: guests who arrive when they arrive, whether the last one was served or not.

Every latency is counted from the planned arrival, so a stalled app cannot hide its stall by delaying the next guest
(coordinated omission).
"""

from __future__ import annotations

import asyncio
from typing import Any  # Any: an app, a URL, a client or a coroutine function

from course_lib.load.arrivals import Kind, planned
from course_lib.load.report import Report, Sample
from course_lib.load.run import Run
from course_lib.load.visit import place_of, visits

CROWD = 5_000  # requests under way at once; further guests are counted as turned away by the generator
TURNED_AWAY = "not sent"


async def open_loop(
    target: Any,
    path: str = "/",
    *,
    rate: float,
    seconds: float = 1.0,
    warm_up: float = 0.2,
    arrivals: Kind = "poisson",
    seed: int = 1,
) -> Report:
    """Send `rate` requests a second to `target` for `seconds`; see `visits` for what a target may be."""
    plan = planned(rate, warm_up + seconds, arrivals, seed)
    async with visits(target, path) as visit:
        async with Run(seconds, warm_up) as run:
            for moment in plan:
                ahead = moment - run.now
                # a zero sleep when we are late: the requests already sent must get their turn
                await asyncio.sleep(max(0.0, ahead))
                if run.in_flight >= CROWD:
                    run.samples.append(Sample(moment, moment, moment, TURNED_AWAY))
                else:
                    run.start(run.one(visit, moment))
        return await run.report("open", rate, place_of(target))
