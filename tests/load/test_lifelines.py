"""Requests of a real pool: who waited, who held, and who never got a connection."""

import asyncio

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib import client, fresh
from course_lib.load import lifelines
from course_lib.load.lifelines import Lifeline, Lifelines


def house(engine: AsyncEngine, go: asyncio.Event) -> FastAPI:
    """Return an app whose guests hold a connection until `go`."""
    app = FastAPI()

    @app.get("/")
    async def serve() -> None:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            await go.wait()

    @app.get("/live")
    async def live() -> None:
        return

    return app


def test_the_queue_is_seen() -> None:
    async def main() -> Lifelines:
        async with fresh(pool_size=2, max_overflow=0, pool_timeout=5) as engine, fresh() as other:
            go = asyncio.Event()
            with lifelines(engine) as lines:
                async with client(house(engine, go)) as http:
                    guests = [asyncio.create_task(http.get("/")) for _ in range(4)]
                    await asyncio.sleep(0.2)
                    async with other.connect():
                        await http.get("/live")
                    go.set()
                    await asyncio.gather(*guests)
        return lines

    lines = asyncio.run(main())
    seen = list(lines)
    assert repr(lines) == "5 requests, 4 got a connection, 1 did not"
    assert sum(line.waited > 0.1 for line in seen) == 2
    assert sum(line.held > 0.1 for line in seen) == 2
    assert all(line.left is not None and line.left >= line.arrived for line in seen)
    assert lines.draw("two wait").svg.startswith("<svg")


@pytest.mark.parametrize(
    ("line", "waited", "held"),
    [
        (Lifeline(1.0, [(3.0, 4.0), (5.0, 5.5)], 6.0), 2.0, 1.5),
        (Lifeline(1.0, [], 6.0), 5.0, 0.0),
        (Lifeline(1.0), 0.0, 0.0),
        (Lifeline(1.0, [(2.0, None)]), 1.0, 0.0),
    ],
)
def test_a_line_is_cut_where_its_connection_came_and_went(line: Lifeline, waited: float, held: float) -> None:
    assert (line.waited, line.held) == (waited, held)


def test_nobody_can_be_drawn() -> None:
    with lifelines() as lines:
        pass
    assert lines.draw("nobody came").alt == "nobody came"
