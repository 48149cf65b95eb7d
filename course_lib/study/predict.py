"""Ask before the answer is on the page: a prompt of the bank, the learner's guess, and the reasons after the run.

A guess makes a learner read the next output; it is kept, never marked, and never stands in the way of a run.
Import other names by `from course_lib.study.predict import Prompt`: the attribute `course_lib.study.predict` is the
function of the same name.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from course_lib.study.predict_widget import PredictWidget
    from course_lib.study.questions import Question


class Prompt:
    """One question asked in one cell: the guess, whether the next cell has run, and what may be said by now."""

    def __init__(self, question: Question, guess: str | None = None) -> None:
        self.question = question
        self.guess = guess if guess is not None and self._allows(guess) else None
        self.has_run = False
        self._refused = ""

    def __repr__(self) -> str:
        """Return the question and its options only: the same text before and after every guess."""
        return str(self.question)

    @property
    def is_revealed(self) -> bool:
        """Say whether the reasons may be shown: there is a guess, and the next cell has run."""
        return self.guess is not None and self.has_run

    @property
    def right(self) -> str:
        """Return the right answer as text."""
        if self.question.number is not None:
            return f"{self.question.number:g}"
        return next(option.text for option in self.question.options if option.right)

    def choose(self, guess: str) -> bool:
        """Take a guess; False when it is no answer to this question or the reasons are already shown."""
        if self.is_revealed:
            return False
        is_allowed = self._allows(guess)
        self._refused = "" if is_allowed else guess
        self.guess = guess if is_allowed else self.guess
        return is_allowed

    def is_right(self) -> bool:
        """Say whether the guess is the right answer."""
        if self.guess is None or self.question.number is None:
            return self.guess == self.right
        return _number(self.guess) == self.question.number

    def lines(self) -> list[str]:
        """Return what is said under the options right now."""
        if self._refused:
            expected = "a number" if self.question.number is not None else "one of the options"
            return [f"expected {expected}, got {self._refused!r}; try again"]
        if self.guess is None:
            return []
        if not self.has_run:
            return [f"Noted: {self.guess}. The reasons appear when the next cell has run."]
        verdict = f"Right: {self.right}." if self.is_right() else f"Not this time: it is {self.right}."
        reasons = [f"{option.text}: {option.because}" for option in self.question.options]
        return [verdict, *(reasons or [self.question.because])]

    def _allows(self, guess: str) -> bool:
        if self.question.number is not None:
            return _number(guess) is not None
        return any(guess == option.text for option in self.question.options)


def predict(prompt_id: str) -> Prompt | PredictWidget:
    """Ask the prompt of that id: radio buttons in a notebook, the question as text everywhere else.

    The text beside the buttons, which a saved notebook shows and nbval compares, is the question and its options only.
    """
    from course_lib.study.progress import guess
    from course_lib.study.questions import find_prompt

    question = find_prompt(prompt_id)
    shell = kernel_shell()
    if shell is None:
        return Prompt(question)
    from course_lib.study.predict_widget import show

    return show(Prompt(question, guess(prompt_id)), shell)


def kernel_shell() -> Any:  # Any: IPython's shell, whose types we must not import
    """Return the shell of the Jupyter kernel this code runs in, None where no kernel or no event loop runs."""
    ipython, asyncio = sys.modules.get("IPython"), sys.modules.get("asyncio")  # a kernel has imported both
    if ipython is None or asyncio is None or asyncio._get_running_loop() is None:
        return None
    shell = ipython.get_ipython()
    return shell if getattr(shell, "kernel", None) is not None else None


def _number(text: str) -> float | None:
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return None
