"""`held_in_pauses`: how many connections are out when a request begins to wait for the clock.

A pause is a few milliseconds of the answer's own: to look while it lasts would be luck, to look when it begins is none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any  # Any: a method of the loop is replaced for a while

from course_lib.observe.events import REQUEST
from course_lib.observe.gauge import Gauge


@contextmanager
def held_in_pauses(pool: Gauge) -> Iterator[list[int]]:
    """Yield a list that gets `pool.inside` whenever a request sets a timer; every other timer passes unseen."""
    loop: Any = asyncio.get_running_loop()
    held: list[int] = []
    set_timer = loop.call_at

    def noted(when: float, callback: Any, *arguments: Any, **options: Any) -> Any:
        if REQUEST.get() is not None:
            held.append(pool.inside)
        return set_timer(when, callback, *arguments, **options)

    loop.call_at = noted
    try:
        yield held
    finally:
        del loop.call_at
