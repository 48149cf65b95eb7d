"""`clocks`: what the pool says and what the server says, looked at side by side.

A statement that was given up may run on for nobody: the pool knows nothing of it, and only the server can tell.
"""

from __future__ import annotations

import asyncio
from typing import Any  # Any: an AsyncEngine

from sqlalchemy import text

from course_lib.databases.activity import server_activity
from course_lib.errors import CourseError
from course_lib.observe.gauge import gauge
from course_lib.observe.panels import Panel, Panels, Row

PATIENCE_S = 20.0  # a server stops a statement within milliseconds; one that does not will not
POLL_S = 0.02
END = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    " AND pid <> pg_backend_pid() AND state = 'active' AND query LIKE :statement"
)


class Clocks:
    """Looks at a pool and at its server: `looks` holds (connections inside, statements active) of each."""

    def __init__(self, engine: Any, statement: str = "") -> None:
        self._engine = engine
        self._statement = statement
        self._room = gauge(engine)
        self.looks: list[tuple[int, int]] = []

    async def until(self, active: int) -> None:
        """Wait until the server runs so many statements; raise `CourseError` when it never does."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while (came := await self._active()) != active:  # noqa: ASYNC110 - a server has no event for us
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            raise CourseError(
                f"expected {active} active statements on the server, got {came}; who runs them?"
            ) from None

    async def end(self) -> None:
        """End the statements that still run on the server, with their connections, and wait until none does."""
        async with self._engine.begin() as connection:
            await connection.execute(text(END), {"statement": f"%{self._statement}%"})
        await self.until(0)

    async def left(self, seconds: float) -> int:
        """Return how many statements the server still runs when those that end have had `seconds` to do so."""
        for _ in range(round(seconds / POLL_S)):
            if not await self._active():
                return 0
            await asyncio.sleep(POLL_S)
        return await self._active()

    async def _active(self) -> int:
        # a connection that opens sends statements of its driver's own
        return sum(self._statement in one.query for one in (await server_activity(self._engine)).active)

    async def look(self, active: int) -> None:
        """Wait as `until` does, then note what both say."""
        await self.until(active)
        self.looks.append((self._room.inside, active))

    def __repr__(self) -> str:
        pool, server = ([str(look[which]) for look in self.looks] for which in (0, 1))
        return f"pool says {' '.join(pool)} | server says {' '.join(server)}"


def clocks(engine: Any, statement: str = "") -> Clocks:
    """Return the two clocks of `engine`, from now on; the server's counts the statements that hold `statement`."""
    return Clocks(engine, statement)


def evenings(**seen: Clocks) -> Panels:
    """Return one panel per keyword, a step for each look: a bar while somebody is inside, one per running statement."""
    return Panels(tuple(_panel(name.replace("_", " "), each) for name, each in seen.items()), axis="looks, in order")


def _panel(title: str, seen: Clocks) -> Panel:
    most = max((active for _, active in seen.looks), default=0)
    pool = Row("pool says", _steps([inside > 0 for inside, _ in seen.looks]), hatched=True)
    server = [Row(f"server says {n}", _steps([active >= n for _, active in seen.looks])) for n in range(1, most + 1)]
    return Panel(title, (pool, *(server or [Row("server says", ())])))


def _steps(shown: list[bool]) -> tuple[tuple[int, int], ...]:
    return tuple((step, step) for step, is_shown in enumerate(shown) if is_shown)
