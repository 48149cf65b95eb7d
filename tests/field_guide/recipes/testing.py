"""Recipes for the errors of lesson 10: each provokes one for real.

Each ignored type error here is the learner's mistake itself.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy.ext.asyncio import create_async_engine

from ..recipe import provokes


def pool_in_two_loops(folder: Path) -> RuntimeError:
    """Wait for a connection in one loop, then in another; both stay open, so that everything can be closed."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{folder / 'club.db'}", pool_size=1, max_overflow=0)

    async def visit() -> None:
        async with engine.connect():
            await asyncio.sleep(0)

    async def two_visits() -> list[RuntimeError]:
        results = await asyncio.gather(visit(), visit(), return_exceptions=True)
        return [result for result in results if isinstance(result, RuntimeError)]

    with asyncio.Runner() as first, asyncio.Runner() as second:
        assert first.run(two_visits()) == []
        error = second.run(two_visits())[0]
        first.run(engine.dispose())
    return error


@provokes("different-loop")
async def use_a_pool_in_two_loops(folder: Path) -> None:
    raise await asyncio.to_thread(pool_in_two_loops, folder)
