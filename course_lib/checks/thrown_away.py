"""`thrown_away`: the coroutines nobody awaited, while a check can still tell why.

The probe for them speaks when the check is over, and after the probe for connections: a `close()` that was not awaited
shows as a connection that was not returned.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any  # Any: a coroutine, and a name of `warnings` that its stubs leave out

Take = Callable[[Any], None]


@contextmanager
def hearing(take: Take) -> Iterator[Callable[[], bool]]:
    """Have `take` told of each coroutine that is thrown away; yields whether that is still so.

    Python asks a function of `warnings` to speak, and a filter of the answer's could silence what it says: so the
    function itself is replaced.
    """
    asked: Any = warnings
    before, asked._warn_unawaited_coroutine = asked._warn_unawaited_coroutine, take
    try:
        yield lambda: asked._warn_unawaited_coroutine is take
    finally:
        asked._warn_unawaited_coroutine = before


@contextmanager
def thrown_away() -> Iterator[list[str]]:
    """Yield a list that gets the name of each coroutine nobody awaited; who listened before hears of it as well."""
    told: list[str] = []
    asked: Any = warnings
    further: Take = asked._warn_unawaited_coroutine

    def take(coroutine: Any) -> None:
        told.append(coroutine.__name__)
        further(coroutine)

    with hearing(take):
        yield told
