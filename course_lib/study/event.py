"""One thing a learner did, as the progress store keeps it.

Everything the course shows about a learner is computed from these, so they are only ever added, never changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Verb = Literal["opened", "ran", "checked", "passed", "predicted", "answered", "reviewed", "reset", "bookmarked"]

COLUMNS = ("id", "at_utc", "actor", "verb", "object", "result_json", "course_version")


@dataclass(frozen=True)
class Event:
    """One event, shaped like xAPI: an actor, a verb, an object, a result and a time."""

    verb: str
    object: str
    result: dict[str, Any] = field(default_factory=dict)  # Any: whatever JSON can say, each verb has its own keys
    id: str = ""
    at_utc: str = ""
    actor: str = ""
    course_version: str = ""
