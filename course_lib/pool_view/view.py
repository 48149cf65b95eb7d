"""`pool_view`: a scene in the browser, at most thirty times a second, and knobs that reach the model.

All decisions are in the model and the watch, which need no browser to be tested; this file knows only wires.
"""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any  # Any: an engine, and what the browser sent

import anywidget
import traitlets

from course_lib.errors import CourseError
from course_lib.pool_view.model import KNOBS, PoolModel
from course_lib.pool_view.scene import Scene, Source
from course_lib.pool_view.watch import PoolWatch

HERE = Path(__file__).parent
FRAME_S = 1 / 30  # an eye sees no more, and a picture that steals loop time falsifies what it shows
MOST_MARKS = 60  # guests drawn at the rope, or refused; more are told as a number

_shown: dict[int, PoolView] = {}


class PoolView(anywidget.AnyWidget):
    """Mirrors a source of scenes; only the last scene of each frame is sent."""

    _esm = (HERE / "view.js").read_text(encoding="utf-8")
    _css = (HERE / "view.css").read_text(encoding="utf-8")

    seats = traitlets.List(traitlets.Unicode()).tag(sync=True)
    size = traitlets.Int().tag(sync=True)
    waiting = traitlets.Int().tag(sync=True)
    refused = traitlets.Int().tag(sync=True)
    most_marks = traitlets.Int(MOST_MARKS).tag(sync=True)
    told = traitlets.Unicode().tag(sync=True)
    frame = traitlets.Int().tag(sync=True)
    knobs: traitlets.List[Any] = traitlets.List().tag(sync=True)
    note = traitlets.Unicode().tag(sync=True)

    def __init__(self, source: Source | None = None, engine: Any = None) -> None:
        self._loop = asyncio.get_running_loop()  # the kernel's: an event may come from another thread
        self._lock = threading.Lock()
        self._is_scheduled = False
        self.cost = 0.0  # seconds of the loop's time spent on sending frames
        self._watch = PoolWatch(engine, self.changed) if engine is not None else None
        chosen = self._watch or source
        assert chosen is not None
        self.source: Source = chosen
        super().__init__(knobs=self._offered())
        self._mirror()
        self.on_msg(self._on_message)

    def __repr__(self) -> str:
        """Return the scene in words: no address, no time."""
        return f"Pool: {self.source.scene()}"

    def changed(self) -> None:
        """Note that the scene changed; from any thread, as often as it likes."""
        with self._lock:
            if self._is_scheduled:
                return
            self._is_scheduled = True
        with suppress(RuntimeError):  # the loop is closed: the kernel is going down
            self._loop.call_soon_threadsafe(self._loop.call_later, FRAME_S, self._mirror)

    def close(self) -> None:
        """Take the view off the page and stop listening."""
        if self._watch is not None:
            self._watch.close()
        super().close()

    def _mirror(self) -> None:
        begin = time.perf_counter()
        with self._lock:
            self._is_scheduled = False
        scene: Scene = self.source.scene()
        with self.hold_sync():
            self.seats = list(scene.seats)
            self.size = scene.size
            self.waiting = scene.waiting
            self.refused = scene.refused
            self.told = str(scene)
            self.frame += 1
        self.cost += time.perf_counter() - begin

    def _offered(self) -> list[dict[str, Any]]:
        if not isinstance(self.source, PoolModel):
            return []
        ranges = KNOBS.items()
        return [
            {"name": name, "min": low, "max": high, "step": step, "value": getattr(self.source, name)}
            for name, (low, high, step) in ranges
        ]

    def _on_message(self, _widget: object, content: Any, _buffers: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: the kernel is going down
            self._loop.call_soon_threadsafe(self._receive, content)

    def _receive(self, content: Any) -> None:
        model = self.source
        if not isinstance(model, PoolModel) or not isinstance(content, dict):
            return
        try:
            if content.get("kind") == "guest":
                model.send_guest()
            elif content.get("kind") == "knob":
                model.turn(str(content.get("name")), content.get("value", 0))
            self.note = ""
        except CourseError as error:
            self.note = str(error)
        self.changed()


class ModelView(PoolView):
    """A view whose model lives as long as it is shown: its clock follows the wall clock, frame by frame."""

    def __init__(self, model: PoolModel) -> None:
        super().__init__(model)
        self._model = model
        self._clock = self._loop.create_task(self._run(), name="pool view")

    async def _run(self) -> None:
        before = time.perf_counter()
        while True:
            await asyncio.sleep(FRAME_S)
            now = time.perf_counter()
            self._model.advance(now - before)
            before = now
            self._mirror()

    def close(self) -> None:
        """Stop the model's clock and take the view off the page."""
        self._clock.cancel()
        super().close()


def pool_view(engine: Any = None, **knobs: Any) -> PoolView:
    """Return a live view of the pool of `engine`, or of a model when there is none.

    `knobs` set the model: pool_size, max_overflow, timeout (s), rate (guests a second), hold (s), seed. The view of an
    earlier call for the same engine (or model) is closed. Raises `CourseError` for a knob out of its range, or when
    no event loop runs.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise CourseError("a pool view needs a running event loop; make it in a notebook cell") from None
    if engine is not None and knobs:
        raise CourseError(f"a view of an engine has no knobs, got {', '.join(knobs)}; give them to create_async_engine")
    unknown = [name for name in knobs if name not in (*KNOBS, "seed")]
    if unknown:
        raise CourseError(f"a pool has the knobs {', '.join(KNOBS)}, got {unknown[0]!r}")
    earlier = _shown.pop(id(engine), None)
    if earlier is not None:
        earlier.close()
    view = PoolView(engine=engine) if engine is not None else ModelView(PoolModel(**knobs))
    _shown[id(engine)] = view
    return view
