"""Recipes for the errors of lesson 07: each provokes one for real.

Each ignored type error here is the learner's mistake itself.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy.exc import TimeoutError as PoolTimeout

from course_lib.field_guide import explain

from ..club import opened
from ..recipe import provokes, shows


@provokes("pool-timeout")
async def wait_for_a_third_connection(folder: Path) -> None:
    async with (
        opened(folder, pool_size=2, max_overflow=0, pool_timeout=0.05) as engine,
        engine.connect(),
        engine.connect(),
        engine.connect(),
    ):
        pass


@shows("two-sessions-deadlock")
async def everybody_holds_one_and_waits(folder: Path) -> tuple[object, object]:
    async with opened(folder, pool_size=2, max_overflow=0, pool_timeout=0.05) as engine:
        both_hold_one = asyncio.Barrier(2)

        async def request() -> None:
            async with engine.connect():
                await both_hold_one.wait()
                async with engine.connect():
                    pass

        errors = await asyncio.gather(request(), request(), return_exceptions=True)
    return [(type(error), explain(error).slug) for error in errors], [(PoolTimeout, "pool-timeout")] * 2
