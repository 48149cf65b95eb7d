"""What a prompt says, and when: nothing is given away before there is a guess and a run."""

from __future__ import annotations

import asyncio
import sys
from types import SimpleNamespace

import pytest

from course_lib.errors import CourseError
from course_lib.study.predict import Prompt, kernel_shell, predict
from course_lib.study.questions import Question, find_prompt, load, stems

ASYNCIO_RUN = find_prompt("00-asyncio-run")
OPENED = Question("07-opened", "predict", "How many open?", "07_pools", number=5, because="The pool keeps five.")

TEXT = """\
What does `asyncio.run(hello())` do in a cell?
(a) returns
(b) raises
(c) hangs"""


def test_outside_a_kernel_the_prompt_is_text() -> None:
    asked = predict("00-asyncio-run")
    assert isinstance(asked, Prompt)
    assert repr(asked) == str(asked) == TEXT


@pytest.mark.parametrize("question", [q for stem in stems() for q in load(stem) if q.kind == "predict"])
def test_the_text_gives_nothing_away(question: Question) -> None:
    asked = Prompt(question)
    before = repr(asked)
    asked.choose(asked.right)
    asked.has_run = True
    assert repr(asked) == before
    assert [option.because for option in question.options if option.because in before] == []
    assert before.splitlines()[1:] == [f"({'abcdefgh'[i]}) {option.text}" for i, option in enumerate(question.options)]


def test_an_unknown_prompt_is_one_sentence() -> None:
    with pytest.raises(CourseError) as caught:
        predict("01-thread-peek")
    assert str(caught.value) == "no prompt is named '01-thread-peek'; did you mean '01-thread-peak'?"


@pytest.mark.parametrize(
    ("guess", "has_run", "said"),
    [
        (None, False, []),
        (None, True, []),
        ("returns", False, ["Noted: returns. The reasons appear when the next cell has run."]),
        ("returns", True, ["Not this time: it is raises.", *(f"{o.text}: {o.because}" for o in ASYNCIO_RUN.options)]),
        ("raises", True, ["Right: raises.", *(f"{o.text}: {o.because}" for o in ASYNCIO_RUN.options)]),
    ],
)
def test_the_reasons_need_a_guess_and_a_run(guess: str | None, has_run: bool, said: list[str]) -> None:
    asked = Prompt(ASYNCIO_RUN, guess)
    asked.has_run = has_run
    assert asked.lines() == said
    assert asked.is_revealed == (len(said) > 1)


def test_a_guess_may_change_until_the_reasons_are_shown() -> None:
    asked = Prompt(ASYNCIO_RUN)
    assert [asked.choose("returns"), asked.choose("hangs")] == [True, True]
    asked.has_run = True
    assert not asked.choose("raises")
    assert (asked.guess, asked.is_right()) == ("hangs", False)


def test_what_is_no_option_is_refused() -> None:
    asked = Prompt(ASYNCIO_RUN, "an option of an older course")
    assert (asked.guess, asked.choose("explodes")) == (None, False)
    assert asked.lines() == ["expected one of the options, got 'explodes'; try again"]
    assert asked.choose("raises")
    assert asked.lines() == ["Noted: raises. The reasons appear when the next cell has run."]


@pytest.mark.parametrize(
    ("guess", "verdict"), [("5", "Right: 5."), (" 5,0", "Right: 5."), ("4", "Not this time: it is 5.")]
)
def test_a_number_is_compared_as_a_number(guess: str, verdict: str) -> None:
    asked = Prompt(OPENED, guess)
    asked.has_run = True
    assert asked.lines() == [verdict, "The pool keeps five."]


def test_what_is_no_number_is_refused() -> None:
    asked = Prompt(OPENED)
    assert not asked.choose("a few")
    assert asked.lines() == ["expected a number, got 'a few'; try again"]


def test_plain_python_has_no_kernel_shell() -> None:
    assert kernel_shell() is None


@pytest.mark.parametrize(("shell", "is_kernel"), [(SimpleNamespace(kernel=object()), True), (SimpleNamespace(), False)])
def test_a_shell_counts_where_a_kernel_and_a_loop_run(
    shell: SimpleNamespace, is_kernel: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask_in_a_loop() -> object:
        return kernel_shell()

    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert kernel_shell() is None
    assert asyncio.run(ask_in_a_loop()) is (shell if is_kernel else None)
