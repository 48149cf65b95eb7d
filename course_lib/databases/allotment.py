"""The databases a process has in use: taken clean, given back dirty, and made clean when they are taken again.

Cleaning at the next use, not at the end of a block, costs nothing when a notebook is closed.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from course_lib.databases import lease, mariadb_reset, postgres_reset
from course_lib.databases.lease import Lease
from course_lib.databases.place import Place

RESETS = {"postgres": postgres_reset.reset, "mariadb": mariadb_reset.reset}


@asynccontextmanager
async def borrowed(kind: str) -> AsyncIterator[Place]:
    """Yield a clean, seeded database of `kind` that nobody else uses.

    One that this process used before is cleaned; a new one comes from the supervisor where there is none, or where
    somebody ran DDL on it. Raises `ServerError` where the server cannot be had.
    """
    held = await asyncio.to_thread(lease.acquire)
    place = await _clean(held, kind)
    if place is None:
        place = await asyncio.to_thread(held.allot, kind)
    while held.notices:
        print(held.notices.pop(0), file=sys.stderr)
    try:
        yield place
    finally:
        if held.is_alive():  # else the database has gone with its server
            if kind in RESETS:
                held.keep(place, kind)
            else:  # a pooler would notice too late that its connections were thrown out
                held.discard(place)


async def _clean(held: Lease, kind: str) -> Place | None:
    """Return a database that this process used before, clean again, or None."""
    while (place := held.spare(kind)) is not None:
        if await RESETS[kind](place):
            return place
        await asyncio.to_thread(held.discard, place)
    return None
