"""The predict prompt as a widget: it mirrors a `Prompt` into the browser and carries clicks back.

All decisions are in `predict.Prompt`, which needs no browser to be tested; this file knows only wires.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from course_lib.study.predict import Prompt
from course_lib.study.progress import record

HERE = Path(__file__).parent

_shown: dict[str, PredictWidget] = {}


class PredictWidget(anywidget.AnyWidget):
    """Radio buttons (or one number) for a prompt; the answer reaches the browser only when it may be shown."""

    _esm = (HERE / "predict.js").read_text(encoding="utf-8")
    _css = (HERE / "predict.css").read_text(encoding="utf-8")

    prompt = traitlets.Unicode().tag(sync=True)
    options = traitlets.List(traitlets.Unicode()).tag(sync=True)
    guess = traitlets.Unicode().tag(sync=True)
    right = traitlets.Unicode().tag(sync=True)
    lines = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(self, asked: Prompt, shell: Any) -> None:  # Any: IPython's shell
        self._asked = asked
        self._shell = shell
        self._loop = asyncio.get_running_loop()  # the kernel's: a handler may run on another thread, with another loop
        self._is_own_cell = True
        super().__init__(prompt=asked.question.prompt, options=[option.text for option in asked.question.options])
        self._mirror()
        self.on_msg(self._on_message)
        shell.events.register("post_run_cell", self._after_cell)

    def __repr__(self) -> str:
        """Return the stable text of the prompt: no guess, no answer, no address."""
        return repr(self._asked)

    def close(self) -> None:
        """Take the widget off the page and stop listening."""
        self._stop_listening()
        super().close()

    def _on_message(self, _widget: object, content: Any, _buffers: object) -> None:  # Any: what the browser sent
        with suppress(RuntimeError):  # the loop is closed: the kernel is going down
            self._loop.call_soon_threadsafe(self._receive, content)

    def _receive(self, content: Any) -> None:  # Any: what the browser sent
        try:
            guess = content.get("guess") if isinstance(content, dict) else None
            if isinstance(guess, str) and self._asked.choose(guess):
                question = self._asked.question
                result = {"guess": guess, "right": self._asked.is_right(), "lesson": question.lesson}
                record("predicted", question.id, result)
            self._mirror()
        except Exception as error:  # an exception in a handler is lost otherwise
            self.lines = [
                f"this is a bug in the course ({error!r}): please report it with the output of: course doctor"
            ]

    def _after_cell(self, _result: object) -> None:
        if self._is_own_cell:  # the first cell that ends is the one that asks
            self._is_own_cell = False
            return
        self._stop_listening()
        self._asked.has_run = True
        self._mirror()

    def _stop_listening(self) -> None:
        with suppress(ValueError):  # it has already stopped
            self._shell.events.unregister("post_run_cell", self._after_cell)

    def _mirror(self) -> None:
        with self.hold_sync():
            self.guess = self._asked.guess or ""
            self.right = self._asked.right if self._asked.is_revealed else ""
            self.lines = self._asked.lines()


def show(asked: Prompt, shell: Any) -> PredictWidget:  # Any: IPython's shell
    """Return a widget for the prompt, and close the one an earlier run of the cell has shown."""
    earlier = _shown.pop(asked.question.id, None)
    if earlier is not None:
        earlier.close()
    widget = _shown[asked.question.id] = PredictWidget(asked, shell)
    return widget
