"""The five probes: each fires alone, with its own sentence and the learner's line, and clean code is silent."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import sys
import warnings
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from course_lib import fresh
from course_lib.checks import probes as module
from course_lib.checks.probes import PROBES, SLUGS, Report, probes
from course_lib.field_guide import entry
from course_lib.observe import events

from .conftest import cell

ANSWERS = cell(
    """
    import asyncio, time
    from sqlalchemy import text
    kept = []

    async def returned(engine):
        kept.append(await engine.connect())

    async def finished(engine):
        connection = await engine.connect()
        await connection.execute(text("SELECT 1"))
        kept.append(connection)

    async def pour():
        pass

    async def awaited(engine):
        pour()

    async def forever():
        await asyncio.Event().wait()

    async def running(engine):
        kept.append(asyncio.create_task(forever()))

    async def spill():
        raise ValueError("the glass is broken")

    async def tasks(engine):
        task = asyncio.create_task(spill())
        await asyncio.wait({task})

    async def loop(engine):
        time.sleep(0.4)

    async def clean(engine):
        async with engine.begin() as connection:
            await connection.execute(text("SELECT 1"))
        await pour()
        await asyncio.gather(pour(), pour())
    """
)


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    """Begin without what another test's answer has kept."""
    ANSWERS.kept.clear()


def watch(answer: Callable[[AsyncEngine], Awaitable[None]], off: tuple[str, ...] = ()) -> Report:
    """Run an answer under the probes on a fresh database."""

    async def main() -> Report:
        async with fresh() as engine:
            async with engine.connect():
                pass  # the first connection imports and starts a thread: not the answer's doing
            async with probes(off) as report:
                await answer(engine)
            assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # a queue pool
            return report

    return asyncio.run(main())


def sentences(report: Report) -> list[tuple[str, str]]:
    """Return (probe, sentence) of every finding."""
    return [(finding.probe, finding.sentence) for finding in report.findings]


@pytest.mark.parametrize(
    ("answer", "probe", "sentence"),
    [
        ("returned", "returned", "1 connection still checked out, taken at line 6 of the cell"),
        ("awaited", "awaited", "a coroutine was never awaited, the call of pour() at line 17 of the cell"),
        ("running", "tasks", "1 task still running, in forever"),
        ("tasks", "tasks", "a task failed and nobody looked: ValueError: the glass is broken"),
        ("loop", "loop", "the event loop stood still"),
    ],
)
def test_each_probe_fires_alone_with_its_sentence(answer: str, probe: str, sentence: str) -> None:
    assert sentences(watch(getattr(ANSWERS, answer))) == [(probe, sentence)]


def test_an_open_transaction_is_told_after_the_connection_it_stands_on() -> None:
    taken = "taken at line 9 of the cell"
    assert sentences(watch(ANSWERS.finished)) == [
        ("returned", f"1 connection still checked out, {taken}"),
        ("finished", f"a transaction is still open, {taken}"),
    ]


def test_clean_code_is_silent() -> None:
    assert sentences(watch(ANSWERS.clean)) == []


@pytest.mark.parametrize("answer", ["returned", "finished", "awaited", "running", "tasks", "loop"])
def test_a_probe_that_is_off_is_silent(answer: str) -> None:
    probe = "tasks" if answer == "running" else answer
    assert probe not in [found for found, _ in sentences(watch(getattr(ANSWERS, answer), off=(probe,)))]


def test_several_connections_are_counted() -> None:
    async def two(engine: AsyncEngine) -> None:
        await ANSWERS.returned(engine)
        await ANSWERS.returned(engine)

    assert sentences(watch(two)) == [("returned", "2 connections still checked out, taken at line 6 of the cell")]


def test_code_that_is_not_the_learners_has_no_place() -> None:
    async def ours(engine: AsyncEngine) -> None:
        ANSWERS.kept.append(await engine.connect())

    async def thrown_away(engine: AsyncEngine) -> None:
        asyncio.Event().wait()  # type: ignore[unused-coroutine]  # the point

    assert sentences(watch(ours)) == [("returned", "1 connection still checked out")]
    assert sentences(watch(thrown_away)) == [("awaited", "a coroutine was never awaited, the call of wait()")]


def test_a_connection_on_its_way_back_is_waited_for() -> None:
    async def late(engine: AsyncEngine) -> None:
        connection = await engine.connect()
        asyncio.get_running_loop().call_later(0.01, lambda: ANSWERS.kept.append(asyncio.ensure_future(close())))

        async def close() -> None:
            await connection.close()

    assert sentences(watch(late)) == []


@pytest.mark.parametrize("end", ["commit", "rollback", "invalidate"])
def test_a_transaction_that_ended_is_not_open(end: str) -> None:
    async def answer(engine: AsyncEngine) -> None:
        connection = await engine.connect()
        await connection.execute(text("SELECT 1"))
        await getattr(connection, end)()
        ANSWERS.kept.append(connection)

    assert "finished" not in [probe for probe, _ in sentences(watch(answer))]


def test_what_was_left_before_is_not_charged() -> None:
    async def main() -> Report:
        waiting = asyncio.create_task(ANSWERS.forever())
        cycle = SimpleNamespace()
        cycle.self = cycle
        cycle.forgotten = ANSWERS.pour()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the coroutine that an earlier cell forgot
            del cycle
            gc.collect()
        async with probes() as report:
            await ANSWERS.pour()
        assert not waiting.cancelled()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        return report

    assert sentences(asyncio.run(main())) == []


def test_a_task_that_will_not_be_cancelled_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)

    async def main() -> Report:
        last_call = asyncio.Event()

        async def stubborn() -> None:
            while not last_call.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await last_call.wait()

        async with probes() as report:
            task = asyncio.create_task(stubborn())
            await asyncio.sleep(0)
        last_call.set()
        await task
        return report

    assert sentences(asyncio.run(main())) == [("tasks", "1 task still running, in stubborn")]


def test_an_error_without_an_exception_is_told_by_its_message() -> None:
    async def complain() -> Report:
        async with probes() as report:
            asyncio.get_running_loop().call_exception_handler({"message": "a socket was lost"})
        return report

    assert sentences(asyncio.run(complain())) == [("tasks", "a task failed and nobody looked: a socket was lost")]


def test_a_task_that_somebody_else_starts_meanwhile_is_not_the_answers() -> None:
    async def main() -> Report:
        go = asyncio.Event()
        started: list[asyncio.Task[None]] = []

        async def kernel() -> None:
            await go.wait()
            started.append(asyncio.create_task(ANSWERS.forever()))

        other = asyncio.create_task(kernel())
        async with probes() as report:
            go.set()
            await other
        assert not started[0].done()
        started[0].cancel()
        await asyncio.gather(*started, return_exceptions=True)
        return report

    assert sentences(asyncio.run(main())) == []


def hooks() -> dict[str, Any]:
    """Return everything the probes may touch."""
    loop = asyncio.get_running_loop()
    return {
        "unraisable": sys.unraisablehook,
        "filters": list(warnings.filters),
        "showwarning": warnings.showwarning,
        "handler": loop.get_exception_handler(),
        "factory": loop.get_task_factory(),
        "origin": sys.get_coroutine_origin_tracking_depth(),
        "listeners": list(events._listeners),
        "loggers": [logging.getLogger(name).disabled for name in ("sqlalchemy.pool", "asyncio")],
        "tasks": asyncio.all_tasks(),
    }


async def returns() -> None:
    """End as a block should."""


async def raises() -> None:
    """End with an error."""
    raise ValueError


async def waits() -> None:
    """Never end."""
    await asyncio.Event().wait()


@pytest.mark.parametrize("body", [returns, raises, waits])
@pytest.mark.parametrize("before", ["ours", "none"])
def test_every_hook_is_restored(body: Callable[[], Awaitable[None]], before: str) -> None:
    async def main() -> None:
        if before == "ours":
            asyncio.get_running_loop().set_exception_handler(lambda *_: None)
            logging.getLogger("asyncio").disabled = True
        found = hooks()
        try:
            with pytest.raises((ValueError, TimeoutError)) if body is not returns else warnings.catch_warnings():
                async with asyncio.timeout(0.1 if body is waits else None), probes():
                    await body()
            assert hooks() == found
        finally:
            logging.getLogger("asyncio").disabled = False

    asyncio.run(main())


def test_every_probe_has_an_entry_in_the_field_guide() -> None:
    assert set(SLUGS) == set(PROBES)
    assert [entry(slug).slug for slug in SLUGS.values()]
