"""The widget without a browser: actions arrive as messages, from any thread; then the same in a real kernel."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any  # Any: what a browser sends and a kernel says

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from course_lib.study.deck import Deck
from course_lib.study.face import Model, face
from course_lib.study.progress import events, record
from course_lib.study.questions import of_kind
from course_lib.study.quiz import Quiz, quiz
from course_lib.study.round import right_of
from course_lib.study.speed import Speed
from course_lib.study.widget import HERE, RUN, StudyWidget, _shown, show

SCRIPT = (HERE / "widget.js").read_text(encoding="utf-8")
STYLE = (HERE / "widget.css").read_text(encoding="utf-8")
LONGEST_FUNCTION = 66  # lines: `render`, which holds the state; all others are for one glance
THREADS = 16


@pytest.fixture(autouse=True)
def close_widgets() -> Iterator[None]:
    """Close what a test has shown."""
    yield
    while _shown:
        _shown.popitem()[1].close()


async def send(widget: StudyWidget, content: object) -> None:
    widget._handle_custom_msg(content, [])
    await asyncio.sleep(0)  # the handler hands the message to the loop; one turn later it is received


async def act(widget: StudyWidget, name: str, **what: object) -> None:
    await send(widget, {"turn": widget.view["turn"], "do": name, **what})


def test_the_view_of_the_model_is_mirrored() -> None:
    async def scene() -> None:
        model = Quiz(0)
        widget = show(model)
        assert widget.view == model.view()
        await act(widget, "answer", option=1)
        assert (widget.view["state"], widget.replies, widget.fault) == ("answered", 1, "")
        assert widget.view == model.view()

    asyncio.run(scene())
    assert [event.verb for event in events()] == ["answered"]


def test_no_back_is_in_the_widget_before_the_card_is_turned() -> None:
    async def scene() -> None:
        widget = show(Deck(0))
        assert (widget.view["back"], widget.view["grades"]) == ("", [])
        await act(widget, "flip")
        assert widget.view["back"] != ""

    asyncio.run(scene())


@pytest.mark.parametrize("model", [Quiz, Speed])
def test_no_reason_is_in_the_widget_before_the_answer(model: type[Quiz | Speed]) -> None:
    async def scene() -> None:
        widget = show(model(0))
        await act(widget, "start", timed=False) if model is Speed else None
        assert {(option["mark"], option["because"]) for option in widget.view["options"]} == {("", "")}

    asyncio.run(scene())


def test_actions_of_many_threads_count_once() -> None:
    async def scene() -> None:
        widget = show(Quiz(0))
        everybody = asyncio.Event()
        widget.observe(lambda change: everybody.set() if change["new"] == THREADS else None, "replies")
        starting = threading.Barrier(THREADS)

        def click(option: int) -> None:
            starting.wait()
            widget._handle_custom_msg({"turn": 0, "do": "answer", "option": option % 3}, [])

        threads = [threading.Thread(target=click, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        await asyncio.wait_for(everybody.wait(), 30)
        for thread in threads:
            thread.join()
        assert widget.view["answered"] == 1

    asyncio.run(scene())
    assert [event.verb for event in events()] == ["answered"]


def test_actions_are_done_in_the_order_they_came() -> None:
    async def scene() -> None:
        widget = show(Quiz(0))
        actions: list[dict[str, object]] = [
            {"do": "answer", "option": 0},
            {"do": "next"},
            {"do": "answer", "option": 0},
        ]
        for turn, action in enumerate(actions):
            widget._handle_custom_msg({"turn": turn, **action}, [])
        await asyncio.sleep(0)
        assert (widget.view["answered"], widget.replies) == (2, 3)

    asyncio.run(scene())


def test_an_old_action_is_answered_and_changes_nothing() -> None:
    async def scene() -> None:
        widget = show(Quiz(0))
        await act(widget, "answer", option=0)
        before = widget.view
        await send(widget, {"turn": 0, "do": "answer", "option": 1})
        assert (widget.view, widget.replies, widget.fault) == (before, 2, "")

    asyncio.run(scene())


@pytest.mark.parametrize("content", [None, [], "answer", {}, {"do": "explode", "turn": 0}])
def test_a_message_that_is_no_action_is_said(content: object) -> None:
    async def scene() -> None:
        widget = show(Quiz(0))
        await send(widget, content)
        assert widget.fault.startswith("expected an action (answer, next, again), got ")
        await act(widget, "answer", option=0)
        assert widget.fault == ""

    asyncio.run(scene())


def test_a_failure_of_ours_is_said_in_the_widget(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        widget = show(Quiz(0))
        monkeypatch.setattr(Quiz, "act", lambda _self, _action: 1 / 0)
        await act(widget, "answer", option=0)
        assert widget.fault == (
            "this is a bug in the course (ZeroDivisionError('division by zero')): "
            "please report it with the output of: course doctor"
        )

    asyncio.run(scene())


def test_a_message_after_the_loop_is_closed_is_dropped() -> None:
    async def scene() -> StudyWidget:
        return show(Quiz(0))

    asyncio.run(scene())._handle_custom_msg({"turn": 0, "do": "answer", "option": 0}, [])
    assert events() == []


def test_a_second_run_of_the_cell_goes_on_and_the_first_says_where_it_is() -> None:
    async def scene() -> None:
        first = show(Quiz(0))
        await act(first, "answer", option=0)
        other = show(Quiz(1))
        second = show(Quiz(0))
        assert (first.view["state"], second.view["answered"]) == ("moved", 1)
        assert first.view["said"] == "It is shown in the cell that you ran last."
        assert other.view["state"] == "asked"
        await act(first, "answer", option=0)  # a click that was under way
        assert (first.view["state"], second.view["answered"]) == ("moved", 1)
        assert repr(first) == repr(second)

    asyncio.run(scene())


def test_a_question_missed_in_a_quiz_is_at_once_among_the_cards_beside_it() -> None:
    async def scene() -> None:
        cards_beside, asked = show(Deck(0)), show(Quiz(0))
        before = cards_beside.view["new"]
        replies = cards_beside.replies
        (question,) = [one for one in of_kind("quiz", ["00_doors_open"]) if one.prompt == asked.view["question"]]
        wrong = [option["text"] == right_of(question).text for option in asked.view["options"]].index(False)
        await act(asked, "answer", option=wrong)
        assert (cards_beside.view["new"], cards_beside.replies) == (before + 1, replies)

    asyncio.run(scene())


@pytest.mark.parametrize("model", [Deck(0), Quiz(0), Speed(0), Speed()])
def test_the_output_is_the_models_text_and_the_view(model: Model) -> None:
    async def scene() -> None:
        bundle = show(model)._repr_mimebundle_()
        assert bundle is not None
        assert sorted(bundle[0]) == ["application/vnd.jupyter.widget-view+json", "text/plain"]
        assert bundle[0]["text/plain"] == f"{model!r}\n{RUN}"

    asyncio.run(scene())


def test_showing_an_empty_deck_makes_no_view_old() -> None:
    async def scene() -> None:
        widget = show(Deck())  # no lesson was met: nothing to review
        assert repr(widget) == f"Cards: 0 due, 0 new\n{RUN}"  # it looks at the events again
        record("opened", "lesson:00_doors_open")
        await act(widget, "refresh")
        assert widget.view["state"] == "front"

    asyncio.run(scene())


def test_elsewhere_a_model_is_its_text() -> None:
    model = quiz(0)
    assert isinstance(model, Quiz)
    assert face(model) is model


def test_without_the_widget_library_a_model_is_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("course_lib.study.face.kernel_shell", object)
    monkeypatch.setitem(sys.modules, "course_lib.study.widget", None)  # what a failed import leaves
    assert isinstance(quiz(0), Quiz)


def test_a_quiz_outside_a_notebook_imports_no_widget() -> None:
    code = (
        "import sys; from course_lib import study; study.quiz(0), study.cards(0), study.speed(0); "
        "print({'anywidget', 'ipywidgets', 'IPython'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_the_script_needs_nothing_from_elsewhere_and_makes_no_markup() -> None:
    banned = (
        "import ",
        "import(",
        "fetch(",
        "http",
        "innerHTML",
        "outerHTML",
        "insertAdjacent",
        "eval(",
        "localStorage",
    )
    assert [word for word in banned if word in SCRIPT] == []


def test_the_functions_of_the_script_are_short() -> None:
    lines = SCRIPT.splitlines()
    begins = [number for number, line in enumerate(lines) if line.startswith("function ")]
    lengths = {lines[begin]: lines[begin:].index("}") + 1 for begin in begins}
    render = lengths.pop("function render({ model, el }) {")
    assert [name for name, length in lengths.items() if length > 14] == []
    assert render <= LONGEST_FUNCTION
    assert len(lines) <= 330


def test_colours_are_jupyterlabs_with_a_system_fallback() -> None:
    colours = [line for line in STYLE.splitlines() if "color" in line or "background" in line or "outline:" in line]
    free = ("inherit", "transparent")
    assert [line for line in colours if "var(--jp-" not in line and not any(word in line for word in free)] == []
    assert "url(" not in STYLE


def test_nothing_moves_by_itself() -> None:
    assert [word for word in ("transition", "animation", "@keyframes") if word in STYLE] == []
    assert "prefers-reduced-motion" in SCRIPT  # the clock, the only thing that runs


# --- a real kernel ---------------------------------------------------------------------------------------------------


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BlockingKernelClient]:
    """Run a real kernel with folders of its own for one test."""
    for name in ("CONFIG", "DATA", "RUNTIME"):
        monkeypatch.setenv(f"JUPYTER_{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    manager, client = start_new_kernel(kernel_name="python3", startup_timeout=60)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def run(client: BlockingKernelClient, code: str) -> list[dict[str, Any]]:
    """Execute one cell and return all messages until the kernel is idle again."""
    heard: list[dict[str, Any]] = []
    client.execute_interactive(code, output_hook=heard.append, timeout=60)
    return heard


def test_in_a_real_kernel_a_click_is_answered(kernel: BlockingKernelClient) -> None:
    shown = run(kernel, "from course_lib import study\nstudy.quiz(0)")
    (result,) = [m["content"]["data"] for m in shown if m["msg_type"] == "execute_result"]
    assert result["text/plain"] == f"{Quiz(0)!r}\n{RUN}"
    comm_id = result["application/vnd.jupyter.widget-view+json"]["model_id"]
    data = {"method": "custom", "content": {"turn": 0, "do": "answer", "option": 0}}
    for _ in range(2):  # a double click
        kernel.shell_channel.send(kernel.session.msg("comm_msg", {"comm_id": comm_id, "data": data}))
    states: list[dict[str, Any]] = []
    while not states or states[-1]["replies"] < 2:
        heard = kernel.get_iopub_msg(timeout=60)
        state = heard["content"].get("data", {}).get("state", {}) if heard["msg_type"] == "comm_msg" else {}
        states += [state] if "replies" in state else []
    assert next(state["view"]["state"] for state in states if "view" in state) == "answered"
    assert [event.verb for event in events()] == ["answered"]
    assert [m for m in shown if m["msg_type"] in ("stream", "error")] == []
    again = run(kernel, "study.quiz(0)")  # the view goes on where it was
    opened = [m["content"]["data"]["state"] for m in again if m["msg_type"] == "comm_open"]
    assert [state["view"]["answered"] for state in opened if "view" in state] == [1]
