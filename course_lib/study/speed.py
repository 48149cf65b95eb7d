"""The speed challenge: the quiz items of a lesson, or ten of all lessons, by the clock or without one.

The clock stands still while a reason is read. It asks for nothing but one's own best, and costs no credit to leave out.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from course_lib.study.face import face
from course_lib.study.journal import Journal
from course_lib.study.met import met_lessons
from course_lib.study.questions import Question, of_kind, stem_of, stems
from course_lib.study.round import Played, Round, missed, shown, verdict
from course_lib.study.turns import Action, Turns, View

if TYPE_CHECKING:
    from course_lib.study.widget import StudyWidget

ACTIONS = ("start", "resume", "answer", "next", "leave")
DRAWN = 10  # questions of a round over all lessons


class Speed:
    """The speed challenge of one lesson, or of all lessons the learner has met.

    `view()` is what there is to see, as JSON:

    - `kind`: "speed"; `title`; `turn`: the view's number, to be sent back with an action
    - `state`: "ready" (to start), "paused" (a round that an earlier kernel began), "asked", "answered" (the reasons are
      shown) or "done"
    - `timed`: whether this round has a clock; `seconds`: what its answers took so far, None without a clock;
      `clock`: "runs", "stands" or "off"; `asked_at`: since when it runs, in seconds of the Unix epoch, else None
    - `number`, `of`, `question`, `options`, `right`, `answered`, `missed`, `said`: as in a quiz; when ready, `of` is
      how many questions the next round has
    - `streak`, `longest`: right answers in a row, now and at most in this round
    - `best`: of all complete rounds with a clock `{"right", "of", "seconds"}`; `best_untimed`: of all complete rounds,
      with a clock or without, `{"right", "of"}`; `best_streak`: of all rounds; each None before the first; `rounds`:
      how many are complete

    `act()` takes `{"turn": n, "do": "start", "timed": true}` (when ready or done),
    `{"turn": n, "do": "answer", "option": i}`, `{"turn": n, "do": "next"}`, `{"turn": n, "do": "resume"}` (when paused)
    or `{"turn": n, "do": "leave"}` (back to ready, the round is given up), and returns the new view. One made on an
    older view changes nothing. An answer may bring `"took"`, the seconds the page has counted: they count where they
    are fewer than ours, for a busy kernel hears of a click late. The clock of a question begins with the view that
    shows it; after a restart of the kernel it stands until the learner goes on.
    """

    def __init__(
        self, number: int | None = None, journal: Journal | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stem = None if number is None else stem_of(number)
        self._journal = journal or Journal()
        self._clock = clock
        pool = of_kind("quiz", stems() if self._stem is None else [self._stem])
        self._round = Round(f"speed:{self._stem or 'all'}", pool, self._journal)
        self._turns = Turns(ACTIONS)
        self._explained: Question | None = None
        self._begin()
        is_begun = not self._is_ready() and self._round.following is not None
        self._is_paused = is_begun and bool(self._round.current.opened.get("timed"))
        self._said = ""

    def __repr__(self) -> str:
        """Return the text a saved notebook shows: the same whatever was played."""
        count = DRAWN if self._stem is None else len(of_kind("quiz", [self._stem]))
        return f"{self.title}: {count} questions, with a clock or without"

    @property
    def title(self) -> str:
        """Return whose questions it asks."""
        return "Speed challenge" if self._stem is None else f"Speed challenge of lesson {self._stem[:2]}"

    def view(self) -> View:
        """Return what there is to see."""
        is_ready, played = self._is_ready(), self._round.current
        questions = [] if is_ready else self._round.questions
        question = None if is_ready or self._is_paused else self._explained or self._round.following
        is_timed = bool(played.opened.get("timed")) and not is_ready
        chosen = str(played.answers[self._explained.id].result.get("option")) if self._explained else None
        state = self._state()
        return {
            "kind": "speed",
            "title": self.title,
            "turn": self._turns.number,
            "state": state,
            "timed": is_timed,
            "seconds": round(played.seconds(), 1) if is_timed else None,
            "clock": "off" if not is_timed else "runs" if state == "asked" else "stands",
            "asked_at": self._asked_at if is_timed and state == "asked" else None,
            "number": questions.index(question) + 1 if question else len(questions),
            "of": self._count() if is_ready else len(questions),
            "question": question.prompt if question else "",
            "options": shown(self._round.options(question), chosen) if question else [],
            "right": 0 if is_ready else played.right(),
            "answered": 0 if is_ready else len(played.answers),
            "missed": [missed(q) for q in questions if _is_wrong(played, q)] if state == "done" else [],
            "streak": 0 if is_ready else played.streak(),
            "longest": 0 if is_ready else played.longest(),
            **self._records(),
            "said": self._said or (self._result() if state == "done" else ""),
        }

    def look(self) -> View:
        """Return the view after something else was done: a round shows nothing that hangs on it."""
        return self.view()

    def act(self, action: Action) -> View:
        """Do what the learner asked for on the view of that turn, and return the new view."""
        name = self._turns.accept(action)
        if name is None:
            return self.view()
        seconds = _fewer(self._clock() - self._since, action.get("took"))
        number, is_asked = self._round.current.number, self._state() == "asked"
        asked = self._round.following if is_asked else None
        self._said = ""
        self._round.look()
        if name == "start" and self._state() in ("ready", "done"):
            self._round.open(self._draw(), timed=action.get("timed", True) is True)
        elif name == "answer" and asked is not None and number == self._round.current.number:
            self._answer(asked, action.get("option"), seconds)
        elif name == "next":
            self._explained = None
        elif name == "leave":
            self._explained, self._is_paused = None, False
            if not self._is_ready():
                self._round.open([])  # a round of no questions: the one before stays as far as it was played
                self._said = "Round dropped; your answers so far are kept."
        elif name == "resume":
            self._is_paused = False
        if self._explained and self._explained.id not in self._round.current.answers:
            self._explained = None  # another notebook has begun a round
        self._turns.advance()
        if name in ("start", "next", "resume"):
            self._begin()
        return self.view()

    def _begin(self) -> None:
        self._since, self._asked_at = self._clock(), time.time()

    def _state(self) -> str:
        if self._is_ready():
            return "ready"
        if self._is_paused:
            return "paused"
        return "answered" if self._explained else "asked" if self._round.following else "done"

    def _count(self) -> int:
        """Return how many questions the next round has."""
        pool = len(of_kind("quiz", self._lessons()))
        return pool if self._stem else min(pool, DRAWN)

    def _lessons(self) -> list[str]:
        return [self._stem] if self._stem else met_lessons(self._journal.events()) or stems()

    def _is_ready(self) -> bool:
        return self._round.current.number == 0 or not self._round.questions

    def _draw(self) -> list[Question]:
        seed = f"{self._round.name} {self._round.current.number + 1}"
        return random.Random(seed).sample(of_kind("quiz", self._lessons()), self._count())

    def _answer(self, question: Question, index: object, seconds: float) -> None:
        options = self._round.options(question)
        if not isinstance(index, int) or not 0 <= index < len(options):
            return
        took = {"seconds": round(seconds, 3)} if self._round.current.opened.get("timed") else {}
        self._round.answer(question, options[index], **took)
        self._explained = question
        self._said = verdict(question, is_right=not _is_wrong(self._round.current, question))

    def _records(self) -> View:
        rounds = self._round.complete()
        timed, untimed = _best([r for r in rounds if r.opened.get("timed")]), _best(rounds, without_clock=True)
        streak = max((one.longest() for one in self._round.history), default=0)
        return {"best": timed, "best_untimed": untimed, "best_streak": streak or None, "rounds": len(rounds)}

    def _result(self) -> str:
        played, of = self._round.current, len(self._round.questions)
        text = f"{played.right()} of {of} right"
        if not played.opened.get("timed"):
            return f"{text}, without a clock."
        earlier = _best([r for r in self._round.complete() if r.opened.get("timed") and r.number != played.number])
        mine = _best([played])
        is_best = earlier is not None and mine is not None and played.right() > 0 and _rank(mine) > _rank(earlier)
        return f"{text} in {played.seconds():.1f} s{', your best so far' if is_best else ''}."


def _best(rounds: Sequence[Played], *, without_clock: bool = False) -> dict[str, Any] | None:  # Any: JSON
    found = [{"right": r.right(), "of": len(r.answers), "seconds": round(r.seconds(), 1)} for r in rounds]
    best = max(found, key=_rank, default=None)
    if best is not None and without_clock:
        del best["seconds"]
    return best


def _fewer(ours: float, theirs: object) -> float:
    return float(theirs) if isinstance(theirs, int | float) and 0 <= theirs < ours else ours


def _rank(result: dict[str, Any]) -> tuple[float, float]:  # Any: JSON
    return result["right"] / result["of"], -result["seconds"]


def _is_wrong(played: Played, question: Question) -> bool:
    return played.answers[question.id].result.get("right") is not True


def speed(n: int | None = None) -> Speed | StudyWidget:
    """Return the speed challenge of lesson `n`, without it one of ten questions of all lessons you have met."""
    return face(Speed(n))
