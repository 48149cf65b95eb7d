"""The quiz of a lesson: multiple choice, one question at a time, with the reason for every option.

Answers are events of the store; a wrong one puts its question among the cards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from course_lib.study.face import face
from course_lib.study.journal import Journal
from course_lib.study.met import last_lesson
from course_lib.study.questions import Question, of_kind, stem_of, stems
from course_lib.study.round import Round, missed, shown, shuffled, verdict
from course_lib.study.turns import Action, Turns, View

if TYPE_CHECKING:
    from course_lib.study.widget import StudyWidget

ACTIONS = ("answer", "next", "again")


class Quiz:
    """The quiz of one lesson.

    `view()` is what there is to see, as JSON:

    - `kind`: "quiz"; `title`; `turn`: the view's number, to be sent back with an action
    - `state`: "asked", "answered" (the reasons are shown) or "done"
    - `number`, `of`: which question of how many; `question`: its text ("" when done)
    - `options`: `[{"text", "mark", "chosen", "because"}, ...]` in this round's order; `mark` ("right", "wrong") and
      `because` are "" until it is answered
    - `right`, `answered`: the score so far; `best`: the most right answers of a complete round, None before the first;
      `rounds`: how many are complete
    - `missed`: when done, the questions answered wrongly, each with its right answer, as texts
    - `said`: one or two sentences for a status line

    `act()` takes `{"turn": n, "do": "answer", "option": i}` with the index of an option, `{"turn": n, "do": "next"}`
    or, when done, `{"turn": n, "do": "again"}`, and returns the new view. One made on an older view changes nothing.
    """

    def __init__(self, number: int, journal: Journal | None = None) -> None:
        self._stem = stem_of(number)
        self._questions = of_kind("quiz", [self._stem])
        self._round = Round(f"quiz:{self._stem}", self._questions, journal or Journal())
        self._turns = Turns(ACTIONS)
        self._explained: Question | None = None  # the question whose reasons are shown
        is_begun = bool(self._round.current.answers) and self._round.following is not None
        self._said = "You go on where you were." if is_begun else ""

    def __repr__(self) -> str:
        """Return the text a saved notebook shows: every question with its options, the same whatever was answered."""
        texts = [_text(number, question) for number, question in enumerate(self._questions, start=1)]
        return "\n".join([f"{self.title}: {len(texts)} questions", *texts])

    @property
    def title(self) -> str:
        """Return which lesson's quiz it is."""
        return f"Quiz of lesson {self._stem[:2]}"

    def view(self) -> View:
        """Return what there is to see."""
        question = self._explained or self._round.following
        played, questions, rounds = self._round.current, self._round.questions, self._round.complete()
        chosen = str(played.answers[self._explained.id].result.get("option")) if self._explained else None
        return {
            "kind": "quiz",
            "title": self.title,
            "turn": self._turns.number,
            "state": "answered" if self._explained else "asked" if question else "done",
            "number": questions.index(question) + 1 if question else len(questions),
            "of": len(questions),
            "question": question.prompt if question else "",
            "options": shown(self._round.options(question), chosen) if question else [],
            "right": played.right(),
            "answered": len(played.answers),
            "best": max((one.right() for one in rounds), default=None),
            "rounds": len(rounds),
            "missed": []
            if question
            else [missed(q) for q in questions if not played.answers[q.id].result.get("right")],
            "said": self._said or ("" if question else self._score()),
        }

    def look(self) -> View:
        """Return the view after something else was done: a quiz shows nothing that hangs on it."""
        return self.view()

    def act(self, action: Action) -> View:
        """Do what the learner asked for on the view of that turn, and return the new view."""
        name = self._turns.accept(action)
        if name is None:
            return self.view()
        asked, number = None if self._explained else self._round.following, self._round.current.number
        self._said = ""
        self._round.look()
        if name == "answer" and asked is not None and number == self._round.current.number:
            self._answer(asked, action.get("option"))
        elif name == "next" or (self._explained and self._explained.id not in self._round.current.answers):
            self._explained = None
        elif name == "again" and self._explained is None and self._round.following is None:
            self._round.open(self._questions)
        self._turns.advance()
        return self.view()

    def _answer(self, question: Question, index: object) -> None:
        options = self._round.options(question)
        if not isinstance(index, int) or not 0 <= index < len(options):
            return
        is_mine = self._round.answer(question, options[index])
        self._explained = question
        event = self._round.current.answers[question.id]
        self._said = verdict(question, is_right=event.result.get("right") is True)
        if not is_mine:
            self._said = f"Answered in another notebook meanwhile. {self._said}"

    def _score(self) -> str:
        played, questions = self._round.current, self._round.questions
        wrong = len(questions) - played.right()
        others = "the other one is" if wrong == 1 else f"the {wrong} others are"
        return f"{played.right()} of {len(questions)} right{f'; {others} in your cards' if wrong else ''}."


def _text(number: int, question: Question) -> str:
    letters = zip("abcdefgh", shuffled(question.options, f"{question.id}#0"), strict=False)
    return "\n".join([f"{number}. {question.prompt}", *(f"   ({letter}) {option.text}" for letter, option in letters)])


def quiz(n: int | None = None) -> Quiz | StudyWidget:
    """Return the quiz of lesson `n`, without it that of the lesson you were in last."""
    return face(Quiz(int((last_lesson(Journal().events()) or stems()[0])[:2]) if n is None else n))
