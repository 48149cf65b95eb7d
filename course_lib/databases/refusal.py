"""`refusal`: an error as a driver raises it, with the sqlstate we want, and work that is refused so.

A conflict of two transactions needs two of them and a server; what is done about it can be seen without either.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

UNIQUE_VIOLATION = "23505"


def refusal(state: str) -> DBAPIError:
    """Return the error that SQLAlchemy makes of a database's refusal with this sqlstate."""
    kind = IntegrityError if state == UNIQUE_VIOLATION else DBAPIError
    return kind("UPDATE events ...", {}, type("Refused", (Exception,), {"sqlstate": state})(state))


class RefusedTimes:
    """Work that is refused once for each of `states`, and then done; `calls` counts how often it was begun."""

    def __init__(self, states: Iterable[str]) -> None:
        self._left = list(states)
        self.calls = 0

    async def __call__(self, session: AsyncSession) -> str:
        """Do the work, or raise the next refusal."""
        self.calls += 1
        if self._left:
            raise refusal(self._left.pop(0))
        return "done"
