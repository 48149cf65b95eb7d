"""When a card is due: the reviews of the store, played through FSRS.

Nothing of it is stored: the same reviews give the same dates on every machine, because fuzzing is off.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal, cast, get_args

from fsrs import Card, Rating, Scheduler, State

from course_lib.study.event import Event
from course_lib.study.journal import moment_of

Grade = Literal["again", "hard", "good", "easy"]
GRADES: tuple[Grade, ...] = get_args(Grade)
RATINGS = dict(zip(GRADES, (Rating.Again, Rating.Hard, Rating.Good, Rating.Easy), strict=True))
SCHEDULER = Scheduler(enable_fuzzing=False)  # a date that depends on luck can be tested by nobody


@dataclass
class Standing:
    """How one card stands: its reviews that count, and how many events there are about it, undone ones included."""

    id: str
    events: int = 0
    reviews: list[tuple[Grade, datetime]] = field(default_factory=list)

    @property
    def card(self) -> Card:
        """Return the card of FSRS after all reviews that count."""
        return _played(self.id, tuple(self.reviews))

    @property
    def is_new(self) -> bool:
        """Say whether it has never been reviewed."""
        return not self.reviews

    @property
    def last(self) -> Grade | None:
        """Return its latest grade."""
        return self.reviews[-1][0] if self.reviews else None

    def due(self) -> datetime | None:
        """Return when it is due; None when it is new."""
        return None if self.is_new else self.card.due

    def is_learned(self) -> bool:
        """Say whether it has left its first steps of minutes, and the latest answer was known."""
        return not self.is_new and self.card.state is State.Review

    def after(self, now: datetime) -> dict[Grade, timedelta]:
        """Return how far each grade would move it from `now`."""
        card = self.card
        return {grade: SCHEDULER.review_card(card, RATINGS[grade], now)[0].due - now for grade in GRADES}


@lru_cache(maxsize=2048)  # a deck looks at all its cards at each click, and one of them has changed
def _played(name: str, reviews: tuple[tuple[Grade, datetime], ...]) -> Card:
    card = Card(card_id=number_of(name), due=reviews[0][1] if reviews else None)
    for grade, moment in reviews:
        card, _ = SCHEDULER.review_card(card, RATINGS[grade], moment)  # a copy: the cached card stays as it is
    return card


def number_of(question_id: str) -> int:
    """Return the card's number for FSRS: made from the question's id, the same for ever."""
    return int.from_bytes(hashlib.sha256(question_id.encode()).digest()[:7], "big")  # fits into a 64-bit integer


def standings(events: Iterable[Event]) -> dict[str, Standing]:
    """Return how every card stands that has an event; an undo takes back the latest review of its card."""
    found: dict[str, Standing] = {}
    for event in events:
        if event.verb != "reviewed":
            continue
        standing = found.setdefault(event.object, Standing(event.object))
        standing.events += 1
        moment, grade = moment_of(event), event.result.get("grade")
        if event.result.get("undo") is True:
            del standing.reviews[-1:]
        elif grade in GRADES and moment is not None:
            standing.reviews.append((cast(Grade, grade), moment))
    return found


def span(time: timedelta) -> str:
    """Return a time in words, in the unit a person would use."""
    minutes = max(1, round(time.total_seconds() / 60))
    days = time.days if time.seconds < 43_200 else time.days + 1
    for count, unit, least in ((days / 365, "year", 2), (days / 30, "month", 2), (days, "day", 1)):
        if count >= least:
            return f"{round(count)} {unit}{'s' * (round(count) != 1)}"
    count, unit = (round(minutes / 60), "hour") if minutes >= 60 else (minutes, "minute")
    return f"{count} {unit}{'s' * (count != 1)}"
