"""Cards, quiz and speed challenge as one widget: it mirrors a model's view and carries the learner's actions back.

All decisions are in the models, which need no browser to be tested; this file knows only wires.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from course_lib.errors import CourseError
from course_lib.study.face import Model
from course_lib.study.turns import Action, View

HERE = Path(__file__).parent
RUN = "Run this cell: it begins here, or goes on where you were."

_shown: dict[str, StudyWidget] = {}


class StudyWidget(anywidget.AnyWidget):
    """The view of a model in the browser; whatever arrives, from whichever thread, is done in the kernel's own loop."""

    _esm = (HERE / "widget.js").read_text(encoding="utf-8")
    _css = (HERE / "widget.css").read_text(encoding="utf-8")

    view: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)  # Any: JSON
    replies = traitlets.Int().tag(sync=True)  # an action that changes nothing is answered too: nobody waits for ever
    fault = traitlets.Unicode().tag(sync=True)

    def __init__(self, model: Model) -> None:
        self._model = model
        self._loop = asyncio.get_running_loop()  # the kernel's: a handler may run on another thread, with another loop
        super().__init__(view=model.view())
        self.on_msg(self._on_message)

    def __repr__(self) -> str:
        """Return the text of the model: what a saved notebook shows, and how to get more than text."""
        return f"{self._model!r}\n{RUN}"

    def _on_message(self, _widget: object, content: Any, _buffers: object) -> None:  # Any: what the browser sent
        with suppress(RuntimeError):  # the loop is closed: the kernel is going down
            self._loop.call_soon_threadsafe(self._receive, content)

    def _receive(self, content: Any) -> None:  # Any: what the browser sent
        view, fault = self.view, ""
        try:
            view = self._model.act(content if isinstance(content, dict) else {})
        except CourseError as error:
            fault = str(error)
        except Exception as error:  # an exception in a handler is lost otherwise
            fault = f"this is a bug in the course ({error!r}): please report it with the output of: course doctor"
        with self.hold_sync():
            self.view, self.fault = view, fault
            self.replies += 1
        for other in _shown.values():
            if other is not self:
                other.look()

    def look(self) -> None:
        """Show what another widget has changed: a question missed in a quiz is a card now."""
        with suppress(CourseError):  # it is said where the learner acts
            self.view = self._model.look()

    def move(self) -> None:
        """Say that the model is shown elsewhere; the widget stays, for a closed one leaves an error after a reload."""
        self._model = _Moved(self._model)
        self.view = self._model.view()


class _Moved:
    """Stands where a model was shown before; it says so, and nothing can be done with it."""

    def __init__(self, model: Model) -> None:
        self.title = model.title
        self._text = repr(model)

    def __repr__(self) -> str:
        return self._text

    def view(self) -> View:
        said = "It is shown in the cell that you ran last."
        return {"kind": "moved", "title": self.title, "turn": -1, "state": "moved", "said": said}

    def look(self) -> View:
        return self.view()

    def act(self, _action: Action) -> View:
        return self.view()


def show(model: Model) -> StudyWidget:
    """Return a widget for the model; one that another cell, or an earlier run, has shown says where it is now."""
    earlier = _shown.pop(model.title, None)
    if earlier is not None:
        earlier.move()
    widget = _shown[model.title] = StudyWidget(model)
    return widget
