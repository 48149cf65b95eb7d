"""The clock of a question: it says where a check was stuck, and never takes the loop with it."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Coroutine
from typing import Any

import pytest

from course_lib.checks import clock
from course_lib.checks.assertions import AnswerError
from course_lib.checks.clock import TimeUp, within

from .conftest import cell

BLOCKED = "which never gives the loop back"


@pytest.fixture(autouse=True)
def short_margins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ring the alarm, and give up, after a tenth of a second."""
    monkeypatch.setattr(clock, "MARGIN_S", 0.1)
    monkeypatch.setattr(clock, "PATIENCE_S", 0.1)


def place_of(work: Coroutine[Any, Any, Any]) -> str:
    """Return where `work` was when its 50 ms were over, and check that the loop still runs."""

    async def main() -> str:
        with pytest.raises(TimeUp) as caught:
            await within(0.05, work)
        await asyncio.sleep(0)
        return str(caught.value)

    return asyncio.run(main())


def test_the_result_of_work_in_time_is_returned() -> None:
    async def work() -> str:
        return "done"

    assert asyncio.run(within(5, work())) == "done"


def test_an_error_of_the_work_is_raised_itself() -> None:
    async def work() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        asyncio.run(within(5, work()))


def test_work_that_exits_is_an_error_of_the_answer() -> None:
    async def work() -> None:
        raise SystemExit(3)

    with pytest.raises(AnswerError) as caught:
        asyncio.run(within(5, work()))
    assert isinstance(caught.value.__cause__, SystemExit)


def test_work_that_cancels_itself_is_an_error_of_the_answer() -> None:
    learner = cell(
        """
        import asyncio

        async def answer():
            asyncio.current_task().cancel()
            await asyncio.sleep(0)
        """
    )
    with pytest.raises(AnswerError) as caught:
        asyncio.run(within(5, learner.answer()))
    assert str(caught.value.__cause__) == "the answer cancelled the task it ran in"


def test_awaiting_for_ever_names_the_function_and_the_line() -> None:
    learner = cell("import asyncio\n\nasync def answer():\n    await asyncio.Event().wait()")
    assert place_of(learner.answer()) == "in 'answer' at line 4 of the cell"


def test_a_check_that_waits_for_a_task_of_the_answer_names_that() -> None:
    learner = cell("import asyncio\n\nasync def answer():\n    await asyncio.Event().wait()")

    async def check() -> None:
        await asyncio.gather(learner.answer())

    assert place_of(check()) == "in 'answer' at line 4 of the cell"


def test_without_learner_code_nobody_knows_the_place() -> None:
    assert place_of(asyncio.Event().wait()) == ""


@pytest.mark.parametrize("statement", ["pass", "time.sleep(60)"])
def test_a_loop_that_is_never_given_back_is_interrupted(statement: str) -> None:
    learner = cell(f"import time\n\nasync def answer():\n    while True:\n        {statement}")
    place = place_of(learner.answer())
    assert place in (f"at line 4 of the cell, {BLOCKED}", f"at line 5 of the cell, {BLOCKED}")


def test_a_background_task_that_blocks_is_interrupted_and_named() -> None:
    learner = cell(
        """
        import asyncio

        async def spin():
            while True: pass

        async def answer():
            asyncio.create_task(spin(), name="spin")
            await asyncio.Event().wait()
        """
    )
    assert place_of(learner.answer()) == f"at line 4 of the cell, {BLOCKED}"


def test_a_callback_that_blocks_is_interrupted_and_named() -> None:
    learner = cell(
        """
        import asyncio

        def spin():
            while True: pass

        async def answer():
            asyncio.get_running_loop().call_soon(spin)
            await asyncio.Event().wait()
        """
    )

    async def main() -> str:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        with pytest.raises(TimeUp) as caught:
            await within(0.05, learner.answer())
        return str(caught.value)

    assert asyncio.run(main()) == f"at line 4 of the cell, {BLOCKED}"


def test_an_answer_that_swallows_its_cancellation_is_left_behind_and_the_loop_lives() -> None:
    learner = cell(
        """
        import asyncio

        async def answer(last_call):
            while not last_call.is_set():
                try:
                    await last_call.wait()
                except asyncio.CancelledError:
                    pass
        """
    )

    async def main() -> tuple[str, int]:
        last_call = asyncio.Event()
        before = asyncio.all_tasks()
        with pytest.raises(TimeUp) as caught:
            await within(0.05, learner.answer(last_call))
        left = asyncio.all_tasks() - before
        last_call.set()
        await asyncio.gather(*left)
        return str(caught.value), len(left)

    assert asyncio.run(main()) == ("in 'answer' at line 6 of the cell", 1)


def test_an_interrupted_check_cancels_its_work() -> None:
    async def main() -> set[asyncio.Task[Any]]:
        begun = asyncio.Event()

        async def work() -> None:
            begun.set()
            await asyncio.Event().wait()

        checking = asyncio.create_task(within(60, work()))
        await begun.wait()
        checking.cancel()
        await asyncio.gather(checking, return_exceptions=True)
        return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}

    assert not asyncio.run(main())


def test_the_alarm_is_put_back() -> None:
    async def work() -> None:
        pass

    before = signal.getsignal(signal.SIGALRM)
    asyncio.run(within(5, work()))
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_outside_the_main_thread_there_is_a_clock_but_no_alarm() -> None:
    said: list[str] = []
    thread = threading.Thread(target=lambda: said.append(place_of(asyncio.Event().wait())))
    thread.start()
    thread.join()
    assert said == [""]


def test_an_alarm_while_the_loop_waits_raises_nothing() -> None:
    async def main() -> bool:
        with clock._alarm(0.01) as blocked:
            await asyncio.sleep(0.2)
        return blocked == []

    assert asyncio.run(main())
