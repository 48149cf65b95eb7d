"""Recipes for the errors of lesson 00: each provokes one for real.

Each ignored type error here is the learner's mistake itself.
"""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ..club import Author, answer, chef, opened
from ..recipe import Seen, provokes


@provokes("asyncio-run-in-loop")
async def run_inside_a_loop(_: Path) -> None:
    order = chef()
    try:
        asyncio.run(order)
    finally:
        order.close()


@provokes("asyncio-run-in-loop")
async def run_until_complete_inside_a_loop(_: Path) -> None:
    order = chef()
    try:
        asyncio.get_running_loop().run_until_complete(order)
    finally:
        order.close()


@provokes("greenlet-missing")
async def no_greenlet(_: Path) -> None:
    program = (
        'import sys; sys.modules["greenlet"] = None\n'
        "import asyncio\n"
        "from sqlalchemy.ext.asyncio import create_async_engine\n"
        "async def main():\n"
        '    async with create_async_engine("sqlite+aiosqlite://").connect(): pass\n'
        "asyncio.run(main())\n"
    )
    child = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", program], capture_output=True, text=True)
    raise Seen(child.stderr)


@provokes("never-awaited")
async def forget_to_await(folder: Path) -> None:
    async with opened(folder) as engine, AsyncSession(engine) as session:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            session.execute(select(Author))  # type: ignore[unused-coroutine]
            gc.collect()
    assert isinstance(seen[0].message, RuntimeWarning)
    raise seen[0].message


@provokes("missing-await")
async def use_a_coroutine(folder: Path) -> None:
    order: Any = chef()  # Any: the mistake is one that a type checker finds
    try:
        order.scalars()
    finally:
        order.close()


@provokes("missing-await")
async def await_what_is_sync(folder: Path) -> None:
    async with opened(folder) as engine, AsyncSession(engine) as session:
        await session.add(Author(name="Cy"))  # type: ignore[func-returns-value, misc]


@provokes("missing-await")
async def return_a_coroutine(_: Path) -> None:
    order = chef()
    try:
        await answer(order)
    finally:
        order.close()


@provokes("missing-await")
async def return_a_coroutine_as_any(_: Path) -> None:
    order = chef()
    try:
        await answer(order, response_model=Any)
    finally:
        order.close()


@provokes("missing-await")
async def await_a_result(_: Path) -> None:
    response: Any = await answer({"name": "sushi"})
    await response.json()


@provokes("missing-await")
async def use_a_gathering(_: Path) -> None:
    both: Any = asyncio.gather(chef(), chef())
    try:
        both.json()
    finally:
        await both


@provokes("missing-await")
async def unpack_a_gathering(_: Path) -> None:
    both: Any = asyncio.gather(chef(), chef())
    try:
        _first, _second = both
    finally:
        await both


@provokes("missing-await")
async def use_a_task(_: Path) -> None:
    task: Any = asyncio.create_task(chef())
    try:
        task.json()
    finally:
        await task


@provokes("gather-needs-coroutines")
async def gather_a_result(_: Path) -> None:
    dish: Any = await chef()
    await asyncio.gather(dish, dish)


@provokes("gather-needs-coroutines")
async def gather_a_list_and_paste_the_traceback(_: Path) -> None:
    orders: Any = [chef(), chef()]
    try:
        await asyncio.gather(orders)
    except TypeError:
        raise Seen(traceback.format_exc()) from None
    finally:
        for order in orders:
            order.close()
