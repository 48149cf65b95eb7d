"""`peak`: how many calls were inside a block, or inside the endpoints of an app, at the same time.

The count is taken inside the endpoint's own thread, so a request that still waits for a thread is not inside.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from course_lib.observe import app_hooks
from course_lib.observe.events import Raw, listen, unlisten


class Peak:
    """Counts calls that are inside at once; `most` is the answer, `entered` how many there were."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # an abandoned endpoint may be collected, and leave, while we count
        self._inside: dict[int, int] = {}  # request -> its number, for those inside now
        self.most = 0
        self.entered = 0
        self.moves: list[tuple[int, bool]] = []  # (number of the call, True for in and False for out), in order

    def take(self, raw: Raw) -> None:
        """Count an endpoint that begins or ends."""
        if raw.kind == "endpoint" and raw.request is not None:
            self._enter(raw.request)
        elif raw.kind == "endpoint-end" and raw.request is not None:
            self._leave(raw.request)

    def _enter(self, key: int) -> None:
        with self._lock:
            self.entered += 1
            self._inside[key] = self.entered
            self.most = max(self.most, len(self._inside))
            self.moves.append((self.entered, True))

    def _leave(self, key: int) -> None:
        with self._lock:
            number = self._inside.pop(key, None)
            if number is not None:
                self.moves.append((number, False))

    @contextmanager
    def block(self) -> Iterator[None]:
        """Count this block as a call, for code that is no endpoint."""
        marker = object()
        self._enter(id(marker))
        try:
            yield
        finally:
            self._leave(id(marker))

    def __enter__(self) -> Peak:
        app_hooks.install()
        listen(self)
        return self

    def __exit__(self, *error: Any) -> None:
        unlisten(self)

    def __repr__(self) -> str:
        return f"most {self.most}"


def peak() -> Peak:
    """Return a counter for `with peak() as p:`; `p.most` is how many endpoint calls were inside at once."""
    return Peak()
