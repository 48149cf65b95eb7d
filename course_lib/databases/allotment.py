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
from course_lib.errors import ServerError

# what a confined process was handed: these databases and no others; None everywhere else
given: dict[str, list[Place]] | None = None

RESETS = {"postgres": postgres_reset.reset, "mariadb": mariadb_reset.reset}


@asynccontextmanager
async def borrowed(kind: str) -> AsyncIterator[Place]:
    """Yield a clean, seeded database of `kind` that nobody else uses.

    One that this process used before is cleaned; a new one comes from the supervisor where there is none, or where
    somebody ran DDL on it. Raises `ServerError` where the server cannot be had.
    """
    if given is not None:
        async with _handed(kind, given) as handed:
            yield handed
        return
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


@asynccontextmanager
async def _handed(kind: str, stock: dict[str, list[Place]]) -> AsyncIterator[Place]:
    """Yield a database that this process was handed; raise `ServerError` when there is none left."""
    if not stock.get(kind):
        raise ServerError(f"expected a {kind} database, and this answer was handed none; it is judged without one")
    place = stock[kind].pop()
    try:
        yield place
    finally:
        if await RESETS[kind](place):
            stock[kind].append(place)


def take(kind: str) -> Place:
    """Return a clean database for another process, outside any event loop; `give_back` it when that has ended.

    Raises `ServerError` where the server cannot be had.
    """
    held = lease.acquire()
    return asyncio.run(_clean(held, kind)) or held.allot(kind)


def give_back(place: Place, kind: str) -> None:
    """Keep a database that `take` gave for the next who needs one; it is cleaned then."""
    held = lease.acquire()
    if held.is_alive():
        held.keep(place, kind)
