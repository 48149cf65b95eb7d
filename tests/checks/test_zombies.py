"""A kitchen knows which reports run for nobody; without a server it says what one would say."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import hidden_servers
import pytest
from driver_threads import driver_gone
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib import fresh, server_activity
from course_lib.checks.zombies import Kitchen, Limits, kitchen

REPORT = text("SELECT pg_sleep(600)")
NO_LIMIT = Limits()
GiveUp = Callable[[Kitchen, int], Awaitable[None]]


@pytest.fixture(params=[pytest.param("postgres", marks=pytest.mark.postgres), "without a server"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Say where the test runs: with PostgreSQL, and on a machine that has none."""
    if request.param != "postgres":
        hidden_servers.hide(monkeypatch)
        monkeypatch.delenv("COURSE_REQUIRE_ALL", raising=False)  # CI sets it, and then a hidden server is an error
    where: str = request.param
    return where


async def report(engine: AsyncEngine) -> None:
    """Ask for a report."""
    async with engine.connect() as connection:
        await connection.execute(REPORT)


async def at_work(lab: Kitchen, asked: int, running: int) -> None:
    """Wait until so many reports were asked for, and so many run on the server where there is one."""
    async with asyncio.timeout(20):
        while lab.asked < asked or (type(lab) is Kitchen and await lab.running() < running):  # noqa: ASYNC110 - a server has no event for us
            await asyncio.sleep(0.01)


async def by_task(lab: Kitchen, number: int) -> None:
    running = asyncio.create_task(report(lab.engine))
    await at_work(lab, number, 1)
    running.cancel()
    await asyncio.wait({running})


async def by_scope(lab: Kitchen, number: int) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(report, lab.engine)
        await at_work(lab, number, number)
        group.cancel_scope.cancel()


def left(give_up: GiveUp, seconds: float, arguments: dict[str, Any] | None = None, limits: Limits = NO_LIMIT) -> int:
    """Return how many reports still run when three were given up."""

    async def main() -> int:
        async with kitchen(arguments or {}, limits) as lab:
            for number in (1, 2, 3):
                await give_up(lab, number)
            assert lab.asked == 3
            return await lab.left(seconds)

    return asyncio.run(driver_gone(main()))


def test_what_asyncio_gives_up_is_stopped(place: str) -> None:
    assert left(by_task, 20) == 0


def test_what_a_scope_gives_up_runs_on(place: str) -> None:
    assert left(by_scope, 0) == 3


def test_a_limit_of_the_server_ends_what_a_scope_gave_up(place: str) -> None:
    async def give_up(lab: Kitchen, number: int) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(report, lab.engine)
            await at_work(lab, number, 1)
            group.cancel_scope.cancel()

    assert left(give_up, 20, {"server_settings": {"statement_timeout": "2000"}}, Limits(statement=2)) == 0


def test_a_limit_of_the_server_is_an_error_for_who_waits(place: str) -> None:
    async def main() -> str:
        async with kitchen({"server_settings": {"statement_timeout": "50"}}, Limits(statement=0.05)) as lab:
            with pytest.raises(DBAPIError) as late:
                await report(lab.engine)
            return str(getattr(late.value.orig, "sqlstate", ""))

    assert asyncio.run(driver_gone(main())) == "57014"


def test_a_limit_of_the_driver_is_a_timeout_for_who_waits(place: str) -> None:
    async def main() -> int:
        async with kitchen({"command_timeout": 0.05}, Limits(command=0.05)) as lab:
            with pytest.raises(TimeoutError):
                await report(lab.engine)
            return await lab.left(20)

    assert asyncio.run(driver_gone(main())) == 0


@pytest.mark.parametrize(("said", "kept"), [("1500", 1.5), ("0", None)])
def test_the_limit_of_the_server_is_known_of_each_report(place: str, said: str, kept: float | None) -> None:
    async def main() -> list[float | None]:
        async with kitchen({"server_settings": {"statement_timeout": said}}, Limits(statement=kept)) as lab:
            for number in (1, 2):
                await by_task(lab, number)
            return lab.kept

    assert asyncio.run(driver_gone(main())) == [kept, kept]


@pytest.mark.postgres
def test_a_limit_that_is_set_in_the_transaction_counts_as_well() -> None:
    async def main() -> list[float | None]:
        async with kitchen({}, NO_LIMIT) as lab, lab.engine.connect() as connection:
            await connection.execute(text("SET LOCAL statement_timeout = 50"))
            with pytest.raises(DBAPIError, match="statement timeout"):
                await connection.execute(REPORT)
            return lab.kept

    assert asyncio.run(driver_gone(main())) == [0.05]


def test_other_statements_are_no_reports(place: str) -> None:
    async def main() -> int:
        async with kitchen({}, NO_LIMIT) as lab, lab.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            return lab.asked

    assert asyncio.run(driver_gone(main())) == 0


@pytest.mark.postgres
def test_no_report_outlives_its_kitchen() -> None:
    async def main() -> list[str]:
        async with fresh("postgres") as watcher:
            async with kitchen({}, NO_LIMIT) as lab:
                await by_scope(lab, 1)
                engine = lab.engine
            return [session.query for session in await server_activity(engine) if "pg_sleep" in session.query] + [
                session.query for session in (await server_activity(watcher)).active
            ]

    assert asyncio.run(driver_gone(main())) == []
