"""A real deadlock of threads and connections is seen, and a full house that moves is not taken for one."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from anyio.to_thread import current_default_thread_limiter
from fastapi import Depends, FastAPI
from pydantic import BaseModel
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

from course_lib import client, database, fresh
from course_lib.observe import occupancy
from course_lib.observe.occupancy import Occupancy

GUESTS, THREADS, SEATS = 8, 4, 2


class Count(BaseModel):
    """What the endpoints answer."""

    items: int


def house(engine: Engine) -> FastAPI:
    """Return an app with one endpoint that keeps its session over validation, and one that does not."""
    app = FastAPI()
    came = threading.Semaphore(0)
    crowded = threading.Event()

    def session() -> Iterator[Session]:
        with Session(engine) as opened:
            yield opened

    def counted(opened: Session) -> Count:
        return Count(items=opened.scalar(text("SELECT count(*) FROM items")) or 0)

    @app.get("/held")
    def held(opened: Annotated[Session, Depends(session)]) -> Count:
        came.release()
        count = counted(opened)
        if not crowded.is_set():  # nobody leaves before every thread is taken; the two without a seat wait for one
            for _ in range(THREADS // SEATS):
                came.acquire()
            crowded.set()
        return count

    @app.get("/inside")
    def inside() -> Count:
        with Session(engine) as opened:
            return counted(opened)

    return app


@asynccontextmanager
async def few_threads() -> Any:
    """Leave the default limiter four tokens for a while."""
    limiter = current_default_thread_limiter()
    before, limiter.total_tokens = limiter.total_tokens, THREADS
    try:
        yield
    finally:
        limiter.total_tokens = before


def visited(path: str) -> tuple[Occupancy, list[int]]:
    """Return what was seen while eight guests asked for `path`, and their statuses."""

    async def main() -> tuple[Occupancy, list[int]]:
        async with database() as place, few_threads():
            engine = create_engine(
                place.url.replace("+aiosqlite", ""), pool_size=SEATS, max_overflow=0, pool_timeout=0.3
            )
            async with client(house(engine)) as http, occupancy(engine) as rooms:
                answers = await asyncio.gather(*(http.get(path) for _ in range(GUESTS)))
            engine.dispose()
        return rooms, [answer.status_code for answer in answers]

    return asyncio.run(main())


def test_a_house_that_moves_is_not_stuck() -> None:
    rooms, statuses = visited("/inside")
    assert statuses == [200] * GUESTS
    assert rooms.stuck is False
    assert rooms.most_connections <= SEATS
    assert rooms.looks[-1] == (0, 0)


def test_threads_that_wait_for_connections_that_wait_for_threads_are_stuck() -> None:
    rooms, statuses = visited("/held")
    assert 500 in statuses
    assert repr(rooms) == "threads 4 of 4, connections 2 of 2, stuck: True"


def test_coroutines_that_wait_for_connections_need_no_thread_and_are_not_stuck() -> None:
    async def main() -> Occupancy:
        async with fresh(pool_size=SEATS, max_overflow=0) as engine, few_threads():
            app, came, go = FastAPI(), asyncio.Semaphore(0), asyncio.Event()

            async def seated() -> AsyncIterator[None]:
                async with engine.connect():
                    came.release()
                    yield
                    await go.wait()  # a seat is held, the endpoint is over, and no thread is asked for

            @app.get("/leaver", dependencies=[Depends(seated)])
            async def leaver() -> None:
                return

            @app.get("/waiter")
            async def waiter() -> None:
                came.release()
                async with engine.connect():
                    return

            async with client(app) as http, occupancy(engine) as rooms:
                paths = ["/leaver"] * SEATS + ["/waiter"] * (THREADS + 1)
                guests = [asyncio.create_task(http.get(path)) for path in paths]
                for _ in paths:
                    await came.acquire()
                await asyncio.sleep(0.05)  # some looks at the full house
                go.set()
                await asyncio.gather(*guests)
        return rooms

    rooms = asyncio.run(main())
    assert (rooms.most_connections, rooms.stuck) == (SEATS, False)


def test_equal_looks_are_joined() -> None:
    seen = Occupancy(4, 2, [(0, 0), (4, 2), (4, 2), (1, 0)])
    assert seen.stretches() == [(0, 0, 1), (4, 2, 2), (1, 0, 1)]
    assert (seen.most_threads, seen.most_connections) == (4, 2)


def test_the_strip_is_drawn_with_both_rooms_and_hatched_where_full() -> None:
    drawn = Occupancy(4, 2, [(0, 0), (4, 2), (1, 0)], stuck=True).draw("both rooms are full")
    assert "<!-- threads (of 4) -->" in drawn.svg
    assert "<!-- connections (of 2) -->" in drawn.svg
    assert "pattern" in drawn.svg
    assert Occupancy(4, 2).draw("nobody came").alt == "nobody came"
