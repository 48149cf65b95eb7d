"""A real pool as scenes: seats, the rope, the refused; and nobody else's pool."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool, Pool, SingletonThreadPool, StaticPool

from course_lib import fresh
from course_lib.pool_view.watch import PoolWatch


def test_the_scenes_of_an_evening() -> None:
    async def main() -> list[str]:
        told: list[str] = []
        async with fresh(pool_size=1, max_overflow=1, pool_timeout=0.3) as engine, fresh() as other:
            changes = 0

            def changed() -> None:
                nonlocal changes
                changes += 1

            watch, go = PoolWatch(engine, changed), asyncio.Event()

            async def guest() -> None:
                async with engine.connect():
                    await go.wait()

            guests = [asyncio.create_task(guest()) for _ in range(3)]
            async with asyncio.timeout(10):
                while watch.scene().taken < 2:  # noqa: ASYNC110 - a pool has no event a loop could await
                    await asyncio.sleep(0)
            async with other.connect():
                told.append(str(watch.scene()))
            await asyncio.wait(guests, return_when=asyncio.FIRST_COMPLETED)
            told.append(str(watch.scene()))
            go.set()
            await asyncio.gather(*guests, return_exceptions=True)
            told.append(str(watch.scene()))
            assert changes >= 8
            watch.close()
            before = changes
            async with engine.connect():
                assert changes == before
        return told

    assert asyncio.run(main()) == [
        "2 of 2 seats taken (of them 1 overflow), 1 at the rope, 0 served, 0 refused",
        "2 of 2 seats taken (of them 1 overflow), 0 at the rope, 0 served, 1 refused",
        "0 of 1 seats taken, 0 at the rope, 2 served, 1 refused",
    ]


def test_a_seat_that_was_left_is_the_next_one_taken() -> None:
    async def main() -> list[tuple[str, ...]]:
        async with fresh(pool_size=3) as engine:
            watch = PoolWatch(engine, lambda: None)
            first, second = await engine.connect(), await engine.connect()
            seen = [watch.scene().seats]
            await first.close()
            seen.append(watch.scene().seats)
            third = await engine.connect()
            seen.append(watch.scene().seats)
            await second.close()
            await third.close()
            watch.close()
        return seen

    assert asyncio.run(main()) == [("1", "2", ""), ("", "2", ""), ("3", "2", "")]


@pytest.mark.parametrize(("pool", "seats"), [(StaticPool, 1), (NullPool, 1), (SingletonThreadPool, 5)])
def test_every_kind_of_pool_has_seats(pool: type[Pool], seats: int) -> None:
    engine = create_engine("sqlite://", poolclass=pool)
    watch = PoolWatch(engine, lambda: None)
    with engine.connect():
        assert watch.scene().seats == ("1", *[""] * (seats - 1))
    watch.close()
    engine.dispose()
