"""A clock that a test turns, and a hand that plays a model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from course_lib.study.journal import Journal

MORNING = datetime(2027, 1, 4, 9, tzinfo=UTC)


class Now:
    """The time of day, as a test sets it."""

    def __init__(self, moment: datetime = MORNING) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment

    def later(self, **time: float) -> None:
        """Let time pass."""
        self.moment += timedelta(**time)

    def journal(self) -> Journal:
        """Return the journal of another notebook, with this clock."""
        return Journal(self)


class Model(Protocol):
    """What every study model can do."""

    def view(self) -> dict[str, Any]: ...
    def act(self, action: dict[str, Any]) -> dict[str, Any]: ...


def do(model: Model, name: str, **what: object) -> dict[str, Any]:
    """Act on what the model shows now, and return the new view."""
    return model.act({"turn": model.view()["turn"], "do": name, **what})
