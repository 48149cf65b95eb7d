"""The gauge of a pool: who is inside, who was at most, what was opened; and it stops when nobody holds it."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings

from sqlalchemy import text
from sqlalchemy.pool import NullPool

from course_lib import fresh, gauge
from course_lib.observe import events


def test_it_counts_who_is_inside_now_and_at_most() -> None:
    async def main() -> list[str]:
        async with fresh() as engine:
            doorman = gauge(engine)
            said = [repr(doorman)]
            async with engine.connect(), engine.connect():
                said.append(repr(doorman))
            async with engine.connect():
                said.append(repr(doorman))
            said.append(repr(doorman))
        assert doorman.closed == 2
        return said

    assert asyncio.run(main()) == [
        "inside 0, peak 0, opened 0",
        "inside 2, peak 2, opened 2",
        "inside 1, peak 2, opened 2",
        "inside 0, peak 2, opened 2",
    ]


def test_only_the_named_engine_is_counted_and_without_a_name_every_one() -> None:
    async def main() -> tuple[int, int]:
        async with fresh() as here, fresh() as there:
            one, every = gauge(here), gauge()
            async with here.connect(), there.connect():
                return one.inside, every.inside

    assert asyncio.run(main()) == (1, 2)


def test_a_connection_that_was_out_before_is_not_counted_when_it_comes_home() -> None:
    async def main() -> int:
        async with fresh() as engine:
            async with engine.connect():
                doorman = gauge(engine)
            return doorman.inside

    assert asyncio.run(main()) == 0


def test_an_invalidated_and_a_detached_connection_have_left() -> None:
    async def main() -> list[int]:
        inside = []
        async with fresh() as engine:
            doorman = gauge(engine)
            async with engine.connect() as connection:
                await connection.invalidate()
                inside.append(doorman.inside)
            async with engine.connect() as connection:
                raw = await connection.get_raw_connection()
                raw.detach()
                inside.append(doorman.inside)
        return inside

    assert asyncio.run(main()) == [0, 0]


def test_a_leaked_connection_is_inside_until_it_is_collected() -> None:
    async def main() -> tuple[int, int]:
        async with fresh() as engine:
            doorman, before = gauge(engine), set(threading.enumerate())
            connection = await engine.connect()
            await connection.execute(text("SELECT 1"))
            leaked = doorman.inside
            del connection
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # SQLAlchemy says that it was leaked, and this test means it
                gc.collect()
            for thread in set(threading.enumerate()) - before:  # the driver's thread tells the loop that it ends
                await asyncio.to_thread(thread.join)
            return leaked, doorman.inside

    assert asyncio.run(main()) == (1, 0)


def test_a_connection_that_comes_home_after_a_dispose_has_left() -> None:
    async def main() -> int:
        async with fresh(poolclass=NullPool) as engine:
            doorman = gauge(engine)
            async with engine.connect():
                await engine.dispose()
            return doorman.inside

    assert asyncio.run(main()) == 0


def test_it_stops_when_nobody_holds_it() -> None:
    before = list(events._listeners)
    doorman = gauge()
    assert len(events._listeners) == len(before) + 1
    del doorman
    gc.collect()
    assert events._listeners == before


def test_it_keeps_no_engine_alive() -> None:
    async def main() -> int:
        async with fresh() as engine:
            doorman = gauge(engine)
        del engine
        gc.collect()
        async with fresh() as another, another.connect():
            return doorman.opened

    assert asyncio.run(main()) == 0


def test_it_counts_who_waits_and_who_was_refused() -> None:
    async def main() -> list[tuple[int, int, int]]:
        seen = []
        async with fresh(pool_size=2, max_overflow=0, pool_timeout=0.3) as engine:
            doorman, go = gauge(engine), asyncio.Event()

            async def guest() -> None:
                async with engine.connect():
                    await go.wait()

            guests = [asyncio.create_task(guest()) for _ in range(5)]
            async with asyncio.timeout(10):
                while (doorman.inside, doorman.waiting) != (2, 3):  # noqa: ASYNC110 - the pool has no event for it
                    await asyncio.sleep(0)
            seen.append((doorman.inside, doorman.waiting, doorman.refused))
            guests[4].cancel()
            refused = await asyncio.gather(*guests[2:], return_exceptions=True)
            assert [type(error).__name__ for error in refused] == ["TimeoutError", "TimeoutError", "CancelledError"]
            seen.append((doorman.inside, doorman.waiting, doorman.refused))
            go.set()
            await asyncio.gather(*guests[:2])
            seen.append((doorman.inside, doorman.waiting, doorman.refused))
        return seen

    assert asyncio.run(main()) == [(2, 3, 0), (2, 0, 3), (0, 0, 3)]
