"""Work for a retry: a transaction that the database refuses as planned, in its middle or at its commit.

The refusals are made, not provoked: a conflict of PostgreSQL is judged where there is none, and on every machine alike.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any  # Any: a mapped class, and what an event brings

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib.checks.assertions import wrong
from course_lib.databases.refusal import refusal

ATTEMPTS, ENDLESS = 5, 50  # what a retry is given by default, and the calls after which nobody means to stop

_numbers = itertools.count(1)  # a name that is taken would be a conflict of its own


class RefusedWork:
    """A transaction that fails as planned, in its middle or at its commit, and knows how often it was called.

    `thing` is a mapped class with a name and an event_id, of which each call adds one; `states` are the sqlstates of
    the refusals, one for each call, and `result` is what a call returns that is not refused. It says `Wrong` when a
    call begins in the transaction of the last one.
    """

    def __init__(self, thing: Any, states: Sequence[str], *, at_commit: bool = False, result: str = "done") -> None:
        self._thing, self._states, self._at_commit = thing, list(states), at_commit
        self._result = result
        self.calls = 0
        self.said = ""  # the last sqlstate that the database has refused with
        self._last: Any = None

    async def __call__(self, session: AsyncSession) -> str:
        if self._last is not None and session.sync_session.get_transaction() is self._last:
            wrong("a transaction is still open when the work begins again", section=5, slug="idle-in-transaction")
        self.calls += 1
        if self.calls > ENDLESS:
            wrong(f"expected {ATTEMPTS} calls, got more than {ENDLESS}; without a limit it is a retry storm", section=5)
        session.add(self._thing(name=f"guest {next(_numbers)}", event_id=1))
        await session.flush()
        self._last = session.sync_session.get_transaction()
        if self._states and self._at_commit:
            event.listen(session.sync_session, "before_commit", self._refuse, once=True)
        elif self._states:
            self._refuse()
        return self._result

    def _refuse(self, *_: Any) -> None:
        self.said = state = self._states.pop(0)
        raise refusal(state)
