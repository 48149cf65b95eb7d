"""Pauses of a request are seen with what is held; all other timers are left alone."""

from __future__ import annotations

import asyncio

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from course_lib import client
from course_lib.checks.pauses import held_in_pauses
from course_lib.databases import fresh
from course_lib.observe import gauge

ONE = text("SELECT 1")


def test_a_request_that_pauses_with_a_connection_is_seen() -> None:
    async def main() -> None:
        async with fresh() as engine:
            app = FastAPI()

            @app.get("/")
            async def look() -> None:
                await asyncio.sleep(0.001)
                async with engine.connect() as connection:
                    await connection.execute(ONE)
                    await asyncio.sleep(0.001)
                await asyncio.sleep(0)

            async with client(app) as http:
                with held_in_pauses(gauge(engine)) as held:
                    await http.get("/")
            assert held == [0, 1]

    asyncio.run(main())


def test_a_pause_outside_a_request_is_not_seen() -> None:
    async def main() -> None:
        async with fresh() as engine:
            with held_in_pauses(gauge(engine)) as held:
                await asyncio.sleep(0.001)
            assert held == []

    asyncio.run(main())


def test_the_loop_is_as_before_after_an_error() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with fresh() as engine:
            with pytest.raises(LookupError), held_in_pauses(gauge(engine)):
                raise LookupError
        assert "call_at" not in vars(loop)

    asyncio.run(main())
