"""Three ways to be cancelled: each comes when the work asks for it, and says whether the work left by it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import anyio
import pytest
from driver_threads import driver_gone
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib import fresh
from course_lib.checks.cancelling import WAYS, Cancel, Work, let_go_of_closes

EACH = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
Way = Callable[[Work], Awaitable[bool]]


@EACH
def test_work_that_leaves_was_cancelled(way: Way) -> None:
    log: list[str] = []

    async def work(cancel: Cancel) -> None:
        log.append("at work")
        cancel()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            log.append("leaves")
            raise

    assert asyncio.run(_in_a_task(way(work)))
    assert log == ["at work", "leaves"]


@EACH
def test_work_that_swallows_was_not_cancelled(way: Way) -> None:
    async def work(cancel: Cancel) -> None:
        cancel()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return

    assert not asyncio.run(_in_a_task(way(work)))


@EACH
def test_work_that_ends_was_not_cancelled(way: Way) -> None:
    async def work(_cancel: Cancel) -> None:
        await asyncio.sleep(0)

    assert not asyncio.run(_in_a_task(way(work)))


@EACH
def test_an_error_of_the_work_comes_out(way: Way) -> None:
    async def work(_cancel: Cancel) -> None:
        raise LookupError("no such table")

    with pytest.raises(LookupError, match=r"^no such table$"):
        asyncio.run(_in_a_task(way(work)))


def test_a_scope_cancels_the_clean_up_too_and_the_others_do_not() -> None:
    cleaned: dict[str, bool] = {}

    async def main() -> None:
        for name, way in WAYS.items():
            await _in_a_task(way(lambda cancel, name=name: work(cancel, name)))  # type: ignore[misc] # bound now

    async def work(cancel: Cancel, name: str) -> None:
        cleaned[name] = False
        cancel()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            cleaned[name] = True

    asyncio.run(main())
    assert cleaned == {"task.cancel()": True, "asyncio.timeout": True, "an anyio scope": False}


def test_a_close_that_waits_for_a_thread_that_has_ended_is_let_go() -> None:
    async def main() -> tuple[int, int]:
        async with fresh() as engine:
            with anyio.CancelScope() as scope:
                async with AsyncSession(engine) as session, session.begin():
                    await session.execute(text("SELECT 1"))
                    scope.cancel()
                    await asyncio.Event().wait()
            before = len(asyncio.all_tasks())
            await let_go_of_closes()
            return before, len(asyncio.all_tasks())

    assert asyncio.run(driver_gone(main())) == (2, 1)


async def _in_a_task(cancelled: Awaitable[bool]) -> bool:
    """Await it in a task of its own, which keeps the count of its cancellations."""
    return await asyncio.ensure_future(cancelled)
