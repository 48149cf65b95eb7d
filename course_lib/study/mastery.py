"""How well a learner knows something, in a word: computed from answers and reviews, the latest of each question.

It is a word and two numbers, never a score: it says what to look at again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from course_lib.study.event import Event

Word = Literal["known", "growing", "met", "not yet"]


@dataclass(frozen=True)
class Mastery:
    """How many questions about something are known, and whether the learner has met it at all."""

    known: int
    of: int
    is_met: bool

    @property
    def word(self) -> Word:
        """Return it in a word."""
        if self.of and self.known == self.of:
            return "known"
        if self.known:
            return "growing"
        return "met" if self.is_met else "not yet"


def standing_answers(events: Iterable[Event]) -> dict[str, bool]:
    """Return whether the latest answer to each question was right: in a quiz, or as a card; what was undone is void."""
    heard: dict[str, list[tuple[str, bool]]] = {}
    for event in events:
        answers = heard.setdefault(event.object, [])
        if event.verb == "answered":
            answers.append(("answered", event.result.get("right") is True))
        elif event.verb == "reviewed" and event.result.get("undo") is True:
            place = next((n for n in reversed(range(len(answers))) if answers[n][0] == "reviewed"), None)
            if place is not None:
                del answers[place]
        elif event.verb == "reviewed" and "grade" in event.result:
            answers.append(("reviewed", event.result["grade"] != "again"))
    return {name: answers[-1][1] for name, answers in heard.items() if answers}


def mastery(questions: Iterable[str], answers: dict[str, bool], *, is_met: bool = False) -> Mastery:
    """Return how well the questions about one thing are known; `is_met` says that its lesson was begun."""
    names = list(questions)
    known = sum(answers.get(name, False) for name in names)
    return Mastery(known, len(names), is_met or any(name in answers for name in names))
