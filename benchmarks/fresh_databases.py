"""What a fresh database costs, beside the naive way (drop and create everything), on each server of this machine.

The two ways take turns in one run, so that a busy machine slows both; the ratio is the figure to compare.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from course_lib.databases import database, lease, needs, seed
from course_lib.databases.place import Place

RUNS = 50
TARGETS_MS = {"sqlite": 5.0, "postgres": 30.0}  # on a quiet machine


async def clean(kind: str) -> None:
    """Take a fresh database as a check does, and give it back."""
    async with database(kind):
        pass


def naive(kind: str, engine: AsyncEngine) -> Callable[[], Awaitable[None]]:
    """Return the way of most test suites: drop the tables, create them, fill them."""

    async def drop_and_create() -> None:
        async with engine.begin() as connection:
            await connection.execute(text("DROP TABLE items"))
            for statement in seed.statements(kind):
                await connection.execute(text(statement))

    return drop_and_create


async def milliseconds(work: Awaitable[None]) -> float:
    """Return how long one piece of work took."""
    begin = time.perf_counter()
    await work
    return (time.perf_counter() - begin) * 1000


async def new_database(held: lease.Lease, kind: str) -> None:
    """Have the supervisor make a database, as after DDL; the ones made ahead are used up by doing it in a row."""
    place: Place = await asyncio.to_thread(held.allot, kind)
    await asyncio.to_thread(held.discard, place)


async def measure(kind: str, runs: int) -> dict[str, float]:
    """Return the medians of `runs` turns, in milliseconds."""
    async with database(kind) as place:
        engine = create_async_engine(place.url, connect_args=place.connect_args, poolclass=NullPool)
        drop_and_create = naive(kind, engine)
        await clean(kind)
        await drop_and_create()
        taken: dict[str, list[float]] = {"fresh": [], "naive": [], "new": []}
        for _ in range(runs):
            taken["fresh"].append(await milliseconds(clean(kind)))
            taken["naive"].append(await milliseconds(drop_and_create()))
            if kind != "sqlite":
                taken["new"].append(await milliseconds(new_database(lease.acquire(), kind)))
        await engine.dispose()
    return {way: statistics.median(times) for way, times in taken.items() if times}


def main() -> int:
    """Measure every server that is here and print a line for each; 1 when a target is missed."""
    is_met = True
    for kind in ("sqlite", "postgres", "mariadb"):
        if kind != "sqlite" and needs.missing(f"# needs: {kind}\n"):
            print(f"{kind:9} not here")
            continue
        found = asyncio.run(measure(kind, RUNS))
        target = TARGETS_MS.get(kind)
        is_met &= target is None or found["fresh"] <= target
        line = f"{kind:9} fresh {found['fresh']:6.1f} ms   drop and create {found['naive']:6.1f} ms"
        line += f"   ratio {found['naive'] / found['fresh']:4.1f}"
        line += f"   new database {found['new']:6.1f} ms" if "new" in found else ""
        print(line + (f"   target {target:g} ms" if target else ""))
    lease.release()
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
