"""How much of Little's line a pool reaches: its throughput beside seats / service time, for each pool size.

The service is a sleep inside the database. On PostgreSQL it is long beside our own work, and at least 0.9 of the line
is asked for; on SQLite it is short, and the share tells how much one process spends between two sleeps.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib import fresh, from_arrival
from course_lib.databases import needs
from course_lib.errors import ServerError

SLEEPS = {"postgres": "pg_sleep", "sqlite": "db_sleep"}
SIZES = {"postgres": (1, 2, 5, 10), "sqlite": (1, 2, 5, 10, 20)}
HOLDS_S = {"postgres": (0.05, 0.1, 0.4), "sqlite": (0.005, 0.02)}
LONGEST_S = 0.4  # what lesson 07 shows, and asks for its share
SHARE = 0.9


async def share(kind: str, seats: int, hold: float, seconds: float) -> float:
    """Return the throughput of a full pool as a share of seats / hold; every seat is opened before the clock runs."""
    statement = text(f"SELECT {SLEEPS[kind]}({hold})")
    guests = max(4, round(seconds / hold)) * seats
    async with fresh(kind, pool_size=seats, max_overflow=0, pool_timeout=60) as engine:
        together = asyncio.Barrier(seats)
        await from_arrival(seats, lambda: _sit(engine, together))

        async def visit() -> None:
            async with engine.connect() as connection:
                await connection.execute(statement)

        came = await from_arrival(guests, visit)
    return guests / came.last / (seats / hold)


async def _sit(engine: AsyncEngine, together: asyncio.Barrier) -> None:
    async with engine.connect():
        await together.wait()


async def measured(kind: str, seconds: float, rounds: int) -> dict[tuple[float, int], float]:
    """Return the median share for each service time and pool size of one kind of database, printed on the way."""
    found = {}
    for hold in HOLDS_S[kind]:
        for seats in SIZES[kind]:
            shares = [await share(kind, seats, hold, seconds) for _ in range(rounds)]
            found[hold, seats] = statistics.median(shares)
            reached = f"{found[hold, seats] * seats / hold:7.1f} of {seats / hold:7.1f} a second"
            spread = f"{found[hold, seats]:.3f} of the line (lowest {min(shares):.3f})"
            print(f"{kind:8} {1000 * hold:5.0f} ms, pool {seats:2}: {reached}, {spread}")
    return found


def main() -> int:
    """Measure and print; 1 when a pool is above the line, or one with a long service time is too far below it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    found = asyncio.run(measured("sqlite", chosen.seconds, chosen.rounds))
    is_right = max(found.values()) <= 1
    if needs.missing("# needs: postgres"):
        print("no PostgreSQL here; see: course doctor")
        return 0 if is_right else 1
    try:
        found = asyncio.run(measured("postgres", chosen.seconds, chosen.rounds))
    except ServerError as error:
        print(error)
        return 1
    lowest = min(reached for (hold, _), reached in found.items() if hold == LONGEST_S)
    print(f"lowest median at {1000 * LONGEST_S:.0f} ms: {lowest:.3f} (at least {SHARE})")
    return 0 if is_right and max(found.values()) <= 1 and lowest >= SHARE else 1


if __name__ == "__main__":
    sys.exit(main())
