"""The learner's own line: in a stack, in a traceback, in a waiting coroutine, in a printed stack."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from course_lib import fresh
from course_lib.checks import learner_code
from course_lib.workspace import folder

from .conftest import cell


def code_in(file: str) -> Any:
    """Return a code object that says it is of `file`."""
    return compile("1", file, "exec")


@pytest.mark.parametrize(
    "file",
    ["<ipython-input-3-abcdef>", "/tmp/ipykernel_42/123.py", r"C:\Temp\ipykernel_42\123.py", "<answer pond-size 3>"],
)
def test_a_cell_is_the_learners(file: str) -> None:
    assert learner_code.place(code_in(file), 4) == "line 4 of the cell"


def test_a_file_of_the_app_is_the_learners_and_nothing_else(workspace: Path) -> None:
    places = {
        str(workspace / "app" / "items.py"): "app/items.py line 4",
        str(workspace / "app2" / "items.py"): None,
        str(workspace / "items.py"): None,
        __file__: None,
        "<string>": None,
    }
    assert {file: learner_code.place(code_in(file), 4) for file in places} == places


def test_the_innermost_learner_frame_of_a_stack() -> None:
    def ours() -> str | None:
        return learner_code.of_stack(sys._getframe())

    learner = cell(
        """
        def inner(call):
            return call()

        def outer(call):
            return inner(call)
        """
    )
    assert learner.outer(ours) == "line 2 of the cell"
    assert ours() is None
    assert learner_code.of_stack(None) is None


def test_the_innermost_learner_frame_of_a_traceback() -> None:
    learner = cell(
        """
        def answer(value):

            return int(value)
        """
    )
    with pytest.raises(ValueError, match="gin") as caught:
        learner.answer("gin")
    assert learner_code.of_traceback(caught.value.__traceback__) == "line 3 of the cell"
    assert learner_code.of_traceback(None) is None


def test_who_asked_for_a_connection_is_seen_from_inside_the_pool() -> None:
    learner = cell(
        """
        async def answer(engine):
            async with engine.connect() as connection:
                return connection
        """
    )
    asked: list[str | None] = []

    async def main() -> None:
        async with fresh() as engine:
            event.listen(engine.sync_engine, "checkout", lambda *_: asked.append(learner_code.of_checkout()))
            await learner.answer(engine)
            async with engine.connect():
                pass

    asyncio.run(main())
    assert asked == ["line 2 of the cell", None]


def test_outside_a_pool_event_the_caller_is_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    learner = cell("def answer(call):\n    return call()")
    assert learner.answer(learner_code.of_checkout) == "line 2 of the cell"
    assert learner_code.of_checkout() is None
    monkeypatch.delitem(sys.modules, "greenlet")
    assert learner_code.of_checkout() is None


def test_what_a_suspended_task_waits_for() -> None:
    learner = cell(
        """
        async def inner(event):
            await event.wait()

        async def drinks(event):
            await inner(event)
            yield 1

        async def answer(event):
            async for drink in drinks(event):
                pass
        """
    )

    async def main() -> list[tuple[str, str] | None]:
        event, found = asyncio.Event(), []
        for coroutine in (learner.answer(event), learner.inner(event), event.wait()):
            task = asyncio.ensure_future(coroutine)
            await asyncio.sleep(0)
            found.append(learner_code.of_waiting(task))
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return found

    assert asyncio.run(main()) == [
        ("answer", "line 9 of the cell"),
        ("inner", "line 2 of the cell"),
        None,
    ]


def test_the_innermost_learner_line_of_a_printed_stack(workspace: Path) -> None:
    said = (
        "coroutine 'pour' was never awaited\nCoroutine created at (most recent call last)\n"
        f'  File "{folder.root()}/app/items.py", line 7, in order\n    return pour()\n'
        '  File "/usr/lib/python3/asyncio/runners.py", line 118, in run\n'
    )
    assert learner_code.of_origin(said) == "app/items.py line 7"
    assert learner_code.of_origin("coroutine 'pour' was never awaited") is None
