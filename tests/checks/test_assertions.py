"""What a check says with: every message is `expected ..., got ...`, and an answer's own error is its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from course_lib.checks.assertions import (
    AnswerError,
    Wrong,
    ask,
    at_most,
    equal,
    exactly,
    refuse_awaitable,
    show,
    wrong,
)


class Shy:
    """Cannot be shown."""

    def __repr__(self) -> str:
        raise ValueError


@pytest.mark.parametrize(
    ("say", "sentence"),
    [
        (lambda: equal({"door": 1}, {"door": 2}), "expected {'door': 2}, got {'door': 1}"),
        (lambda: equal(3, 5, what="peak"), "expected peak 5, got 3"),
        (lambda: equal(True, 1), "expected 1, got True"),
        (lambda: equal(None, 1), "expected 1, got None"),
        (lambda: at_most(11, 2, "statement"), "expected at most 2 statements, counted 11"),
        (lambda: at_most(2, 1, "statement"), "expected at most 1 statement, counted 2"),
        (lambda: exactly(20, 1, "connection opened"), "expected 1 connection opened, counted 20"),
        (lambda: wrong("no"), "no"),
    ],
)
def test_each_way_to_say_no(say: Callable[[], None], sentence: str) -> None:
    with pytest.raises(Wrong) as caught:
        say()
    assert str(caught.value) == sentence
    assert (caught.value.outcome, caught.value.section, caught.value.slug) == ("fail", None, "")


def test_what_is_right_says_nothing() -> None:
    equal([1, "a"], [1, "a"])
    at_most(2, 2, "statement")
    exactly(1, 1, "connection opened")


@pytest.mark.parametrize(
    "say",
    [
        lambda **where: equal(1, 2, **where),
        lambda **where: at_most(2, 1, "statement", **where),
        lambda **where: exactly(2, 1, "statement", **where),
        lambda **where: wrong("no", **where),
    ],
)
def test_each_can_point_to_a_section_and_a_slug(say: Callable[..., None]) -> None:
    with pytest.raises(Wrong) as caught:
        say(section=3, slug="n-plus-one")
    assert (caught.value.section, caught.value.slug) == (3, "n-plus-one")


def test_a_long_value_is_cut_and_one_that_cannot_be_shown_is_said_so() -> None:
    assert show("x" * 200) == "'" + "x" * 156 + "..."
    assert show(Shy()) == "<Shy whose repr raises ValueError>"


async def pour(drink: str, *, ice: bool = False) -> str:
    """Answer like a learner's coroutine function."""
    return f"{drink} on ice" if ice else drink


async def of_a_coroutine() -> Awaitable[str]:
    """Answer with a coroutine nobody awaited."""
    return pour("gin")


def raising(error: BaseException) -> Callable[[], None]:
    """Return an answer that raises."""

    def answer() -> None:
        raise error

    return answer


def test_an_answer_is_called_and_awaited_when_it_can_be() -> None:
    assert asyncio.run(ask(pour, "gin", ice=True)) == "gin on ice"
    assert asyncio.run(ask(str.upper, "gin")) == "GIN"


def test_what_is_no_function_is_said() -> None:
    with pytest.raises(Wrong) as caught:
        asyncio.run(ask("gin", section=2))  # type: ignore[arg-type]  # what a learner may hand over
    assert str(caught.value) == "expected a function, got 'gin'"
    assert caught.value.section == 2


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3)])
def test_an_error_of_the_answer_is_its_own(error: BaseException) -> None:
    with pytest.raises(AnswerError) as caught:
        asyncio.run(ask(raising(error)))
    assert caught.value.__cause__ is error


def test_a_cancelled_error_of_the_answer_is_its_own_too() -> None:
    async def answer() -> None:
        task = asyncio.ensure_future(asyncio.sleep(60))
        task.cancel()
        await task

    with pytest.raises(AnswerError) as caught:
        asyncio.run(ask(answer))
    assert isinstance(caught.value.__cause__, asyncio.CancelledError)


def test_the_clock_of_the_check_goes_through() -> None:
    async def main() -> None:
        async with asyncio.timeout(0.01):
            await ask(asyncio.Event().wait)

    with pytest.raises(TimeoutError):
        asyncio.run(main())


@pytest.mark.parametrize("refuse", [lambda: ask(of_a_coroutine), lambda: refused(pour("gin"))])
def test_a_coroutine_as_the_value_was_never_awaited(refuse: Callable[[], Any]) -> None:
    with pytest.raises(Wrong) as caught:
        asyncio.run(refuse())
    assert str(caught.value) == "a coroutine was never awaited"
    assert caught.value.slug == "never-awaited"


async def refused(value: Any) -> None:
    """Refuse `value` when it is a coroutine."""
    refuse_awaitable(value)
