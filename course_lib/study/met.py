"""Which lessons a learner has met: the cards and questions of the others would be riddles."""

from __future__ import annotations

from collections.abc import Iterable

from course_lib.study.event import Event
from course_lib.study.journal import moment_of
from course_lib.study.questions import stems


def met_lessons(events: Iterable[Event]) -> list[str]:
    """Return the stems of the lessons with any event, in order: opened, run, guessed at, answered or checked."""
    named = {lesson_of(event) for event in events}
    return [stem for stem in stems() if stem in named]


def last_lesson(events: Iterable[Event]) -> str | None:
    """Return the stem of the lesson with the latest event, None when there is none."""
    dated = [
        (moment, stem) for event in events if (stem := lesson_of(event)) in stems() and (moment := moment_of(event))
    ]
    return max(dated)[1] if dated else None


def lesson_of(event: Event) -> str:
    """Return the stem of the lesson an event belongs to, empty when it does not say."""
    kind, _, stem = event.object.partition(":")
    return stem if kind in ("lesson", "exercise", "quiz") else str(event.result.get("lesson", ""))
