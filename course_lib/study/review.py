"""A review in the terminal: a card's front, its back, a grade, until nothing is due or the learner has enough.

Each grade is in the store before the next card is shown, so Ctrl-C, a closed window and a dead battery keep them all.
"""

from __future__ import annotations

from collections.abc import Callable

from course_lib.study.deck import Deck
from course_lib.study.schedule import GRADES
from course_lib.study.turns import View

KEYS = {str(number): grade for number, grade in enumerate(GRADES, start=1)} | {grade: grade for grade in GRADES}

Ask = Callable[[str], str]  # like `input`: EOFError ends the review
Say = Callable[[str], None]


def review(deck: Deck, ask: Ask = input, say: Say = print) -> int:
    """Let a learner review the cards of `deck`; return how many were graded."""
    view, graded = deck.view(), 0
    try:
        while view["state"] != "done":
            wanted = _wanted(view, ask, say)
            if wanted == "quit":
                break
            view = _act(deck, view, wanted)
            graded += (wanted in GRADES) - (wanted == "undo" and view["said"].startswith("The last review"))
            if view["said"]:
                say(view["said"])
    except (EOFError, KeyboardInterrupt) as stop:
        say("")
        if isinstance(stop, KeyboardInterrupt):
            say(_end(graded))
            raise
    say(_end(graded) if graded or view["state"] != "done" else view["said"])
    return graded


def _wanted(view: View, ask: Ask, say: Say) -> str:
    """Show what there is to see and return what to do: flip, quit, undo or a grade."""
    if view["state"] == "front":
        say(f"\n[{view['lesson'].replace('_', ' ')}] {view['front']}")
        prompt, known = f"Enter turns it{_undo(view)}, q ends: ", {"": "flip", "q": "quit"}
    else:
        say(f"     {view['back']}")
        offered = ", ".join(f"{n} {one['grade']} ({one['next']})" for n, one in enumerate(view["grades"], start=1))
        prompt, known = f"{offered}{_undo(view)}, q ends: ", {**KEYS, "q": "quit"}
    known |= {"u": "undo"} if view["can_undo"] else {}
    while True:
        try:
            typed = ask(prompt).strip().lower()
        except UnicodeDecodeError:  # bytes that are no text in this terminal's encoding
            typed = "?"
        if typed in known:
            return known[typed]
        say(f"expected one of {', '.join(key or 'Enter' for key in known)}, got {typed!r}; nothing was changed")


def _undo(view: View) -> str:
    return ", u takes the last one back" if view["can_undo"] else ""


def _act(deck: Deck, view: View, wanted: str) -> View:
    if wanted in GRADES:
        return deck.act({"turn": view["turn"], "do": "grade", "grade": wanted})
    return deck.act({"turn": view["turn"], "do": wanted})


def _end(graded: int) -> str:
    return f"{graded} review{'s' * (graded != 1)} kept; go on at any time with: course cards"
