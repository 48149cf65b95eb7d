"""One event of an observed engine or app, and the list of those who listen.

Engines, pools and FastAPI are hooked once per process; who wants to know registers here for as long as it looks.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import itertools
from dataclasses import dataclass
from typing import Any, Protocol  # Any: a pool or an app, compared by identity only

# the request the current code runs for; copied into its tasks and threads, so their events stay in its lane
REQUEST: contextvars.ContextVar[int | None] = contextvars.ContextVar("velvet_rope_request", default=None)
# the app that serves it: an endpoint does not know whose it is
APP: contextvars.ContextVar[Any] = contextvars.ContextVar("velvet_rope_app", default=None)
_requests = itertools.count(1)


@dataclass(frozen=True)
class Raw:
    """What a hook saw: its kind, whose it is (a pool or an app), a detail, the request and task it ran for."""

    kind: str
    owner: Any
    detail: str
    request: int | None
    task: str
    subject: Any = None  # the connection record, the lent connection or the exception itself


class Listener(Protocol):
    """Anything that wants raw events."""

    def take(self, raw: Raw) -> None:
        """Look at one event; must be quick and must not raise."""


_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Send every event from now on to `listener` too."""
    _listeners.append(listener)


def unlisten(listener: Listener) -> None:
    """Stop sending events to `listener`; unknown ones are ignored."""
    with contextlib.suppress(ValueError):
        _listeners.remove(listener)  # one step: a gauge may end in any thread, whenever it is collected


def listens(listener: Listener) -> bool:
    """Say whether events are still sent to `listener`: the list is open to everybody in this process."""
    return any(each is listener for each in _listeners)


def emit(kind: str, owner: Any, detail: str = "", subject: Any = None) -> None:
    """Tell every listener; costs one comparison when nobody listens."""
    if not _listeners:
        return
    raw = Raw(kind, owner, detail, REQUEST.get(), _task_name(), subject)
    for listener in tuple(_listeners):
        listener.take(raw)


def _task_name() -> str:
    try:
        task = asyncio.current_task()
    except RuntimeError:  # a thread without a loop
        return "thread"
    return task.get_name() if task else "no task"


def next_request() -> int:
    """Return the number of the next request of this process."""
    return next(_requests)
