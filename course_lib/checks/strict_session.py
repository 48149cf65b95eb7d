"""A session factory for checks: a session empties its rows when it closes, and a use after that is noted.

A row that happens to be loaded would pass for one that may leave its session, and a closed session opens in silence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any  # Any: SQLAlchemy's transaction and connection

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session

from course_lib.checks import learner_code

_WATCH = "velvet_rope_watch"  # in a session's `info`: the list that notes its second life
_CLOSED = "velvet_rope_closed"


class StrictSession(Session):
    """A session whose rows are empty when it has closed, loaded or not."""

    def close(self) -> None:
        """Empty every row, then close."""
        self.expire_all()
        super().close()
        self.info[_CLOSED] = True


@event.listens_for(StrictSession, "after_begin")
def _note(session: Session, *_: Any) -> None:
    if session.info.get(_CLOSED):
        session.info[_WATCH].append(learner_code.of_checkout() or "")


@dataclass
class StrictSessions:
    """The factory, and where its closed sessions were used again (empty text: not in a learner's line)."""

    factory: async_sessionmaker[AsyncSession]
    reopened: list[str] = field(default_factory=list)


def strict_sessions(engine: AsyncEngine) -> StrictSessions:
    """Return a factory on `engine` whose commits keep what they wrote, as the app's own do."""
    reopened: list[str] = []
    factory = async_sessionmaker(
        engine, expire_on_commit=False, sync_session_class=StrictSession, info={_WATCH: reopened}
    )
    return StrictSessions(factory, reopened)
