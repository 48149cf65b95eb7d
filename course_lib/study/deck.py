"""Flashcards with real spaced repetition: which card is due, its front, its back, a grade, and undo.

A deck keeps nothing of its own: reviews are events of the store, so a restarted kernel goes on where it was.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from course_lib.study.event import Event
from course_lib.study.face import face
from course_lib.study.journal import Journal
from course_lib.study.met import met_lessons
from course_lib.study.questions import Question, of_kind, stem_of, stems
from course_lib.study.schedule import GRADES, Standing, span, standings
from course_lib.study.turns import Action, Turns, View

if TYPE_CHECKING:
    from course_lib.study.widget import StudyWidget

ACTIONS = ("flip", "grade", "undo", "refresh")
AGAIN_WITHIN = timedelta(minutes=15)  # a card graded "again" comes back in the same sitting, after all others
BRIEF = 48  # characters
UNDO_WITHIN = timedelta(days=1)  # undo is for a slip, not for history


class Deck:
    """The cards of one lesson, or of all lessons the learner has met; quiz items answered wrongly are among them.

    `view()` is what there is to see, as JSON:

    - `kind`: "cards"; `title`; `turn`: the view's number, to be sent back with an action
    - `state`: "front", "back" or "done" (nothing is due now)
    - `due`, `new`: how many cards wait, and how many were never reviewed; `repeat`: how many come back in this sitting
    - `card`, `lesson`, `front`: the card that is shown ("" when done); `back`: "" until it is turned
    - `grades`: when turned, `[{"grade": "again", "next": "1 minute"}, ...]`, from again to easy
    - `can_undo`: whether the latest review can be taken back; `undoes`: the front of its card, shortened
    - `wakes_in`: when nothing is due, the seconds until something is, at most a day; else None
    - `said`: one sentence for a status line: what the last action did, or when the next card is due

    `act()` takes `{"turn": n, "do": "flip"}`, `{"turn": n, "do": "grade", "grade": "good"}`,
    `{"turn": n, "do": "undo"}` or `{"turn": n, "do": "refresh"}` (time has passed) and returns the new view. One made
    on an older view changes nothing; so does a grade before the card is turned.
    """

    def __init__(self, number: int | None = None, journal: Journal | None = None) -> None:
        self._stem = None if number is None else stem_of(number)
        self._journal = journal or Journal()
        self._turns = Turns(ACTIONS)
        self._shown: tuple[Question, int] | None = None  # the card, and how many events it had when it was shown
        self._chosen = ""  # the card that undo has brought back
        self._is_turned = False
        self._said = ""
        self._look()

    def __repr__(self) -> str:
        """Return the text a saved notebook shows: a lesson's fronts, always the same; without a lesson the counts."""
        if self._stem is not None:
            fronts = [question.prompt for question in cards_of(self._stem)]
            return "\n".join([f"{self.title}: {len(fronts)}", *(f"- {front}" for front in fronts)])
        self._look()
        return f"Cards: {len(self._due)} due, {len(self._new)} new"

    @property
    def title(self) -> str:
        """Return whose cards these are."""
        return "Cards" if self._stem is None else f"Cards of lesson {self._stem[:2]}"

    def view(self) -> View:
        """Return what there is to see."""
        question, latest = self._shown[0] if self._shown else None, self._latest()
        return {
            "kind": "cards",
            "title": self.title,
            "turn": self._turns.number,
            "state": "done" if question is None else "back" if self._is_turned else "front",
            "due": len(self._due),
            "new": len(self._new),
            "repeat": len(self._soon),
            "card": question.id if question else "",
            "lesson": question.lesson if question else "",
            "front": question.prompt if question else "",
            "back": back_of(question) if question and self._is_turned else "",
            "grades": self._grades() if self._is_turned else [],
            "can_undo": latest is not None,
            "undoes": brief(self._questions[latest[0]].prompt) if latest else "",
            "wakes_in": None if question else self._wakes_in(),
            "said": self._said if question else f"{self._said} {self._rest()}".strip(),
        }

    def look(self) -> View:
        """Return the view after something else was done: a question missed in a quiz is a card now."""
        self._look()
        return self.view()

    def act(self, action: Action) -> View:
        """Do what the learner asked for on the view of that turn, and return the new view."""
        name = self._turns.accept(action)
        if name is None:
            return self.view()
        self._said = ""
        self._look()
        if name == "flip":
            self._is_turned = self._shown is not None
        elif name == "grade" and self._is_turned:
            self._grade(action.get("grade"))
        elif name == "undo":
            self._undo()
        self._turns.advance()
        return self.view()

    def counts(self) -> tuple[int, int]:
        """Return how many cards are due now, and how many are new."""
        self._look()
        return len(self._due), len(self._new)

    def _look(self) -> None:
        """Read the events again and keep the card that is shown, unless another notebook has reviewed it."""
        events = self._journal.events()
        now = self._journal.now()
        self._standings = standings(events)
        self._questions = {question.id: question for question in self._in_deck(events)}
        stand = [self._standing(name) for name in self._questions]
        dated = sorted(((due, one.id) for one in stand if (due := one.due()) is not None), key=lambda pair: pair[0])
        self._due = [name for due, name in dated if due <= now]
        self._new = [one.id for one in stand if one.is_new]
        self._later = [(due, name) for due, name in dated if due > now]
        soon = now + AGAIN_WITHIN
        self._soon = [name for due, name in self._later if due <= soon and self._standing(name).last == "again"]
        pile = [*self._due, *self._new, *self._soon]
        if self._shown and self._shown[0].id in pile and self._standing(self._shown[0].id).events == self._shown[1]:
            return
        if self._shown is None and not pile:
            return  # still nothing to show: the view is the one that was sent
        self._turns.advance()  # an action made on the former card must not reach this one
        if self._shown and self._is_turned and self._shown[0].id in self._questions:
            self._said = "This card was reviewed in another notebook meanwhile; that review counts, once."
        self._is_turned = False
        self._shown = None
        if pile:
            first = self._chosen if self._chosen in pile else pile[0]
            self._shown = (self._questions[first], self._standing(first).events)
        self._chosen = ""

    def _in_deck(self, events: list[Event]) -> list[Question]:
        lessons = met_lessons(events) if self._stem is None else [self._stem]
        missed = {e.object for e in events if e.verb == "answered" and e.result.get("right") is False}
        wrong = [q for q in of_kind("quiz", stems() if self._stem is None else lessons) if q.id in missed]
        return [*(card for stem in lessons for card in cards_of(stem)), *wrong]

    def _standing(self, name: str) -> Standing:
        return self._standings.get(name) or Standing(name)

    def _grades(self) -> list[dict[str, str]]:
        assert self._shown is not None
        after = self._standing(self._shown[0].id).after(self._journal.now())
        return [{"grade": grade, "next": span(time)} for grade, time in after.items()]

    def _grade(self, grade: object) -> None:
        if grade not in GRADES or self._shown is None:
            return
        question, events = self._shown
        result = {"grade": grade, "lesson": question.lesson}
        is_mine = self._journal.write("reviewed", question.id, result, key=f"reviewed {question.id} {events}")
        self._is_turned = False  # before the look: this review is no stranger's
        self._shown = None
        self._look()
        standing = self._standing(question.id)
        due, moment = standing.due(), standing.reviews[-1][1] if standing.reviews else self._journal.now()
        again = span(due - moment) if due is not None else ""  # the words that stood on the button
        if is_mine and self._shown is not None and self._shown[0].id == question.id:
            self._said = f"{str(grade).capitalize()}: here it is once more."
            return
        self._said = (
            f'{str(grade).capitalize()}: "{brief(question.prompt)}" comes back in {again}.'
            if is_mine
            else "This card was reviewed in another notebook meanwhile; that review counts, once."
        )

    def _latest(self) -> tuple[str, datetime] | None:
        """Return the card reviewed last in this deck and when, None when that is too long ago."""
        reviewed = [(one.reviews[-1][1], name) for name in self._questions if (one := self._standing(name)).reviews]
        moment, name = max(reviewed, default=(None, ""))
        return (name, moment) if moment is not None and self._journal.now() - moment <= UNDO_WITHIN else None

    def _undo(self) -> None:
        latest = self._latest()
        if latest is None:
            self._said = "There is no review of the last day to take back."
            return
        name, _ = latest
        events = self._standing(name).events
        result = {"undo": True, "lesson": self._questions[name].lesson}
        self._journal.write("reviewed", name, result, key=f"reviewed {name} {events}")
        self._shown, self._chosen, self._is_turned = None, name, False
        self._look()
        self._said = "The last review is taken back; here is its card again."

    def _wakes_in(self) -> float | None:
        if not self._later:
            return None
        seconds = (self._later[0][0] - self._journal.now()).total_seconds() + 1  # one more: due is what lies behind us
        return seconds if seconds < timedelta(days=1).total_seconds() else None

    def _rest(self) -> str:
        if not self._questions:
            return "No cards yet: they come with the lessons you open."
        if not self._later:
            return "Nothing is due."
        return f"Nothing is due now; the next card is due in {span(self._later[0][0] - self._journal.now())}."


def brief(text: str) -> str:
    """Return the beginning of a front, short enough for a button."""
    return text if len(text) <= BRIEF else f"{text[: BRIEF - 3].rstrip()}..."


def cards_of(stem: str) -> list[Question]:
    """Return the cards of a lesson: its flashcards, then the questions at its end."""
    return [*of_kind("card", [stem]), *of_kind("recall", [stem])]


def back_of(question: Question) -> str:
    """Return the back of a question's card: its answer, or the right option of a quiz item and its reason."""
    if not question.options:
        return question.answer
    right = next(option for option in question.options if option.right)
    return f"{right.text}. {right.because}"


def cards(n: int | None = None) -> Deck | StudyWidget:
    """Return the flashcards of lesson `n`, without it those of all lessons you have met."""
    return face(Deck(n))
