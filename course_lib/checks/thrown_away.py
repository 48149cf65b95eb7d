"""`thrown_away`: what Python says of coroutines nobody awaited, while a check can still tell why.

The probe for them speaks when the check is over, and after the probe for connections: a `close()` that was not awaited
shows as a connection that was not returned.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any  # Any: whatever a warning brings


@contextmanager
def thrown_away() -> Iterator[list[str]]:
    """Yield a list that gets the text of each such warning of the block; the probe that listens hears it as well."""
    told: list[str] = []
    further = warnings.showwarning

    def note(message: Any, *rest: Any, **named: Any) -> None:
        if "was never awaited" in str(message):
            told.append(str(message))
        further(message, *rest, **named)

    warnings.showwarning = note
    try:
        yield told
    finally:
        warnings.showwarning = further
