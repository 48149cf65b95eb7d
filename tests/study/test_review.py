"""A review in the terminal: typed keys become grades, and whoever stops keeps what was graded."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from course_lib.study.deck import Deck
from course_lib.study.progress import events
from course_lib.study.review import review

from .study_clock import Now


def typing(*keys: str | type[BaseException]) -> Callable[[str], str]:
    """Return an `input` that types these keys, or raises, and then has no more."""
    left = list(keys)

    def ask(_prompt: str) -> str:
        if not left:
            raise EOFError
        key = left.pop(0)
        if not isinstance(key, str):
            raise key() if key is not UnicodeDecodeError else UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no text")
        return key

    return ask


@pytest.fixture
def deck() -> Deck:
    return Deck(0, Now().journal())


def test_a_card_is_turned_and_graded_by_number_or_by_word(deck: Deck) -> None:
    said: list[str] = []
    assert review(deck, typing("", "3", "", " EASY "), said.append) == 2
    assert [event.result["grade"] for event in events()] == ["good", "easy"]
    assert said[:3] == [
        "\n[00 doors open] Why does `asyncio.run` fail in Jupyter?",
        "     The kernel's loop is already running in this thread.",
        'Good: "Why does `asyncio.run` fail in Jupyter?" comes back in 10 minutes.',
    ]
    assert said[-1] == "2 reviews kept; go on at any time with: course cards"


def test_the_prompt_says_what_can_be_typed(deck: Deck) -> None:
    prompts: list[str] = []
    keys = typing("", "3", "q")

    def ask(prompt: str) -> str:
        prompts.append(prompt)
        return keys(prompt)

    review(deck, ask, lambda _line: None)
    assert prompts == [
        "Enter turns it, q ends: ",
        "1 again (1 minute), 2 hard (6 minutes), 3 good (10 minutes), 4 easy (8 days), q ends: ",
        "Enter turns it, u takes the last one back, q ends: ",
    ]


@pytest.mark.parametrize("wrong", ["5", "u", "yes", UnicodeDecodeError])
def test_what_is_no_key_changes_nothing(wrong: str | type[BaseException], deck: Deck) -> None:
    said: list[str] = []
    assert review(deck, typing(wrong, "q"), said.append) == 0
    typed = "?" if wrong is UnicodeDecodeError else wrong
    assert said[1] == f"expected one of Enter, q, got {typed!r}; nothing was changed"
    assert events() == []


def test_undo_takes_one_back(deck: Deck) -> None:
    said: list[str] = []
    assert review(deck, typing("", "4", "u", "", "1", "q"), said.append) == 1
    assert [event.result.get("grade", "undo") for event in events()] == ["easy", "undo", "again"]
    assert said[-1] == "1 review kept; go on at any time with: course cards"


def test_ctrl_c_keeps_what_was_graded_and_stops(deck: Deck) -> None:
    said: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        review(deck, typing("", "3", "", KeyboardInterrupt), said.append)
    assert said[-1] == "1 review kept; go on at any time with: course cards"
    assert len(events("reviewed")) == 1


def test_it_ends_when_nothing_is_due(deck: Deck) -> None:
    said: list[str] = []
    assert review(deck, typing(*["", "4"] * 11, "", "3"), said.append) == 11
    assert said[-2].endswith("Nothing is due now; the next card is due in 8 days.")
    assert said[-1] == "11 reviews kept; go on at any time with: course cards"
    said.clear()
    assert review(deck, typing("x"), said.append) == 0
    assert len(said) == 1
