"""The view without a browser: what is sent, how often, and what a message from the browser does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from course_lib import fresh
from course_lib.errors import CourseError
from course_lib.pool_view import pool_view
from course_lib.pool_view.model import KNOBS
from course_lib.pool_view.view import FRAME_S, HERE, PoolView, _shown


def shown(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run `work`, close every view it has made, and return its value."""

    async def main() -> Any:
        try:
            return await work()
        finally:
            while _shown:
                _shown.popitem()[1].close()
            await asyncio.sleep(0)

    return asyncio.run(main())


def test_the_text_is_the_scene_in_words() -> None:
    async def work() -> str:
        async with fresh(pool_size=3) as engine:
            return repr(pool_view(engine))

    assert shown(work) == "Pool: 0 of 3 seats taken, 0 at the rope, 0 served, 0 refused"


def test_a_view_of_an_engine_follows_its_pool() -> None:
    async def work() -> tuple[list[str], int, str]:
        async with fresh(pool_size=2) as engine:
            view = pool_view(engine)
            async with engine.connect():
                await asyncio.sleep(3 * FRAME_S)
                seats, frames = list(view.seats), view.frame
            await asyncio.sleep(3 * FRAME_S)
            return seats, frames, view.told

    seats, frames, told = shown(work)
    assert seats == ["1", ""]
    assert frames == 2  # the beginning, and one for all events of a frame
    assert told == "0 of 2 seats taken, 0 at the rope, 1 served, 0 refused"


def test_a_thousand_events_are_a_few_frames() -> None:
    async def work() -> tuple[int, int]:
        async with fresh(pool_size=1) as engine:
            view = pool_view(engine)
            loop = asyncio.get_running_loop()
            begin = loop.time()
            for _ in range(1_000):
                view.changed()
                if _ % 100 == 0:
                    await asyncio.sleep(0.01)
            await asyncio.sleep(3 * FRAME_S)
            return view.frame, int((loop.time() - begin) / FRAME_S) + 2

    frames, most = shown(work)
    assert 1 < frames <= most


def test_an_event_of_another_thread_arrives() -> None:
    async def work() -> int:
        async with fresh() as engine:
            view = pool_view(engine)
            thread = threading.Thread(target=view.changed)
            thread.start()
            thread.join()
            await asyncio.sleep(3 * FRAME_S)
            return int(view.frame)

    assert shown(work) == 2


def test_a_model_runs_by_itself_and_takes_guests_and_knobs() -> None:
    async def work() -> tuple[float, PoolView]:
        view = pool_view(pool_size=2, rate=0.5, hold=2.0)
        assert [knob["name"] for knob in view.knobs] == list(KNOBS)
        view._on_message(view, {"kind": "guest"}, [])
        view._on_message(view, {"kind": "knob", "name": "pool_size", "value": 3}, [])
        await asyncio.sleep(5 * FRAME_S)
        return view.source.now, view  # type: ignore[attr-defined] # it is a model

    now, view = shown(work)
    assert now > 0
    assert view.size == 3
    assert sum(bool(seat) for seat in view.seats) >= 1


@pytest.mark.parametrize(
    ("content", "note"),
    [
        ({"kind": "knob", "name": "rate", "value": -1}, "rate must be between 0.5 and 200, got -1"),
        ({"kind": "knob", "name": "hold", "value": "x"}, "hold must be between 0.01 and 2, got 'x'"),
        ({"kind": "knob"}, "a pool has the knobs pool_size, max_overflow, timeout, rate, hold, got 'None'"),
        ({"kind": "odd"}, ""),
        (None, ""),
    ],
)
def test_whatever_a_browser_sends_is_no_traceback(content: Any, note: str) -> None:
    async def work() -> str:
        view = pool_view()
        view._on_message(view, content, [])
        await asyncio.sleep(2 * FRAME_S)
        return str(view.note)

    assert shown(work) == note


def test_a_message_cannot_move_a_real_pool() -> None:
    async def work() -> str:
        async with fresh(pool_size=2) as engine:
            view = pool_view(engine)
            view._on_message(view, {"kind": "guest"}, [])
            await asyncio.sleep(2 * FRAME_S)
            return repr(view)

    assert shown(work) == "Pool: 0 of 2 seats taken, 0 at the rope, 0 served, 0 refused"


def test_a_second_view_of_the_same_engine_closes_the_first() -> None:
    async def work() -> tuple[bool, bool]:
        async with fresh() as engine:
            first = pool_view(engine)
            second = pool_view(engine)
            frames = first.frame
            async with engine.connect():
                await asyncio.sleep(3 * FRAME_S)
            return first.frame == frames, second.frame > 1

    assert shown(work) == (True, True)


def test_what_cannot_be_shown_is_one_sentence() -> None:
    async def work() -> None:
        async with fresh() as engine:
            with pytest.raises(CourseError, match="a view of an engine has no knobs, got rate"):
                pool_view(engine, rate=5)
        with pytest.raises(CourseError, match=r"a pool has the knobs .*, got 'size'"):
            pool_view(size=5)

    shown(work)
    with pytest.raises(CourseError, match="a pool view needs a running event loop"):
        pool_view()


def test_the_script_asks_nobody_and_speaks_politely() -> None:
    script = (HERE / "view.js").read_text(encoding="utf-8")
    assert "http" not in script
    assert "import " not in script
    assert 'role: "status", "aria-live": "polite"' in script
    assert "innerHTML" not in script
