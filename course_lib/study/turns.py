"""Whether an action was made on what the learner sees now: each view has a number, and an old one counts no more.

A double click, a slow browser and a second output of the same widget send an action twice; it must count once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from course_lib.errors import CourseError

Action = Mapping[str, Any]  # what a browser sent: {"do": ..., "turn": ...} and the action's own keys
View = dict[str, Any]  # what a browser shows: JSON


class Turns:
    """The number of the view that is shown, and the names of the actions there are."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self.number = 0

    def accept(self, action: Action) -> str | None:
        """Return the action's name, None for one made on an older view; raise `CourseError` when it is no action."""
        name, turn = action.get("do"), action.get("turn")
        if name not in self._names:
            raise CourseError(f"expected an action ({', '.join(self._names)}), got {name!r}; send one of them as 'do'")
        if not isinstance(turn, int):
            raise CourseError(f"expected the number of a view as 'turn', got {turn!r}; send view()['turn']")
        return str(name) if turn == self.number else None

    def advance(self) -> None:
        """Begin the next view."""
        self.number += 1
