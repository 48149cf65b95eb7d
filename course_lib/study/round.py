"""One pass through some questions: what was asked, in which order, what was answered, and what comes next.

A quiz and the speed challenge are both rounds. Everything is computed from events: a restarted kernel goes on in it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from course_lib.study.event import Event
from course_lib.study.journal import Journal
from course_lib.study.questions import Option, Question


@dataclass
class Played:
    """What the events say about one round: how it was opened, and its answers in the order they came."""

    number: int
    opened: dict[str, Any] = field(default_factory=dict)  # Any: what the face wrote when it opened the round
    answers: dict[str, Event] = field(default_factory=dict)

    def right(self) -> int:
        """Return how many answers are right."""
        return sum(event.result.get("right") is True for event in self.answers.values())

    def seconds(self) -> float:
        """Return the seconds its answers took together."""
        return sum(float(event.result.get("seconds", 0)) for event in self.answers.values())

    def streak(self) -> int:
        """Return how many of the last answers are right in a row."""
        return _run([event.result.get("right") is True for event in self.answers.values()])

    def longest(self) -> int:
        """Return the longest run of right answers."""
        hits = [event.result.get("right") is True for event in self.answers.values()]
        return max((_run(hits[: end + 1]) for end in range(len(hits))), default=0)


class Round:
    """The current round of a face called `name` (`quiz:07_pools`), and all earlier ones."""

    def __init__(self, name: str, pool: Sequence[Question], journal: Journal) -> None:
        self.name = name
        self._pool = {question.id: question for question in pool}
        self._journal = journal
        self.look()

    def look(self) -> None:
        """Read the events again."""
        played: dict[int, Played] = {}
        for event in self._journal.events():
            if event.verb == "opened" and event.object == self.name:
                number = _number(event.result.get("round"))
                played.setdefault(number, Played(number)).opened = event.result
            elif event.verb == "answered" and event.result.get("in") == self.name and event.object in self._pool:
                number = _number(event.result.get("round"))
                played.setdefault(number, Played(number)).answers.setdefault(event.object, event)
        self.current = played[max(played)] if played else Played(0)
        self.history = [played[number] for number in sorted(played)]

    @property
    def questions(self) -> list[Question]:
        """Return the questions of the current round in order; round 0 was never opened and asks the whole pool."""
        return self._asked(self.current)

    @property
    def following(self) -> Question | None:
        """Return the first question without an answer, None when the round is over."""
        return next((question for question in self.questions if question.id not in self.current.answers), None)

    def complete(self) -> list[Played]:
        """Return the rounds in which every question was answered."""
        return [one for one in self.history if self._asked(one) and all(q.id in one.answers for q in self._asked(one))]

    def options(self, question: Question) -> list[Option]:
        """Return a question's options in this round's order: the same for ever, another one in the next round."""
        return shuffled(question.options, f"{question.id}#{self.current.number}")

    def open(self, questions: Sequence[Question], **how: Any) -> None:  # Any: what the face wants to remember
        """Begin the next round; where another notebook was faster, its round is the current one."""
        number = self.current.number + 1
        result = {"round": number, "questions": [question.id for question in questions], **how}
        self._journal.write("opened", self.name, result, key=f"opened {self.name} {number}")
        self.look()

    def answer(self, question: Question, option: Option, **how: Any) -> bool:  # Any: what the face wants to remember
        """Write an answer; False when the question has one in this round."""
        number = self.current.number
        result = {"option": option.text, "right": option.right, "lesson": question.lesson}
        result |= {"in": self.name, "round": number, **how}
        is_mine = self._journal.write(
            "answered", question.id, result, key=f"answered {self.name} {number} {question.id}"
        )
        self.look()
        return is_mine

    def _asked(self, played: Played) -> list[Question]:
        listed = played.opened.get("questions")
        names = listed if isinstance(listed, list) else list(self._pool)
        return [self._pool[name] for name in names if name in self._pool]  # a later edition may have dropped one


def shuffled(options: Sequence[Option], seed: str) -> list[Option]:
    """Return the options in an order that only the seed decides."""
    return random.Random(seed).sample(list(options), len(options))


def shown(options: Sequence[Option], chosen: str | None) -> list[dict[str, Any]]:  # Any: JSON
    """Return options for a view; marks and reasons only when one of them was `chosen`."""
    marks = ["" if chosen is None else "right" if option.right else "wrong" for option in options]
    return [
        {
            "text": option.text,
            "mark": mark,
            "chosen": option.text == chosen,
            "because": option.because if chosen is not None else "",
        }
        for option, mark in zip(options, marks, strict=True)
    ]


def verdict(question: Question, *, is_right: bool) -> str:
    """Return what a learner reads after an answer."""
    if is_right:
        return "Right."
    return f'Not this time: the right answer is "{right_of(question).text}". The question is in your cards now.'


def missed(question: Question) -> str:
    """Return a question that was answered wrongly with its right answer, as one line of a result."""
    is_whole = question.prompt.rstrip("`").endswith((".", "?", "!", ":"))
    return f"{question.prompt}{'' if is_whole else ':'} {right_of(question).text}"


def right_of(question: Question) -> Option:
    """Return the right option."""
    return next(option for option in question.options if option.right)


def _run(hits: Sequence[bool]) -> int:
    run = 0
    for hit in reversed(hits):
        if not hit:
            break
        run += 1
    return run


def _number(found: object) -> int:
    return found if isinstance(found, int) else 0
