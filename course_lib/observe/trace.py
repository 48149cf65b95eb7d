"""`trace`: what really happened on the connections, and on the way through the app, in order.

Counts and orders are facts that are the same on every machine; times are not, so an event carries none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any  # Any: an AsyncEngine or Engine, imported by whoever has one

from course_lib.observe import app_hooks, engine_hooks
from course_lib.observe.events import Raw, listen, unlisten

REQUEST_KINDS = frozenset({"endpoint", "enter", "exit", "send-start", "send-body", "background"})
POOL_KINDS = frozenset({"checkout", "checkin", "reset", "invalidate", "close"})
TRANSACTION_KINDS = frozenset({"BEGIN", "COMMIT", "ROLLBACK"})
_GIVING_BACK = frozenset({"ROLLBACK", "reset", "checkin", "invalidate", "close"})
# gauges, probes and lifelines want them, a reader does not
_NOT_SHOWN = frozenset({"arrive", "ask", "connect", "crash", "detach", "endpoint-end", "leave", "refused", "served"})


@dataclass(frozen=True)
class Event:
    """One thing that happened: its kind, the lane it belongs to (`request 1`), the statement, and the task."""

    kind: str
    lane: str
    detail: str
    task: str

    def __str__(self) -> str:
        return self.kind


class Trace:
    """The events of a block, in order; a sequence, and a context manager that works with `with` and `async with`."""

    def __init__(self, engine: Any = None, app: Any = None) -> None:
        self._engine = engine
        self._app = app
        self._pools: list[Any] = []  # the engine's own, and those it had before a dispose
        self._events: list[Event] = []
        self._lanes: dict[object, str] = {}
        self._borrowers: dict[int, object] = {}  # connection record -> whose lane it was checked out in

    def take(self, raw: Raw) -> None:
        """Keep `raw` when it belongs to the watched engine or app."""
        if raw.kind in _NOT_SHOWN or not self._wanted(raw):
            return
        self._events.append(Event(raw.kind, self._lane(raw), raw.detail, raw.task))

    def _wanted(self, raw: Raw) -> bool:
        if raw.kind in REQUEST_KINDS:
            return self._app is not None and (raw.owner is None or raw.owner is self._app)
        if self._engine is None:
            return True
        self._follow_pool()
        return any(raw.owner is pool for pool in self._pools)

    def _follow_pool(self) -> None:
        pool = engine_hooks.engine_pool(self._engine)
        if not any(pool is known for known in self._pools):
            self._pools.append(pool)

    def _lane(self, raw: Raw) -> str:
        key: object = raw.request if raw.request is not None else self._borrower(raw)
        if key not in self._lanes:
            word = "request" if raw.request is not None else "task"
            number = 1 + sum(lane.startswith(word) for lane in self._lanes.values())
            self._lanes[key] = f"{word} {number}"
        return self._lanes[key]

    def _borrower(self, raw: Raw) -> object:
        """Return the task of an event; SQLAlchemy gives a connection back in a task of its own, which is nobody's."""
        record = raw.subject[0] if isinstance(raw.subject, tuple) else raw.subject
        if raw.kind == "checkout":
            self._borrowers[id(record)] = raw.task
        elif raw.kind in _GIVING_BACK:
            return self._borrowers.get(id(record), raw.task)
        return raw.task

    def only(self, *kinds: str) -> list[str]:
        """Return the kinds of the events whose kind is among `kinds`, in order."""
        return [event.kind for event in self._events if event.kind in kinds]

    def without(self, *kinds: str) -> list[str]:
        """Return the kinds of the events whose kind is not among `kinds`, in order."""
        return [event.kind for event in self._events if event.kind not in kinds]

    def count(self, kind: str) -> int:
        """Return how many events of `kind` there are."""
        return Counter(event.kind for event in self._events)[kind]

    def statements(self) -> list[str]:
        """Return the text of every statement sent, transaction control left out."""
        not_statements = REQUEST_KINDS | POOL_KINDS | TRANSACTION_KINDS
        return [event.detail for event in self._events if event.kind not in not_statements]

    def __enter__(self) -> Trace:
        engine_hooks.install()
        app_hooks.install()
        if self._engine is not None:
            self._follow_pool()
        listen(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        unlisten(self)

    async def __aenter__(self) -> Trace:
        return self.__enter__()

    async def __aexit__(self, *error: Any) -> None:
        unlisten(self)

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events)

    def __len__(self) -> int:
        return len(self._events)

    def __getitem__(self, index: int) -> Event:
        return self._events[index]

    def __repr__(self) -> str:
        return " ".join(event.kind for event in self._events) or "nothing happened"


def trace(engine: Any = None, app: Any = None) -> Trace:
    """Record the events of `engine` (None: of every engine) and, with `app`, of its requests, until the block ends."""
    return Trace(engine, app)
