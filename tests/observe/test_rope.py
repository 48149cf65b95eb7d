"""Frames of a real pool: a seat is taken, a guest waits, a dot becomes a cross, whatever time a connection takes."""

import asyncio
import threading
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import TimeoutError as PoolTimeout

from course_lib import database, fresh
from course_lib.observe import rope
from course_lib.observe.rope import Frame, Rope

EVENING = """
[--]
[#-]
[##]
[##+]
[##+] .
[##+] ..
[##+] .x
[##+] xx
[##]  xx
[#-]  xx
[--]  xx
""".strip()


async def crowd(guests: int, leave: int, **pool: Any) -> Rope:
    """Let `guests` come at once; those inside leave when `leave` of the others were refused."""
    async with fresh(**pool) as engine, rope(engine) as frames:
        gate = asyncio.Event()

        async def visit() -> None:
            async with engine.connect():
                await gate.wait()

        visits = [asyncio.create_task(visit()) for _ in range(guests)]
        while frames[-1].refused < leave:  # noqa: ASYNC110 - a pool has no event for it
            await asyncio.sleep(0.005)
        gate.set()
        ended = await asyncio.gather(*visits, return_exceptions=True)
        assert [isinstance(error, PoolTimeout) for error in ended].count(True) == leave
    return frames


def test_an_evening_frame_by_frame() -> None:
    frames = asyncio.run(crowd(5, 2, pool_size=2, max_overflow=1, pool_timeout=0.1))
    assert repr(frames) == EVENING
    assert (len(frames), frames[0], frames[-1]) == (11, Frame(), Frame(refused=2))
    assert max(frame.taken for frame in frames) == 3


def test_who_waits_is_served_in_the_frame_after_somebody_left() -> None:
    frames = asyncio.run(crowd(4, 0, pool_size=1, max_overflow=0))
    assert repr(frames) == "[-]\n[#]\n[#] .\n[#] ..\n[#] ...\n[#] ..\n[#] .\n[#]\n[-]"


def test_a_pool_without_a_limit_lets_everybody_in() -> None:
    frames = asyncio.run(crowd(4, 0, pool_size=1, max_overflow=-1))
    assert max(frame.waiting for frame in frames) == 0
    assert max(frame.taken for frame in frames) == 4


def test_a_pool_without_seats_keeps_none_waiting() -> None:
    async def main() -> Rope:
        async with fresh(poolclass=NullPool) as engine, rope(engine) as frames, engine.connect(), engine.connect():
            return frames

    assert max(frame.taken for frame in asyncio.run(main())) == 2


def test_only_its_own_pool_is_drawn_and_nothing_after_the_block() -> None:
    async def main() -> Rope:
        async with fresh() as engine, fresh() as other:
            async with rope(engine) as frames, other.connect():
                pass
            async with engine.connect():
                pass
        return frames

    assert repr(asyncio.run(main())) == "[-----]"


def test_a_synchronous_engine_and_its_threads() -> None:
    async def main() -> str:
        async with database() as place:
            engine = create_engine(place.dsn, pool_size=1, max_overflow=0)

            def visit() -> None:
                with engine.connect() as connection:
                    connection.execute(text("SELECT 1"))

            with rope(engine) as frames:
                with engine.connect():
                    guests = [threading.Thread(target=visit) for _ in range(2)]
                    for guest in guests:
                        guest.start()
                    while frames[-1].waiting < 2:  # noqa: ASYNC110 - a pool has no event for it
                        await asyncio.sleep(0.005)
                for guest in guests:
                    guest.join()
            engine.dispose()
        return repr(frames)

    assert asyncio.run(main()) == "[-]\n[#]\n[#] .\n[#] ..\n[#] .\n[#]\n[-]"


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (Frame(), "[---]"),
        (Frame(2, 0), "[##-]"),
        (Frame(3, 4, 1), "[###] ....x"),
        (Frame(5, 1), "[###++] ."),
    ],
)
def test_a_frame_as_text(frame: Frame, text: str) -> None:
    assert f"{frame.seats(3)} {frame.queue}".rstrip() == text


def test_the_figure_has_its_finding_and_hatches_the_overflow() -> None:
    frames = asyncio.run(crowd(5, 2, pool_size=2, max_overflow=1, pool_timeout=0.1))
    drawn = frames.draw("two are refused")
    assert drawn.alt == "two are refused"
    assert "<!-- square: a seat, hatched: overflow; dot: waits at the rope, cross: refused -->" in drawn.svg
    assert "pattern" in drawn.svg
    full = asyncio.run(crowd(2, 0, pool_size=2, max_overflow=0))
    assert "pattern" not in full.draw("two sit").svg
    assert drawn.svg == frames.draw("two are refused").svg
