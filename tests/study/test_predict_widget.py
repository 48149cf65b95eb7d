"""The widget without a browser: clicks arrive as messages, cells end as events; then the same in a real kernel."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from course_lib.study.predict import Prompt
from course_lib.study.predict_widget import HERE, PredictWidget, _shown, show
from course_lib.study.progress import events, predictions, record
from course_lib.study.questions import Question, find_prompt

OPENED = Question("07-opened", "predict", "How many open?", "07_pools", number=5, because="The pool keeps five.")


class Events:
    """IPython's event list, as far as the widget uses it."""

    def __init__(self) -> None:
        self.callbacks: list[Callable[[object], None]] = []

    def register(self, _event: str, callback: Callable[[object], None]) -> None:
        """Add a callback."""
        self.callbacks.append(callback)

    def unregister(self, _event: str, callback: Callable[[object], None]) -> None:
        """Remove a callback; `ValueError` when it is not there, as in IPython."""
        self.callbacks.remove(callback)


class Shell:
    """A shell whose cells end when the test says so."""

    def __init__(self) -> None:
        self.events = Events()

    def end_cell(self) -> None:
        """Call everybody who waits for the end of a cell."""
        for callback in self.events.callbacks[:]:
            callback(None)


@pytest.fixture(autouse=True)
def close_widgets() -> Iterator[None]:
    """Close what a test has shown."""
    yield
    while _shown:
        _shown.popitem()[1].close()


def ask(shell: Shell, prompt_id: str = "00-asyncio-run", guess: str | None = None) -> PredictWidget:
    return show(Prompt(find_prompt(prompt_id), guess), shell)


async def click(widget: PredictWidget, content: object) -> None:
    widget._handle_custom_msg(content, [])
    await asyncio.sleep(0)  # the handler hands the message to the loop; one turn later it is received


def test_nothing_of_the_answer_is_in_the_model_before_guess_and_run() -> None:
    async def scene() -> None:
        shell = Shell()
        widget = ask(shell)
        shell.end_cell()
        await click(widget, {"guess": "returns"})
        state = json.dumps(
            {name: value for name, value in widget.get_state().items() if not name.startswith("_")}, default=str
        )
        assert [option.because for option in find_prompt("00-asyncio-run").options if option.because in state] == []
        assert (widget.guess, widget.right) == ("returns", "")
        assert widget.lines == ["Noted: returns. The reasons appear when the next cell has run."]

    asyncio.run(scene())


def test_the_reasons_appear_when_the_next_cell_has_run() -> None:
    async def scene() -> None:
        shell = Shell()
        widget = ask(shell)
        shell.end_cell()
        await click(widget, {"guess": "returns"})
        shell.end_cell()
        assert (widget.right, widget.lines[0]) == ("raises", "Not this time: it is raises.")
        assert shell.events.callbacks == []
        await click(widget, {"guess": "raises"})
        assert (widget.guess, widget.lines[0]) == ("returns", "Not this time: it is raises.")

    asyncio.run(scene())
    (event,) = events()
    assert (event.verb, event.object) == ("predicted", "00-asyncio-run")
    assert event.result == {"guess": "returns", "right": False, "lesson": "00_doors_open"}


def test_a_click_after_the_run_reveals_at_once() -> None:
    async def scene() -> None:
        shell = Shell()
        widget = ask(shell)
        shell.end_cell()
        shell.end_cell()
        assert (widget.right, widget.lines) == ("", [])
        await click(widget, {"guess": "raises"})
        assert (widget.right, widget.lines[0]) == ("raises", "Right: raises.")

    asyncio.run(scene())


def test_an_earlier_guess_is_chosen_when_the_cell_runs_again() -> None:
    async def scene() -> None:
        shell = Shell()
        first = ask(shell, guess="returns")
        assert first.guess == "returns"
        shell.end_cell()
        second = ask(shell, guess="returns")
        assert (first.comm, second.guess) == (None, "returns")
        assert len(shell.events.callbacks) == 1
        shell.end_cell()
        assert second.right == ""
        shell.end_cell()
        assert second.right == "raises"

    asyncio.run(scene())


def test_two_prompts_stand_side_by_side() -> None:
    async def scene() -> None:
        shell = Shell()
        one, two = ask(shell), ask(shell, "00-client-port")
        assert one.comm is not None
        assert two.comm is not None

    asyncio.run(scene())


def test_a_message_from_another_thread_is_received_in_the_kernels_loop() -> None:
    async def scene() -> None:
        widget = ask(Shell())
        received = asyncio.Event()
        widget.observe(lambda _change: received.set(), "guess")
        thread = threading.Thread(target=widget._handle_custom_msg, args=({"guess": "hangs"}, []))
        thread.start()
        await asyncio.wait_for(received.wait(), 10)
        thread.join()

    asyncio.run(scene())
    assert predictions() == {"00-asyncio-run": "hangs"}


@pytest.mark.parametrize("content", [None, [], "raises", {}, {"guess": 3}, {"guess": "explodes"}])
def test_a_message_that_is_no_guess_records_nothing(content: object) -> None:
    async def scene() -> None:
        widget = ask(Shell())
        await click(widget, content)
        assert widget.guess == ""

    asyncio.run(scene())
    assert events() == []


def test_a_number_is_typed() -> None:
    async def scene() -> None:
        shell = Shell()
        widget = show(Prompt(OPENED), shell)
        await click(widget, {"guess": "many"})
        assert widget.lines == ["expected a number, got 'many'; try again"]
        await click(widget, {"guess": "5"})
        shell.end_cell()
        shell.end_cell()
        assert (widget.options, widget.lines) == ([], ["Right: 5.", "The pool keeps five."])

    asyncio.run(scene())


def test_a_failure_of_ours_is_said_in_the_widget(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        widget = ask(Shell())
        monkeypatch.setattr(Prompt, "choose", lambda _self, _guess: 1 / 0)
        await click(widget, {"guess": "raises"})
        (line,) = widget.lines
        assert line.startswith("this is a bug in the course (ZeroDivisionError('division by zero')): please report it")

    asyncio.run(scene())


def test_a_message_after_the_loop_is_closed_is_dropped() -> None:
    async def scene() -> PredictWidget:
        return ask(Shell())

    asyncio.run(scene())._handle_custom_msg({"guess": "raises"}, [])
    assert events() == []


def test_the_output_is_the_stable_text_and_the_view() -> None:
    async def scene() -> None:
        widget = ask(Shell(), guess="raises")
        bundle = widget._repr_mimebundle_()
        assert bundle is not None
        assert sorted(bundle[0]) == ["application/vnd.jupyter.widget-view+json", "text/plain"]
        assert bundle[0]["text/plain"] == repr(Prompt(find_prompt("00-asyncio-run"))) == repr(widget)

    asyncio.run(scene())


def test_the_script_is_short_and_needs_nothing_from_elsewhere() -> None:
    script = (HERE / "predict.js").read_text(encoding="utf-8")
    assert len(script.splitlines()) <= 60
    assert [word for word in ("import ", "import(", "fetch(", "http", "innerHTML", "eval(") if word in script] == []


def test_colours_are_jupyterlabs_with_a_system_fallback() -> None:
    style = (HERE / "predict.css").read_text(encoding="utf-8")
    colours = [line for line in style.splitlines() if "color" in line or "background" in line or "outline:" in line]
    named = [line for line in colours if "var(--jp-" not in line and "inherit" not in line]
    assert [line for line in named if "/*" not in line] == []
    assert "url(" not in style


# --- a real kernel ---------------------------------------------------------------------------------------------------


@pytest.fixture
def jupyter_env(tmp_path: Path) -> dict[str, str]:
    """Give a kernel folders of its own, so that nothing of this machine's user is read or written."""
    folders = {f"JUPYTER_{name}_DIR": str(tmp_path / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    return {**os.environ, **folders, "IPYTHONDIR": str(tmp_path / "ipython")}


@pytest.fixture
def kernel(jupyter_env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[BlockingKernelClient]:
    """Run a real kernel for one test."""
    for name, value in jupyter_env.items():
        monkeypatch.setenv(name, value)
    manager, client = start_new_kernel(kernel_name="python3", startup_timeout=60)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def run(client: BlockingKernelClient, code: str) -> list[dict[str, Any]]:
    """Execute one cell and return the contents of all messages until the kernel is idle again."""
    heard: list[dict[str, Any]] = []
    client.execute_interactive(code, output_hook=heard.append, timeout=60)
    return heard


def send(client: BlockingKernelClient, comm_id: str, guess: str) -> list[str]:
    """Send one click and return the lines the model is given; they come after the message itself is done."""
    data = {"method": "custom", "content": {"guess": guess}}
    client.shell_channel.send(client.session.msg("comm_msg", {"comm_id": comm_id, "data": data}))
    while True:
        lines = said([client.get_iopub_msg(timeout=60)])
        if lines:
            return lines


def said(messages: list[dict[str, Any]]) -> list[str]:
    """Return the last `lines` the model was given in these messages."""
    states = [m["content"]["data"].get("state", {}) for m in messages if m["msg_type"] == "comm_msg"]
    return next((state["lines"] for state in reversed(states) if "lines" in state), [])


def test_in_a_real_kernel_the_reasons_wait_for_the_next_cell(kernel: BlockingKernelClient) -> None:
    shown = run(kernel, "from course_lib import predict\npredict('00-asyncio-run')")
    (result,) = [m["content"]["data"] for m in shown if m["msg_type"] == "execute_result"]
    assert result["text/plain"] == repr(Prompt(find_prompt("00-asyncio-run")))
    comm_id = result["application/vnd.jupyter.widget-view+json"]["model_id"]

    assert send(kernel, comm_id, "returns") == ["Noted: returns. The reasons appear when the next cell has run."]
    assert said(run(kernel, "1 + 1"))[0] == "Not this time: it is raises."
    assert predictions() == {"00-asyncio-run": "returns"}
    assert [m for m in shown if m["msg_type"] in ("stream", "error")] == []


def test_in_a_real_kernel_an_earlier_guess_is_shown_again(kernel: BlockingKernelClient) -> None:
    record("predicted", "00-asyncio-run", {"guess": "hangs"})
    shown = run(kernel, "from course_lib import predict\npredict('00-asyncio-run')")
    states = [m["content"]["data"]["state"] for m in shown if m["msg_type"] == "comm_open"]
    updates = [m["content"]["data"].get("state", {}) for m in shown if m["msg_type"] == "comm_msg"]
    assert [state["guess"] for state in [*states, *updates] if state.get("guess")] == ["hangs"]
    assert said(run(kernel, "1 / 0"))[0] == "Not this time: it is raises."


def test_a_saved_notebook_with_the_text_only_passes_nbval(tmp_path: Path, jupyter_env: dict[str, str]) -> None:
    text = repr(Prompt(find_prompt("00-asyncio-run")))
    sources = ["from course_lib import predict", "predict('00-asyncio-run')", "1 + 1"]
    outputs = [None, text, "2"]
    cells = [
        {
            "cell_type": "code",
            "execution_count": number,
            "id": f"cell-{number}",
            "metadata": {},
            "outputs": []
            if output is None
            else [
                {
                    "output_type": "execute_result",
                    "execution_count": number,
                    "metadata": {},
                    "data": {"text/plain": output.splitlines(keepends=True)},
                }
            ],
            "source": source,
        }
        for number, (source, output) in enumerate(zip(sources, outputs, strict=True), start=1)
    ]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "lesson.ipynb").write_text(json.dumps(notebook))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval", "--nbval-current-env"]
    done = subprocess.run(
        [*command, "-c", os.devnull, "--rootdir", str(tmp_path), str(tmp_path / "lesson.ipynb")],
        env=jupyter_env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, "3 passed" in done.stdout) == (0, True), done.stdout
