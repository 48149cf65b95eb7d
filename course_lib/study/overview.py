"""Everything the course can say about a learner's progress, computed from events: per lesson, and as a whole.

The table in a notebook, `course progress` and its JSON and CSV all show these figures and no others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from course_lib.study.bookmarks import Bookmark, bookmarks_in
from course_lib.study.deck import Deck
from course_lib.study.event import Event
from course_lib.study.journal import Journal, moment_of
from course_lib.study.mastery import mastery, standing_answers
from course_lib.study.met import lesson_of
from course_lib.study.progress import next_sheet, passed_in, ran_lessons
from course_lib.study.questions import load, stems

PAUSE = timedelta(minutes=10)  # a longer silence is a coffee, not study

Points = Mapping[str, Mapping[str, int]]  # stem -> question -> points


@dataclass(frozen=True)
class LessonRow:
    """The figures of one lesson."""

    lesson: str
    ran: bool
    questions_passed: int
    questions: int
    points_won: int
    points: int
    predictions_right: int
    predictions_made: int
    quiz_and_cards_known: int
    quiz_and_cards: int
    minutes: int
    mastery: str


@dataclass(frozen=True)
class Overview:
    """The figures of all lessons, the cards that wait, and what to do next."""

    lessons: list[LessonRow]
    cards_due: int
    cards_new: int
    minutes: int
    next: str
    bookmarks: list[Bookmark] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:  # Any: JSON
        """Return the figures as JSON can say them, with the sums over all lessons."""
        counted = [name for name in LessonRow.__dataclass_fields__ if name not in ("lesson", "mastery")]
        total = {name: sum(getattr(row, name) for row in self.lessons) for name in counted}
        return {**asdict(self), "total": total | {"lessons": len(self.lessons), "minutes": self.minutes}}

    def lines(self) -> list[str]:
        """Return what stands below the table of questions."""
        total = self.as_json()["total"]
        listed = [f"  {one}" for one in self.bookmarks]
        return [
            f"Lessons whose last cell ran: {total['ran']} of {total['lessons']}",
            f"Predictions right: {total['predictions_right']} of {total['predictions_made']}",
            f"Quiz and cards known: {total['quiz_and_cards_known']} of {total['quiz_and_cards']}",
            f"Cards: {self.cards_due} due, {self.cards_new} new",
            f"Minutes: {self.minutes}",
            *([f"Bookmarks: {len(listed)}", *listed] if listed else []),
            *([f"Next: {self.next}"] if self.next else []),
        ]


def overview(points_by_stem: Points, journal: Journal | None = None) -> Overview:
    """Return the figures as they are now."""
    journal = journal or Journal()
    events = journal.events()
    spent = minutes_by_lesson(events)
    rows = [_row(stem, points, events, spent) for stem, points in points_by_stem.items()]
    due, new = Deck(journal=journal).counts()
    listed = bookmarks_in(events)
    whole = round(sum(spent.values(), timedelta()) / timedelta(minutes=1))
    return Overview(rows, due, new, whole, _next(points_by_stem, events, due), listed)


def minutes_by_lesson(events: Sequence[Event]) -> dict[str, timedelta]:
    """Return the time spent on each lesson: from event to event, where the silence between two is no pause."""
    spent: dict[str, timedelta] = defaultdict(timedelta)
    before: datetime | None = None
    for moment, event in sorted(((m, e) for e in events if (m := moment_of(e))), key=lambda pair: pair[0]):
        if before is not None and moment - before <= PAUSE:
            spent[lesson_of(event)] += moment - before
        before = moment
    return spent


def _row(stem: str, points: Mapping[str, int], events: Sequence[Event], spent: Mapping[str, timedelta]) -> LessonRow:
    done = passed_in(events, {stem: list(points)}) & set(points)
    of_lesson = [event for event in events if lesson_of(event) == stem]
    guesses = {e.object: e.result.get("right") is True for e in of_lesson if e.verb == "predicted"}
    bank = [question.id for question in load(stem) if question.kind != "predict"] if stem in stems() else []
    knows = mastery([*bank, *points], standing_answers(events) | dict.fromkeys(done, True), is_met=bool(of_lesson))
    return LessonRow(
        lesson=stem,
        ran=stem in ran_lessons(events),
        questions_passed=len(done),
        questions=len(points),
        points_won=sum(points[name] for name in done),
        points=sum(points.values()),
        predictions_right=sum(guesses.values()),
        predictions_made=len(guesses),
        quiz_and_cards_known=knows.known - len(done),
        quiz_and_cards=len(bank),
        minutes=round(spent.get(stem, timedelta()) / timedelta(minutes=1)),
        mastery=knows.word,
    )


def _next(points_by_stem: Points, events: Sequence[Event], due: int) -> str:
    waiting = "the card that is due" if due == 1 else f"the {due} cards that are due"
    cards = f"review {waiting} (study.cards() in a notebook, course cards in a terminal)" if due else ""
    if not points_by_stem:
        return cards
    questions = {stem: list(points) for stem, points in points_by_stem.items()}
    kind, stem = next_sheet(list(points_by_stem), questions, events)
    return f"{cards}{', then ' if cards else ''}{kind} {stem} (course start)"
