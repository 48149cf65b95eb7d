"""The events a study model works on: read anew at each action, and each action written at most once.

Two notebooks may act on the same thing. The key of an action names the place it takes, and the first one has it.
What a store refuses is kept in memory and written with the next action that it takes: a full disk loses no answer.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from course_lib.errors import ProgressError
from course_lib.study import store
from course_lib.study.event import Event, Verb
from course_lib.study.progress import say_once

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time of day in UTC: the clock of every model that is given no other."""
    return datetime.now(UTC)


def moment_of(event: Event) -> datetime | None:
    """Return when an event happened, in UTC; None when a file that somebody edited does not say."""
    try:
        moment = datetime.fromisoformat(event.at_utc)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class Journal:
    """The store's events with a clock of one's choice; the memory of what the store has not taken yet."""

    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._read: list[Event] = []
        self._mark: tuple[object, ...] = ()
        self._waiting: dict[str, tuple[Event, datetime]] = {}  # by the action's key

    def now(self) -> datetime:
        """Return the time in UTC."""
        return self._clock().astimezone(UTC)

    def events(self) -> list[Event]:
        """Return all events, oldest first; from a store that refuses, those that were known."""
        try:
            mark = store.mark()
            if mark != self._mark:  # thousands of events take longer to read than a click may last
                self._read, self._mark = store.read(), mark
        except ProgressError as refusal:
            say_once(refusal)
        return [*self._read, *(event for event, _ in self._waiting.values())]

    def write(self, verb: Verb, obj: str, result: dict[str, Any], key: str) -> bool:  # Any: each verb has its own keys
        """Write one event and whatever still waits; False when that place was taken before."""
        now = self.now()
        try:
            self._write_waiting()
            return store.append(verb, obj, result, key=key, at=now)
        except ProgressError as refusal:
            say_once(refusal)
        if key in self._waiting:
            return False
        self._waiting[key] = (Event(verb, obj, result, at_utc=now.isoformat()), now)
        return True

    def _write_waiting(self) -> None:
        for key, (event, at) in list(self._waiting.items()):
            store.append(event.verb, event.object, event.result, key=key, at=at)  # type: ignore[arg-type]  # came in as a Verb
            del self._waiting[key]
